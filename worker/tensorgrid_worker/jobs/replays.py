"""A part of an audited job run again: from a kept state to the end of a segment, to one step, or to the end."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tensorgrid.domain.errors import SpecInvalid, StateRejected, TraceInvalid
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.results import result_root
from tensorgrid.domain.traces import StateRoots
from tensorgrid_worker.jobs.launching import Task
from tensorgrid_worker.jobs.traces import LineReader, roots_of
from tensorgrid_worker.runtime.trace import EXIT_REPLAYED, EXIT_UNLOADABLE, ORIGIN
from tensorgrid_worker.runtime.tracelines import Began, Ended, Line, SegmentEnded, Stepped, Unloadable


@dataclass(frozen=True, slots=True)
class Replay:
    """What to replay. Steps are counted from the beginning of this job.

    start: a checked state file; None: from the beginning. first: steps that it stands behind. last: steps after which
    the replay ends; None: where the job's function returns. step_roots: the state after each step, not only at the ends
    of segments. export: where to put the last state's file.
    """

    start: Path | None = None
    first: int = 0
    last: int | None = None
    step_roots: bool = False
    export: Path | None = None

    def __post_init__(self) -> None:
        if (self.start is None) != (self.first == 0) or (self.last is not None and self.last <= self.first):
            raise SpecInvalid(f"a replay goes from a state onward, not from step {self.first} to {self.last}")

    @classmethod
    def of_segment(cls, index: int, every: int, start: Path | None, *, final: bool = False) -> Replay:
        """One whole segment, from 1. `final`: the trace's last one where it may be short, or where the job failed."""
        return cls(start, (index - 1) * every, None if final else index * every)


class ReplayEnd(Enum):
    """DONE: as far as was asked. EARLY: the job's function returned before. UNLOADABLE: the start state does not load
    into what the job builds. FAILED: the job raised or reached a limit. BROKEN: its code told what no replay tells."""

    DONE = "done"
    EARLY = "early"
    UNLOADABLE = "unloadable"
    FAILED = "failed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Replayed:
    """How it ended. exit: with FAILED. began: the state at the start. states: by steps in all, where they were told;
    segments: by index, from 1. step: steps in all that are known. failed_in: with FAILED, the segment. reason: for
    people."""

    end: ReplayEnd
    exit: ExitClass | None
    began: StateRoots | None
    states: Mapping[int, StateRoots]
    segments: Mapping[int, SegmentEnded]
    step: int
    seconds: float
    log: bytes
    failed_in: int = 0
    reason: str = ""

    def state_of(self, job: JobId, index: int) -> bytes | None:
        """The root after segment `index`, also where the job failed in it; None when this replay does not know it."""
        if index in self.segments:
            return self.segments[index].state.root()
        if self.end is ReplayEnd.FAILED and self.exit is not None and index == self.failed_in:
            return result_root(job, self.exit)
        return None


@dataclass(slots=True)
class ReplayFollower:
    """Reads what a replay tells."""

    wanted: Replay
    every: int
    origin: int = 0  # steps that earlier jobs have done
    key: bytes | None = None  # of a private job's roots
    began: StateRoots | None = None
    states: dict[int, StateRoots] = field(default_factory=dict)
    segments: dict[int, SegmentEnded] = field(default_factory=dict)
    unloadable: str = ""
    ended: bool = False
    step: int = 0
    reader: LineReader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = LineReader(self._take)
        self.step = self.wanted.first

    def plan(self) -> dict[str, object]:
        """Of runtime.trace.Plan, without what the spec says and where it starts."""
        wanted = self.wanted
        return {
            "replay": True,
            "stop": wanted.last,
            "step_roots": wanted.step_roots,
            "export": wanted.export is not None,
        }

    def judge(self, status: int, output: Path, ended: ExitClass, seconds: float, log: bytes) -> Replayed:
        """From the runner's exit status and output; `ended`: how a run that ended so did. Raises OSError."""
        end, exit_class, reason = self._end(status, ended if ended is not ExitClass.OK else ExitClass.RAISED)
        if end is ReplayEnd.DONE and self.wanted.export is not None and not self._exported(output, self.wanted.export):
            end, reason = ReplayEnd.BROKEN, "the exported state is not the one that was told"
        failed_in = max(self.segments, default=self.wanted.first // self.every) + 1 if exit_class is not None else 0
        return Replayed(
            end, exit_class, self.began, self.states, self.segments, self.step, seconds, log, failed_in, reason
        )

    def failed(self, reason: str) -> Replayed:
        """Of a job that no run can begin: its code raised before all else."""
        step, segment = self.wanted.first, self.wanted.first // self.every + 1
        return Replayed(ReplayEnd.FAILED, ExitClass.RAISED, None, {}, {}, step, 0.0, b"", segment, reason)

    def _end(self, status: int, failure: ExitClass) -> tuple[ReplayEnd, ExitClass | None, str]:
        if self.reader.broken:
            return ReplayEnd.BROKEN, None, self.reader.broken
        if status == EXIT_UNLOADABLE and self.unloadable:
            if self.wanted.start is None:  # the state that the job itself begins with: so it fails for everybody
                return ReplayEnd.FAILED, ExitClass.RAISED, self.unloadable
            return ReplayEnd.UNLOADABLE, None, self.unloadable
        last = self.wanted.last
        if status == EXIT_REPLAYED and (self.ended if last is None else last in self.states):
            return ReplayEnd.DONE, None, ""
        if status == EXIT_REPLAYED and self.ended:
            return ReplayEnd.EARLY, None, f"the job's function returned after {self.step} steps"
        return ReplayEnd.FAILED, failure, f"the job ended with {failure.name.lower()}"

    def _exported(self, output: Path, target: Path) -> bool:
        """The job's process could write to the file, and without a sandbox replace it: its hashes decide."""
        found = output.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            return False
        try:
            if roots_of(output, self.key) != (self.origin + self.step, self.states.get(self.step)):
                return False
        except StateRejected:
            return False
        shutil.move(output, target)
        return True

    def _take(self, line: Line, _: bytes) -> None:
        if self.ended or self.unloadable:
            raise TraceInvalid("the replay goes on behind its end")
        match line:
            case Began(step=self.wanted.first) if self.began is None:
                self.began = line.state
            case Unloadable() if self.began is None:
                self.unloadable = line.reason
            case Stepped() if self._follows(line.step):
                self.states[line.step] = line.state
                self.step = line.step
            case SegmentEnded(index=index) if self._follows(line.step) and self._fits(line):
                self.segments[index] = line
                self.states[line.step] = line.state
                self.step = line.step
            case Ended() if self._follows(line.step):
                self.ended = True
                self.step = line.step
            case _:
                raise TraceInvalid("the replay has a line that no replay writes there")

    def _follows(self, step: int) -> bool:
        """A step may be told twice: behind the last one the job's function goes on to its end."""
        last = self.wanted.last
        return self.began is not None and step >= self.step and (last is None or step <= last)

    def _fits(self, line: SegmentEnded) -> bool:
        return line.index == -(-line.step // self.every) and line.index not in self.segments and line.step > 0


def origin_of(task: Task) -> Path | None:
    """The state that the job begins with, where it goes on from an earlier one."""
    return None if task.spec.resume is None else task.folder / "in" / ORIGIN

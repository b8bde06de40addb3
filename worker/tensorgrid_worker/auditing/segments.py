"""One segment replayed in the sandbox: where it begins, and where it ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tensorgrid.domain.errors import StateRejected, TensorgridError
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.results import result_root
from tensorgrid.domain.traces import NO_METRICS
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.jobs.endings import NOWHERE
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.jobs.replays import Replay, Replayed, ReplayEnd


class ReplayBroken(TensorgridError):
    """A replay that told nothing to go by: this machine's fault, or the job's code broke its own trace."""


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """start, state: roots before and behind it. metrics: their digest. model: root of the model part behind it, None
    where the job's code failed."""

    start: bytes
    state: bytes
    metrics: bytes
    model: bytes | None


@dataclass(frozen=True, slots=True)
class Walk:
    """A segment step by step. states: the root before it, then after each of its steps; the last is the segment's end.
    Where the job ended within it, the steps that were not done leave the end as it is."""

    states: tuple[bytes, ...]

    def upholds(self, low: int, agreed: bytes, after: bytes, end: bytes) -> bool:
        """Whether the step from `agreed`, after `low` of them, ends in `after`. Where it begins in what no replay
        shows, the whole segment decides, `end`: who has told the truth all along never comes into that."""
        return self.states[low + 1] == after if self.states[low] == agreed else self.states[-1] == end


def walk(executor: Executor, audit: AuditPicture, task: Task, index: int, start: Path | None, *, stop: Event) -> Walk:
    """As `replay`."""
    found = _replayed(executor, audit, task, index, start, stop, step_roots=True)
    end, every = _end(audit, found, index, start), audit.plan.steps
    passed = (found.states.get((index - 1) * every + step) for step in range(1, every))
    return Walk((end.start, *(end.state if roots is None else roots.root() for roots in passed), end.state))


def replay(
    executor: Executor, audit: AuditPicture, task: Task, index: int, start: Path | None, *, stop: Event
) -> SegmentEnd:
    """`start`: the state before it, a checked file; None: from the beginning of the job, all segments up to this one.

    Raises StateRejected where the start state does not load, ReplayBroken, RunFailed, RunStopped, OSError.
    """
    return _end(audit, _replayed(executor, audit, task, index, start, stop), index, start)


def _replayed(
    executor: Executor,
    audit: AuditPicture,
    task: Task,
    index: int,
    start: Path | None,
    stop: Event,
    step_roots: bool = False,
) -> Replayed:
    every, most = audit.plan.steps, audit.plan.segments
    # Behind the last segment that is paid for nothing may follow: one step more tells.
    last = index * every + (1 if index == most else 0)
    wanted = Replay(start, (index - 1) * every if start else 0, last, step_roots)
    found = executor.replay(task, wanted, stop=stop)
    match found.end:
        case ReplayEnd.UNLOADABLE:
            raise StateRejected(f"the state before segment {index} does not load ({found.reason}); replay without it")
        case ReplayEnd.BROKEN:
            raise ReplayBroken(f"the replay of segment {index} broke ({found.reason}); it is tried again")
    return found


def _end(audit: AuditPicture, found: Replayed, index: int, start: Path | None) -> SegmentEnd:
    before = _before(found, index, first=index == 1 or start is not None)
    if index == audit.plan.segments and _went_on(found, index):
        return SegmentEnd(before, result_root(audit.id, ExitClass.RAISED), NO_METRICS, None)
    if index in found.segments:
        told = found.segments[index]
        return SegmentEnd(before, told.state.root(), told.metrics or NO_METRICS, told.state.model)
    return SegmentEnd(before, _where_it_stopped(audit, found), NO_METRICS, None)


def _before(found: Replayed, index: int, *, first: bool) -> bytes:
    if first:
        return (found.began or NOWHERE).root()
    earlier = found.segments.get(index - 1)
    return earlier.state.root() if earlier is not None else NOWHERE.root()


def _went_on(found: Replayed, index: int) -> bool:
    return found.end is ReplayEnd.DONE or (found.end is ReplayEnd.FAILED and found.failed_in > index)


def _where_it_stopped(audit: AuditPicture, found: Replayed) -> bytes:
    """Of a job that failed in this segment; or that ended before it, so that no trace could have it."""
    if found.exit is not None:
        return result_root(audit.id, found.exit)
    return found.states.get(found.step, found.began or NOWHERE).root()

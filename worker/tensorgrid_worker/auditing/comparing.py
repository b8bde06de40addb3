"""The work of an auditor who computes on something else than the worker: how far the ends are from one another.

He cannot tell right from wrong, so he declines; what he found only says whether others should look again.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from threading import Event

import structlog

from tensorgrid.domain import likeness
from tensorgrid.domain.distance import Bound, Verdict, distance
from tensorgrid.domain.errors import StateRejected, TensorgridError
from tensorgrid.domain.likeness import Likeness
from tensorgrid.domain.openings import Found, OpenedSegment
from tensorgrid.domain.specs import JobSpec
from tensorgrid.domain.states import StateFile
from tensorgrid.parameters.distance import Bounds
from tensorgrid_worker.auditing.checking import UNUSABLE, Checking
from tensorgrid_worker.auditing.findings import Compared
from tensorgrid_worker.auditing.opened import Opened
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.jobs.executor import RunStopped, Task
from tensorgrid_worker.jobs.replays import Replay, ReplayEnd
from tensorgrid_worker.jobs.traces import roots_of
from tensorgrid_worker.logs import printable, short

log = structlog.get_logger()


class Comparing:
    """Of the seats that this worker has and cannot answer."""

    def __init__(self, tools: Tools, opened: Opened, checking: Checking, bounds: Bounds) -> None:
        self._tools, self._opened, self._checking, self._bounds = tools, opened, checking, bounds

    def bounds(self, audit: AuditPicture) -> dict[str, Bound]:
        """Of the job's class, by family; empty: nothing that we found could be held against its worker."""
        return self._bounds.of(audit.terms.hardware_class, audit.plan.steps)

    def can_compare(self, audit: AuditPicture) -> bool:
        """Whether anything that we find may be held against its worker. A spec that is not here yet may say so."""
        spec = self._tools.inputs.spec(audit.id, audit.terms)
        return spec is None or spec.tolerance is not None or bool(self.bounds(audit))

    def compare(self, audit: AuditPicture, stop: Event) -> Compared:
        """Of our own seat. Blocks as long as the replays take. Whatever is missing, or is not to be had, says nothing.

        Raises RunStopped.
        """
        found: list[Likeness] = []
        try:
            seat = self._opened.seat(audit)
            if audit.plan.private:
                self._tools.inputs.keep_keys(audit.id, self._opened.keys(seat))
            ours = set(audit.segments(audit.number))
            with self._tools.task(audit, stop) as task:
                shown = (each for each in seat.segments if each.index in ours and each.end is not None)
                found.extend(self._segment(audit, task, each, stop) for each in shown)
        except RunStopped:
            raise
        except (TensorgridError, OSError) as error:
            log.warning("audit.not_compared", job=short(audit.id), reason=printable(str(error)))
        worst = max((verdict for verdict, _ in found), default=Verdict.INCONCLUSIVE)
        told = Compared(worst is Verdict.SUSPICIOUS, tuple(reason for _, reason in found))
        log.info("audit.compared", job=short(audit.id), verdict=worst.name.lower(), segments=list(told.reasons))
        return told

    def _segment(self, audit: AuditPicture, task: Task, segment: OpenedSegment, stop: Event) -> Likeness:
        """Raises RunFailed, RunStopped, OSError, StorageError, StateRejected, ToolMissing."""
        room = self._tools.room(audit.id)
        mine, his = room / f"mine-{segment.index}", room / f"his-{segment.index}"
        start, reason = self._checking.start(audit, segment.index, segment, patient=False)
        try:
            if start is None:
                return Verdict.INCONCLUSIVE, f"segment {segment.index}: {printable(reason)}"
            wrong = self._take_end(audit, task, segment, start, his)
            if wrong:
                return Verdict.INCONCLUSIVE, f"segment {segment.index}: {wrong}"
            every = audit.plan.steps
            wanted = Replay(start, (segment.index - 1) * every, segment.index * every, export=mine)
            ended = self._tools.executor.replay(task, wanted, stop=stop)
            if ended.end is not ReplayEnd.DONE or not mine.exists():
                return Verdict.INCONCLUSIVE, f"segment {segment.index}: our replay ended with {ended.end.value}"
            ours, theirs = _state(mine), _state(his)
            told = _by_outputs(task.spec, segment.index, ours, theirs)
            verdict, why = told or self._by_distance(audit, _state(start), ours, theirs)
            return verdict, f"segment {segment.index}: {verdict.name.lower()}, {why}"
        finally:
            for path in (start, mine, his):
                if path is not None:
                    path.unlink(missing_ok=True)

    def _by_distance(self, audit: AuditPicture, start: StateFile, mine: StateFile, his: StateFile) -> Likeness:
        found = distance(start, mine, his)
        far = ", ".join(f"{value:.2g} {family}" for family, value in sorted(found.by_family.items()))
        unlike = f"; unlike: {', '.join(found.unlike)}" if found.unlike else ""
        return found.verdict(self.bounds(audit)), f"{far or 'no floats'}{unlike}"

    def _take_end(self, audit: AuditPicture, task: Task, segment: OpenedSegment, start: Path, target: Path) -> str:
        """His end as a file; why it is none to go by, or empty. Raises StorageError, OSError."""
        assert segment.end is not None and audit.opening is not None
        key = self._tools.inputs.roots(audit.id) if audit.plan.private else None
        try:
            target.write_bytes(self._opened.file(audit, segment.end.state))
            _, roots = roots_of(target, key)
        except UNUSABLE as error:
            return printable(str(error))
        begun = roots_of(start, key)[1].root()
        said = audit.opening
        told = Found(task.spec.digest, audit.seed, begun, roots.root(), segment.end.metrics)
        under = segment.ends_in(told, audit.id, said.trace_root, said.done)
        return "" if under else "the end shown is not under the trace root"


def _by_outputs(spec: JobSpec, index: int, mine: StateFile, his: StateFile) -> Likeness | None:
    """None: not a slice whose requester names a tolerance."""
    batch = spec.batch
    if batch is None or batch.tolerance is None or spec.checkpoint is None:
        return None
    every = spec.checkpoint.every
    drawn = batch.names[(index - 1) * every : index * every]
    verdict, why = likeness.of_states(mine, his, drawn, batch.tolerance)
    return verdict, printable(why) or "its output is as near as its requester asks"


def _state(path: Path) -> StateFile:
    """Raises StateRejected, OSError."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise StateRejected("a state file is empty; ask its worker for the state again")
        return StateFile.parse(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))

"""What the auditors of a sitting need: states, sealed to each, and proofs, stored under one manifest."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Event

import structlog

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.audits import UNANSWERABLE, check_of
from tensorgrid.domain.errors import SpecInvalid, StateRejected
from tensorgrid.domain.openings import (
    OpenedSeat,
    OpenedSegment,
    Opening,
    open_segment,
    result_to_bytes,
    show_result,
)
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.domain.traces import Trace
from tensorgrid.privacy import recipient_text, seal
from tensorgrid_worker.auditing.findings import Served
from tensorgrid_worker.auditing.owntrace import OwnTraces
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.jobs.replays import Replay
from tensorgrid_worker.jobs.traces import Traced, roots_of
from tensorgrid_worker.logs import short

log = structlog.get_logger()


class Serving:
    """The worker's side of a sitting."""

    def __init__(self, contracts: Contracts, tools: Tools, traces: OwnTraces) -> None:
        self._contracts, self._tools, self._traces = contracts, tools, traces

    def prepare(self, audit: AuditPicture, stop: Event) -> Served:
        """For the seats as they are taken now. Blocks: states that were not kept are made again.

        Raises TraceLost, StorageError, RunFailed, RunStopped, OSError, JobRefused.
        """
        with self._task(audit, stop) as task:
            trace, traced = self._traces.take(audit, task, stop)
            seats, checks = [], []
            source = _Source(self._tools, audit, task, trace, traced, stop)
            for number in audit.auditors:
                segments = audit.segments(number)
                seat = self._seat(audit, number, segments, source)
                seats.append(seat)
                told = any(segment.end is not None for segment in seat.segments)
                # He has been told the answer, so none may count: a contract takes it from any machine.
                found = check_of([trace.segments[index - 1].state for index in segments])
                checks.append(UNANSWERABLE if told else found)
        opening = Opening(audit.id, audit.audit.sitting, tuple(seats))
        self._tools.store.put(opening.to_bytes())
        workers = tuple(audit.held[number - 1].worker for number in audit.auditors)
        return Served(audit.audit.sitting, audit.draw, workers, opening.digest, tuple(checks))

    def _task(self, audit: AuditPicture, stop: Event) -> AbstractContextManager[Task]:
        """Without waiting for room on the machine where nothing has to be run: being late costs the stake."""
        starts = {index - 1 for number in audit.auditors for index in audit.segments(number) if index > 1}
        if self._traces.keeps(audit, starts):
            return nullcontext(self._tools.reading(audit))
        return self._tools.task(audit, stop, urgent=True)

    def _seat(self, audit: AuditPicture, number: int, segments: list[int], source: _Source) -> OpenedSeat:
        worker = audit.held[number - 1].worker
        profile = self._contracts.registry.profile_of(worker)
        try:
            recipient = recipient_text(profile.recipient)
        except SpecInvalid as error:
            # His own fault, and no reason to leave the others unserved, which costs our stake.
            log.warning("audit.unsealable", job=short(audit.id), auditor=worker, reason=str(error))
            return OpenedSeat(worker.lower(), ())
        ends = audit.is_foreign(profile.fingerprint)
        opened = tuple(self._segment(audit, index, recipient, source, ends) for index in segments)
        last = len(source.trace.segments) in segments
        result = None if last else seal(result_to_bytes(show_result(source.trace)), [recipient])
        keys = self._tools.inputs.keys(audit.id) if audit.plan.private else None
        sealed_keys = None if keys is None else seal(keys.to_bytes(), [recipient])
        return OpenedSeat(worker.lower(), opened, result, sealed_keys)

    def _segment(self, audit: AuditPicture, index: int, recipient: str, source: _Source, ends: bool) -> OpenedSegment:
        state = self._sealed(source.state_after(index - 1), recipient) if index > 1 else None
        # Only where it lies ready: doing a segment again for a stranger could make us late for all of them.
        kept = source.kept_after(index) if ends and index > 1 else None
        end = None if kept is None else self._sealed(kept, recipient)
        return open_segment(source.trace, audit.id, index, state, end)

    def _sealed(self, state: bytes, recipient: str) -> SealedRef:
        sealed = seal(state, [recipient])
        return SealedRef(self._tools.store.put(sealed), len(sealed))


class _Source:
    """States of a trace, kept ones or made again."""

    def __init__(
        self, tools: Tools, audit: AuditPicture, task: Task, trace: Trace, traced: Traced | None, stop: Event
    ) -> None:
        self._tools, self._audit, self._task, self._stop = tools, audit, task, stop
        self.trace, self._traced = trace, traced

    def state_after(self, segment: int) -> bytes:
        """The state file behind a whole segment."""
        room = self._tools.room(self._audit.id)
        target = room / f"state-{segment}"
        try:
            path = self._kept(segment, target) or self._made(segment, target)
            return path.read_bytes()
        finally:
            target.unlink(missing_ok=True)

    def kept_after(self, segment: int) -> bytes | None:
        """The same, only where it was kept and is whole."""
        target = self._tools.room(self._audit.id) / f"state-{segment}"
        try:
            path = self._kept(segment, target)
            return None if path is None else path.read_bytes()
        finally:
            target.unlink(missing_ok=True)

    def _kept(self, segment: int, target: Path) -> Path | None:
        if self._traced is None or segment not in self._traced.kept.segments:
            return None
        try:
            return self._traced.kept.take(segment, target)
        except StateRejected as error:
            log.warning("state.damaged", job=short(self._audit.id), segment=segment, reason=str(error))
            return None

    def _made(self, segment: int, target: Path) -> Path:
        """Replayed from the nearest one before that is whole."""
        every, room = self._audit.plan.steps, self._tools.room(self._audit.id)
        start, first = self._nearest(segment - 1, room)
        try:
            wanted = Replay(start, first * every, segment * every, export=target)
            found = self._tools.executor.replay(self._task, wanted, stop=self._stop)
        finally:
            if start is not None:
                start.unlink(missing_ok=True)
        if not target.exists():
            raise StateRejected(f"the state behind segment {segment} could not be made again ({found.reason}); retry")
        if roots_of(target, self._task.roots)[1] != self.trace.segments[segment - 1].roots:
            # Served all the same: silence would cost the whole stake, one segment that differs costs less.
            log.error("state.differs", job=short(self._audit.id), segment=segment, todo="look at this machine")
        return target

    def _nearest(self, segment: int, room: Path) -> tuple[Path | None, int]:
        """A kept state and the segment that it is behind; (None, 0): from the beginning."""
        while self._traced is not None and (segment := self._traced.kept.nearest(segment)):
            path = self._kept(segment, room / f"start-{segment}")
            if path is not None:
                return path, segment
            segment -= 1
        return None, 0

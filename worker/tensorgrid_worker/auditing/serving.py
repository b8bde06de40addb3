"""What the auditors of a sitting need: start states, sealed to each, and proofs, stored under one manifest."""

from __future__ import annotations

import contextlib
from threading import Event

import structlog

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.audits import UNANSWERABLE, check_of
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.openings import (
    OpenedSeat,
    OpenedSegment,
    Opening,
    open_segment,
    result_to_bytes,
    show_result,
)
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.parameters.distance import Bounds
from tensorgrid.privacy import recipient_text, seal
from tensorgrid.provable import seal_provably
from tensorgrid_worker.auditing.findings import Served
from tensorgrid_worker.auditing.owntrace import OwnTraces
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.sources import NotKept, Source
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.logs import short

log = structlog.get_logger()


class Serving:
    """The worker's side of a sitting."""

    def __init__(self, contracts: Contracts, tools: Tools, traces: OwnTraces, bounds: Bounds | None = None) -> None:
        self._contracts, self._tools, self._traces, self._bounds = contracts, tools, traces, bounds or Bounds()

    def prepare(self, audit: AuditPicture, stop: Event) -> Served:
        """For the seats as they are taken now. Blocks: states that were not kept, or are damaged, are made again.

        Raises TraceLost, StorageError, RunFailed, RunStopped, OSError, JobRefused.
        """
        starts = {index - 1 for number in audit.auditors for index in audit.segments(number) if index > 1}
        if self._traces.keeps(audit, starts):
            # Without waiting for room on the machine where nothing has to be run: being late costs the stake.
            with contextlib.suppress(NotKept):
                return self._open(audit, self._tools.reading(audit), starts, stop, runs=False)
        with self._tools.task(audit, stop, urgent=True) as task:
            return self._open(audit, task, starts, stop, runs=True)

    def _open(self, audit: AuditPicture, task: Task, starts: set[int], stop: Event, *, runs: bool) -> Served:
        trace, traced = self._traces.take(audit, task, stop)
        seats, checks = [], []
        with contextlib.closing(Source(self._tools, audit, task, trace, traced, stop, runs=runs)) as source:
            source.ready(starts)
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

    def _seat(self, audit: AuditPicture, number: int, segments: list[int], source: Source) -> OpenedSeat:
        worker = audit.held[number - 1].worker
        profile = self._contracts.registry.profile_of(worker)
        try:
            recipient = recipient_text(profile.recipient)
        except SpecInvalid as error:
            # His own fault, and no reason to leave the others unserved, which costs our stake.
            log.warning("audit.unsealable", job=short(audit.id), auditor=worker, reason=str(error))
            return OpenedSeat(worker.lower(), ())
        # Who is shown ends cannot answer any more.
        ends = audit.is_foreign(profile.fingerprint) and self._comparable(audit)
        opened = tuple(self._segment(audit, index, recipient, source, ends) for index in segments)
        last = len(source.trace.segments) in segments
        result = None if last else seal(result_to_bytes(show_result(source.trace)), [recipient])
        keys = self._tools.inputs.keys(audit.id) if audit.plan.private else None
        # A jury that knows the keys can see from these bytes alone that this auditor was given them.
        sealed_keys = None if keys is None else seal_provably(keys.to_bytes(), recipient)
        return OpenedSeat(worker.lower(), opened, result, sealed_keys)

    def _comparable(self, audit: AuditPicture) -> bool:
        """Elsewhere nobody could compare our ends with anything."""
        spec = self._tools.inputs.spec(audit.id, audit.terms)
        tolerated = spec is not None and spec.tolerance is not None
        return tolerated or bool(self._bounds.of(audit.terms.hardware_class, audit.plan.steps))

    def _segment(self, audit: AuditPicture, index: int, recipient: str, source: Source, ends: bool) -> OpenedSegment:
        state = self._sealed(source.state_after(index - 1), recipient) if index > 1 else None
        # Only where it lies ready: doing a segment again for a stranger could make us late for all of them.
        kept = source.kept_after(index) if ends and index > 1 else None
        end = None if kept is None else self._sealed(kept, recipient)
        return open_segment(source.trace, audit.id, index, state, end)

    def _sealed(self, state: bytes, recipient: str) -> SealedRef:
        sealed = seal(state, [recipient])
        return SealedRef(self._tools.store.put(sealed), len(sealed))

"""What a party is still owed when a dispute is over: the bond that it was held for, what is left of an appeal's.

The job may have been settled meanwhile: it is not closed until nothing of ours is left in it. The contracts are asked
by trying: what passes is due.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import structlog

from tensorgrid.chain.bisection import match_key
from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.audits import FIRST_AUDITOR, ClaimState
from tensorgrid.domain.errors import ChainError, Reverted
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.auditing.picture import WORKER, ClaimKey
from tensorgrid_worker.auditing.tosend import ToSend
from tensorgrid_worker.logs import short
from tensorgrid_worker.memory.records import JobRecord
from tensorgrid_worker.memory.rows import Status

log = structlog.get_logger()

LOOK_SECONDS = 10.0
WAITING = frozenset({"DisputeUndecided", "StillPending", "CaseOpen"})
"""Refusals that say: not yet. Any other says that there is nothing, or nothing any more."""


class Aftermath:
    """Asked by the loop that plans."""

    def __init__(self, contracts: Contracts, me: str) -> None:
        self._contracts, self._me = contracts, me
        self._clear: set[JobId] = set()  # ended, and nothing of ours is left in them
        self._look_at: dict[tuple[JobId, bool], float] = {}

    def holding(self, records: Mapping[JobId, JobRecord]) -> frozenset[JobId]:
        """Ended jobs that must not be closed yet: not looked at since, or with something of ours left in them."""
        return frozenset(job for job, record in records.items() if record.ended and self._concerns(record))

    def step(self, records: Mapping[JobId, JobRecord], outbox: Mapping[tuple[JobId, str], Status]) -> list[ToSend]:
        """What is due now. What a node does not tell is asked again."""
        ours = {job: record for job, record in records.items() if self._concerns(record)}
        self._clear &= records.keys()
        self._look_at = {key: at for key, at in self._look_at.items() if key[0] in ours}
        return [
            each
            for record in ours.values()
            for each in self._due(record)
            if outbox.get((each.job, each.kind), Status.REFUSED) in (Status.REFUSED, Status.DONE)
        ]

    def _due(self, record: JobRecord) -> list[ToSend]:
        look = record.id, bool(record.ended)  # its end is looked at at once
        if time.monotonic() < self._look_at.get(look, 0.0):
            return []
        self._look_at[look] = time.monotonic() + LOOK_SECONDS
        try:
            due, waits = self._look(record)
        except ChainError as error:
            log.warning("dispute.unread", job=short(record.id), reason=str(error))
            return []
        if record.ended and not due and not waits:
            self._clear.add(record.id)
        return due

    def forget_all(self) -> None:
        """After a reorganisation."""
        self._clear.clear()
        self._look_at.clear()

    def _concerns(self, record: JobRecord) -> bool:
        audit = self._contracts.audit
        if audit is None or self._contracts.bisection is None or record.id in self._clear:
            return False
        return record.terms.verifier == audit.address and len(record.seats) > 1 and bool(record.number_of(self._me))

    def _look(self, record: JobRecord) -> tuple[list[ToSend], bool]:
        """What is due, and whether something will be. Raises Unreachable, ChainError."""
        due, waits = list[ToSend](), False
        for key in self._contested(record):
            for kind, call in self._owed(record, key):
                try:
                    self._contracts.simulate(call, self._me)
                except Reverted as refusal:
                    waits = waits or refusal.name in WAITING
                else:
                    due.append(ToSend(record.id, f"{kind}.{key[0]}.{key[1]}", call, 0))
        return due, waits

    def _contested(self, record: JobRecord) -> Iterator[ClaimKey]:
        """Claims that have come to a dispute in which we are a party."""
        audit, ours = self._contracts.audit, record.number_of(self._me)
        assert audit is not None
        seats = range(FIRST_AUDITOR, len(record.seats) + 1) if ours == WORKER else [ours]
        for number in seats:
            for which in (0, 1):
                if audit.claim(record.id, number, which).state is ClaimState.CONTESTED:
                    yield number, which

    def _owed(self, record: JobRecord, key: ClaimKey) -> Iterator[tuple[str, Call]]:
        audit, bisection, jury = self._contracts.audit, self._contracts.bisection, self._contracts.jury
        assert audit is not None and bisection is not None
        if record.number_of(self._me) == WORKER:
            yield "release_bond", audit.release_bond(record.id, *key)
        if jury is not None:
            yield "pay_appeal", jury.pay_appeal(bisection.address, match_key(audit.address, record.id, *key))

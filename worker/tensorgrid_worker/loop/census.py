"""Whether the seats that the followed events have told of are those for which the vault holds our stake.

A node that leaves a log out, or makes one up, must not make us miss work that we are bound to. The vault counts the
jobs that lock our stake; at the block up to which we have read, that number and ours must be the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.follow import Cursor
from tensorgrid.domain.errors import NodeRefused, Reverted
from tensorgrid.domain.jobs import JobId, JobState
from tensorgrid_worker.memory.records import JobRecord

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0


class Census:
    """Asked now and then by the loop that follows."""

    def __init__(self, contracts: Contracts, me: str) -> None:
        self._contracts, self._me = contracts, me
        self._pause, self._again_at, self._depth = FIRST_PAUSE, 0.0, 0

    def read_again_from(self, records: Mapping[JobId, JobRecord], cursor: Cursor | None) -> tuple[bool, Cursor | None]:
        """(whether to go back, to where). First to the oldest block remembered, then to the deployment's first.

        Raises Unreachable.
        """
        if cursor is None or time.monotonic() < self._again_at:
            return False, cursor
        known = sum(1 for record in records.values() if record.number_of(self._me) and not record.ended)
        locked = self._locked(cursor.number)
        if locked is None or (locked == known and not self._overtaken(records, cursor.number)):
            self._pause, self._depth = FIRST_PAUSE, 0
            return False, cursor
        log.warning("seats.differ", known=known, on_chain=locked, block=cursor.number, todo="reading the logs again")
        self._again_at = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._depth += 1
        if self._depth > 1 or not cursor.trail:
            return True, None
        number, block_hash = cursor.trail[-1]
        return True, Cursor(number, block_hash)

    def _overtaken(self, records: Mapping[JobId, JobRecord], block: int) -> bool:
        """Whether the last seat of a job of ours was taken and no log has told: its work would never begin."""
        board = self._contracts.board
        waiting = (r for r in records.values() if r.number_of(self._me) and not (r.assigned_block or r.ended))
        try:
            states = [board.job(r.terms.requester, r.terms.nonce, block=block).state for r in waiting]
        except (NodeRefused, Reverted):
            return False
        return any(state > JobState.POSTED for state in states)

    def _locked(self, block: int) -> int | None:
        """None when the node has no state of that block any more, or there is nobody registered."""
        contracts = self._contracts
        try:
            provider = contracts.registry.standing(self._me, block=block).provider
            return contracts.vault.allocation_of(provider, self._me, contracts.board.address, block=block).locks
        except (NodeRefused, Reverted):
            return None

"""How standing offers are called back: the epoch that they were signed for is raised."""

from __future__ import annotations

from tensorgrid.chain.contracts import Contracts
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import NO_JOB, RAISE_EPOCH


def ask_to_cancel(journal: Journal, contracts: Contracts, epoch: int) -> None:
    """Leave the raising of `epoch` to the submitter: idempotent, and safe through any crash."""
    journal.enqueue(NO_JOB, f"{RAISE_EPOCH}{epoch}", contracts.offers.raise_epoch())

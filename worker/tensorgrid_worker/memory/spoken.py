"""Whether what a worker computes on is spoken for: audits go by what was registered when a seat was taken."""

from __future__ import annotations

from pathlib import Path

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.memory.journal import Journal

JOURNAL = "journal.sqlite"
WORKER = 1
"""Number of the audited worker's seat."""


def spoken_for(journal: Journal, contracts: Contracts, me: str) -> JobId | None:
    """A job for whose audit class and fingerprint must stay as they are: of a worker until he has opened his trace, of
    an auditor until it has ended. None: they may change."""
    if contracts.audit is None:
        return None
    for record in journal.open_jobs().values():
        number = record.number_of(me)
        if not number or record.ended or record.terms.verifier != contracts.audit.address:
            continue
        if number != WORKER or not record.seats[0].sealed_block:
            return record.id
    return None


def spoken_for_in(home: Path, contracts: Contracts, me: str) -> JobId | None:
    """As `spoken_for`, from a worker's home, whether or not its daemon runs. Raises OSError."""
    file = home / JOURNAL
    if contracts.audit is None or not file.exists():
        return None
    journal = Journal(file)
    try:
        return spoken_for(journal, contracts, me)
    finally:
        journal.close()

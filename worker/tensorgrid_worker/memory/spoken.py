"""Whether what a worker computes on is spoken for: audits go by what was registered when a seat was taken."""

from __future__ import annotations

from pathlib import Path

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import TAKES, Status

JOURNAL = "journal.sqlite"
TAKING = frozenset({Status.NEW, Status.SENT, Status.DONE})
WORKER = 1
"""Number of the audited worker's seat."""


def spoken_for(journal: Journal, contracts: Contracts, me: str) -> JobId | None:
    """A job for whose audit class and fingerprint must stay as they are: of a worker until he has opened his trace, of
    an auditor until it has ended. A take that is on its way counts as a seat. None: they may change."""
    if contracts.audit is None:
        return None
    taking = _taking(journal)
    for record in journal.open_jobs().values():
        number = record.number_of(me)
        if record.ended or record.terms.verifier != contracts.audit.address:
            continue
        if not number:
            if record.id in taking:
                return record.id
        elif number != WORKER or not record.seats[0].sealed_block:
            return record.id
    return None


def _taking(journal: Journal) -> set[JobId]:
    """Takes that are to be sent, are sent, or are mined in blocks that are not believed yet (`confirmations`)."""
    cursor = journal.cursor()
    seen = journal.kinds(-1 if cursor is None else cursor.number)
    return {job for (job, kind), status in seen.items() if kind in TAKES and status in TAKING}


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

"""What a journal tells. Reads only, beside a running worker too."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.memory.records import seats_from_text, terms_from_text

_JOBS = "SELECT * FROM jobs ORDER BY posted_block DESC LIMIT 50"
_RUNNING = (
    "SELECT id, terms, seats FROM jobs WHERE assigned_block > 0 AND ended_block = 0 AND closed = 0 AND extra_block = 0"
    " AND id NOT IN (SELECT job FROM results)"
)
_OUTBOX = (
    "SELECT job, kind, status, reason, nonce, hashes, block FROM outbox WHERE status IN ('new', 'sent') ORDER BY id"
)


class NoJournal(TensorgridError):
    """The worker of this home has never run."""


def read_status(home: Path) -> dict[str, Any]:
    """{"worker", "jobs": [...], "outbox": [...]} as JSON values. Raises NoJournal."""
    database = _opened(home)
    try:
        owner = {row["key"]: row["value"] for row in database.execute("SELECT * FROM meta")}
        jobs = [_job(row) for row in database.execute(_JOBS)]
        outbox = [dict(row) | {"job": "0x" + row["job"].hex()} for row in database.execute(_OUTBOX)]
    finally:
        database.close()
    return {"worker": owner.get("worker"), "chain": owner.get("chain"), "jobs": jobs, "outbox": outbox}


def running_jobs(home: Path, verifier: str | None = None) -> list[JobId]:
    """Jobs that we do alone, and for which there is no result yet; of that verifier, or of all. Raises NoJournal."""
    database = _opened(home)
    try:
        found = database.execute(_RUNNING).fetchall()
        owner = database.execute("SELECT value FROM meta WHERE key = 'worker'").fetchone()
    finally:
        database.close()
    return [
        JobId(row["id"])
        for row in found
        if (terms := terms_from_text(row["terms"])).workers == 1
        and verifier in (None, terms.verifier)
        and owner is not None
        and [one.seat.worker for one in seats_from_text(row["seats"])[:1]] == [owner["value"]]
    ]


def _opened(home: Path) -> sqlite3.Connection:
    path = home / "journal.sqlite"
    if not path.is_file():
        raise NoJournal(f"{home} holds no journal; start the worker once, or pass the --config that it runs with")
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    return database


def _job(row: sqlite3.Row) -> dict[str, Any]:
    state = row["ended_as"] or ("assigned" if row["assigned_block"] else row["preparation"])
    return {
        "job": "0x" + row["id"].hex(),
        "posted_block": row["posted_block"],
        "state": state,
        "detail": row["outcome"] or row["reason"],
    }

"""What a journal tells. Reads only, beside a running worker too."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tensorgrid.domain.errors import TensorgridError

_JOBS = "SELECT * FROM jobs ORDER BY posted_block DESC LIMIT 50"
_OUTBOX = (
    "SELECT job, kind, status, reason, nonce, hashes, block FROM outbox WHERE status IN ('new', 'sent') ORDER BY id"
)


class NoJournal(TensorgridError):
    """The worker of this home has never run."""


def read_status(home: Path) -> dict[str, Any]:
    """{"worker", "jobs": [...], "outbox": [...]} as JSON values. Raises NoJournal."""
    path = home / "journal.sqlite"
    if not path.is_file():
        raise NoJournal(f"{home} holds no journal; start the worker once, or pass the --config that it runs with")
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        owner = {row["key"]: row["value"] for row in database.execute("SELECT * FROM meta")}
        jobs = [_job(row) for row in database.execute(_JOBS)]
        outbox = [dict(row) | {"job": "0x" + row["job"].hex()} for row in database.execute(_OUTBOX)]
    finally:
        database.close()
    return {"worker": owner.get("worker"), "chain": owner.get("chain"), "jobs": jobs, "outbox": outbox}


def _job(row: sqlite3.Row) -> dict[str, Any]:
    state = row["ended_as"] or ("assigned" if row["assigned_block"] else row["preparation"])
    return {
        "job": "0x" + row["id"].hex(),
        "posted_block": row["posted_block"],
        "state": state,
        "detail": row["outcome"] or row["reason"],
    }

"""A damaged journal is moved aside, never read on: the chain and the openings know what it held."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import structlog

log = structlog.get_logger()


def mend(path: Path) -> Path | None:
    """Where the damaged file went; None when there is none, or it is whole. Only under the lock of the home.

    Raises sqlite3.OperationalError when it cannot be opened at all: rights, a full disk.
    """
    damage = _damage(path)
    if not damage:
        return None
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    log.error("journal.damaged", reason=damage, kept_as=aside.name, todo="nothing: it is rebuilt from the chain")
    return aside


def _damage(path: Path) -> str:
    """Empty when there is none."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(path, timeout=30)) as database:
            found = [str(row[0]) for row in database.execute("PRAGMA quick_check(1)")]
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == ["ok"] else "; ".join(found)

"""Death at a chosen instruction: every statement that writes to a journal, and every broadcast, is a place to die."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT")


class Crash(BaseException):
    """The process is gone: no `except Exception` of the worker may catch it, as none catches `kill -9`."""


class Points:
    """Counts the places passed, and dies at the one that was chosen. `dead`: nothing may be written any more."""

    def __init__(self) -> None:
        self.passed = 0
        self.dead = False
        self.died_at = ""
        self.full = False  # the disk
        self._die_at = -1

    def arm(self, after: int) -> None:
        """Die at the `after`-th place from now on (0: the next one). Each statement is two: before it, and after it."""
        self._die_at = self.passed + after

    @property
    def armed(self) -> bool:
        return self._die_at >= self.passed

    def revive(self) -> None:
        """A new process."""
        self.dead = False

    def pass_by(self, where: str) -> None:
        """Raises Crash where it was chosen, and for ever after until `revive`."""
        if self.dead:
            raise Crash(where)
        here, self.passed = self.passed, self.passed + 1
        if here == self._die_at:
            self.dead, self.died_at = True, where
            raise Crash(where)


class _Journal(sqlite3.Connection):
    """SQLite as it is, with a place to die before and after each statement that writes."""

    points: Points

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return self._watched(sql, lambda: super(_Journal, self).execute(sql, parameters))

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        return self._watched(sql, lambda: super(_Journal, self).executemany(sql, parameters))

    def _watched(self, sql: str, run: Any) -> sqlite3.Cursor:
        points, words = self.points, sql.split()
        if not words or words[0] not in WRITES:
            if points.dead:
                raise Crash(sql)
            cursor: sqlite3.Cursor = run()
            return cursor
        where = " ".join(words[:4])
        points.pass_by(f"before {where}")
        if points.full and words[0] != "BEGIN":
            raise sqlite3.OperationalError("database or disk is full")
        cursor = run()
        points.pass_by(f"after {where}")
        return cursor


@contextmanager
def deadly_journals(points: Points) -> Iterator[None]:
    """Every journal opened inside dies where `points` says."""
    connect = sqlite3.connect

    def watched(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        if Path(str(database)).name.startswith("journal"):
            kwargs["factory"] = type("Journal", (_Journal,), {"points": points})
        opened: sqlite3.Connection = connect(database, *args, **kwargs)
        return opened

    with patch("sqlite3.connect", watched):
        yield


def as_the_disk_has_it(path: Path) -> dict[Path, bytes]:
    """The files of a SQLite database as a dead process leaves them: to be written back once it was closed here."""
    names = (path, path.with_name(path.name + "-wal"))
    return {name: name.read_bytes() for name in names if name.exists()}


def put_back(path: Path, files: dict[Path, bytes]) -> None:
    """What closing did (a checkpoint, an end of the log) never happened."""
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
    for name, content in files.items():
        name.write_bytes(content)

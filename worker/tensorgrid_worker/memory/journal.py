"""The worker's memory in SQLite (WAL): what must survive `kill -9` at any instruction. The chain is the truth."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorgrid.chain.calls import Call
from tensorgrid.chain.follow import Cursor
from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.memory.records import (
    JobRecord,
    Preparation,
    lost_from_text,
    lost_to_text,
    seats_from_text,
    seats_to_text,
    terms_from_text,
    terms_to_text,
)
from tensorgrid_worker.memory.rows import SCHEMA, VERSION, Result, Row, Status, result_of, row_of

KEEP_CLOSED = 1000
_RESULTS = (
    "SELECT results.*, marks.result AS mark_result, marks.trace AS mark_trace, marks.done AS mark_done "
    "FROM results LEFT JOIN marks ON marks.job = results.job AND marks.seed = results.seed"
)


class JournalForeign(TensorgridError):
    """A journal of another worker, chain or version. Says which home to use."""


class JournalCorrupt(TensorgridError):
    """The journal's file is damaged. The chain knows what it knew: the worker rebuilds it at its start."""


class Journal:
    """The daemon's, beside which short commands may write too. Every method is one transaction.

    Raises JournalCorrupt when the file is no database any more; the daemon then starts a new one (mending.py).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._db.row_factory = sqlite3.Row
        self.is_new = False  # until `claim` finds that it belonged to nobody: never used, or lost
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # a nonce that power loss takes back would be used twice
            self._db.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            if isinstance(error, sqlite3.OperationalError):
                raise  # locked, or the disk is full: the file may be whole
            raise JournalCorrupt(f"{path} is damaged ({error}); start the worker, which rebuilds it") from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def claim(self, owner: Mapping[str, str]) -> None:
        """Bind an empty journal to its owner (worker, chain, board). Raises JournalForeign when it is another's."""
        wanted = {"version": VERSION, **owner}
        with self._transaction() as db:
            found = {
                row["key"]: row["value"]
                for row in db.execute("SELECT * FROM meta WHERE key NOT IN ('cursor', 'offers')")
            }
            if not found:
                self.is_new = True
                db.executemany("INSERT INTO meta VALUES (?, ?)", wanted.items())
            elif found != wanted:
                other = ", ".join(f"{key} {found.get(key)}" for key in wanted if found.get(key) != wanted[key])
                raise JournalForeign(f"this home's journal belongs to {other}; give this worker a home of its own")

    # ------------------------------------------------------------------------------------------------- cursor and jobs

    def cursor(self) -> Cursor | None:
        """Where to go on reading; None: from the deployment's first block."""
        row = self._one("SELECT value FROM meta WHERE key = 'cursor'")
        try:
            return Cursor.from_text(row["value"]) if row else None
        except ValueError:
            return None

    def open_jobs(self) -> dict[JobId, JobRecord]:
        return {record.id: record for record in self._records("WHERE closed = 0 ORDER BY posted_block")}

    def ended_above(self, block: int) -> dict[JobId, JobRecord]:
        """Closed jobs whose end a reorganisation down to `block` takes back."""
        return {record.id: record for record in self._records("WHERE closed = 1 AND ended_block > ?", block)}

    def all_jobs(self, limit: int = 50) -> list[JobRecord]:
        """Newest first, ended ones too."""
        return self._records("ORDER BY posted_block DESC LIMIT ?", limit)

    def record(
        self,
        *,
        cursor: Cursor | None = None,
        rewound_to: int | None = None,
        jobs: Iterable[JobRecord] = (),
        gone: Iterable[JobId] = (),
        calls: Iterable[tuple[JobId, str, Call]] = (),
        closed: Iterable[JobId] = (),
        due: Mapping[tuple[JobId, str], int] | None = None,
    ) -> None:
        """One step of the loop, all or nothing: what was read, up to where, and what is to be sent because of it.

        `calls` were planned from the chain's state, so a step that was DONE and is planned again was not done. `due`:
        until when (chain time) a call has to be mined or stake is lost; others can wait for cheaper gas.
        """
        due = due or {}
        with self._transaction() as db:
            if rewound_to is not None:
                self._rewind(db, rewound_to)
            db.executemany("DELETE FROM jobs WHERE id = ?", [(job_id,) for job_id in gone])
            for record in jobs:
                self._put(db, record)
            for job_id, kind, call in calls:
                self._enqueue(db, job_id, kind, call, again=Status.DONE, due=due.get((job_id, kind), 0))
            self._close_jobs(db, closed)
            if cursor is not None:
                db.execute("INSERT OR REPLACE INTO meta VALUES ('cursor', ?)", (cursor.to_text(),))

    # --------------------------------------------------------------------------------------------------------- results

    def keep_result(self, result: Result) -> Result:
        """Store it before anything is committed to. The first one for a job and seed stays, and is returned."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO results VALUES (?, ?, ?, ?, ?, ?, ?)",
                (result.job, result.seed, int(result.exit), result.salt, result.root, result.root_hash, result.receipt),
            )
            if result.mark is not None:
                values = (result.job, result.seed, result.mark.result, result.mark.trace, result.mark.done)
                db.execute("INSERT OR IGNORE INTO marks VALUES (?, ?, ?, ?, ?)", values)
        kept = self.result(result.job, result.seed)
        assert kept is not None
        return kept

    def result(self, job_id: JobId, seed: bytes) -> Result | None:
        row = self._one(f"{_RESULTS} WHERE results.job = ? AND results.seed = ?", job_id, seed)
        return result_of(row) if row else None

    def results(self) -> dict[JobId, list[Result]]:
        """Of open jobs; one per seed, and a job has more than one seed only after a reorganisation."""
        found: dict[JobId, list[Result]] = {}
        for row in self._all(f"{_RESULTS} JOIN jobs ON jobs.id = results.job WHERE closed = 0"):
            found.setdefault(JobId(row["job"]), []).append(result_of(row))
        return found

    # ---------------------------------------------------------------------------------------------------------- outbox

    def enqueue(self, job_id: JobId, kind: str, call: Call) -> None:
        """Idempotent by (job, kind), except that a REFUSED row is made NEW."""
        with self._transaction() as db:
            self._enqueue(db, job_id, kind, call)

    def outbox(self, *statuses: Status) -> list[Row]:
        """In the order of asking."""
        marks = ",".join("?" * len(statuses))
        sql = f"SELECT * FROM outbox WHERE status IN ({marks}) ORDER BY id"  # noqa: S608 - question marks alone
        return [row_of(row) for row in self._all(sql, *statuses)]

    def kinds(self, seen: int = -1) -> dict[tuple[JobId, str], Status]:
        """Status of every row of the open jobs, but for those DONE in blocks up to `seen`: the chain's state tells."""
        rows = self._all(
            "SELECT job, kind, status FROM outbox JOIN jobs ON jobs.id = outbox.job WHERE closed = 0 "
            "AND NOT (status = ? AND coalesce(block, 0) <= ?)",
            Status.DONE,
            seen,
        )
        return {(JobId(row["job"]), row["kind"]): Status(row["status"]) for row in rows}

    def signed(self, row_id: int, *, nonce: int, gas: int, raw: bytes, tx_hash: str, of: Row | None = None) -> bool:
        """Before it is broadcast: from now on the same bytes are sent, whatever happens.

        `of`: the row that was signed. False, and nothing is written, when it is not wanted any more or is another call.
        """
        with self._transaction() as db:
            found = db.execute("SELECT status, data, hashes FROM outbox WHERE id = ?", (row_id,)).fetchone()
            if of is not None and (found["status"], found["data"]) != (of.status, of.call.data):
                return False
            db.execute(
                "UPDATE outbox SET status = ?, nonce = ?, gas = ?, raw = ?, hashes = ? WHERE id = ?",
                (Status.SENT, nonce, gas, raw, json.dumps([*json.loads(found["hashes"]), tx_hash]), row_id),
            )
        return True

    def ended(self, row_id: int, status: Status, *, reason: str = "", block: int | None = None) -> None:
        """The row is DONE (mined in `block`, or found done at that block), REFUSED or DEAD."""
        self._run("UPDATE outbox SET status = ?, reason = ?, block = ? WHERE id = ?", status, reason, block, row_id)

    def take_back(self, row_id: int, reason: str) -> None:
        """The row is not wanted any more, unless it is signed by now; it may be planned again."""
        sql = "UPDATE outbox SET status = ?, reason = ? WHERE id = ? AND status = ?"
        self._run(sql, Status.REFUSED, reason, row_id, Status.NEW)

    def recall(self, row_id: int, nothing: Call) -> None:
        """What was sent must not be mined any more: the submitter sends `nothing` with the same nonce, for more."""
        sql = "UPDATE outbox SET target = ?, data = ?, name = ? WHERE id = ? AND status = ?"
        self._run(sql, nothing.to, nothing.data, nothing.name, row_id, Status.SENT)

    def unsent(self, row_id: int) -> None:
        """Its nonce was used by another transaction: look again, sign again."""
        self._run("UPDATE outbox SET status = ?, nonce = NULL, raw = NULL WHERE id = ?", Status.NEW, row_id)

    def nonces(self) -> frozenset[int]:
        """Of the transactions that are signed and not yet known to be mined."""
        rows = self._all("SELECT nonce FROM outbox WHERE status = ? AND nonce IS NOT NULL", Status.SENT)
        return frozenset(row["nonce"] for row in rows)

    # ---------------------------------------------------------------------------------------------------------- offers

    def note_offer(self, expiry: int) -> None:
        """Before an offer leaves the house: it can be used until then (chain time)."""
        latest = max(expiry, self.offers_until())
        self._run("INSERT OR REPLACE INTO meta VALUES ('offers', ?)", str(latest))

    def offers_until(self) -> int:
        """When the last offer that was signed expires; 0: none was, or all are cancelled."""
        row = self._one("SELECT value FROM meta WHERE key = 'offers'")
        return int(row["value"]) if row else 0

    def forget_offers(self) -> None:
        """All were cancelled."""
        self._run("DELETE FROM meta WHERE key = 'offers'")

    # -------------------------------------------------------------------------------------------------------- plumbing

    def _rewind(self, db: sqlite3.Connection, block: int) -> None:
        # What was mined above may be lost: the submitter looks again, and brings the same bytes back.
        db.execute(
            "UPDATE outbox SET status = ?, block = NULL WHERE status = ? AND block > ?",
            (Status.SENT, Status.DONE, block),
        )
        # What was hopeless on the chain that is gone may be right on this one, and what was about to be sent may not.
        db.execute(
            "UPDATE outbox SET status = ?, attempts = 0 WHERE status = ? AND coalesce(block, ?) >= ?",
            (Status.REFUSED, Status.DEAD, block, block),
        )
        db.execute(
            "UPDATE outbox SET status = ? WHERE status = ? AND kind NOT GLOB '*:*' AND job IN (SELECT id FROM jobs)",
            (Status.REFUSED, Status.NEW),
        )

    def _put(self, db: sqlite3.Connection, record: JobRecord) -> None:
        values = (
            record.id,
            terms_to_text(record.terms),
            record.round,
            record.posted_block,
            seats_to_text(record.seats),
            record.assigned_block,
            record.extra_block,
            record.ended_block,
            record.ended_as,
            record.outcome,
            record.preparation,
            record.reason,
            record.reopened,
            record.reopened_until,
            lost_to_text(record.lost),
        )
        # What was done, or hopeless, before the seats were given anew is to be done again.
        db.execute(
            "DELETE FROM outbox WHERE job IN (SELECT id FROM jobs WHERE id = ? AND reopened < ?) "
            "AND status IN (?, ?, ?)",
            (record.id, record.reopened, Status.DONE, Status.DEAD, Status.REFUSED),
        )
        db.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", values)

    def _enqueue(
        self,
        db: sqlite3.Connection,
        job_id: JobId,
        kind: str,
        call: Call,
        *,
        again: Status = Status.REFUSED,
        due: int = 0,
    ) -> None:
        """A row of status `again`, as a REFUSED one, is made NEW; any other is left alone."""
        db.execute(
            "INSERT INTO outbox (job, kind, target, data, name, status, deadline) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (job, kind) DO UPDATE SET status = excluded.status, target = excluded.target, "
            "data = excluded.data, name = excluded.name, deadline = excluded.deadline, "
            "attempts = attempts + 1, nonce = NULL, raw = NULL, hashes = '[]', block = NULL "
            "WHERE outbox.status IN (?, ?)",
            (job_id, kind, call.to, call.data, call.name, Status.NEW, due, Status.REFUSED, again),
        )

    def _close_jobs(self, db: sqlite3.Connection, closed: Iterable[JobId]) -> None:
        done = db.executemany("UPDATE jobs SET closed = 1 WHERE id = ?", [(job_id,) for job_id in closed]).rowcount
        if done <= 0:
            return
        old = "SELECT id FROM jobs WHERE closed = 1 ORDER BY posted_block DESC LIMIT -1 OFFSET ?"
        for table, column in (("results", "job"), ("marks", "job"), ("outbox", "job"), ("jobs", "id")):
            keep_sent = " AND status != 'sent'" if table == "outbox" else ""
            db.execute(f"DELETE FROM {table} WHERE {column} IN ({old}){keep_sent}", (KEEP_CLOSED,))  # noqa: S608

    def _records(self, where: str, *values: Any) -> list[JobRecord]:
        return [
            JobRecord(
                id=JobId(row["id"]),
                terms=terms_from_text(row["terms"]),
                round=row["round"],
                posted_block=row["posted_block"],
                seats=seats_from_text(row["seats"]),
                assigned_block=row["assigned_block"],
                extra_block=row["extra_block"],
                ended_block=row["ended_block"],
                ended_as=row["ended_as"],
                outcome=row["outcome"],
                preparation=Preparation(row["preparation"]),
                reason=row["reason"],
                reopened=row["reopened"],
                reopened_until=row["reopened_until"],
                lost=lost_from_text(row["lost"]),
            )
            for row in self._all(f"SELECT * FROM jobs {where}", *values)  # noqa: S608 - our own text
        ]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _run(self, sql: str, *values: Any) -> None:
        with self._transaction() as db:
            db.execute(sql, values)

    def _one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return row

    def _all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

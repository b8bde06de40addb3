"""The journal's tables, and what they hold in plain values."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from tensorgrid.chain.calls import Call
from tensorgrid.domain.jobs import ZERO32, ExitClass, JobId, commitment

VERSION = "5"
NO_JOB = JobId(ZERO32)
"""What the outbox keeps a step under that belongs to no job."""
PROGRESS = "progress:"
SNAPSHOT = "snapshot:"
RAISE_EPOCH = "raise_epoch:"
WITHDRAW_BOND = "withdraw_bond:"
STORE_ROUND = "store_round:"
"""Kinds of steps of which there may be several, each with its number behind the colon."""
TAKES = ("take", "take_extra")
"""Kinds of steps that end with a seat of ours."""
COURTESIES = (PROGRESS, SNAPSHOT)
"""Of those, the ones that cost nobody anything when they are left out: refused once, they are not tried again."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS jobs (
    id BLOB PRIMARY KEY, terms TEXT NOT NULL, round INTEGER NOT NULL, posted_block INTEGER NOT NULL,
    seats TEXT NOT NULL, assigned_block INTEGER NOT NULL, extra_block INTEGER NOT NULL,
    ended_block INTEGER NOT NULL, ended_as TEXT NOT NULL, outcome TEXT NOT NULL,
    preparation TEXT NOT NULL, reason TEXT NOT NULL, reopened INTEGER NOT NULL, reopened_until INTEGER NOT NULL,
    lost TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS results (
    job BLOB NOT NULL, seed BLOB NOT NULL, exit INTEGER NOT NULL, salt BLOB NOT NULL, root BLOB NOT NULL,
    root_hash BLOB NOT NULL, receipt BLOB NOT NULL, PRIMARY KEY (job, seed)
) STRICT;
CREATE TABLE IF NOT EXISTS marks (
    job BLOB NOT NULL, seed BLOB NOT NULL, result BLOB NOT NULL, trace BLOB NOT NULL, done INTEGER NOT NULL,
    PRIMARY KEY (job, seed)
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, job BLOB NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, data BLOB NOT NULL,
    name TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
    nonce INTEGER, gas INTEGER, raw BLOB, hashes TEXT NOT NULL DEFAULT '[]', block INTEGER,
    deadline INTEGER NOT NULL DEFAULT 0, UNIQUE (job, kind)
) STRICT;
"""


class Status(StrEnum):
    """Of an outbox row. NEW -> SENT -> DONE; REFUSED may become NEW again, DEAD never."""

    NEW = "new"
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class TraceMark:
    """What an audit root is made of: the result's root, the trace's, and how many segments it has."""

    result: bytes
    trace: bytes
    done: int


@dataclass(frozen=True, slots=True)
class Result:
    """What we computed, stored and will commit to. `seed` is the jobSeed it was computed with; 32 bytes each.

    `root`: the result root; of an audited job the audit root, which `mark` opens.
    """

    job: JobId
    seed: bytes
    exit: ExitClass
    salt: bytes
    root: bytes
    root_hash: bytes
    receipt: bytes
    mark: TraceMark | None = None

    def commitment(self, worker: str, *, extra: bool = False, silent: bool = False) -> bytes:
        """`silent`: the tier in which nothing is opened later; the receipt itself is what its requester finds."""
        if silent:
            return self.receipt
        return commitment(self.job, worker, self.salt, self.root if extra else self.root_hash, self.receipt)


@dataclass(frozen=True, slots=True)
class Row:
    """One transaction that must reach the chain. `hashes`: of all versions that were signed, newest last.

    `block`: where it was mined, or the newest block when it was found done or hopeless.
    """

    id: int
    job: JobId
    kind: str
    call: Call
    status: Status
    reason: str
    attempts: int
    nonce: int | None
    gas: int | None
    raw: bytes | None
    hashes: tuple[str, ...]
    block: int | None
    deadline: int = 0  # chain time by which it must be mined or stake is lost; 0: it can wait


def result_of(row: sqlite3.Row) -> Result:
    """A row of table results, with its mark where there is one."""
    mark = TraceMark(row["mark_result"], row["mark_trace"], row["mark_done"]) if row["mark_done"] else None
    return Result(
        JobId(row["job"]),
        row["seed"],
        ExitClass(row["exit"]),
        row["salt"],
        row["root"],
        row["root_hash"],
        row["receipt"],
        mark,
    )


def row_of(row: sqlite3.Row) -> Row:
    """A row of table outbox."""
    return Row(
        id=row["id"],
        job=JobId(row["job"]),
        kind=row["kind"],
        call=Call(row["target"], row["data"], row["name"]),
        status=Status(row["status"]),
        reason=row["reason"],
        attempts=row["attempts"],
        nonce=row["nonce"],
        gas=row["gas"],
        raw=row["raw"],
        hashes=tuple(json.loads(row["hashes"])),
        block=row["block"],
        deadline=row["deadline"],
    )

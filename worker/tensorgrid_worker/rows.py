"""What the journal's tables hold, in plain values."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from tensorgrid.chain.calls import Call
from tensorgrid.domain.jobs import ExitClass, JobId, commitment


class Status(StrEnum):
    """Of an outbox row. NEW -> SENT -> DONE; REFUSED may become NEW again, DEAD never."""

    NEW = "new"
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Result:
    """What we computed, stored and will commit to. `seed` is the jobSeed it was computed with; 32 bytes each."""

    job: JobId
    seed: bytes
    exit: ExitClass
    salt: bytes
    root: bytes
    root_hash: bytes
    receipt: bytes

    def commitment(self, worker: str, *, extra: bool = False, silent: bool = False) -> bytes:
        """`silent`: the tier in which nothing is opened later; the receipt itself is what its requester finds."""
        if silent:
            return self.receipt
        return commitment(self.job, worker, self.salt, self.root if extra else self.root_hash, self.receipt)


@dataclass(frozen=True, slots=True)
class Row:
    """One transaction that must reach the chain. `hashes`: of all versions that were signed, newest last."""

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


def result_of(row: sqlite3.Row) -> Result:
    """A row of table results."""
    return Result(
        JobId(row["job"]),
        row["seed"],
        ExitClass(row["exit"]),
        row["salt"],
        row["root"],
        row["root_hash"],
        row["receipt"],
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
    )

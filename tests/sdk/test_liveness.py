"""Who showed himself on chain, and when for the last time; what a reorganisation took back was no sign."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tensorgrid.chain import liveness
from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.follow import Cursor
from tensorgrid.chain.history import JobSealed, JobSettled, LogRef, WorkerBeat
from tensorgrid.domain.jobs import JobId

ANNA, BERT = "0x" + "1" * 40, "0x" + "2" * 40
JOB = JobId(b"\x01" * 32)


def at(block: int) -> LogRef:
    return LogRef(block, f"0x{block:064x}", "0x" + "0" * 64, 0)


def beat(worker: str, block: int) -> WorkerBeat:
    found: Any = WorkerBeat.__new__(WorkerBeat)
    object.__setattr__(found, "worker", worker)
    object.__setattr__(found, "log", at(block))
    return found  # type: ignore[no-any-return]


def sealed(worker: str, block: int) -> JobSealed:
    return JobSealed(id=JOB, worker=worker, commitment=bytes(32), since=0, log=at(block))


def seen(monkeypatch: pytest.MonkeyPatch, *batches: Any, since: int = 10) -> tuple[dict[str, int], list[Any]]:
    cursors: list[Any] = []
    left = list(batches)

    class Follower:
        def __init__(self, *_: Any, cursor: Cursor | None, **__: Any) -> None:
            cursors.append(cursor)

        def poll(self) -> Any:
            return left.pop(0)

    monkeypatch.setattr(liveness, "Follower", Follower)
    block = BlockRef(since - 1, "0x" + "4" * 64, 1, "0x" + "5" * 64)
    connection: Any = SimpleNamespace(block=lambda number: block if number == since - 1 else None)
    contracts: Any = None
    return dict(liveness.last_seen(connection, contracts, since=since)), cursors


def batch(*events: Any, more: bool = False, rewound_to: int | None = None) -> Any:
    return SimpleNamespace(events=events, caught_up=not more, rewound_to=rewound_to)


def test_last_seen__several_signs__the_newest_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    found, cursors = seen(monkeypatch, batch(beat(ANNA, 11), sealed(BERT, 12), more=True), batch(sealed(ANNA, 15)))
    assert found == {ANNA: 15, BERT: 12}
    assert cursors == [Cursor(9, "0x" + "4" * 64)]  # the block before the first that counts


def test_last_seen__what_others_did__is_no_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    others: Any = JobSettled.__new__(JobSettled)
    assert seen(monkeypatch, batch(others))[0] == {}


def test_last_seen__a_reorganisation_meanwhile__its_blocks_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first = batch(beat(ANNA, 11), beat(BERT, 14), more=True)
    assert seen(monkeypatch, first, batch(rewound_to=12))[0] == {ANNA: 11}

"""Seats that no log has told of, found by the stake that they lock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.jobs import JOB, ME, SECOND, make_record

from tensorgrid.chain.follow import Cursor
from tensorgrid.domain.errors import NodeRefused
from tensorgrid.domain.jobs import JobId, JobState
from tensorgrid_worker.loop.census import Census

CURSOR = Cursor(30, "0x" + "1" * 64, ((29, "0x" + "2" * 64), (7, "0x" + "3" * 64)))


class Vault:
    def __init__(self, locks: int | Exception) -> None:
        self.locks = locks
        self.asked: list[int] = []

    def allocation_of(self, *_: str, block: int) -> Any:
        self.asked.append(block)
        if isinstance(self.locks, Exception):
            raise self.locks
        return SimpleNamespace(locks=self.locks)


def census(vault: Vault, state: JobState = JobState.POSTED) -> Census:
    registry = SimpleNamespace(standing=lambda *_, block: SimpleNamespace(provider="0xp"))
    board = SimpleNamespace(address="0xb", job=lambda *_, block: SimpleNamespace(state=state))
    contracts: Any = SimpleNamespace(registry=registry, vault=vault, board=board)
    return Census(contracts, ME)


def ours(number: int, **changes: Any) -> dict[JobId, Any]:
    job = JobId(bytes([number]) * 32)
    return {job: make_record(SECOND, ME, job=job, **changes)}


def test_same_number__nothing_is_read_again__asked_of_the_block_that_was_read() -> None:
    vault = Vault(1)
    records = ours(1) | ours(2, ended_block=20) | {JOB: make_record(SECOND)}
    assert census(vault).read_again_from(records, CURSOR) == (False, CURSOR)
    assert vault.asked == [30]


@pytest.mark.parametrize("locks", [0, 2], ids=["an invented seat, or an end left out", "a seat left out"])
def test_other_number__the_oldest_block_remembered__then_all(monkeypatch: pytest.MonkeyPatch, locks: int) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("tensorgrid_worker.loop.census.time.monotonic", lambda: clock[0])
    counter = census(Vault(locks))
    assert counter.read_again_from(ours(1), CURSOR) == (True, Cursor(7, "0x" + "3" * 64))
    assert counter.read_again_from(ours(1), CURSOR) == (False, CURSOR), "not at once again"
    clock[0] += 11
    assert counter.read_again_from(ours(1), CURSOR) == (True, None)
    clock[0] += 11
    assert counter.read_again_from(ours(1), CURSOR) == (False, CURSOR), "and ever more rarely"
    clock[0] += 11
    assert counter.read_again_from(ours(1), CURSOR) == (True, None)


def test_node_has_no_old_state__nothing_is_concluded() -> None:
    assert census(Vault(NodeRefused("missing trie node"))).read_again_from({}, CURSOR) == (False, CURSOR)


def test_nothing_read_yet__nothing_asked() -> None:
    vault = Vault(3)
    assert census(vault).read_again_from({}, None) == (False, None)
    assert vault.asked == []


def test_last_seat_taken_and_no_log_told__read_again() -> None:
    """Or its work would never begin, and not showing up costs a bond."""
    assert census(Vault(1), JobState.ASSIGNED).read_again_from(ours(1), CURSOR)[0]
    assert not census(Vault(1), JobState.ASSIGNED).read_again_from(ours(1, assigned_block=20), CURSOR)[0]

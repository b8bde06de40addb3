"""A sign of life, as rarely as it will do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tensorgrid.chain.calls import Call
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.capability.heartbeat import FILE, Heartbeat
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import Status

ME = "0x" + "1" * 40
T0, HOUR = 1_000_000, 3600
JOB = JobId(b"\x07" * 32)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "journal.sqlite")
    yield found
    found.close()


def contracts(times: dict[int, int] | None = None) -> Any:
    """A chain whose blocks have these times."""
    return SimpleNamespace(
        registry=SimpleNamespace(beat=lambda capability: Call(ME, b"%d" % capability, "WorkerRegistry.beat")),
        connection=SimpleNamespace(block=lambda number: SimpleNamespace(timestamp=(times or {})[number])),
    )


def mine(journal: Journal, block: int) -> None:
    for row in journal.outbox(Status.NEW):
        journal.signed(row.id, nonce=row.id, gas=1, raw=b"x", tx_hash=f"0x{row.id}")
        journal.ended(row.id, Status.DONE, block=block)


def test_silent_for_a_period__one_beat(journal: Journal, tmp_path: Path) -> None:
    heart = Heartbeat(journal, contracts({5: T0 + HOUR}), tmp_path, HOUR)
    assert not heart.step(T0, 950)
    assert not heart.step(T0 + HOUR - 1, 950)
    assert heart.step(T0 + HOUR, 950)
    (row,) = journal.outbox(Status.NEW)
    assert row.job == bytes(32) and row.kind == f"beat:{T0 + HOUR}" and row.call.data == b"950"


def test_not_mined_yet__no_second_one(journal: Journal, tmp_path: Path) -> None:
    heart = Heartbeat(journal, contracts(), tmp_path, HOUR)
    heart.step(T0, 1)
    assert heart.step(T0 + HOUR, 1)
    assert not heart.step(T0 + 9 * HOUR, 1)
    assert len(journal.outbox(Status.NEW)) == 1


def test_other_transaction_showed_life__no_beat(journal: Journal, tmp_path: Path) -> None:
    heart = Heartbeat(journal, contracts({9: T0 + HOUR - 60}), tmp_path, HOUR)
    heart.step(T0, 1)
    journal.enqueue(JOB, "commit", Call(ME, b"", "commit"))
    mine(journal, 9)
    assert not heart.step(T0 + HOUR, 1)
    assert heart.step(T0 + 2 * HOUR - 60, 1)


def test_done_by_others__is_no_sign_of_ours(journal: Journal, tmp_path: Path) -> None:
    heart = Heartbeat(journal, contracts(), tmp_path, HOUR)
    heart.step(T0, 1)
    journal.enqueue(JOB, "settle", Call(ME, b"", "settle"))
    (row,) = journal.outbox(Status.NEW)
    journal.ended(row.id, Status.DONE, block=9)
    assert heart.step(T0 + HOUR, 1)


def test_restarted_often__beats_no_more_often(journal: Journal, tmp_path: Path) -> None:
    beats = 0
    for minute in range(0, 180, 7):
        beats += Heartbeat(journal, contracts({3: T0 + HOUR}), tmp_path, HOUR).step(T0 + minute * 60, 1)
        mine(journal, 3)
    assert beats == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"last": "x"}', '{"last": true}', '{"last": -5}'])
def test_file_damaged__one_period_late_at_most(journal: Journal, tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    heart = Heartbeat(journal, contracts(), tmp_path, HOUR)
    assert not heart.step(T0, 1)
    assert heart.step(T0 + HOUR, 1)


def test_switched_off__never(journal: Journal, tmp_path: Path) -> None:
    heart = Heartbeat(journal, contracts(), tmp_path, 0)
    assert not any(heart.step(T0 + hours * HOUR, 1) for hours in range(100))
    assert not (tmp_path / FILE).exists()


def test_chain_began_anew__counts_from_there(journal: Journal, tmp_path: Path) -> None:
    Heartbeat(journal, contracts(), tmp_path, HOUR).step(T0, 1)
    heart = Heartbeat(journal, contracts(), tmp_path, HOUR)
    assert not heart.step(100, 1)
    assert heart.step(100 + HOUR, 1)

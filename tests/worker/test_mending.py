"""A damaged journal is moved aside, said aloud, and never read on."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.worker.jobs import JOB, make_record

from tensorgrid.chain.calls import Call
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.loop.mending import mend
from tensorgrid_worker.memory.journal import Journal, JournalCorrupt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with some pages in it."""
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.claim({"worker": "me"})
    for number in range(1, 60):
        job = JobId(bytes([number]) * 32)
        journal.record(jobs=[make_record(job=job)], calls=[(job, "take", Call("0x", bytes(500), "JobBoard.take"))])
    journal.close()
    return path


def test_mend__whole__left_alone(path: Path) -> None:
    before = path.read_bytes()
    assert mend(path) is None
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


def test_mend__missing__nothing_to_do(tmp_path: Path) -> None:
    assert mend(tmp_path / "journal.sqlite") is None


def scribble(data: bytes) -> bytes:
    return data[:8192] + b"\xff" * 4096 + data[12288:]


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"\x00" * 100 + data[100:], lambda data: data[: len(data) // 2 + 7], scribble],
    ids=["header", "truncated", "a page"],
)
def test_mend__damaged__moved_aside_and_a_new_one_begins(path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    spoiled = damage(path.read_bytes())
    path.write_bytes(spoiled)
    with capture_logs() as lines:
        aside = mend(path)
    assert [line["event"] for line in lines] == ["journal.damaged"]
    assert aside is not None and aside.read_bytes() == spoiled and not path.exists()
    journal = Journal(path)
    journal.claim({"worker": "me"})
    assert journal.is_new and journal.open_jobs() == {} and JOB not in journal.results()


def test_open__damaged__says_who_mends_it(path: Path) -> None:
    """`offer` and `status` beside a worker move nothing."""
    path.write_bytes(b"\x00" * 100 + path.read_bytes()[100:])
    with pytest.raises(JournalCorrupt, match="start the worker"):
        Journal(path)
    assert path.exists()


def test_claim__new_or_known__is_told(path: Path) -> None:
    again = Journal(path)
    again.claim({"worker": "me"})
    assert not again.is_new

"""Events that are heard, whose worker is named, and job logs that do not fill the disk."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.worker.jobs import JOB, ME

from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.logs import MAX_JOB_LOG, JobLog, JobLogShelf, configure, in_context, listening, naming

DAY = 86_400


@pytest.fixture(autouse=True)
def json_lines() -> Iterator[None]:
    configure(as_json=True)
    yield
    structlog.reset_defaults()


def shelf(folder: Path, **changes: Any) -> JobLogShelf:
    return JobLogShelf(folder, **({"days": 30, "megabytes": 1} | changes))


def put(folder: Path, number: int, *, size: int = 10, age_days: float = 0, now: float = 1_000 * DAY) -> Path:
    path = folder / f"{number:064x}.log"
    path.write_bytes(b"x" * size)
    os.utime(path, (now - age_days * DAY,) * 2)
    return path


def test_listening__every_event__also_those_of_threads_that_keep_the_workers_name() -> None:
    heard: list[dict[str, Any]] = []
    with listening(lambda event: heard.append(dict(event))), naming(ME):
        structlog.get_logger().info("here")
        thread = threading.Thread(target=in_context(lambda: structlog.get_logger().warning("there", n=3)))
        thread.start()
        thread.join()
    structlog.get_logger().info("afterwards")
    assert [(event["event"], event["worker"], event["level"]) for event in heard] == [
        ("here", ME, "info"),
        ("there", ME, "warning"),
    ]


def test_listening__two_workers_in_one_process__each_event_names_its_own() -> None:
    heard: list[dict[str, Any]] = []

    def live(name: str) -> None:
        with naming(name):
            structlog.get_logger().info("tick")

    with listening(lambda event: heard.append(dict(event))):
        threads = [threading.Thread(target=live, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(event["worker"] for event in heard) == ["a", "b"]


def test_listening__a_listener_that_fails__costs_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError

    configure(as_json=True)  # to the stderr that is captured now
    with listening(broken):
        structlog.get_logger().info("still.told")
    assert json.loads(capsys.readouterr().err)["event"] == "still.told"


def test_job_log__hostile_text__one_line_per_event(tmp_path: Path) -> None:
    JobLog(tmp_path, JOB).say("run.failed", reason="one\n2026-01-01T00:00:00Z job.settled outcome=paid\x1b[2J")
    [line] = (tmp_path / f"{JOB.hex()}.log").read_text().splitlines()
    assert "run.failed" in line and "\x1b" not in line


def test_job_log__a_job_that_never_ends__file_stays_small(tmp_path: Path) -> None:
    log = JobLog(tmp_path, JobId(b"\x01" * 32))
    for _ in range(300):
        log.say("run.failed", reason="x" * 2000)
    assert (tmp_path / f"{'01' * 32}.log").stat().st_size <= MAX_JOB_LOG + 4096


def test_shelf__too_old__goes(tmp_path: Path) -> None:
    old, young = put(tmp_path, 1, age_days=31), put(tmp_path, 2, age_days=29)
    assert shelf(tmp_path).prune(now=1_000 * DAY) == 1
    assert not old.exists() and young.exists()


def test_shelf__too_much__the_oldest_go(tmp_path: Path) -> None:
    files = [put(tmp_path, number, size=400_000, age_days=number) for number in range(4)]
    assert shelf(tmp_path).prune(now=1_000 * DAY) == 2
    assert [file.exists() for file in files] == [True, True, False, False]


def test_shelf__what_is_no_job_log__stays(tmp_path: Path) -> None:
    """A link that somebody put there is not followed, and not ours to remove."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"x" * 5_000_000)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / f"{7:064x}.log").symlink_to(outside)
    (folder / "notes.txt").write_bytes(b"x" * 5_000_000)
    assert shelf(folder).prune(now=1_000 * DAY) == 0
    assert outside.exists() and (folder / "notes.txt").exists()


def test_shelf__no_folder_yet__nothing_to_do(tmp_path: Path) -> None:
    assert shelf(tmp_path / "none").prune(now=0) == 0


def test_shelf__looks_every_ten_minutes_at_most(tmp_path: Path) -> None:
    put(tmp_path, 1, age_days=31, now=0)
    keeper = shelf(tmp_path)
    assert keeper.prune() == 1
    put(tmp_path, 2, age_days=31, now=0)
    assert keeper.prune() == 0

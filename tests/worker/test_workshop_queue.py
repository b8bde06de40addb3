"""Whose turn it is when more jobs are handed over than run at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.worker.jobs import ME, make_terms

from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.jobs.executor import RunFailed, RunStopped
from tensorgrid_worker.jobs.workshop import Workshop

PATIENCE = 10.0


class Runs:
    """Stands where jobs are executed: each holds its slot until it is let go, or told to stop."""

    def __init__(self) -> None:
        self.begun: list[JobId] = []
        self.go: dict[JobId, threading.Event] = {}
        self.lock = threading.Lock()

    def prepare(self, job: JobId, *_: Any) -> Any:
        with self.lock:
            self.begun.append(job)
            go = self.go.setdefault(job, threading.Event())
        assert go.wait(PATIENCE)
        raise RunFailed("its end, for these tests")

    def spec(self, *_: Any) -> None:
        return None


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def shop(runs: Runs, tmp_path: Path) -> Iterator[Callable[[int], Workshop]]:
    made: list[Workshop] = []

    def make(capacity: int) -> Workshop:
        nothing = cast("Any", None)
        shop = Workshop(
            inputs=cast("Any", runs),
            executor=nothing,
            receipts=nothing,
            journal=cast("Any", SimpleNamespace(kinds=dict)),
            gpus=[],
            logs=tmp_path,
            worker=ME,
            publish=nothing,
            wake=lambda: None,
            min_progress_seconds=1,
            capacity=capacity,
        )
        made.append(shop)
        return shop

    yield make
    for go in runs.go.values():
        go.set()
    for one in made:
        one.close()


def job(number: int) -> JobId:
    return JobId(bytes([number]) * 32)


def until(found: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_queue__the_nearest_deadline_first__whatever_the_order_of_asking(
    runs: Runs, shop: Callable[[int], Workshop]
) -> None:
    ours = shop(1)
    for number, due in ((1, 50), (2, 90), (3, 70), (4, 80)):
        runs.go[job(number)] = threading.Event()
        ours.run(job(number), make_terms(), bytes(32), due)
        until(lambda: runs.begun[:1] == [job(1)])
    assert ours.running() == {job(number) for number in (1, 2, 3, 4)}
    for go in runs.go.values():
        go.set()
    until(lambda: not ours.running())
    assert runs.begun == [job(1), job(3), job(4), job(2)]


def test_queue__as_many_at_once_as_there_is_capacity(runs: Runs, shop: Callable[[int], Workshop]) -> None:
    ours = shop(2)
    for number in (1, 2, 3):
        ours.run(job(number), make_terms(), bytes(32), number)
    until(lambda: len(runs.begun) == 2)
    time.sleep(0.05)
    assert len(runs.begun) == 2
    runs.go[runs.begun[0]].set()
    until(lambda: len(runs.begun) == 3)


def test_run__asked_twice__runs_once(runs: Runs, shop: Callable[[int], Workshop]) -> None:
    ours = shop(2)
    for _ in range(3):
        ours.run(job(1), make_terms(), bytes(32), 1)
    until(lambda: bool(runs.begun))
    runs.go[job(1)].set()
    until(lambda: not ours.running())
    assert runs.begun == [job(1)]


def test_stop__while_it_waits__it_never_begins(runs: Runs, shop: Callable[[int], Workshop]) -> None:
    ours = shop(1)
    for number in (1, 2, 3):
        ours.run(job(number), make_terms(), bytes(32), number)
    until(lambda: runs.begun == [job(1)])
    ours.stop(job(2))
    assert ours.running() == {job(1), job(3)}
    for number in (1, 3):
        runs.go.setdefault(job(number), threading.Event()).set()
    until(lambda: not ours.running())
    assert runs.begun == [job(1), job(3)]


def test_failed__waits_before_its_next_try__a_stopped_one_does_not(
    runs: Runs, shop: Callable[[int], Workshop], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = shop(1)
    runs.go[job(1)] = threading.Event()
    runs.go[job(1)].set()
    ours.run(job(1), make_terms(), bytes(32), 1)
    until(lambda: not ours.running())
    assert ours.busy() == {job(1)}

    def stopped(*_: Any) -> Any:
        raise RunStopped("the worker stops")

    monkeypatch.setattr(runs, "prepare", stopped)
    ours.run(job(2), make_terms(), bytes(32), 1)
    until(lambda: not ours.running())
    assert ours.busy() == {job(1)}

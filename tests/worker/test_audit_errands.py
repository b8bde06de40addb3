"""What audits do beside the chain: one thing per job at a time, again after a failure, never too late, no crash."""

from __future__ import annotations

import threading

import pytest

from tensorgrid.domain.errors import StorageError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.auditing import errands
from tensorgrid_worker.auditing.errands import Errands
from tensorgrid_worker.jobs.executor import RunStopped

JOB, OTHER = JobId(b"\x01" * 32), JobId(b"\x02" * 32)
LONG = 60.0


@pytest.fixture
def woken():
    return threading.Semaphore(0)


@pytest.fixture
def desk(woken, monkeypatch):
    monkeypatch.setattr(errands, "FIRST_PAUSE", 0.0)
    found = Errands(woken.release)
    yield found
    found.close()


def waits(stop):
    stop.wait(LONG)
    raise RunStopped("stopped; it is done again")


def test_errand__done__its_result_is_kept_and_it_is_not_done_again(desk, woken):
    calls = []

    def work(_):
        calls.append(1)
        return "found"

    for _ in range(3):
        desk.start(JOB, "replay", work, seconds=LONG)
        if not desk.result(JOB, "replay"):
            assert woken.acquire(timeout=LONG)
    assert (desk.result(JOB, "replay"), calls, desk.running()) == ("found", [1], frozenset())


def test_errand_of_a_job__another_runs__waits(desk, woken):
    desk.start(JOB, "one", waits, seconds=LONG)
    desk.start(JOB, "two", lambda _: "two", seconds=LONG)
    desk.start(OTHER, "two", lambda _: "two", seconds=LONG)
    assert woken.acquire(timeout=LONG)
    assert (desk.result(JOB, "two"), desk.result(OTHER, "two")) == (None, "two")
    assert desk.running() == {JOB}


@pytest.mark.parametrize("error", [StorageError("away"), OSError("disk"), ValueError("a fault of ours")])
def test_errand__fails__tried_again(desk, woken, error, monkeypatch):
    failures = [error]

    def work(_):
        if failures:
            raise failures.pop()
        return "found"

    desk.start(JOB, "replay", work, seconds=LONG)
    assert woken.acquire(timeout=LONG)
    monkeypatch.setattr(errands.time, "monotonic", lambda: float("inf"))  # its pause is over
    desk.start(JOB, "replay", work, seconds=LONG)
    assert woken.acquire(timeout=LONG)
    assert desk.result(JOB, "replay") == "found"


def test_errand__too_late__stopped(desk, woken):
    desk.start(JOB, "replay", waits, seconds=0)
    assert woken.acquire(timeout=LONG)
    assert desk.result(JOB, "replay") is None


def test_job_forgotten__its_errand_stops_and_leaves_nothing(desk, woken):
    desk.start(JOB, "replay", waits, seconds=LONG)
    desk.forget(JOB)
    assert woken.acquire(timeout=LONG)
    assert (desk.running(), desk.result(JOB, "replay")) == (frozenset(), None)

"""Attacks on a worker's attention, disk and GPUs: by postings that nobody can take, and by its own neighbour."""

from __future__ import annotations

import fcntl
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.worker.jobs import ME, TAKE_BY, make_record, make_terms
from tests.worker.test_fleet import GPUS, identity, settings
from tests.worker.test_fleet import Daemon as FakeDaemon
from tests.worker.test_view import FakeChain, head, job

from tensorgrid.domain.jobs import JobId, JobState
from tensorgrid_worker import control
from tensorgrid_worker.capability.turn import Turn
from tensorgrid_worker.config import ConfigInvalid, load_fleet
from tensorgrid_worker.fleet import Fleet, check_gpus
from tensorgrid_worker.jobs.executor import RunStopped
from tensorgrid_worker.loop.daemon import Daemon
from tensorgrid_worker.loop.larder import Larder
from tensorgrid_worker.loop.planner import Action, Do
from tensorgrid_worker.loop.view import MOST_OFFERS, PATIENCE, ViewReader
from tensorgrid_worker.memory.records import JobRecord, Preparation
from tensorgrid_worker.start import lock


def posted(number: int, price: int) -> JobRecord:
    return replace(make_record(job=JobId(bytes([number]) * 32)), terms=make_terms(price=price))


def looked_at(reader: ViewReader, records: dict[JobId, JobRecord], **taking: Any) -> set[JobId]:
    return {view.record.id for view in reader.read(records, head(), **taking)}


def test_dear_jobs_that_nobody_can_take__crowd_the_board__an_honest_one_is_still_seen() -> None:
    bait = [posted(number, 10**24) for number in range(1, MOST_OFFERS * 2 + 1)]
    honest = posted(99, 1_000_000)
    records = {record.id: record for record in (*bait, honest)}
    reader = ViewReader(FakeChain(job(JobState.POSTED, taken=0), refuse="NotDrawn"), ME)  # type: ignore[arg-type]
    seen: set[JobId] = set()
    for _ in range(3 * PATIENCE):
        seen |= looked_at(reader, records)
    assert honest.id in seen


def test_a_take_under_way__dearer_jobs_are_posted__it_is_still_looked_at() -> None:
    """Else it would not count as one of ours, and a draining worker would not wait for it."""
    cheap = posted(99, 1)
    records = {record.id: record for record in (*(posted(number, 10**9) for number in range(1, 40)), cheap)}
    reader = ViewReader(FakeChain(job(JobState.POSTED, taken=0)), ME)  # type: ignore[arg-type]
    assert cheap.id in looked_at(reader, records, taking={cheap.id})


@pytest.mark.parametrize("preparation", [Preparation.NEW, Preparation.READY])
def test_a_job_with_one_input_missing__is_never_ended_by_its_requester__its_files_go(
    preparation: Preparation,
) -> None:
    record, gone = replace(posted(1, 5), preparation=preparation), list[JobId]()
    shop = SimpleNamespace(holds=lambda job: job not in gone, forget=gone.append, waiting=dict)
    larder = Larder(cast("Any", shop), ME, 1)
    for now in (TAKE_BY, TAKE_BY + 1, TAKE_BY + 2):
        larder.clear({record.id: record}, (), now)
    assert gone and set(gone) == {record.id}


def test_a_measurement_runs__a_job_comes__the_gpu_is_free_before_it_starts() -> None:
    ended: list[str] = []

    def measure(_: bytes, stop: threading.Event) -> list[Any]:
        stop.wait(10)
        time.sleep(0.1)
        ended.append("measured")
        raise RunStopped("a job came")

    turn = Turn(measure, [])
    turn.begin(b"nonce")
    shop = SimpleNamespace(run=lambda *_: ended.append("job"))
    parts: Any = SimpleNamespace(_upkeep=turn, _workshop=shop, _view=SimpleNamespace(refusals={}), _head=1)
    view: Any = SimpleNamespace(record=posted(1, 5), seed=bytes(32), is_extra=False, job=SimpleNamespace(clock=9))
    Daemon._act(parts, [Action(Do.RUN, view.record.id)], {view.record.id: view})
    assert ended == ["measured", "job"]


@pytest.mark.parametrize("gpus", [("", ""), ("0", "GPU-0"), ("GPU-1", "")])
def test_two_identities_on_one_gpu__are_refused(tmp_path: Path, gpus: tuple[str, str]) -> None:
    fleet = load_fleet(settings(tmp_path, *(identity(f"w{i}", gpu=gpu) for i, gpu in enumerate(gpus))))
    with pytest.raises(ConfigInvalid, match="both use GPU"):
        check_gpus(fleet.workers, GPUS)


def test_two_identities_with_a_gpu_each_or_none__may_run(tmp_path: Path) -> None:
    tables = [identity("a", gpu="GPU-0"), identity("b", gpu="1"), identity("c", gpu="none")]
    check_gpus(load_fleet(settings(tmp_path, *tables)).workers, GPUS)
    check_gpus(load_fleet(settings(tmp_path, identity("a"), identity("b"))).workers, [])


def test_one_of_two_is_drained__who_waits_for_it_need_not_wait_for_the_other(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("a", "b")]
    for home in homes:
        home.mkdir()
    held = {home.name: lock(home) for home in homes}
    daemons = {home.name: FakeDaemon() for home in homes}
    thread = threading.Thread(target=Fleet(list(daemons.items()), lambda name: held[name].close()).run)
    thread.start()
    daemons["a"].drain()
    until = time.monotonic() + 5
    while control.is_running(homes[0]) and time.monotonic() < until:
        time.sleep(0.01)
    assert not control.is_running(homes[0]) and control.is_running(homes[1])
    daemons["b"].drain()
    thread.join(5)


def test_drain_is_asked_while_the_daemon_still_starts__is_obeyed(tmp_path: Path) -> None:
    asked = threading.Event()
    (tmp_path / control.FILE).touch()  # meant for a daemon that is gone
    with lock(tmp_path):
        assert not (tmp_path / control.FILE).exists()
        assert control.ask_to_drain(tmp_path)
        with control.obeying(tmp_path, asked.set):
            assert asked.wait(5)
    with (tmp_path / "lock").open("ab") as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)

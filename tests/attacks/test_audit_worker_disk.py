"""Attacks on a worker's disk and memory by jobs that it never takes, and on its other jobs by a disk that is full."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from tests.worker.jobs import ME, TAKE_BY, make_record, make_result

from tensorgrid.domain.jobs import JobId
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.jobs.inputs import Inputs
from tensorgrid_worker.jobs.workshop import Workshop
from tensorgrid_worker.loop.daemon import Daemon
from tensorgrid_worker.loop.larder import FORGET_SECONDS, GAVE_WAY, Larder
from tensorgrid_worker.loop.planner import Action, Do
from tensorgrid_worker.memory.records import JobRecord, Preparation

MIB = 1 << 20


def posted(number: int, *workers: str, block: int = 0) -> JobRecord:
    record = make_record(*workers, job=JobId(bytes([number]) * 32), preparation=Preparation.READY)
    return replace(record, posted_block=block or number)


class Shop:
    """Holds a MiB of each job."""

    def __init__(self, *jobs: JobRecord) -> None:
        self.held = {job.id: MIB for job in jobs}

    def waiting(self) -> dict[JobId, int]:
        return dict(self.held)

    def holds(self, job: JobId) -> bool:
        return job in self.held

    def forget(self, job: JobId) -> None:
        del self.held[job]


def larder(shop: Shop, most: int) -> Larder:
    return Larder(cast("Workshop", shop), ME, most)


def test_a_flood_of_jobs_with_large_inputs__is_fetched__the_oldest_give_way_and_ours_never() -> None:
    ours, under_way = posted(1, ME), posted(2)
    flood = [posted(number) for number in range(3, 9)]
    records = {record.id: record for record in (ours, under_way, *flood)}
    shop = Shop(*records.values())
    changed = larder(shop, 2 * MIB).clear(records, {under_way.id}, now=1)
    assert shop.held.keys() == {ours.id, under_way.id, flood[-2].id, flood[-1].id}
    assert changed == {record.id for record in flood[:-2]}
    assert {records[job].reason for job in changed} == {GAVE_WAY}  # not fetched once more, and again, and again
    assert larder(shop, 2 * MIB).clear(records, {under_way.id}, now=1) == set()


def test_jobs_that_nobody_ends__lie_in_the_records__are_forgotten_unless_they_are_ours() -> None:
    ours, taking, other = posted(1, ME), posted(2), posted(3)
    records = {record.id: record for record in (ours, taking, other)}
    keeper = larder(Shop(), MIB)
    assert keeper.over(records, {taking.id}, TAKE_BY + FORGET_SECONDS) == []
    assert keeper.over(records, {taking.id}, TAKE_BY + FORGET_SECONDS + 1) == [other.id]


def test_scratch_of_unknown_jobs__left_by_a_crash__is_swept_and_nothing_else(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    known, unknown = JobId(b"\x01" * 32), JobId(b"\x02" * 32)
    for name in (known.hex(), unknown.hex(), "notes"):
        (scratch / name / "in").mkdir(parents=True)
        (scratch / name / "in" / "blob").write_bytes(bytes(5))
    inputs = Inputs(LocalStore(tmp_path / "store"), scratch, cast("Any", None), 0)
    assert inputs.size(known) == 5
    inputs.sweep([known])
    assert sorted(path.name for path in scratch.iterdir()) == sorted([known.hex(), "notes"])


def test_disk_is_full_for_one_opening__the_others_reveals_are_planned_all_the_same() -> None:
    class Openings:
        def keep(self, result: Any) -> None:
            if result.job == full.id:
                raise OSError("No space left on device")

    full, fine, revealing = (posted(number, ME) for number in (1, 2, 3))
    actions = [Action(Do.COMMIT, full.id), Action(Do.COMMIT, fine.id), Action(Do.REVEAL, revealing.id)]
    seen: Any = {record.id: SimpleNamespace(job=SimpleNamespace(silent=False)) for record in (full, fine, revealing)}
    memory: Any = SimpleNamespace(results={job.id: replace(make_result(), job=job.id) for job in (full, fine)})
    parts: Any = SimpleNamespace(_openings=Openings())
    with capture_logs() as lines:
        kept = Daemon._openable(parts, actions, seen, memory)
    assert kept == actions[1:]
    assert [line["event"] for line in lines] == ["opening.not_kept"]


def test_disk_for_waiting_jobs_is_used_up__no_more_is_fetched_until_some_gave_way(tmp_path: Path) -> None:
    shop = object.__new__(Workshop)
    asked: list[JobId] = []
    parts: Any = shop
    parts._lock, parts._logs = threading.Lock(), tmp_path
    parts._waiting, parts._most_waiting, parts._pauses, parts._verdicts = {JobId(b"\x01" * 32): 9}, 8, {}, {}
    parts._inspecting, parts._inputs = set(), SimpleNamespace(prepare=lambda job, *_: asked.append(job))
    shop._inspect(JobId(b"\x02" * 32), cast("Any", None), lambda *_: None)
    assert asked == [] and shop.verdicts() == {} and shop.busy() == {JobId(b"\x02" * 32)}


@pytest.mark.parametrize("preparation", [Preparation.NEW, Preparation.REFUSED])
def test_a_job_that_holds_nothing_yet__is_not_what_gives_way(preparation: Preparation) -> None:
    job = replace(posted(1), preparation=preparation)
    records = {job.id: job}
    assert larder(Shop(job), 1).clear(records, (), now=1) == set()
    assert records[job.id] is job

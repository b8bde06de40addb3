"""Leaving an audited job early: who asks, when it is planned, what a machine that kills jobs does of itself."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.worker.jobs import JOB, ME, SECOND, SEED, VERIFIER, make_record, make_result, make_terms
from tests.worker.test_planner import NOW, WORK_BY, job, seen

from tensorgrid.domain.jobs import JobId, JobState
from tensorgrid_worker import draining
from tensorgrid_worker.control import abandoned, ask_to_abandon, forget_abandoned
from tensorgrid_worker.jobs.executor import RunKilled, RunStopped
from tensorgrid_worker.jobs.leave import Leave
from tensorgrid_worker.jobs.snapshots import Snapshots
from tensorgrid_worker.jobs.workshop import Workshop
from tensorgrid_worker.loop.planner import Action, Do, JobView, Memory, plan
from tensorgrid_worker.memory.journal import Journal

OTHER = JobId(b"\x44" * 32)
ABANDONED = frozenset({JOB})


def view(**changes: Any) -> JobView:
    """Ours to work on, until WORK_BY."""
    record = make_record(ME, terms=make_terms(workers=1), assigned_block=14)
    state = job(JobState.ASSIGNED, taken=1, clock=WORK_BY)
    return replace(seen(record, state, 1, seed=SEED, audited=True), **changes)


def planned(one: JobView, now: int = NOW, **memory: Any) -> list[Action]:
    return plan([one], Memory(ME, **memory), 1, now)


class TestPlan:
    def test_asked_for_a_job_that_runs__left_behind_the_next_segment(self) -> None:
        assert planned(view(), running=ABANDONED, abandoned=ABANDONED) == [Action(Do.LEAVE, JOB)]

    def test_asked_for_a_job_that_does_not_run__what_is_on_disk_is_made_its_result(self) -> None:
        assert planned(view(), abandoned=ABANDONED) == [Action(Do.LEAVE, JOB), Action(Do.RUN, JOB)]

    def test_deadline_near__left_at_once__unasked(self) -> None:
        late = WORK_BY - 5
        assert planned(view(), late, running=ABANDONED, margin=10) == [Action(Do.LEAVE, JOB, at_once=True)]
        assert planned(view(), WORK_BY - 10, running=ABANDONED, margin=10) == []

    @pytest.mark.parametrize(
        ("changes", "memory"),
        [
            ({"audited": False}, {}),
            ({"number": 0}, {}),
            ({}, {"results": {JOB: make_result()}}),
        ],
        ids=["not paid by the segment", "not ours", "done already"],
    )
    def test_nothing_to_leave(self, changes: dict[str, Any], memory: dict[str, Any]) -> None:
        found = planned(view(**changes), running=ABANDONED, abandoned=ABANDONED, **memory)
        assert Do.LEAVE not in [action.do for action in found]


class TestLeave:
    def test_asked__waits_for_the_segment_to_end__unless_at_once(self) -> None:
        leave = Leave()
        assert not leave.enough(7, kept=True, last_kept=True)
        leave.ask()
        assert [leave.enough(n, kept=True, last_kept=last) for n, last in ((7, True), (8, False), (9, True))] == [
            False,
            False,
            True,
        ]
        leave.ask(at_once=True)
        assert leave.enough(9, kept=True, last_kept=False)
        assert not leave.enough(9, kept=False, last_kept=False)


class TestControl:
    def test_asked__known_until_it_is_forgotten__whatever_else_lies_there(self, tmp_path: Path) -> None:
        assert abandoned(tmp_path) == frozenset()
        ask_to_abandon(tmp_path, JOB)
        ask_to_abandon(tmp_path, OTHER)
        (tmp_path / "abandon" / "rubbish").touch()
        assert abandoned(tmp_path) == {JOB, OTHER}
        forget_abandoned(tmp_path, JOB)
        forget_abandoned(tmp_path, JOB)
        assert abandoned(tmp_path) == {OTHER}


class TestCommand:
    @pytest.fixture
    def config(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        contracts = {"AuditVerifier": SimpleNamespace(address=VERIFIER)}
        monkeypatch.setattr(draining.Deployment, "load", lambda _: SimpleNamespace(contracts=contracts))
        journal = Journal(tmp_path / "journal.sqlite")
        journal.claim({"worker": ME})
        terms = make_terms(workers=1)
        others = replace(terms, verifier=SECOND, workers=3)
        found = [
            make_record(ME, terms=terms, assigned_block=14),
            make_record(ME, job=OTHER, terms=others, assigned_block=14),
            make_record(SECOND, job=JobId(b"\x45" * 32), terms=terms, assigned_block=14),
            make_record(job=JobId(b"\x46" * 32), terms=terms),
        ]
        journal.record(jobs=found)
        journal.close()
        return SimpleNamespace(home=tmp_path, deployment=tmp_path / "deployment.json")

    def test_one_by_the_beginning_of_its_id(self, config: Any) -> None:
        assert draining.abandon_jobs(config, "0x" + JOB.hex()[:8]) == ["0x" + JOB.hex()]
        assert abandoned(config.home) == {JOB}

    def test_all__only_those_that_are_paid_by_the_segment_and_ours(self, config: Any) -> None:
        assert draining.abandon_jobs(config) == ["0x" + JOB.hex()]

    @pytest.mark.parametrize("name", ["0x" + OTHER.hex(), "0x45", "0x46", "../../etc"])
    def test_another_one__refused_with_those_there_are(self, config: Any, name: str) -> None:
        with pytest.raises(draining.NothingToAbandon, match=f"name one of them: 0x{JOB.hex()[:8]}"):
            draining.abandon_jobs(config, name)
        assert abandoned(config.home) == frozenset()

    def test_one_of_another_kind__done_alone__may_be_given_back(self, config: Any) -> None:
        alone = JobId(b"\x47" * 32)
        journal = Journal(config.home / "journal.sqlite")
        terms = make_terms(workers=1, verifier=SECOND)
        journal.record(jobs=[make_record(ME, job=alone, terms=terms, assigned_block=14)])
        journal.close()
        assert draining.abandon_jobs(config, "0x47") == ["0x" + alone.hex()]
        assert abandoned(config.home) == {alone}

    def test_done_already__refused(self, config: Any) -> None:
        journal = Journal(config.home / "journal.sqlite")
        journal.keep_result(make_result())
        journal.close()
        with pytest.raises(draining.NothingToAbandon, match="none"):
            draining.abandon_jobs(config, "0x" + JOB.hex())


def test_machine_that_kills_a_job_again_and_again__leaves_it_with_what_is_whole(tmp_path: Path) -> None:
    asked, ended = list[bool](), threading.Event()
    spec = SimpleNamespace(resources=SimpleNamespace(threads=1, gpus=0, wall_seconds=1), progress_seconds=1)

    def run(*_: Any, leave: Leave, **__: Any) -> Any:
        asked.append(leave.asked)
        if leave.asked:
            ended.set()
            raise RunStopped("as far as it is whole")
        raise RunKilled("the machine")

    nothing = cast("Any", None)
    prepared = SimpleNamespace(
        spec=spec,
        folder=tmp_path,
        task=lambda seed, gpus: SimpleNamespace(spec=spec, seed=seed, folder=tmp_path, gpus=gpus),
    )
    shop = Workshop(
        inputs=cast("Any", SimpleNamespace(prepare=lambda *_: prepared, store=None, spec=lambda *_: None)),
        executor=cast("Any", SimpleNamespace(run=run)),
        receipts=nothing,
        journal=cast("Any", SimpleNamespace(kinds=dict)),
        gpus=[],
        logs=tmp_path,
        worker=ME,
        publish=nothing,
        wake=lambda: None,
        min_progress_seconds=1,
    )
    for _ in range(4):
        shop.run(JOB, make_terms(), SEED)
        while shop.running():
            threading.Event().wait(0.01)
    assert ended.wait(10)
    assert asked == [False, False, False, True]
    shop.close()


class TestSnapshots:
    def told(self, segments: int, seconds: float, indices: range) -> list[int]:
        found = list[int]()
        snapshots = Snapshots(JOB, lambda _, one: found.append(one.index), segments=segments, seconds=seconds)
        for index in indices:
            snapshots.add(cast("Any", SimpleNamespace(index=index)))
        return found

    def test_one_of_so_many_segments(self) -> None:
        assert self.told(25, 0, range(1, 101)) == [25, 50, 75, 100]

    def test_not_more_often_than_the_time_between_two_allows(self) -> None:
        assert self.told(10, 3600, range(1, 101)) == [10]

    def test_switched_off__none(self) -> None:
        assert self.told(0, 0, range(1, 101)) == []

    def test_goes_on_after_an_interruption__soon_tells_where_it_is(self) -> None:
        assert self.told(25, 0, range(41, 101)) == [41, 66, 91]

    def test_disk_that_fails__costs_a_snapshot_and_not_the_job(self) -> None:
        def fail(*_: Any) -> None:
            raise OSError("full")

        Snapshots(JOB, fail, segments=1, seconds=0).add(cast("Any", SimpleNamespace(index=1)))

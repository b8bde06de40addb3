"""A job whose worker is silent: who opens its seat again, when, and who may take it then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.worker.jobs import (
    JOB,
    ME,
    SEALED,
    SECOND,
    SEED,
    TAKE_BY,
    THIRD,
    WORK_TIME,
    log_at,
    make_record,
    make_result,
    make_terms,
)

from tensorgrid.chain.calls import Call
from tensorgrid.chain.history import Event, JobPosted, JobReopened, JobSealed, JobSettled, JobTaken, WorkerSettled
from tensorgrid.domain.jobs import Fault, Job, JobId, JobState
from tensorgrid_worker.loop.planner import STRANGERS, JobView, Memory, plan
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.records import JobRecord, Preparation, apply, rewind
from tensorgrid_worker.memory.rows import Status

WORK_BY = TAKE_BY + WORK_TIME
REOPEN_BY = WORK_BY + 16
REOPENED_UNTIL = 1_200
ALONE = make_terms(workers=1, reopens=1)
PATIENT = Memory(ME, stagger=3)


def at_work(worker: str, **changes: Any) -> JobView:
    """A job of one seat, which `worker` has; it may be opened again once."""
    record = make_record(worker, terms=ALONE, assigned_block=11)
    job = Job(JobState.ASSIGNED, 1, 0, False, False, True, 7, WORK_BY, 12, b"\x30" * 20)
    view = JobView(record, job, record.held, int(worker == ME), SEED, reopen_by=REOPEN_BY)
    return replace(view, **changes)


def dos(view: JobView, memory: Memory = PATIENT, *, now: int) -> list[str]:
    return [str(action.do) for action in plan([view], memory, 1, now)]


def told(*events: Event, me: str = ME) -> JobRecord:
    records: dict[JobId, JobRecord] = {}
    for event in events:
        apply(records, event, me)
    return records[JOB]


def life(worker: str) -> list[Event]:
    return [
        JobPosted(JOB, ALONE, 12, log=log_at(10)),
        JobTaken(JOB, worker, 1, worker, worker, 1_000, WORK_BY, log=log_at(11)),
        WorkerSettled(JOB, worker, 0, Fault.NO_SHOW, False, log=log_at(20)),
        JobReopened(JOB, 22, REOPENED_UNTIL, 1, log=log_at(20, 1)),
    ]


# ------------------------------------------------------------------------------------------------- who opens it again


def test_plan__a_strangers_worker_is_silent__we_open_the_seat_after_a_while() -> None:
    view = at_work(SECOND)
    assert dos(view, now=WORK_BY) == []
    assert dos(view, now=WORK_BY + 1) == []
    assert dos(view, now=WORK_BY + 1 + STRANGERS * PATIENT.stagger) == ["reopen"]
    assert dos(view, now=REOPEN_BY + 1) == []


def test_plan__strangers__do_not_all_send_at_once() -> None:
    names = [f"0x{'0' * 38}{n:02x}" for n in range(STRANGERS)]
    starts = []
    for me in names:
        memory = Memory(me, stagger=3)
        starts.append(next(now for now in range(WORK_BY, REOPEN_BY) if dos(at_work(SECOND), memory, now=now)))
    assert len(set(starts)) == STRANGERS


def test_plan__it_is_on_its_way__once_is_enough() -> None:
    sent = replace(PATIENT, outbox={(JOB, "reopen"): Status.SENT})
    assert dos(at_work(SECOND), sent, now=REOPEN_BY) == []


def test_plan__our_own_seat_is_late__we_open_it_again_before_it_expires() -> None:
    view = at_work(ME)
    assert dos(view, now=REOPEN_BY) == ["reopen"]
    assert dos(view, now=REOPEN_BY + 1) == ["expire"]


def test_plan__no_reopening_is_left__it_expires() -> None:
    assert dos(at_work(ME, reopen_by=0), now=WORK_BY + 1) == ["expire"]
    assert dos(at_work(SECOND, reopen_by=0), now=REOPEN_BY) == []


# ---------------------------------------------------------------------------------------------------- who may take it


def test_records__opened_again__has_no_seats_and_new_time() -> None:
    record = told(*life(SECOND))
    assert (record.seats, record.assigned_block) == ((), 0)
    assert (record.take_by, record.reopened, record.reopens_left) == (REOPENED_UNTIL, 1, 0)
    assert record.round == 12  # the seed's, for ever


def test_records__told_twice__loses_no_seat_that_was_taken_since() -> None:
    again = JobTaken(JOB, ME, 1, ME, ME, 1_000, REOPENED_UNTIL + 50, log=log_at(23))
    record = told(*life(SECOND), again, life(SECOND)[-1])
    assert record.workers == (ME,)


def test_records__our_own_seat_was_lost__the_job_is_dropped() -> None:
    record = told(*life(ME))
    assert record.preparation is Preparation.REFUSED
    assert record.outcome == "no_show 5"


def test_plan__opened_again__is_taken_after_the_first_take_time() -> None:
    record = replace(told(*life(SECOND)), preparation=Preparation.READY)
    job = Job(JobState.POSTED, 0, 0, False, False, False, 7, WORK_BY + 5, 22, b"\x30" * 20, True)
    view = JobView(record, job, may_take=True)
    assert dos(view, now=REOPENED_UNTIL) == ["take"]
    assert dos(view, now=REOPENED_UNTIL + 1) == []


def test_journal__opened_again__a_take_that_came_too_late_may_be_sent_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    first = told(*life(SECOND)[:2])
    journal.record(jobs=[first], calls=[(JOB, "take", Call("0x" + "1" * 40, b"", "take"))])
    [row] = journal.outbox(Status.NEW)
    journal.ended(row.id, Status.DEAD, reason="SeatsFull", block=11)
    journal.record(jobs=[first])
    assert journal.kinds() == {(JOB, "take"): Status.DEAD}
    journal.record(jobs=[told(*life(SECOND))])
    assert journal.kinds() == {}
    assert journal.open_jobs()[JOB].reopened_until == REOPENED_UNTIL


# ------------------------------------------------------------------------------------------------------ reorganisations


def twice_lost(first: str, second: str, third: str) -> list[Event]:
    """Lost by two, the second time in block 30; done by the third."""
    return [
        *life(first),
        JobTaken(JOB, second, 1, second, second, 1_000, REOPENED_UNTIL + 50, log=log_at(23)),
        WorkerSettled(JOB, second, 0, Fault.ABANDONED, False, log=log_at(30)),
        JobReopened(JOB, 32, REOPENED_UNTIL + 200, 2, log=log_at(30, 1)),
        JobTaken(JOB, third, 1, third, third, 1_000, REOPENED_UNTIL + 250, log=log_at(33)),
        JobSealed(JOB, third, SEALED, REOPENED_UNTIL + 210, log=log_at(35)),
        WorkerSettled(JOB, third, 1_000, Fault.NONE, True, log=log_at(40)),
        JobSettled(JOB, third, 1_000, 10, 0, log=log_at(40, 1)),
    ]


@pytest.mark.parametrize(
    "who", [(ME, SECOND, THIRD), (SECOND, ME, THIRD), (SECOND, THIRD, ME)], ids=["first", "second", "third"]
)
@pytest.mark.parametrize("block", [*range(10, 13), *range(19, 41)])
def test_rewind__a_reopening__as_if_it_had_never_happened(who: tuple[str, str, str], block: int) -> None:
    events = twice_lost(*who)
    records = {JOB: told(*events)}
    rewind(records, block)
    assert records[JOB] == told(*(event for event in events if event.log.block <= block))
    for event in events:  # told again from the beginning
        apply(records, event, ME)
    assert records[JOB] == told(*events)


def test_rewind__our_lost_seat_is_ours_again__the_work_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.record(jobs=[told(*life(ME))])
    records = journal.open_jobs()
    assert rewind(records, 19) == [JOB]
    back = records[JOB]
    assert (back.number_of(ME), back.assigned_block, back.take_by, back.reopens_left) == (1, 11, TAKE_BY, 1)
    assert (back.preparation, back.reason, back.outcome) == (Preparation.NEW, "", "")
    assert dos(at_work(ME, record=back, held=back.held), now=WORK_BY - 50) == ["inspect"]


# --------------------------------------------------------------------------------------------------------- giving back


def test_plan__asked_to_abandon__stops_and_gives_the_seat_back() -> None:
    asked = replace(PATIENT, abandoned=frozenset({JOB}), running=frozenset({JOB}))
    assert dos(at_work(ME), asked, now=WORK_BY - 50) == ["stop", "abandon"]


@pytest.mark.parametrize(
    "changes",
    [
        {"record": make_record(ME, SECOND, assigned_block=11)},
        {"audited": True},
    ],
    ids=["others work on it too", "an audited one ends early instead, and is paid for what is whole"],
)
def test_plan__asked_to_abandon__gives_back_only_what_it_does_alone(changes: dict[str, Any]) -> None:
    asked = replace(PATIENT, abandoned=frozenset({JOB}), results={JOB: make_result()})
    assert "abandon" not in dos(at_work(ME, **changes), asked, now=WORK_BY - 50)

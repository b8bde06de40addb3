"""What a requester is told of a job whose worker did not deliver, and what moves it on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.sdk.test_runs import TERMS, USDC, WORKERS, ZERO, Log

from tensorgrid.chain.audit_history import Snapshot
from tensorgrid.chain.board import JobBoard
from tensorgrid.chain.calls import Call
from tensorgrid.chain.events import JobExpired, JobPosted, JobReopened, JobSealed, JobTaken, WorkerSettled
from tensorgrid.chain.history import held_of
from tensorgrid.domain.errors import ChainError, WorkersSilent
from tensorgrid.domain.jobs import Fault, Job, JobState
from tensorgrid.domain.money import Amount
from tensorgrid.runs.closing import overdue_call
from tensorgrid.runs.ending import raise_unless_agreed
from tensorgrid.runs.story import Story, fold

ALONE = replace(TERMS, workers=1, reopens=2, no_show_bond=5)
WORK_BY, REOPENED_UNTIL, REOPEN_TIME = 160, 200, 16


class Board:
    def __getattr__(self, name: str) -> Any:
        return lambda terms, held: (name, held)


class Network:
    board, reopen_time = Board(), REOPEN_TIME


def taken(log: Log, worker: str = WORKERS[0]) -> Log:
    return log.add(JobTaken, worker=worker, number=1, provider=ZERO, payee=ZERO, price=100, work_by=WORK_BY)


def started() -> Log:
    return taken(Log().add(JobPosted, terms=ALONE, round=5))


def lost(fault: Fault = Fault.NO_SHOW) -> Log:
    log = started().add(WorkerSettled, worker=WORKERS[0], pay=0, fault=fault, agreed=False)
    return log.add(JobReopened, round=9, take_by=REOPENED_UNTIL, count=1)


def story_of(log: Log) -> Story:
    story = fold(log.events)
    assert story is not None
    return story


@pytest.mark.parametrize(
    ("fault", "words", "loss"),
    [(Fault.NO_SHOW, "did not deliver", 5), (Fault.ABANDONED, "gave the seat back", 3)],
    ids=["silent", "abandoned"],
)
def test_fold__a_seat_was_lost__says_who_and_how_often(fault: Fault, words: str, loss: int) -> None:
    story = story_of(lost(fault))
    who = WORKERS[0][:10]
    assert story.phase == f"worker {who} {words}; seat re-opened (1 of 2); waiting for workers: 0 of 1 seats taken"
    assert (story.state, story.held, story.deadline) == (JobState.POSTED, (), REOPENED_UNTIL)
    assert [(seat.worker, seat.slashed) for seat in story.lost] == [(WORKERS[0], loss)]
    assert story.round == 5  # the seed's


def test_fold__another_takes_it__is_the_only_seat() -> None:
    log = taken(lost(), WORKERS[1]).add(JobSealed, worker=WORKERS[1], commitment=b"\7" * 32, since=190)
    assert [seat.worker for seat in story_of(log).in_order] == [WORKERS[1]]
    assert [seat.worker for seat in held_of(log.events)] == [WORKERS[1]]


def test_fold__a_lost_worker_had_shown_snapshots__his_successor_is_held_against_his_own() -> None:
    log = started().add(Snapshot, worker=WORKERS[0], up_to=1, head=b"\6" * 32)
    log.add(JobReopened, round=9, take_by=REOPENED_UNTIL, count=1)
    taken(log, WORKERS[1]).add(Snapshot, worker=WORKERS[0], up_to=2, head=b"\6" * 32)
    log.add(Snapshot, worker=WORKERS[1], up_to=1, head=b"\7" * 32)
    story = fold(log.events, audit=ALONE.verifier)
    assert story is not None and story.audit is not None
    assert [(shown.worker, shown.head) for shown in story.audit.snapshots] == [(WORKERS[1], b"\7" * 32)]


def test_ending__nobody_took_the_seat_again__says_that_the_worker_was_silent() -> None:
    story = story_of(lost().add(JobExpired, closer=WORKERS[1], returned=700))
    with pytest.raises(WorkersSilent, match="came back"):
        raise_unless_agreed(story, "Run", Amount(700, USDC))


@pytest.mark.parametrize(
    ("log", "now", "call"),
    [
        (started(), WORK_BY, None),
        (started(), WORK_BY + 1, "reopen"),
        (started(), WORK_BY + REOPEN_TIME + 1, "expire"),
        (lost(), REOPENED_UNTIL, None),
        (lost(), REOPENED_UNTIL + 1, "expire"),
        (taken(lost(), WORKERS[1]), WORK_BY + 1, "reopen"),
        (taken(taken(lost(), WORKERS[1]).add(JobReopened, round=12, take_by=250, count=2)), WORK_BY + 1, "expire"),
    ],
    ids=["in time", "late", "too late", "open again", "nobody came", "late again", "none left"],
)
def test_overdue__a_silent_worker__is_replaced_while_the_terms_allow_it(log: Log, now: int, call: str | None) -> None:
    found: Any = overdue_call(Network(), story_of(log), now)  # type: ignore[arg-type]
    assert (found and found[0]) == call


def test_fold__a_word_of_storage__tells_that_it_was_opened_again() -> None:
    job = Job(JobState.POSTED, 0, 0, False, False, False, 7, 150, 9, b"\3" * 20, True)
    assert Job.of_word(job.word) == job
    assert job.deadline(ALONE, REOPEN_TIME) == 150 + REOPEN_TIME


def test_multicall__a_call_that_is_not_the_boards__is_refused_before_it_is_sent() -> None:
    board = JobBoard(None, "JobBoard", ZERO)  # type: ignore[arg-type]
    own = board.retire(1 << 16 | 1)
    assert board.multicall([own, own]).data.count(own.data) == 2
    for other in (Call("0x" + "11" * 20, b"", "Escrow.withdraw"), replace(own, value=1)):
        with pytest.raises(ChainError, match="send it by itself"):
            board.multicall([own, other])

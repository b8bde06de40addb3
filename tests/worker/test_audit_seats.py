"""Seats of audited jobs in the worker's daily plan: who works, who is full, who may leave, and what is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.worker.audits import make_claim, make_picture, served
from tests.worker.jobs import JOB, ME, SECOND, SEED, THIRD, make_record, make_result, make_terms
from tests.worker.test_planner import COMMITTED_AT, NOW, job, posted, seen

from tensorgrid.domain.audits import Answer, ClaimState
from tensorgrid.domain.jobs import ExtraSeats, JobId, JobState
from tensorgrid_worker.loop.planner import Memory, plan, to_be_opened, unfinished

EXTRA = ExtraSeats(count=2, round=70, opens_at=1_000, take_by=1_010, work_by=0)
ANSWERED = (Answer.CONFIRMED, *[Answer.NONE] * 3)
ACCUSING = (Answer.ACCUSED, *[Answer.NONE] * 3)
ANOTHER = JobId(b"\x41" * 32)


def audited(number, picture, **changes):
    """As seat `number` sees it: 1 its worker, 2 and 3 auditors, 0 nobody."""
    workers = {0: (SECOND, THIRD), 1: (ME, SECOND, THIRD), 2: (SECOND, ME, THIRD)}[number]
    record = make_record(*workers, terms=make_terms(workers=1), assigned_block=14, extra_block=20)
    state = job(JobState.COMMITTED, taken=len(workers), committed=1, clock=COMMITTED_AT)
    return replace(seen(record, state, number, seed=SEED, extra=EXTRA, audited=True, audit=picture), **changes)


def dos(*views, memory=None):
    return [(action.job, str(action.do)) for action in plan(views, memory or Memory(ME), 1, NOW)]


def test_auditor__has_no_work_to_commit_to():
    view = audited(2, make_picture(2))
    assert dos(view) == []
    assert dos(view, memory=Memory(ME, results={JOB: make_result()})) == []


def test_worker__committed__nothing_is_revealed_or_recovered():
    view = audited(1, make_picture(1))
    assert dos(view, memory=Memory(ME, results={JOB: make_result()})) == []
    assert not to_be_opened(view)


def test_seat_of_a_sitting__to_be_had__taken():
    assert dos(audited(0, None, may_take=True)) == [(JOB, "take_extra")]


@pytest.mark.parametrize(("picture", "taken"), [(served(2), []), (served(2, answers=ANSWERED), [(ANOTHER, "take")])])
def test_auditor__fills_the_hands_until_he_has_answered(picture, taken):
    other = posted()
    other = replace(other, record=replace(other.record, id=ANOTHER))
    assert dos(audited(2, picture), other) == taken


@pytest.mark.parametrize(
    ("number", "picture", "stays"),
    [
        (1, make_picture(1), True),  # whoever accuses it must be answered
        (2, make_picture(2), True),
        (2, served(2), True),
        (2, served(2, answers=ANSWERED), False),
        (2, served(2, answers=ACCUSING, claims={(2, 0): make_claim()}), True),  # it may be contested
        (2, served(2, answers=ACCUSING, claims={(2, 0): make_claim(ClaimState.FALLEN)}), False),
    ],
)
def test_draining__stays_for_what_only_it_can_do(number, picture, stays):
    assert unfinished(audited(number, picture), Memory(ME, draining=True)) is stays


def test_next_sitting__opened_by_whoever_has_a_seat():
    view = audited(1, make_picture(1), may_open_extra=True, closable_since=NOW)
    late = plan([view], Memory(ME), 1, NOW + 100)
    assert [str(action.do) for action in late] == ["open_extra"]

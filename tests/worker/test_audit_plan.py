"""What a worker and an auditor do next, as a table: a picture of the audit and what we know in, steps out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.worker.audits import (
    AUDIT_BY,
    BEGUN_AT,
    CHECKS,
    DRAW,
    FINGERPRINT,
    MANIFEST,
    PLAN,
    ROOTS,
    SERVED_AT,
    make_audit,
    make_claim,
    make_picture,
    served,
)

from tensorgrid.domain.audits import RESULT, Answer, ClaimState
from tensorgrid.domain.jobs import ZERO32
from tensorgrid_worker.auditing.findings import Findings, Served
from tensorgrid_worker.auditing.plan import Known, Move, Step, steps
from tensorgrid_worker.memory.rows import Status

TAKE_BY = BEGUN_AT + PLAN.take_time
SERVE_BY = TAKE_BY + PLAN.respond_time + 2 * PLAN.audit_time  # two auditors' shares
NOW = BEGUN_AT + 5
KEY = (2, 0)
CONFIRMED = Findings(ROOTS)


def planned(picture, known=None, now=NOW):
    return [move.step for move in steps(picture, known or Known(), now)]


def ready(picture):
    workers = tuple(picture.held[number - 1].worker for number in picture.auditors)
    return Served(picture.audit.sitting, picture.draw, workers, MANIFEST, CHECKS)


# ------------------------------------------------------------------------------------------------------ the worker


def test_committed_and_not_begun__opening_known__begins():
    picture = make_picture(auditors=0, audit=make_audit(done=0, sitting=0))
    assert steps(picture, Known(can_begin=True), NOW) == [Move(Step.BEGIN, BEGUN_AT + PLAN.respond_time)]
    assert planned(picture, Known(can_begin=False)) == []
    assert planned(picture, Known(can_begin=True), BEGUN_AT + PLAN.respond_time + 1) == []


@pytest.mark.parametrize(
    ("auditors", "now", "expected"),
    [
        (0, NOW, []),
        (0, TAKE_BY + 1, []),
        (1, NOW, []),
        (1, TAKE_BY, []),
        (1, TAKE_BY + 1, [Step.PREPARE]),
        (2, NOW, [Step.PREPARE]),
        (2, SERVE_BY, [Step.PREPARE]),
        (2, SERVE_BY + 1, []),
    ],
)
def test_seats_of_a_sitting__all_taken_or_time_over_with_one__prepared(auditors, now, expected):
    assert planned(make_picture(auditors=auditors), now=now) == expected


def test_prepared__served_until_its_deadline():
    picture = make_picture()
    known = Known(served=ready(picture))
    assert steps(picture, known, NOW) == [Move(Step.SERVE, SERVE_BY)]
    assert planned(picture, replace(known, outbox={"serve": Status.SENT})) == []
    assert planned(picture, replace(known, outbox={"serve": Status.REFUSED})) == [Step.SERVE]


@pytest.mark.parametrize("change", [{"draw": b"\x55" * 32}, {"auditors": 1}])
def test_prepared_for_another_draw_or_other_seats__prepared_anew(change):
    known = Known(served=ready(make_picture()))
    assert planned(make_picture(**change), known, TAKE_BY + 1) == [Step.PREPARE]


def test_round_not_due__nothing_is_prepared():
    assert planned(make_picture(draw=ZERO32)) == []


def test_accused__responds_in_time_and_without_a_trace_makes_it_again():
    picture = served(claims={KEY: make_claim()})
    due = 1_030 + PLAN.answer_time
    assert steps(picture, Known(), due) == [Move(Step.RESPOND, due, KEY)]
    assert planned(picture, Known(), due + 1) == []
    assert planned(picture, Known(has_trace=False), due) == [Step.RETRACE]


def test_result_accused__shows_the_result():
    picture = served(claims={KEY: make_claim(index=0, position=RESULT)})
    assert planned(picture, now=1_031) == [Step.RESPOND_RESULT]


def test_two_claims__two_steps_of_their_own_kinds():
    picture = served(claims={(2, 0): make_claim(), (2, 1): make_claim(index=9), (3, 0): make_claim(ClaimState.FALLEN)})
    assert [move.kind for move in steps(picture, Known(), 1_031)] == ["respond.2.0", "respond.2.1"]
    one = Known(outbox={"respond.2.0": Status.NEW})
    assert [move.kind for move in steps(picture, one, 1_031)] == ["respond.2.1"]


@pytest.mark.parametrize(
    ("upheld", "free", "expected"),
    [(None, 10, [Step.CHECK]), (True, 10, [Step.CONTEST]), (True, 9, []), (False, 10, [])],
)
def test_answered_and_differs__contests_only_what_it_has_seen_and_can_cover(upheld, free, expected):
    picture = served(claims={KEY: make_claim(ClaimState.DIFFERS)}, free=free, bond=10)
    assert planned(picture, Known(upheld={} if upheld is None else {KEY: upheld}), 1_036) == expected


# ------------------------------------------------------------------------------------------------------ an auditor


def test_auditor__not_served__waits():
    assert planned(make_picture(number=2)) == []


def test_auditor__served__replays_until_its_deadline():
    assert steps(served(2), Known(), SERVED_AT) == [Move(Step.REPLAY, AUDIT_BY)]
    assert planned(served(2), now=AUDIT_BY + 1) == []


def test_auditor__all_as_said__confirms():
    assert steps(served(2), Known(found=CONFIRMED), SERVED_AT) == [Move(Step.CONFIRM, AUDIT_BY)]


def test_auditor__something_wrong__accuses():
    assert planned(served(2), Known(found=Findings(ROOTS, (1,), ("why",))), SERVED_AT) == [Step.ACCUSE]


def test_auditor__answered_or_answering__does_nothing():
    given = (Answer.CONFIRMED, *[Answer.NONE] * 3)
    assert planned(served(2, answers=given), Known(found=CONFIRMED), SERVED_AT) == []
    for kind in ("confirm", "accuse"):  # after a restart: what was found is forgotten, what was sent is not
        assert planned(served(2), Known(outbox={kind: Status.SENT}), SERVED_AT) == []


def fallen(*positions, again=False):
    claims = {(2, which): make_claim(ClaimState.FALLEN, position=at, again=again) for which, at in enumerate(positions)}
    return served(2, answers=(Answer.VOID, *[Answer.NONE] * 3), claims=claims)


def test_auditor__first_claims_fallen_and_another_segment_differs__accuses_once_more():
    found = Known(found=Findings(ROOTS, (0, RESULT, 1), ("why",)))
    [move] = steps(fallen(0, RESULT), found, SERVED_AT)
    assert (move.step, move.kind, move.due) == (Step.ACCUSE, "accuse.2", AUDIT_BY)
    assert found.found.claims(fallen(0, RESULT).said) == (1,)
    assert planned(fallen(0, RESULT), replace(found, outbox={"accuse.2": Status.SENT})) == []
    assert planned(fallen(0, RESULT), now=SERVED_AT) == [Step.REPLAY]  # after a restart


def test_auditor__nothing_else_differs_or_it_was_the_second_time__stands_by_it():
    found = Known(found=Findings(ROOTS, (0, 1), ("why",)))
    assert planned(fallen(0, 1), found, SERVED_AT) == []
    assert planned(fallen(0, again=True), found, SERVED_AT) == []
    assert planned(fallen(0), found, AUDIT_BY + 1) == []  # it fell at 1,035, so that nothing is added


def test_auditor__claims_fallen_late__has_time_of_its_own_to_accuse_once_more():
    found = Known(found=Findings(ROOTS, (0, 1), ("why",)))
    late = fallen(0)
    late = replace(late, claims={(2, 0): replace(late.claims[(2, 0)], answered_at=AUDIT_BY + 30)})
    due = AUDIT_BY + 30 + PLAN.respond_time
    [move] = steps(late, found, due)
    assert (move.step, move.due) == (Step.ACCUSE, due)
    assert planned(late, now=due) == [Step.REPLAY]  # after a restart
    assert planned(late, found, due + 1) == []


def test_auditor__one_claim_still_open__waits():
    found = Known(found=Findings(ROOTS, (0, 1), ("why",)))
    half = fallen(0)
    half = replace(half, claims={**half.claims, (2, 1): make_claim(ClaimState.DIFFERS)})
    assert planned(half, found, SERVED_AT) == []
    assert planned(served(2, answers=(Answer.VOID, *[Answer.NONE] * 3)), found, SERVED_AT) == []  # declined


@pytest.mark.parametrize(
    ("computes", "expected"), [(FINGERPRINT, [Step.REPLAY]), (ZERO32, [Step.REPLAY]), (b"\x44" * 32, [Step.DECLINE])]
)
def test_auditor_of_another_fingerprint__declines_at_once_and_replays_nothing(computes, expected):
    assert planned(served(2, computes=computes), now=SERVED_AT) == expected


def test_auditor_of_an_earlier_sitting__does_nothing():
    picture = served(2)
    later = replace(picture, audit=replace(picture.audit, sitting=2, replacement_seat=4))
    assert planned(later, now=SERVED_AT) == []


def test_stranger__does_nothing():
    assert planned(make_picture(number=0)) == []


def test_check_that_does_not_fit_the_states__accused():
    assert Findings(ROOTS).against(CHECKS[0]).wrong == ()
    assert Findings(ROOTS).against(CHECKS[1]).wrong == (0,)
    assert Findings(ROOTS, (1,)).against(CHECKS[1]).wrong == (1,)


def test_record_before_the_first_serving__grows_by_the_draw():
    assert make_picture().grown().seed == DRAW
    last = make_picture(audit=make_audit(sitting=3, last_seat=4), record=served().record)
    assert (last.grown().seed, last.grown().fresh) == (DRAW, DRAW)

"""What the parties of a dispute do next, as a table: what the chain shows and our own replay found in, moves out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.worker.audits import PLAN, make_claim, make_picture, served

from tensorgrid.chain.abi import interface
from tensorgrid.chain.bisection import Clocks, Match, Span, Stage
from tensorgrid.chain.dispute_history import (
    MatchOpened,
    MatchPicked,
    MatchReferred,
    MatchSplit,
    MatchTimedOut,
    position_of,
)
from tensorgrid.chain.history import LogRef
from tensorgrid.domain.audits import ClaimState
from tensorgrid.domain.jobs import ZERO32
from tensorgrid_worker.auditing.disputes import middle_of, moves
from tensorgrid_worker.auditing.picture import Case, Dispute
from tensorgrid_worker.auditing.plan import Known, Move, Step
from tensorgrid_worker.auditing.segments import Walk
from tensorgrid_worker.memory.rows import Status

KEY = (2, 0)
STEPS, CLOCK, SINCE = 8, 60, 2_000
HONEST = Walk(tuple(bytes([step + 1]) * 32 for step in range(STEPS + 1)))
LIE = b"\x77" * 32
MATCH = Match(
    id=make_picture().id,
    number=2,
    claim=0,
    defender="0x" + "1" * 40,
    challenger="0x" + "2" * 40,
    hardware_class=b"\x05" * 32,
    start=HONEST.states[0],
    defended=LIE,
    challenged=HONEST.states[-1],
    steps=STEPS,
    clock=CLOCK,
)
FIRST = MATCH.first_span()
WALKED = Known(walks={KEY: HONEST})
DEFENDER, CHALLENGER = 1, 2


def dispute(stage, span=FIRST, *, left=(CLOCK, CLOCK)):
    return Dispute(5, MATCH, span, Clocks(stage, SINCE, *left))


def seen(number, stage, span=FIRST, **more):
    claims = {KEY: make_claim(ClaimState.CONTESTED)}
    return served(number, claims=claims, disputes={KEY: dispute(stage, span, **more)})


def said(span, middle=LIE):
    return replace(span, middle=middle)


def steps_of(picture, known=WALKED, now=SINCE + 1):
    return [move.step for move in moves(picture, known, now)]


@pytest.mark.parametrize(
    ("number", "stage", "span", "expected"),
    [
        (DEFENDER, Stage.DEFENDING, FIRST, [Step.SPLIT]),
        (DEFENDER, Stage.CHALLENGING, said(FIRST), []),
        (CHALLENGER, Stage.DEFENDING, FIRST, []),
        (CHALLENGER, Stage.CHALLENGING, said(FIRST), [Step.PICK]),
        (DEFENDER, Stage.JUDGING, FIRST, []),
        (CHALLENGER, Stage.DEFENDER_WON, FIRST, []),
    ],
)
def test_whose_turn_it_is__moves(number, stage, span, expected):
    assert steps_of(seen(number, stage, span)) == expected


@pytest.mark.parametrize("number", [DEFENDER, CHALLENGER])
@pytest.mark.parametrize(("stage", "span"), [(Stage.DEFENDING, FIRST), (Stage.CHALLENGING, said(FIRST))])
def test_not_replayed_yet__both_begin_at_once__whosever_turn_it_is(number, stage, span):
    assert moves(seen(number, stage, span), Known(), SINCE) == [Move(Step.WALK, SINCE + 2 * CLOCK, KEY)]


def test_move__due_when_our_clock_runs_out__of_a_kind_of_its_own_per_span():
    picture = seen(DEFENDER, Stage.DEFENDING, Span(4, 8, FIRST.agreed, LIE), left=(20, 60))
    assert moves(picture, WALKED, SINCE) == [Move(Step.SPLIT, SINCE + 20, KEY, (4, 8))]
    assert moves(picture, WALKED, SINCE)[0].kind == "split.2.0.4.8"
    assert steps_of(picture, replace(WALKED, outbox={"split.2.0.0.8": Status.DONE})) == [Step.SPLIT]
    assert steps_of(picture, replace(WALKED, outbox={"split.2.0.4.8": Status.SENT})) == []


@pytest.mark.parametrize(
    ("number", "stage", "span", "expected"),
    [
        (DEFENDER, Stage.DEFENDING, FIRST, []),
        (CHALLENGER, Stage.DEFENDING, FIRST, [Step.TIMEOUT]),
        (DEFENDER, Stage.CHALLENGING, said(FIRST), [Step.TIMEOUT]),
        (CHALLENGER, Stage.CHALLENGING, said(FIRST), []),
    ],
)
def test_clock_run_out__the_other_says_so_once(number, stage, span, expected):
    picture = seen(number, stage, span)
    assert Step.TIMEOUT not in steps_of(picture, now=SINCE + CLOCK)
    assert steps_of(picture, now=SINCE + CLOCK + 1) == expected
    assert steps_of(picture, now=SINCE + CLOCK + PLAN.respond_time + 1) == []


def test_clocks_and_events_of_different_moments__waits_for_the_next_look():
    assert steps_of(seen(DEFENDER, Stage.DEFENDING, said(FIRST))) == []
    assert steps_of(seen(CHALLENGER, Stage.CHALLENGING, FIRST)) == []


def test_two_disputes__the_nearer_deadline_first():
    late, soon = dispute(Stage.DEFENDING), dispute(Stage.DEFENDING, left=(10, 60))
    picture = served(1, disputes={(2, 0): late, (2, 1): soon})
    known = Known(walks={(2, 0): HONEST, (2, 1): HONEST})
    assert [move.claim for move in moves(picture, known, SINCE)] == [(2, 1), (2, 0)]


def test_stranger__does_nothing():
    assert steps_of(replace(served(2), number=0)) == []


# ------------------------------------------------------------------------------------------------------ an appeal

LOST = Case(50, appeal_by=SINCE + 90, fee=2_100, free=2_100)
LAST = Span(STEPS - 1, STEPS, HONEST.states[-2], LIE)


def judged(number, case, *, defended=LIE, span=LAST):
    match = replace(MATCH, defended=defended)
    found = Dispute(5, match, replace(span, defended=defended), Clocks(Stage.JUDGING, SINCE, CLOCK, CLOCK), case)
    return served(number, claims={KEY: make_claim(ClaimState.CONTESTED)}, disputes={KEY: found})


@pytest.mark.parametrize(
    ("number", "defended", "expected"),
    [
        (CHALLENGER, LIE, [Step.APPEAL]),  # the jury believed a lie
        (DEFENDER, LIE, []),  # we were wrong, and know it
        (DEFENDER, HONEST.states[-1], [Step.APPEAL]),
        (CHALLENGER, HONEST.states[-1], []),
    ],
)
def test_lost_before_the_jury__appeals_only_who_was_right_by_his_own_replay(number, defended, expected):
    assert steps_of(judged(number, LOST, defended=defended)) == expected


@pytest.mark.parametrize(
    ("case", "known", "expected"),
    [
        (LOST, Known(), [Step.WALK]),  # after a restart
        (replace(LOST, free=2_099), WALKED, []),
        (replace(LOST, appeal_by=0), WALKED, []),  # won, hung, or appealed already
        (replace(LOST, appeal_by=SINCE), WALKED, []),  # too late
        (LOST, replace(WALKED, outbox={"appeal.2.0": Status.SENT}), []),
    ],
)
def test_appeal__in_time_with_money_and_once(case, known, expected):
    assert steps_of(judged(CHALLENGER, case), known) == expected


# ------------------------------------------------------------------------------------------------------ played out


def play(defender, challenger, match=MATCH):
    """Both as the table says, the contract's rules between them. The last span, and how many moves it took."""
    span, taken = match.first_span(), 0
    while span.high - span.low > 1:
        middle = defender.states[span.half]
        agree = challenger.states[span.half] == middle
        halves = Span(span.half, span.high, middle, span.defended), Span(span.low, span.half, span.agreed, middle)
        span, taken = halves[0] if agree else halves[1], taken + 2
    return span, taken


@pytest.mark.parametrize("left_at", range(1, STEPS + 1))
def test_who_left_the_truth__at_any_step__that_step_is_found(left_at):
    cheat = Walk((*HONEST.states[:left_at], *[LIE] * (STEPS + 1 - left_at)))
    span, taken = play(cheat, HONEST)
    assert (span.low, span.high) == (left_at - 1, left_at)
    assert span.agreed == HONEST.states[left_at - 1] and span.defended == LIE
    assert taken == 2 * 3


@pytest.mark.parametrize("left_at", range(1, STEPS + 1))
def test_attack_false_accuser__at_any_step__brought_before_the_jury_with_a_true_step(left_at):
    liar = Walk((*HONEST.states[:left_at], *[LIE] * (STEPS + 1 - left_at)))
    match = replace(MATCH, defended=HONEST.states[-1], challenged=LIE)
    span, _ = play(HONEST, liar, match)
    assert span.agreed == HONEST.states[span.low] and span.defended == HONEST.states[span.high]


def test_middle__of_what_is_left():
    assert middle_of(dispute(Stage.DEFENDING, Span(4, 8, FIRST.agreed, LIE)), HONEST) == HONEST.states[6]
    assert middle_of(dispute(Stage.DEFENDING, Span(3, 6, FIRST.agreed, LIE)), HONEST) == HONEST.states[4]


# ------------------------------------------------------------------------------------------------------ its events


def test_position__as_the_events_tell_it():
    key, other = b"\x01" * 32, b"\x02" * 32
    log = LogRef(1, "0x" + "0" * 64, "0x" + "0" * 64, 0)
    half = Span(4, 8, LIE, LIE)
    story = [
        MatchOpened(key, "0x" + "3" * 40, MATCH, log=log),
        MatchSplit(key, said(FIRST), log=log),
        MatchSplit(other, said(FIRST, ZERO32), log=log),
        MatchPicked(key, True, half, log=log),
        MatchReferred(key, 4, LIE, LIE, LIE, log=log),
    ]
    assert position_of([], key) is None
    assert [position_of(story[: n + 1], key).stage for n in range(len(story))] == [
        Stage.DEFENDING,
        Stage.CHALLENGING,
        Stage.CHALLENGING,
        Stage.DEFENDING,
        Stage.JUDGING,
    ]
    last = position_of(story, key)
    assert (last.span, last.moves, last.narrowed) == (half, 2, False)
    over = MatchTimedOut(key, 3, log=log)
    assert position_of([*story[:2], over], key).stage is Stage.CHALLENGER_WON


def test_events__named_as_the_contract_does():
    names = {entry.name for entry in interface("Bisection").events.values()}
    assert names == {"MatchOpened", "MatchSplit", "MatchPicked", "MatchReferred", "MatchTimedOut", "StatesServed"}

"""What a juror does in a case about one step, and how he votes, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account
from tests.worker.audits import make_picture
from tests.worker.test_audit_disputes import HONEST, KEY, LIE, MATCH, STEPS

from tensorgrid.chain.jury import Decision, JuryRound, JuryRules, Phase, vote_commitment
from tensorgrid.domain.jobs import ZERO32
from tensorgrid_worker.auditing.judging import STAGGER, CasePicture, Duty, Question, duties, sealed_vote
from tensorgrid_worker.loop.openings import Secrets
from tensorgrid_worker.memory.rows import Status

OPENED, TAKE_BY, VOTE_BY, SHOW_BY = 3_000, 3_060, 3_180, 3_240
RULES = JuryRules(60, 120, 60, 60, 100, 5, 10)
ROUND = JuryRound(
    opened_at=OPENED,
    draw=50,
    ended_at=0,
    size=5,
    taken=0,
    committed=0,
    revealed=0,
    accused=0,
    accuser=0,
    released=False,
)
CASE_KEY, SEALED, SALT = b"\x31" * 32, b"\x32" * 32, b"\x33" * 32
BISECTION, ME = "0x" + "b" * 40, "0x" + "c" * 40
QUESTION = Question(CASE_KEY, KEY, MATCH, 5, STEPS - 1, HONEST.states[-2], LIE)
WRONG = Decision.ACCUSED


def case(phase, **changes):
    picture = CasePicture(make_picture(0), QUESTION, False, ROUND, phase, RULES)
    return replace(picture, **changes)


def planned(picture, answer=None, now=OPENED + 1, outbox=None):
    return list(duties(picture, answer, outbox or {}, now))


# ------------------------------------------------------------------------------------------------------ his answer


def test_step_that_ends_elsewhere__the_accused_was_wrong():
    assert QUESTION.answer(HONEST) is Decision.ACCUSED


@pytest.mark.parametrize("low", range(STEPS))
def test_true_step__the_accuser_was_wrong(low):
    question = replace(QUESTION, low=low, agreed=HONEST.states[low], defended=HONEST.states[low + 1])
    assert question.answer(HONEST) is Decision.ACCUSER


@pytest.mark.parametrize(
    ("end", "expected"), [(HONEST.states[-1], Decision.ACCUSER), (LIE, Decision.ACCUSED)], ids=["true end", "false end"]
)
def test_attack_both_agreed_to_a_made_up_state__end_of_the_segment_decides(end, expected):
    question = replace(QUESTION, low=3, agreed=LIE, defended=b"\x78" * 32, match=replace(MATCH, defended=end))
    assert question.answer(HONEST) is expected


# ------------------------------------------------------------------------------------------------------ his duties


def test_open_seat__answer_first__then_taken():
    hopeful = case(Phase.FILLING, hopeful=True)
    assert planned(hopeful) == [(Duty.JUDGE, TAKE_BY)]
    assert planned(hopeful, WRONG) == []
    assert planned(replace(hopeful, may_take=True), WRONG) == [(Duty.TAKE, 0)]
    assert planned(replace(hopeful, may_take=True), None) == [(Duty.JUDGE, TAKE_BY)]


def test_ticket_that_cannot_win_in_time__nothing_is_replayed():
    assert planned(case(Phase.FILLING)) == []


@pytest.mark.parametrize("phase", [Phase.FILLING, Phase.VOTING])
def test_seated__votes_in_time__after_a_restart_judges_again(phase):
    seated = case(phase, number=2)
    assert planned(seated, WRONG) == [(Duty.VOTE, VOTE_BY)]
    assert planned(seated) == [(Duty.JUDGE, VOTE_BY)]
    assert planned(seated, WRONG, VOTE_BY + 1) == []
    assert planned(replace(seated, sealed=SEALED), WRONG) == []


def test_all_have_voted__shows_in_time__without_judging_again():
    voted = case(Phase.SHOWING, number=2, sealed=SEALED)
    assert planned(voted) == [(Duty.SHOW, SHOW_BY)]
    assert planned(voted, now=SHOW_BY + 1) == []
    assert planned(replace(voted, shown=True)) == []
    assert planned(case(Phase.SHOWING, number=2)) == []  # no vote to show


def test_round_over__stake_is_freed__by_one_after_the_other():
    over = case(Phase.OVER, number=3, sealed=SEALED, shown=True, round=replace(ROUND, taken=5, ended_at=3_100))
    assert planned(over, now=3_100 + 3 * STAGGER - 1) == []
    assert planned(over, now=3_100 + 3 * STAGGER) == [(Duty.RELEASE, 0)]
    assert planned(replace(over, round=replace(over.round, released=True)), now=4_000) == []
    unfilled = replace(over, round=replace(ROUND, taken=3))
    assert planned(unfilled, now=TAKE_BY + 3 * STAGGER) == [(Duty.RELEASE, 0)]


def test_decided_as_we_voted__bond_share_and_appeals_fees_are_fetched__one_juror_after_the_other():
    owed = frozenset({Duty.SHARE, Duty.RELEASE_BOND})
    over = case(Phase.OVER, number=2, round=replace(ROUND, taken=5, released=True), owed=owed, owed_since=4_000)
    assert planned(over, now=4_000) == []
    assert planned(over, now=4_000 + STAGGER) == [(Duty.RELEASE_BOND, 0), (Duty.SHARE, 0)]
    assert planned(replace(over, owed=frozenset()), now=5_000) == []  # all is fetched, or an appeal may come
    of_the_accuser = replace(over, owed=frozenset({Duty.SHARE_SLASH, Duty.RELEASE_BOND}))
    assert planned(of_the_accuser, now=4_000 + STAGGER) == [(Duty.RELEASE_BOND, 0), (Duty.SHARE_SLASH, 0)]


def test_under_way__not_sent_twice__the_appeal_is_another_kind():
    seated = case(Phase.VOTING, number=2)
    assert seated.kind(Duty.VOTE) == "jury_vote.2.0.0"
    assert planned(seated, WRONG, outbox={"jury_vote.2.0.0": Status.SENT}) == []
    again = replace(seated, appeal=True)
    assert planned(again, WRONG, outbox={"jury_vote.2.0.0": Status.DONE}) == [(Duty.VOTE, VOTE_BY)]


@pytest.mark.parametrize(
    ("phase", "number", "shown", "sits"),
    [
        (Phase.VOTING, 2, False, True),
        (Phase.SHOWING, 2, False, True),
        (Phase.SHOWING, 2, True, False),
        (Phase.OVER, 2, False, False),
        (Phase.VOTING, 0, False, False),
    ],
)
def test_draining__stays_until_the_vote_is_shown(phase, number, shown, sits):
    assert case(phase, number=number, shown=shown).sits is sits


# ------------------------------------------------------------------------------------------------------ his ballot


@pytest.mark.parametrize("vote", [Decision.ACCUSED, Decision.ACCUSER])
def test_commitment__tells_its_juror_alone_what_he_voted(vote):
    sealed = vote_commitment(BISECTION, CASE_KEY, False, ME, vote, SALT)
    voted = case(Phase.SHOWING, number=2, sealed=sealed)
    assert sealed_vote(voted, BISECTION, ME, SALT) is vote
    assert sealed_vote(voted, BISECTION, ME, ZERO32) is None


def test_salts_of_votes__the_hot_keys_alone__another_for_each_case_and_appeal():
    one, other = (Secrets(Account.from_key(bytes([number]) * 32), 1, BISECTION) for number in (1, 2))
    salts = [one.ballot(CASE_KEY, False), one.ballot(CASE_KEY, True), one.ballot(SEALED, False)]
    assert len({*salts, other.ballot(CASE_KEY, False)}) == 4
    assert salts[0] == one.ballot(CASE_KEY, False)

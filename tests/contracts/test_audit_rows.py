"""Every row of the audit tier, played on chain and compared to the wei: who is paid, slashed, and scored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests import model
from tests.contracts.audit import (
    ACCUSED,
    ANSWER,
    CHALLENGER,
    CONFIRMED,
    DEFENDER,
    DIFFERS,
    FEE,
    HUNG,
    PLAN,
    RESULT,
    VOID,
    WORKER,
    Audited,
    begun,
    sealed,
    served,
)
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import JURY_FEE, PRICE, World, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ExitClass

PAID, SILENT, SLASHED = model.Ruling(PRICE, agreed=True), model.Ruling(0, "no-show"), model.Ruling(0, "slashed")
AUDITOR, NOTHING, FOUND = model.Ruling(FEE, agreed=True), model.Ruling(0), model.Ruling(0, "slashed", finder=True)
LIE = keccak256(b"never trained")
LOST = 257  # blocks
UNSEEN = model.Ruling(PRICE)  # paid, and nobody has looked at all of it
SERVING = PLAN.take + PLAN.respond + 2 * PLAN.audit  # from the opening of the first sitting on


def ends(audited: Audited, *rulings: model.Ruling, wait: int = 0) -> None:
    """The job settles now, so: one ruling per seat."""
    world, job = audited.world, audited.job
    if wait:
        audited.wait(wait)
    before = Purses.of(world)
    seats = [job.index_of(number) for number in range(1, len(job.held) + 1)]
    assert_carried_out(job, before, seats, rulings, job.settle())


# ---- clean


def test_audit__everybody_confirms__the_worker_and_his_auditors_are_paid(world: World) -> None:
    audited = served(world)
    audited.confirm(2, 3)
    assert audited.audit.clean
    world.mine(3)
    ends(audited, PAID, AUDITOR, AUDITOR)


def test_audit__abandoned_half_way__what_was_done_is_paid(world: World) -> None:
    audited = served(world, done=41)
    audited.confirm(2, 3)
    world.mine(3)
    ends(audited, model.Ruling(PRICE * 41 // 100, agreed=True), AUDITOR, AUDITOR)


def test_audit__one_segment_alone__has_one_auditor(world: World) -> None:
    audited = begun(world, done=1)
    audited.take(1)
    with refused("SeatsFull"):
        audited.job.take_as(world.workers[2])
    audited.serve()
    audited.confirm(2)
    world.mine(3)
    ends(audited, model.Ruling(PRICE // 100, agreed=True), model.Ruling(PLAN.fee(PRICE, 1), agreed=True))


def test_audit__begun_by_whoever_knows_the_salt__counts(world: World) -> None:
    audited = sealed(world).commit()
    audited.begin()
    audited.take(1, 2)
    audited.serve()
    audited.confirm(3, 2)
    world.mine(3)
    ends(audited, PAID, AUDITOR, AUDITOR)


# ---- the worker is silent


def test_audit__commitment_never_opened__the_worker_is_slashed(world: World) -> None:
    audited = sealed(world).commit()
    with refused("VerdictPending"):
        audited.job.settle()
    ends(audited, SLASHED, wait=PLAN.respond + 1)


def test_audit__auditors_never_served__the_worker_is_slashed_and_they_are_paid(world: World) -> None:
    audited = begun(world).take(1, 2)
    with refused("VerdictPending"):
        audited.job.settle()
    ends(audited, SLASHED, AUDITOR, AUDITOR, wait=SERVING)


# ---- auditors are silent


def test_audit__nobody_comes_twice__the_worker_is_paid_without_score(world: World) -> None:
    audited = begun(world)
    audited.wait(PLAN.take + 1)
    audited.advance()
    ends(audited, UNSEEN, wait=PLAN.take + 1)


def test_audit__one_silent__the_replacement_has_his_segments_at_twice_the_fee(world: World) -> None:
    audited = served(world)
    audited.confirm(2)
    audited.wait(PLAN.audit + 1)
    audited.advance()
    audited.take(3)
    audited.serve()
    assert audited.shares[4] == audited.shares[3]
    audited.confirm(4)
    assert audited.audit.clean
    world.mine(3)
    ends(audited, PAID, AUDITOR, SILENT, model.Ruling(2 * FEE, agreed=True))


def test_audit__one_seat_never_taken__the_replacement_has_its_segments(world: World) -> None:
    audited = begun(world).take(1)
    audited.past_taking()
    audited.serve()
    audited.confirm(2)
    audited.advance()
    audited.take(2)
    audited.serve()
    assert sorted(audited.shares[2] + audited.shares[3]) == audited.drawn
    audited.confirm(3)
    world.mine(3)
    ends(audited, PAID, AUDITOR, model.Ruling(2 * FEE, agreed=True))


def test_audit__silent_first_and_replacement__judged_by_who_answered(world: World) -> None:
    audited = served(world)
    audited.confirm(3)
    audited.wait(PLAN.audit + 1)
    audited.advance()
    audited.take(3)
    audited.serve()
    ends(audited, UNSEEN, SILENT, AUDITOR, SILENT, wait=2 * PLAN.audit + 1)


def test_audit__nobody_came_at_first__the_replacement_draws_for_all(world: World) -> None:
    audited = begun(world)
    audited.wait(PLAN.take + 1)
    audited.advance()
    audited.take(4)
    audited.serve()
    assert audited.shares[2] == audited.drawn
    audited.confirm(2)
    world.mine(3)
    ends(audited, PAID, model.Ruling(2 * PLAN.fee(PRICE, 4), agreed=True))


# ---- accused


def accused(world: World, *positions: int, **options: Any) -> Audited:
    """The first auditor finds other states at these of his segments; the second confirms."""
    audited = served(world, **options)
    audited.confirm(3)
    audited.accuse(2, *positions, roots=audited.finding(2, LIE, *positions))
    return audited


def test_audit__two_auditors_find_one_each__he_is_slashed_and_the_first_is_the_finder(world: World) -> None:
    audited = served(world)
    audited.accuse(3, 1, roots=audited.finding(3, LIE, 1))
    audited.wait(5)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 0))
    ends(audited, FOUND, AUDITOR, AUDITOR, wait=ANSWER + 1)
    assert world.vault.claimableOf(audited.auditor(3)) == audited.job.terms.stake // 2


def test_audit__shown_to_differ__is_a_hit_once_it_can_no_longer_be_contested(world: World) -> None:
    audited = served(world)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 0))
    audited.accuse(3, 1, roots=audited.finding(3, LIE, 1))
    audited.respond(2)
    audited.respond(3)
    assert audited.claim(3).state == DIFFERS
    audited.wait(ANSWER)
    with refused("VerdictPending"):
        audited.job.settle()
    ends(audited, FOUND, AUDITOR, AUDITOR, wait=1)


def one_hit(world: World, *positions: int) -> Audited:
    """One seat's, and a further auditor is served."""
    audited = accused(world, *(positions or (1,)))
    audited.wait(ANSWER + 1)
    audited.advance()
    audited.take(3)
    audited.serve()
    return audited


FURTHER_FEE = PLAN.fee(PRICE, 30)
LESS = model.Ruling(PRICE * 99 // 100 - FURTHER_FEE)


@pytest.mark.parametrize("positions", [(1,), (0, 1)], ids=str)
def test_audit__one_seat_finds_and_no_further_one__he_bears_a_segment_and_the_looking(
    world: World, positions: tuple[int, ...]
) -> None:
    audited = one_hit(world, *positions)
    assert len(audited.shares[4]) == 30
    assert not set(audited.shares[4]) & set(audited.drawn)
    audited.confirm(4)
    ends(audited, LESS, AUDITOR, AUDITOR, model.Ruling(FURTHER_FEE, agreed=True))


@pytest.mark.parametrize("positions", [(1,), (0, 1)], ids=str)
def test_audit__one_seat_finds_and_a_further_one__he_is_slashed(world: World, positions: tuple[int, ...]) -> None:
    audited = one_hit(world, *positions)
    audited.accuse(4, 29, roots=audited.finding(4, LIE, 29))
    ends(audited, FOUND, AUDITOR, AUDITOR, model.Ruling(FURTHER_FEE, agreed=True), wait=ANSWER + 1)
    assert world.vault.claimableOf(audited.auditor(2)) == audited.job.terms.stake // 2


def test_audit__one_differs_and_the_further_auditor_is_silent__he_bears_it_all_the_same(world: World) -> None:
    audited = one_hit(world)
    ends(audited, LESS, AUDITOR, AUDITOR, SILENT, wait=15 * PLAN.audit + 1)


def test_audit__one_differs_and_nobody_looks_further__he_bears_it_at_the_end(world: World) -> None:
    audited = accused(world, 1)
    audited.wait(ANSWER + 1)
    with refused("VerdictPending"):
        audited.job.settle()
    world.at(audited.job.deadline)
    ends(audited, LESS, AUDITOR, AUDITOR)


def test_audit__the_only_segment_differs__there_is_nothing_further_and_nothing_paid(world: World) -> None:
    audited = begun(world, done=1)
    audited.take(1)
    audited.serve()
    audited.accuse(2, 0, roots=[LIE])
    ends(audited, NOTHING, model.Ruling(PLAN.fee(PRICE, 1), agreed=True), wait=ANSWER + 1)


def test_audit__result_is_another_model__he_cannot_show_it_and_is_slashed(world: World) -> None:
    audited = served(world, other_model=LIE)
    audited.confirm(3)
    audited.accuse(2, RESULT)
    with refused("TraceMismatch", index=0):
        audited.respond_result(2)
    ends(audited, FOUND, AUDITOR, AUDITOR, wait=ANSWER + 1)


def test_audit__result_is_the_model__shown_and_the_auditor_has_done_his_work(world: World) -> None:
    audited = served(world)
    audited.confirm(3)
    audited.accuse(2, RESULT)
    audited.respond_result(2)
    world.mine(3)
    ends(audited, PAID, AUDITOR, AUDITOR)


@pytest.mark.parametrize("failure", [ExitClass.RAISED, ExitClass.OUTPUT_TOO_LARGE])
def test_audit__users_code_failed__its_exit_class_is_the_result(world: World, failure: ExitClass) -> None:
    audited = served(world, done=7, failed=failure)
    audited.confirm(3)
    audited.accuse(2, RESULT)
    audited.respond_result(2)
    world.mine(3)
    ends(audited, model.Ruling(PRICE * 7 // 100, agreed=True), AUDITOR, AUDITOR)


def test_audit__asked_to_show_what_was_right__the_auditor_has_done_his_work(world: World) -> None:
    """He was never shown that the trace holds what he found."""
    audited = served(world)
    audited.confirm(3)
    audited.accuse(2, 0, 1)
    audited.respond(2, 0)
    assert audited.audit.answers[0] == ACCUSED
    audited.respond(2, 1)
    assert audited.audit.answers[0] == CONFIRMED
    assert audited.audit.clean
    world.mine(3)
    ends(audited, PAID, AUDITOR, AUDITOR)


def withdrawn(world: World) -> Audited:
    """All that the first auditor says has fallen, and he had not found what was promised; the second confirms."""
    audited = served(world)
    audited.confirm(3)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 1))
    audited.respond(2)
    assert audited.audit.answers[0] == VOID
    return audited


def test_audit__all_he_said_has_fallen__waits_for_his_second_accusation(world: World) -> None:
    audited = withdrawn(world)
    with refused("SittingNotNeeded"):
        audited.advance()
    with refused("VerdictPending"):
        audited.job.settle()
    audited.accuse(2, 1, roots=audited.finding(2, LIE, 1))
    assert audited.audit.answers[0] == ACCUSED


def test_audit__all_he_said_has_fallen__his_part_is_done_by_a_replacement(world: World) -> None:
    audited = withdrawn(world)
    audited.wait(PLAN.audit + PLAN.respond + 1)
    audited.advance()
    audited.take(3)
    audited.serve()
    assert audited.shares[4] == audited.shares[2]
    audited.confirm(4)
    assert audited.audit.clean
    world.mine(3)
    ends(audited, PAID, SILENT, AUDITOR, model.Ruling(2 * FEE, agreed=True))


def test_audit__claim_of_the_last_second__holds_the_replacement_back(world: World) -> None:
    """What is left undone must not change once a replacement is drawn for it."""
    audited = served(world)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 1))
    audited.wait(PLAN.audit + 1)
    with refused("SittingNotNeeded"):
        audited.advance()
    audited.respond(2)
    audited.wait(PLAN.respond + 1)
    audited.advance()
    audited.take(3)
    audited.serve()
    assert audited.shares[4] == audited.drawn


# ---- an auditor on another machine


def elsewhere(world: World, *indexes: int) -> None:
    """These workers compute on another machine."""
    for index in indexes:
        profile = world.profile(world.providers[index])
        other = (*profile[:2], b"\x55" * 32, *profile[3:])
        world.registry.update(world.workers[index], other, sender=world.providers[index])


def declined(world: World, *, suspicion: bool = False) -> Audited:
    elsewhere(world, 1)
    audited = served(world)
    audited.confirm(3)
    audited.decline(2, suspicion=suspicion)
    return audited


def test_audit__declined__the_seat_is_replaced_at_once_and_nobody_has_a_fault(world: World) -> None:
    audited = declined(world)
    assert audited.audit.answers[0] == VOID
    audited.advance()
    audited.take(3)
    audited.serve()
    assert audited.shares[4] == audited.shares[2]
    audited.confirm(4)
    world.mine(3)
    ends(audited, PAID, NOTHING, AUDITOR, model.Ruling(2 * FEE, agreed=True))


def test_audit__declined_and_nobody_comes_twice__paid_without_score(world: World) -> None:
    audited = declined(world)
    audited.advance()
    audited.wait(PLAN.take + 1)
    with refused("VerdictPending"):
        audited.job.settle()
    audited.advance()
    ends(audited, UNSEEN, NOTHING, AUDITOR, wait=PLAN.take + 1)


def unseen_by_friends(world: World) -> Audited:
    """All of it is made up. One auditor's machine says what he does, and two decline, the replacement among them."""
    elsewhere(world, 1, 3)
    faked = {index: keccak256(b"fake%d" % index) for index in range(1, 101)}
    audited = served(world, lies=faked)
    audited.confirm(3, roots=[faked[i] for i in audited.shares[3]])
    audited.decline(2)
    audited.advance()
    audited.take(3)
    audited.serve()
    audited.decline(4)
    return audited


def test_audit__declined_by_the_replacement_too__one_more_looks_at_all_of_it(world: World) -> None:
    elsewhere(world, 1, 3)
    audited = served(world)
    audited.confirm(3)
    audited.decline(2)
    audited.advance()
    audited.take(3)
    audited.serve()
    audited.decline(4)
    with refused("VerdictPending"):
        audited.job.settle()
    audited.advance()
    audited.take(4)
    audited.serve()
    assert set(audited.drawn) < set(audited.shares[5])
    audited.confirm(5)
    ends(audited, PAID, NOTHING, AUDITOR, NOTHING, model.Ruling(PLAN.fee(PRICE, 8), agreed=True))


def test_audit__only_silent_ones__are_not_looked_for_a_third_time(world: World) -> None:
    """Silence costs a bond: nobody's friends can afford it for long."""
    audited = served(world)
    audited.confirm(3)
    audited.wait(PLAN.audit + 1)
    audited.advance()
    audited.wait(PLAN.take + 1)
    with refused("SittingNotNeeded"):
        audited.advance()
    ends(audited, UNSEEN, SILENT, AUDITOR)


def test_audit__declined_with_suspicion__what_is_clean_is_audited_again(world: World) -> None:
    audited = declined(world, suspicion=True)
    audited.advance()
    audited.take(3)
    audited.serve()
    audited.confirm(4)
    world.mine(3)
    with refused("VerdictPending"):
        audited.job.settle()
    audited.advance()
    assert audited.audit.reaudit


def test_audit__declined_by_one_who_can_tell__refused(world: World) -> None:
    audited = served(world)
    with refused("FingerprintSame"):
        audited.decline(2)
    audited.confirm(2)
    with refused("AlreadyAnswered"):
        audited.decline(2)


# ---- a run that a limit has ended


LIMITS = (ExitClass.WALL_LIMIT, ExitClass.MEMORY_LIMIT)


@pytest.mark.parametrize("limit", LIMITS)
def test_audit__ended_at_a_limit__the_last_segment_is_neither_drawn_nor_paid(world: World, limit: ExitClass) -> None:
    audited = served(world, done=4, failed=limit)
    assert audited.audit.done == 3
    assert audited.drawn == [1, 3]
    audited.confirm(3)
    audited.accuse(2, RESULT)
    audited.respond_result(2)  # the proofs are of all four
    world.mine(3)
    one = model.Ruling(PLAN.fee(PRICE, 1), agreed=True)
    ends(audited, model.Ruling(PRICE * 3 // 100, agreed=True), one, one)


@pytest.mark.parametrize("limit", LIMITS)
def test_audit__ended_at_a_limit_in_the_first_segment__nothing_paid_and_nobody_at_fault(
    world: World, limit: ExitClass
) -> None:
    audited = begun(world, done=1, failed=limit)
    with refused("SittingNotNeeded"):
        audited.advance()
    ends(audited, NOTHING)


# ---- a round whose value can no longer be had


def lost(world: World, audited: Audited) -> Audited:
    """Nobody has stored it in time."""
    world.mine(LOST)
    return audited


def test_audit__round_lost_before_anybody_is_served__a_replacement_is_drawn_anew(world: World) -> None:
    audited = lost(world, begun(world).take(1, 2))
    with refused("RoundLost"):
        audited.world.audit.serve(
            audited.terms, audited.job.held, audited.record, LIE, [LIE, LIE], sender=world.workers[WORKER]
        )
    audited.advance()
    audited.take(3)
    audited.serve()
    assert audited.shares[4] == audited.drawn
    audited.confirm(4)
    world.mine(3)
    ends(audited, PAID, NOTHING, NOTHING, model.Ruling(2 * PLAN.fee(PRICE, 4), agreed=True))


def test_audit__round_lost_three_times__paid_without_score_and_nobody_at_fault(world: World) -> None:
    audited = lost(world, begun(world).take(1))
    audited.advance()
    lost(world, audited.take(2))
    with refused("VerdictPending"):
        audited.job.settle()
    audited.advance()
    lost(world, audited.take(3))
    ends(audited, UNSEEN, NOTHING, NOTHING, NOTHING)


# ---- disputes


def contested(world: World) -> Audited:
    audited = accused(world, 0, 1)
    world.fund(world.workers[WORKER], 2 * JURY_FEE, controller=world.audit)
    audited.contest(2, 0)
    audited.contest(2, 1)
    with refused("VerdictPending"):
        audited.job.settle()
    return audited


def test_audit__worker_wins_the_dispute_by_the_clock__his_accuser_is_slashed_for_him(world: World) -> None:
    audited = contested(world)
    audited.decide(2, DEFENDER, 0)
    audited.decide(2, DEFENDER, 1)
    ends(audited, UNSEEN, FOUND, AUDITOR)
    assert world.vault.claimableOf(world.workers[WORKER]) == audited.job.terms.stake // 2


def test_audit__the_jury_finds_for_the_worker__it_is_paid_out_of_the_slash(world: World) -> None:
    """A jury earns the same whatever it says: without this it would earn only where it finds against him."""
    audited, purse = contested(world), world.spare[0]
    audited.decide(2, DEFENDER, 0)  # by the clock: no juror was asked
    audited.decide(2, DEFENDER, 1, purse=purse)
    ends(audited, UNSEEN, FOUND, AUDITOR)
    assert world.vault.claimableOf(purse) == audited.job.terms.stake // 2
    assert world.vault.claimableOf(world.workers[WORKER]) == 0


def test_audit__one_claim_refuted__the_other_counts_for_nothing(world: World) -> None:
    """The jury has found him wrong once; nobody has to contest what else he says, nor pay for looking further."""
    audited = accused(world, 0, 1)
    world.fund(world.workers[WORKER], JURY_FEE, controller=world.audit)
    audited.contest(2, 0)
    audited.wait(ANSWER + 1)
    with refused("SittingNotNeeded"):
        audited.advance()
    audited.decide(2, DEFENDER, 0)
    ends(audited, UNSEEN, FOUND, AUDITOR)


def test_audit__worker_loses_one_dispute__he_is_slashed(world: World) -> None:
    audited = contested(world)
    audited.decide(2, CHALLENGER, 0)
    audited.decide(2, DEFENDER, 1)
    ends(audited, FOUND, AUDITOR, AUDITOR)


def test_audit__jury_hung__nobody_is_slashed_and_the_price_goes_back(world: World) -> None:
    audited = contested(world)
    audited.decide(2, HUNG, 0)
    audited.decide(2, HUNG, 1)
    ends(audited, NOTHING, NOTHING, AUDITOR)


def test_audit__dispute_still_running_at_the_end__counts_as_hung(world: World) -> None:
    audited = contested(world)
    world.at(audited.job.deadline - 1)
    with refused("VerdictPending"):
        audited.job.settle()
    world.at(audited.job.deadline)
    ends(audited, NOTHING, NOTHING, AUDITOR)


def test_audit__bond__goes_back_to_who_was_right_and_to_the_jurors_otherwise(world: World) -> None:
    audited = contested(world)
    bonds = lambda: world.held(world.workers[WORKER], controller=world.audit)  # noqa: E731
    assert bonds() == 2 * JURY_FEE
    with refused("DisputeUndecided"):
        world.audit.releaseBond(audited.job.id, 2, 0, sender=world.stranger)
    audited.decide(2, DEFENDER, 0)
    audited.decide(2, CHALLENGER, 1, purse=world.spare[0])
    for which in (0, 1):
        world.audit.releaseBond(audited.job.id, 2, which, sender=world.stranger)
        with refused("NoDispute"):
            world.audit.releaseBond(audited.job.id, 2, which, sender=world.stranger)
    balance = lambda who: int(world.escrow.balanceOf(world.audit, world.coin, who).free)  # noqa: E731
    assert (bonds(), balance(world.workers[WORKER]), balance(world.spare[0])) == (0, JURY_FEE, JURY_FEE)


# ---- re-audits

ALL = replace(PLAN, reaudit_bps=10_000)


def audited_again(world: World) -> Audited:
    audited = served(world, plan=ALL)
    audited.confirm(2, 3)
    world.mine(3)
    with refused("VerdictPending"):
        audited.job.settle()
    audited.advance()
    audited.take(3)
    audited.serve()
    assert len(audited.shares[4]) == 8
    assert set(audited.drawn) < set(audited.shares[4])
    return audited


def test_audit__audited_again__all_once_more_and_as_much_again(world: World) -> None:
    audited = audited_again(world)
    audited.confirm(4)
    ends(audited, PAID, AUDITOR, AUDITOR, model.Ruling(PLAN.fee(PRICE, 8), agreed=True))


def test_audit__audited_again_by_nobody__nothing_changes(world: World) -> None:
    audited = served(world, plan=ALL)
    audited.confirm(2, 3)
    world.mine(3)
    audited.advance()
    ends(audited, PAID, AUDITOR, AUDITOR, wait=PLAN.take + 1)


def found_again(world: World) -> Audited:
    """The re-auditor says that what seat 3 has confirmed is wrong."""
    audited = audited_again(world)
    where = [audited.shares[4].index(index) for index in audited.shares[3]]
    audited.accuse(4, *where, roots=audited.finding(4, LIE, *where))
    return audited


REAUDITOR = model.Ruling(PLAN.fee(PRICE, 8), agreed=True)


def test_audit__proven_wrong_in_a_re_audit__who_confirmed_it_is_slashed_too(world: World) -> None:
    audited = found_again(world)
    world.fund(world.workers[WORKER], JURY_FEE, controller=world.audit)
    audited.contest(4, 0)
    audited.decide(4, CHALLENGER, 0)
    ends(audited, FOUND, AUDITOR, FOUND, REAUDITOR, wait=ANSWER + 1)


def test_audit__two_uncontested_in_a_re_audit__the_worker_alone_is_slashed(world: World) -> None:
    """No seat is left to ask; who has confirmed before answers only for what a dispute decides."""
    ends(found_again(world), FOUND, AUDITOR, AUDITOR, REAUDITOR, wait=ANSWER + 1)


def test_attack_false_re_auditor__one_of_two_claims_contested__loses_his_stake(world: World) -> None:
    audited = found_again(world)
    world.fund(world.workers[WORKER], JURY_FEE, controller=world.audit)
    audited.contest(4, 0)
    audited.decide(4, DEFENDER, 0)
    ends(audited, PAID, AUDITOR, AUDITOR, FOUND, wait=ANSWER + 1)


def test_audit__once_more_with_one_hit__costs_the_segment_alone(world: World) -> None:
    audited = audited_again(world)
    audited.accuse(4, 0, roots=audited.finding(4, LIE, 0))
    ends(audited, model.Ruling(PRICE * 99 // 100), AUDITOR, AUDITOR, REAUDITOR, wait=ANSWER + 1)

"""Attacks on juries and bisection, by name."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.bout import CHALLENGER, CLOCK, DEFENDER, RUNNING, opened
from tests.contracts.court import (
    ACCUSED,
    ACCUSER,
    APPEAL,
    DECISION,
    HUNG,
    JUROR_STAKE,
    NO_SHOW,
    PENDING,
    PER_SEAT,
    ROUND,
    TAKE,
    VOTE,
    Court,
    Juror,
    salt,
)
from tests.contracts.world import ALLOCATED, CPU, LEAST_PRICE, World, refused

from tensorgrid.domain.jobs import hardware_class


def earned(court: Court, juror: Juror) -> int:
    return int(court.world.escrow.balanceOf(court.jury, court.world.coin, juror.provider).free)


# ------------------------------------------------------------------------------------------------------------- jurors


def test_attack_juror_copies_a_vote__cannot_show_it_and_pays_for_his_silence(court: Court) -> None:
    case = court.open()
    case.fill(court.jurors)
    copied = case.sealed(court.jurors[0].worker, ACCUSED, salt(1))
    for number, juror in enumerate(court.jurors[:4], 1):
        case.vote(number, juror, ACCUSED)
    lazy = court.jurors[4]
    court.jury.vote(*case.ref, 5, copied, sender=lazy.worker)
    for number in range(1, 5):
        case.show(number, ACCUSED)
    with refused("VoteMismatch", number=5):
        court.jury.show(*case.ref, 5, ACCUSED, salt(1), sender=lazy.worker)
    case.after(ROUND + 1)
    case.release()
    assert court.stake_of(lazy).active == ALLOCATED - NO_SHOW


def test_attack_reveal_of_anothers_vote__does_no_harm_and_changes_nothing(court: Court) -> None:
    """Whoever learns a salt can show the vote it belongs to, neither turned around nor in another seat."""
    case = court.open()
    case.fill(court.jurors)
    for number, juror in enumerate(court.jurors, 1):
        case.vote(number, juror, ACCUSED)
    with refused("VoteMismatch", number=2):
        court.jury.show(*case.ref, 2, ACCUSED, salt(1), sender=court.world.stranger)
    with refused("VoteMismatch", number=1):
        court.jury.show(*case.ref, 1, ACCUSER, salt(1), sender=court.world.stranger)
    case.show(1, ACCUSED)
    assert int(court.jury.jurorOf(*case.ref, False, 1).vote) == ACCUSED


def test_attack_vote_of_another_case_or_round__does_not_fit(court: Court) -> None:
    one, other = court.open(), court.open()
    one.fill(court.jurors)
    other.fill(court.jurors)
    for case in (one, other):
        for number, juror in enumerate(court.jurors, 1):
            court.jury.vote(*case.ref, number, one.sealed(juror.worker, ACCUSED, salt(number)), sender=juror.worker)
    with refused("VoteMismatch", number=1):
        other.show(1, ACCUSED)
    one.show(1, ACCUSED)


def test_attack_bribed_minority__changes_nothing_and_earns_nothing(court: Court) -> None:
    job, case = court.rejected()
    case.judge(court.jurors, [ACCUSER] * 4 + [ACCUSED])
    case.no_appeal()
    court.world.board.settle(job.terms.as_tuple(), job.held, sender=court.world.closer)
    court.acceptance.releaseBond(job.terms.as_tuple(), sender=court.world.stranger)
    court.jury.share(*case.ref, court.acceptance, court.world.coin, sender=court.world.stranger)
    assert court.world.free(court.world.providers[0]) == LEAST_PRICE
    assert [earned(court, juror) for juror in court.jurors] == [5 * PER_SEAT // 4] * 4 + [0]


def test_attack_bribed_two_of_five__hang_the_jury_and_slash_nobody(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [ACCUSER] * 3 + [ACCUSED] * 2)
    assert case.decision == HUNG


def test_attack_sybil_jurors_of_one_provider__have_one_seat(court: Court) -> None:
    owner = court.jurors[0].provider
    sybils = [court.enrol(owner) for _ in range(3)]
    case = court.open()
    case.draw()
    case.take(sybils[0])
    for juror in (*sybils[1:], court.jurors[0]):
        with refused("SiblingSeated", provider=owner):
            case.take(juror)


def test_attack_sybil_jurors_on_less_than_a_seats_stake__are_refused(court: Court) -> None:
    """Each seat locks the whole of it, so that ten seats cost ten times as much, whoever owns them."""
    poor = court.enrol()
    court.world.vault.requestExit(poor.worker, court.jury, ALLOCATED - JUROR_STAKE + 1, sender=poor.provider)
    case = court.open()
    case.draw()
    with refused("StakeTooSmall"):
        case.take(poor)


def test_attack_siblings_of_both_parties__do_not_judge(court: Court) -> None:
    accused, accuser = court.world.workers[0], court.jurors[0].worker
    siblings = [court.enrol(court.world.providers[0]), court.enrol(court.jurors[0].provider)]
    case = court.open(accuser=accuser, accused=accused)
    case.draw()
    for juror in (*siblings, court.jurors[0]):
        with refused("PartyToCase"):
            case.take(juror)


def test_attack_stake_moved_after_the_round__does_not_count(court: Court) -> None:
    """The seed is known; a provider moves stake to the worker whose ticket wins."""
    case = court.open()
    court.world.mine(3)
    winner = court.jurors[0]
    court.stake(winner, ALLOCATED)
    case.draw()
    with refused("WorkerTooYoung", worker=winner.worker):
        case.take(winner)


def test_attack_accused_changes_his_class_to_his_own_sybils__is_judged_by_the_jobs(court: Court) -> None:
    world, fake = court.world, hardware_class("mine alone")
    job = world.accepted(verifier=str(court.acceptance.address), settle_time=300 + DECISION + 100)
    world.registry.reclass(fake, 1, 1, sender=world.workers[0])
    sybil = court.enrol(hardware=fake)
    world.fund(world.requester, 5 * PER_SEAT, controller=court.acceptance)
    receipt = court.acceptance.reject(job.terms.as_tuple(), job.held, sender=world.requester)
    [opened_] = receipt.decode_logs(court.jury.CaseOpened)
    assert bytes(opened_.hardwareClass) == CPU
    world.mine(3)
    world.at(receipt.timestamp + TAKE * 3 // 4)
    with refused("WrongClass"):
        court.jury.take(court.acceptance, job.id, sender=sybil.worker)


def test_attack_unfilled_jury__ends_in_time_and_everybody_leaves_with_his_own(court: Court) -> None:
    job, case = court.rejected()
    case.fill(court.jurors[:4])
    case.after(TAKE + 1)
    assert case.decision == HUNG
    case.release()
    assert [court.stake_of(juror).active for juror in court.jurors] == [ALLOCATED] * 5
    court.world.board.settle(job.terms.as_tuple(), job.held, sender=court.world.closer)
    court.acceptance.releaseBond(job.terms.as_tuple(), sender=court.world.stranger)
    assert court.world.free(court.world.providers[0]) == LEAST_PRICE // 2


def test_attack_all_jurors_silent__costs_each_his_bond_and_the_parties_nothing(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [None] * 5)
    assert case.decision == HUNG
    case.release()
    assert [court.stake_of(juror).active for juror in court.jurors] == [ALLOCATED - NO_SHOW] * 5


def test_attack_juror_leaves_with_his_stake__what_is_locked_stays(court: Court) -> None:
    case = court.open()
    case.fill(court.jurors[:1])
    juror, vault = court.jurors[0], court.world.vault
    vault.requestExit(juror.worker, court.jury, ALLOCATED, sender=juror.provider)
    court.world.at(court.world.now + 70_000)
    vault.finishExit(juror.worker, court.jury, sender=juror.provider)
    exiting = vault.exitOf(juror.provider, juror.worker, court.jury)
    assert exiting.amount == JUROR_STAKE


# ------------------------------------------------------------------------------------------------------------- appeals


def test_attack_appeal_griefing__an_appeal_that_nobody_hears_saves_nobody(court: Court) -> None:
    """A loser who could hang the jury by appealing where there are no 21 jurors would never be slashed."""
    case = court.open()
    case.judge(court.jurors, [ACCUSED] * 5)
    second = case.appealed(court.accused)
    assert second.decision == PENDING
    second.after(TAKE + 1)
    assert second.decision == ACCUSED


def test_attack_appeal_griefing__his_own_silent_jurors_hang_it_and_he_stays_the_loser(crowded_court: Court) -> None:
    court = crowded_court
    case = court.open()
    case.judge(court.jurors, [ACCUSED] * 5)
    second = case.appealed(court.accused)
    second.judge(court.bench, [ACCUSER] * 13 + [None] * 8)
    assert second.decision == ACCUSED
    second.release()
    assert [court.stake_of(juror).active for juror in court.bench[13:]] == [ALLOCATED - NO_SHOW] * 8


def test_attack_appeal_griefing__a_second_appeal_or_one_by_a_stranger__is_refused(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [ACCUSED] * 5)
    with refused("NotLoser"):
        case.appealed(court.world.stranger)
    second = case.appealed(court.accused)
    second.after(TAKE + 1)
    with refused("AlreadyAppealed"):
        case.appealed(court.accused)


def test_attack_appeal_in_the_last_second__still_ends_within_the_promised_time(court: Court) -> None:
    case = court.open()
    case.judge(court.jurors, [ACCUSED] * 4 + [None])
    court.world.fund(court.accused, 21 * PER_SEAT, controller=court.jury)
    court.world.at(case.opened_at + ROUND + APPEAL)
    court.jury.appeal(*case.ref, court.world.coin, sender=court.accused)
    case.after(DECISION)
    assert case.decision == ACCUSED


def test_attack_foreign_verifier_with_the_same_id__pays_itself_nothing(court: Court) -> None:
    """A made-up case under a true job's id, judged by friends: its purse is another, and empty."""
    job, _ = court.rejected()
    world = court.world
    receipt = court.jury.open(job.id, world.stranger, court.accused, CPU, b"\1" * 32, sender=world.stranger)
    assert court.jury.purseOf(world.stranger, job.id) != court.jury.purseOf(court.acceptance, job.id)
    world.at(receipt.timestamp + TAKE + 1)
    with refused("ZeroAmount"):
        court.jury.share(world.stranger, job.id, court.acceptance, world.coin, sender=world.stranger)


# ------------------------------------------------------------------------------------------------------------ bisection


def moves(bout: Any) -> None:
    bout.split(b"\4" * 32)
    bout.pick(True)


def test_attack_silent_defender__loses_by_the_clock(court: Court) -> None:
    bout = opened(court, steps=64)
    court.world.at(bout.opened_at + CLOCK + 1)
    court.bisection.timeout(bout.key, sender=court.world.stranger)
    assert bout.outcome == CHALLENGER


def test_attack_silent_challenger__loses_by_the_clock(court: Court) -> None:
    bout = opened(court, steps=64)
    bout.split(b"\4" * 32)
    court.world.at(bout.now + CLOCK + 1)
    court.bisection.timeout(bout.key, sender=court.world.stranger)
    assert bout.outcome == DEFENDER


def test_attack_slow_party__cannot_draw_a_match_out_beyond_the_promised_time(court: Court) -> None:
    """Every move in the last moment costs one's own clock, of which there is one for all moves."""
    bout = opened(court, steps=4096)
    for part in range(1, 5):
        court.world.at(bout.now + CLOCK // 4 - 1)
        bout.split(bytes([part]) * 32)
        bout.pick(True)
    court.world.at(bout.now + CLOCK // 4)
    with refused("ClockRunOut"):
        bout.split(b"\5" * 32)
    assert bout.outcome == CHALLENGER
    assert court.world.now < bout.opened_at + int(court.bisection.MAX_TIME(4096, CLOCK))


def test_attack_parallel_disputes__do_not_touch_one_another(court: Court) -> None:
    bouts = [opened(court, steps=8, number=number, claim=claim) for number in (1, 2) for claim in (0, 1)]
    moves(bouts[0])
    bouts[1].split(b"\4" * 32)
    court.world.at(bouts[0].now + CLOCK // 2)
    bouts[0].split(b"\6" * 32)
    court.world.at(bouts[1].now + CLOCK + 1)
    court.world.mine(1)
    assert [bout.outcome for bout in bouts] == [RUNNING, DEFENDER, CHALLENGER, CHALLENGER]


def test_attack_replay_of_another_disputes_moves__does_not_fit(court: Court) -> None:
    one, other = opened(court, steps=8), opened(court, steps=8, number=2)
    one.split(b"\4" * 32)
    with refused("WrongSpan", key=other.key):
        court.bisection.pick(other.key, one.match, one.span, True, sender=one.challenger)
    with refused("WrongSpan", key=other.key):
        court.bisection.pick(other.key, other.match, one.span, True, sender=one.challenger)


def test_attack_replay_of_an_earlier_move__does_not_fit(court: Court) -> None:
    bout = opened(court, steps=8)
    first = bout.span
    moves(bout)
    with refused("WrongSpan"):
        court.bisection.split(bout.key, bout.match, first, b"\5" * 32, sender=bout.defender)


def test_attack_changed_match__other_parties_or_ends_do_not_fit(court: Court) -> None:
    bout, world = opened(court, steps=8), court.world
    forged = list(bout.match)
    forged[3] = world.stranger
    with refused("WrongSpan"):
        court.bisection.split(bout.key, tuple(forged), bout.span, b"\4" * 32, sender=world.stranger)


@pytest.mark.parametrize("late", [0, VOTE])
def test_attack_everybody_leaves_a_case_at_any_point__it_ends(court: Court, late: int) -> None:
    case = court.open()
    case.fill(court.jurors)
    if late:
        case.vote(1, court.jurors[0], ACCUSED)
    case.after(DECISION)
    assert case.decision == HUNG
    case.release()
    locked = [court.stake_of(juror).locked for juror in court.jurors]
    assert locked == [0] * 5


def test_attack_requester_steals_with_a_rejection__gains_nothing_of_a_slash(court: Court, world: World) -> None:
    """He wins the case: bond and price are back, and the slash is the jurors' and the fire's."""
    job, case = court.rejected()
    before = world.vault.claimableOf(world.requester)
    case.judge(court.jurors, [ACCUSED] * 5)
    case.no_appeal()
    world.board.settle(job.terms.as_tuple(), job.held, sender=world.closer)
    assert world.vault.claimableOf(world.requester) == before == 0

"""Re-assignment: a lost seat is given out anew, by a round that nobody knows yet, as often as the terms say."""

from __future__ import annotations

from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests import model
from tests.contracts.job import Job
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import BOUNTY, FUNDS, STAKE, WORK, World, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import Fault, JobState

REOPEN = 120  # twice the least take time


@pytest.fixture
def lost(world: World) -> Job:
    """One seat, taken by worker 0, who has never committed; it may be opened again twice."""
    return past_deadline(alone(world, 0))


def alone(world: World, index: int, **changes: Any) -> Job:
    """A drawn job of one seat that works by silence."""
    job = world.post(world.accept_terms(scheduler=str(world.lottery.address), reopens=2, **changes))
    job.draw()
    job.take(index)
    return job


def past_deadline(job: Job) -> Job:
    job.world.at(job.deadline + 1)
    return job


def draw_again(job: Job) -> None:
    """The new round is due and everybody who may is drawn."""
    job.world.mine(3)
    job.world.at(int(job.record.clock) + REOPEN * 3 // 4 + 1)


# ------------------------------------------------------------------------------------------------------------ reopening


def test_reopen__a_silent_worker__is_judged_and_his_seat_is_open_again(world: World, lost: Job) -> None:
    before, first_round = world.allocation(0), lost.record.round
    receipt = lost.reopen()
    record = lost.record
    assert (record.state, record.taken, record.committed, record.reopened) == (JobState.POSTED, 0, 0, True)
    assert record.clock == receipt.timestamp
    assert record.round > first_round
    assert not world.beacon.isDue(record.round)  # D1: nobody knows it
    [event] = list(receipt.decode_logs(world.board.JobReopened))
    assert (event.round, event.takeBy, event.count) == (record.round, receipt.timestamp + REOPEN, 1)
    [settled] = list(receipt.decode_logs(world.board.WorkerSettled))
    assert (settled.worker, settled.pay, settled.fault) == (world.workers[0], 0, Fault.NO_SHOW)
    now = world.allocation(0)
    assert (before.active - now.active, now.locked, now.locks) == (lost.terms.no_show_bond, 0, 0)
    assert world.held(world.requester) == lost.terms.escrow  # the money waits for the next one


def test_reopen__taken_by_another__ends_with_his_result(world: World, lost: Job) -> None:
    lost.reopen()
    draw_again(lost)
    lost.take(1)
    assert (lost.state, lost.deadline) == (JobState.ASSIGNED, world.now + WORK)
    lost.commit(1, "a")
    world.at(lost.deadline + 1)
    before = Purses.of(world)
    receipt = lost.settle()
    assert_carried_out(lost, before, [1], [model.Ruling(lost.terms.price)], receipt)


def test_reopen__the_seed_of_the_job__stays_that_of_the_first_round(world: World, lost: Job) -> None:
    seed = world.board.seedOf(lost.terms.as_tuple(), sender=world.stranger)
    assert any(seed)
    lost.reopen()
    draw_again(lost)
    assert world.board.seedOf(lost.terms.as_tuple(), sender=world.stranger) == seed


def test_reopen__all_of_several_silent__gives_all_seats_anew(world: World) -> None:
    job = past_deadline(world.assigned(reopens=1))
    receipt = job.reopen()
    assert [e.fault for e in receipt.decode_logs(world.board.WorkerSettled)] == [Fault.NO_SHOW] * 3
    draw_again(job)
    for index in range(3):
        with refused("WorkerTooYoung", worker=world.workers[index]):
            job.take(index)
    job.take(3, 4, 5)
    assert job.state == JobState.ASSIGNED


def test_reopen__of_a_folded_job__needs_all_its_seats(world: World) -> None:
    job = past_deadline(world.assigned(relayed=True, reopens=1))
    with refused("WrongSeats", number=3):
        job.reopen(job.held[:2])
    job.reopen()
    assert (job.state, job.record.folded) == (JobState.POSTED, False)


def test_reopen__as_often_as_the_terms_say_and_no_more(world: World, lost: Job) -> None:
    for index in (1, 2):
        lost.reopen()
        draw_again(lost)
        lost.take(index)
        past_deadline(lost)
    with refused("NoReopenLeft", id=lost.id, reopens=2):
        lost.reopen()
    lost.expire()  # and at once: there is nothing to wait for
    assert lost.state == JobState.EXPIRED
    assert (world.free(world.requester), world.free(world.closer)) == (FUNDS - BOUNTY, BOUNTY)


def test_reopen__terms_without_it__is_refused(world: World) -> None:
    job = past_deadline(world.assigned())
    with refused("NoReopenLeft", reopens=0):
        job.reopen()


def test_reopen__before_the_deadline_or_too_late__is_refused(world: World) -> None:
    job = alone(world, 0)
    deadline = job.deadline
    world.at(deadline)
    with refused("DeadlineNotPassed", deadline=deadline):
        job.reopen()
    world.at(deadline + REOPEN + 1)
    with refused("DeadlinePassed", deadline=deadline + REOPEN):
        job.reopen()
    job.expire()
    assert job.state == JobState.EXPIRED


def test_reopen__somebody_committed__is_refused_for_the_work_is_closed(world: World) -> None:
    """Replication has extra seats of its own, opened where two do not agree; what is there is not thrown away."""
    job = world.assigned(reopens=1)
    job.commit(0, "a")
    past_deadline(job)
    with refused("WorkToClose", id=job.id):
        job.reopen()
    job.close_work()
    assert job.state == JobState.COMMITTED


def test_reopen__where_seats_are_given_by_offers__cannot_be_asked_for(world: World) -> None:
    terms = world.accept_terms(reopens=1)
    with refused("ReopensOutOfRange", have=1, max=0):
        world.post_with_offers(terms, [world.offer(0, terms)])


def test_reopen__nobody_takes_the_seat__expires_with_a_full_refund(world: World, lost: Job) -> None:
    lost.reopen()
    take_by = int(lost.record.clock) + REOPEN
    world.mine(3)
    world.at(take_by)
    with refused("DeadlineNotPassed", deadline=take_by):
        lost.expire()
    world.at(take_by + 1)
    with refused("DeadlinePassed", deadline=take_by):
        lost.take(1)
    lost.expire()
    assert (world.free(world.requester), world.free(world.closer)) == (FUNDS - BOUNTY, BOUNTY)
    assert world.held(world.requester) == 0


def test_reopen__an_earlier_job_of_the_lane__leaves_nothing_to_the_next(world: World) -> None:
    """Lanes are used again: neither the count nor the lost seats of a job that has ended bear on its successor."""
    job = alone(world, 0, lane=900)
    past_deadline(job).reopen()
    world.mine(3)
    world.at(int(job.record.clock) + REOPEN + 1)
    job.expire()
    world.at(world.now + WORK)  # he has rested
    second = alone(world, 0, lane=900)
    assert not second.record.reopened
    [event] = list(past_deadline(second).reopen().decode_logs(world.board.JobReopened))
    assert event.count == 1


# ------------------------------------------------------------------------------------------------------------ cool-down


def test_cool_down__who_lost_a_seat__takes_no_other_for_a_while(world: World, lost: Job) -> None:
    other = world.post()
    lost.reopen()
    rested = world.now + lost.terms.work_time
    assert world.allocation(0).since == rested
    other.draw()
    with refused("WorkerTooYoung", worker=world.workers[0], since=rested):
        other.take(0)
    world.at(rested + 1)
    later = world.post()
    later.draw()
    later.take(0)


def test_cool_down__more_stake__does_not_end_it(world: World, lost: Job) -> None:
    lost.reopen()
    until = world.allocation(0).since
    world.stake(world.providers[0], world.workers[0], STAKE)
    assert world.allocation(0).since == until


def test_cool_down__by_a_stranger__rests_nobody_elsewhere(world: World) -> None:
    before = world.allocation(0).since
    world.vault.rest(world.providers[0], world.workers[0], world.now + 10**6, sender=world.stranger)
    assert world.allocation(0).since == before


# ----------------------------------------------------------------------------------------------------------- abandoning


def test_abandon__in_time__costs_half_the_bond_and_no_score(world: World) -> None:
    job = alone(world, 0)
    before, score = world.allocation(0), world.reputation.scoreOf(world.board, world.workers[0], sender=world.stranger)
    receipt = job.abandon(0)
    now = world.allocation(0)
    assert (before.active - now.active, now.locked, now.locks) == ((job.terms.no_show_bond + 1) // 2, 0, 0)
    assert world.reputation.scoreOf(world.board, world.workers[0], sender=world.stranger) == score
    [settled] = list(receipt.decode_logs(world.board.WorkerSettled))
    assert (settled.fault, settled.pay) == (Fault.ABANDONED, 0)
    assert job.state == JobState.POSTED  # at once, long before the deadline
    draw_again(job)
    job.take(1)
    assert job.state == JobState.ASSIGNED


def test_abandon__no_reopen_left__expires_and_all_the_money_goes_back(world: World) -> None:
    """The bounty too: whoever leaves a job earns nothing by it."""
    job = alone(world, 0)
    for index in (1, 2):
        job.abandon(index - 1)
        draw_again(job)
        job.take(index)
    job.abandon(2)
    assert job.state == JobState.EXPIRED
    assert (world.free(world.requester), world.held(world.requester)) == (FUNDS, 0)
    assert world.free(world.workers[2]) == world.free(world.providers[2]) == 0


def test_abandon__by_somebody_else__is_refused(world: World) -> None:
    job = alone(world, 0)
    with refused("NotSeated", worker=world.stranger):
        job.abandon(world.stranger)


def test_abandon__of_one_of_several__is_refused(world: World) -> None:
    job = world.assigned(reopens=1)
    with refused("OthersAtWork", id=job.id, workers=3):
        job.abandon(0)


# -------------------------------------------------------------------------------------------------------------- attacks


def test_attack__the_old_worker_takes_the_seat_again__is_refused(world: World, lost: Job) -> None:
    """Neither he nor a sibling, however often they draw: a seat cannot be thrown away for a better draw (D1)."""
    sibling = world.spare[0]
    world.enrol(world.providers[0], sibling)
    world.at(world.now + 1)
    lost.reopen()
    draw_again(lost)
    with refused("WorkerTooYoung"):
        lost.take(0)
    with refused("SeatWasLost", worker=sibling, provider=world.providers[0]):
        lost.take_as(sibling)


def test_attack__reopen_twice__is_refused(world: World, lost: Job) -> None:
    held = list(lost.held)
    lost.reopen()
    with refused("WrongState", have=JobState.POSTED, need=JobState.ASSIGNED):
        lost.reopen(held)
    assert world.allocation(0).locks == 0  # judged once (J4)


def test_attack__abandon_after_committing__is_refused(world: World) -> None:
    job = alone(world, 0)
    job.commit(0, "a")
    with refused("WrongState", have=JobState.COMMITTED):
        job.abandon(0)


def test_attack__abandon_past_the_deadline__buys_nobody_off(world: World, lost: Job) -> None:
    with refused("DeadlinePassed"):
        lost.abandon(0)


def test_attack__expire_for_the_bounty_before_anyone_can_reopen__is_refused(world: World) -> None:
    job = alone(world, 0)
    deadline = job.deadline
    world.at(deadline + 1)
    with refused("DeadlineNotPassed", deadline=deadline + REOPEN):
        job.expire()
    world.at(deadline + REOPEN + 1)
    job.expire()


def test_attack__commit_to_a_lost_seat__is_refused(world: World, lost: Job) -> None:
    held, number = list(lost.held), 1
    lost.reopen()
    seal = keccak256(b"late")
    with refused("WrongState", have=JobState.POSTED):
        lost.commit_as(world.workers[0], seal, number=number, held=held)
    draw_again(lost)
    lost.take(1)
    with refused("WrongSeats"):
        lost.commit_as(world.workers[0], seal, number=number, held=held)


def test_attack__the_requester_cancels_what_was_opened_again__is_refused(world: World, lost: Job) -> None:
    """The new round is not due yet: he would throw away a draw, and the take window with it."""
    lost.reopen()
    with refused("DrawFixed", id=lost.id):
        lost.cancel()


def test_attack__stake_moved_after_the_seat_was_lost__counts_in_no_draw_that_is_open(world: World, lost: Job) -> None:
    lost.reopen()
    world.stake(world.providers[1], world.workers[1], STAKE)
    draw_again(lost)
    with refused("WorkerTooYoung", worker=world.workers[1]):
        lost.take(1)


def test_attack__the_code_behind_the_board__by_itself__moves_nothing(world: World, lost: Job) -> None:
    rest = world.board.REST(sender=world.stranger)
    for name, arguments in (("reopen", [lost.held]), ("expire", [lost.held]), ("cancel", [])):
        payload = getattr(world.board, name).encode_input(lost.terms.as_tuple(), *arguments)
        with pytest.raises(ContractLogicError):
            world.stranger.transfer(rest, 0, data=payload)
    assert lost.state == JobState.ASSIGNED

"""Lanes: a requester's jobs of one lane follow one another in one slot; what has ended there never moves again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.world import FUNDS, PRICE, Job, World, refused

from tensorgrid.domain.jobs import JobState

LAST = 0xFFFF


def lane_of(world: World, job: Job) -> tuple[JobState, int]:
    state, sequence = world.board.laneOf(job.terms.requester, job.terms.nonce >> 16, sender=world.stranger)
    return JobState(int(state)), int(sequence)


def settled(world: World, lane: int | None = None, relayed: bool = False) -> Job:
    job = world.committed(["a", "a", "a"], relayed=relayed, lane=lane)
    job.reveal_together(0, 1, 2)
    assert job.state == JobState.SETTLED
    return job


def test_lane__never_used__is_free(world: World) -> None:
    terms = world.terms()
    state, sequence = world.board.laneOf(terms.requester, terms.nonce >> 16)
    assert (state, sequence) == (JobState.NONE, 0)
    assert world.board.jobOf(terms.requester, terms.nonce).state == JobState.NONE


def test_lane__while_its_job_runs__is_busy_and_another_lane_is_not(world: World) -> None:
    job = world.post()
    lane = job.terms.nonce >> 16
    with refused("LaneBusy", requester=world.requester, lane=lane):
        world.post(lane=lane)
    assert world.post().state == JobState.POSTED
    job.draw()
    job.take(0, 1, 2)
    with refused("LaneBusy", lane=lane):
        world.post(lane=lane)


def test_lane__of_another_requester__is_another_lane(world: World) -> None:
    job = world.post()
    terms = replace(job.terms, requester=str(world.stranger.address))
    world.fund(world.stranger, terms.escrow)
    world.board.post(terms.as_tuple(), sender=world.stranger)
    assert job.state == JobState.POSTED
    assert world.board.jobOf(world.stranger, terms.nonce).state == JobState.POSTED


@pytest.mark.parametrize("end", ["settled", "cancelled", "expired"])
def test_lane__after_its_job_has_ended__is_free_for_a_higher_sequence(world: World, end: str) -> None:
    if end == "settled":
        job = settled(world)
    else:
        job = world.post()
        if end == "cancelled":
            job.cancel()
        else:
            world.at(job.terms.take_by + 1)
            job.expire()
    lane, sequence = job.terms.nonce >> 16, job.terms.nonce & LAST
    assert lane_of(world, job) == (JobState[end.upper()], sequence)
    after = world.post(lane=lane)
    assert lane_of(world, after) == (JobState.POSTED, sequence + 1)
    assert (job.state, after.state) == (JobState.SUPERSEDED, JobState.POSTED)


def test_lane__sequence_that_does_not_rise__is_refused(world: World) -> None:
    job = settled(world)
    for nonce in (job.terms.nonce, job.terms.nonce - 1, job.terms.nonce & ~LAST):
        with refused("NonceUsed", requester=world.requester, nonce=nonce):
            world.post(nonce=nonce)


def test_lane__sequences_may_be_skipped_up_to_the_last(world: World) -> None:
    lane = world.terms().nonce >> 16
    first = world.post(nonce=lane << 16 | LAST - 1)
    first.cancel()
    assert world.board.jobOf(world.requester, lane << 16 | 5).state == JobState.SUPERSEDED
    last = world.post(nonce=lane << 16 | LAST)
    last.cancel()
    for sequence in (0, 1, LAST):
        with refused("NonceUsed"):
            world.post(nonce=lane << 16 | sequence)


@pytest.mark.parametrize("sequence", [1, LAST])
def test_lane__highest_there_is__is_as_good_as_any(world: World, sequence: int) -> None:
    top = (2**240 - 1) << 16
    job = world.post(nonce=top | sequence)
    assert (job.state, job.record.sequence) == (JobState.POSTED, sequence)
    with refused("NonceUsed", nonce=top):
        world.post(nonce=top)


def test_lane__reused__the_new_jobs_seats_are_its_own(world: World) -> None:
    """A seat of the job before is not one of this job, though its slot still holds it."""
    first = settled(world)
    second = world.post(lane=first.terms.nonce >> 16)
    second.draw()
    with refused("WrongSeats", id=second.id, number=1):
        world.board.look(second.terms.as_tuple(), first.only(1))
    second.take(3)
    with refused("WrongSeats", id=second.id, number=1):
        world.board.look(second.terms.as_tuple(), first.only(1))
    with refused("WrongSeats", id=second.id, number=2):
        world.board.look(second.terms.as_tuple(), first.only(2))
    second.take(4, 5)
    for index in (3, 4, 5):
        second.commit(index, "b")
    second.reveal_together(3, 4, 5)
    assert [world.free(provider) for provider in world.providers] == [PRICE] * 6


@pytest.mark.parametrize("kinds", [(False, True), (True, False), (True, True), (False, False)])
def test_lane__folded_and_unfolded_jobs_follow_one_another(world: World, kinds: tuple[bool, bool]) -> None:
    first = settled(world, relayed=kinds[0])
    second = settled(world, lane=first.terms.nonce >> 16, relayed=kinds[1])
    assert first.state == JobState.SUPERSEDED
    with refused("UnknownJob"):
        first.settle()
    assert second.state == JobState.SETTLED
    assert world.free(world.providers[0]) == 2 * PRICE
    assert world.held(world.requester) == 0


def test_lane__reused_while_a_contested_job_was_there__starts_with_a_clean_tally(world: World) -> None:
    """What the verifier remembers of the lane belongs to one sequence."""
    first = world.committed(["a", "b", "c"])
    first.reveal(0, 1, 2)
    world.at(first.deadline + 1)
    first.settle()
    second = world.committed(["a", "a", "b"], lane=first.terms.nonce >> 16)
    assert (second.tally.groups, second.tally.revealed, second.extra.count) == (0, 0, 0)
    second.reveal(0)
    assert list(second.tally.group) == [1, 0, 0, 0, 0]


# ---- retiring: orders that were signed and never posted


def test_retire__an_order_signed_with_the_nonce_or_a_lower_one__is_dead(world: World) -> None:
    lane = world.terms().nonce >> 16
    orders = [world.terms(lane=lane) for _ in range(3)]
    receipt = world.board.retire(orders[1].nonce, sender=world.requester)
    [event] = list(receipt.decode_logs(world.board.NonceRetired))
    assert (event.requester, event.nonce) == (world.requester, orders[1].nonce)
    for dead in orders[:2]:
        with refused("NonceUsed", nonce=dead.nonce):
            world.post_for(dead)
    assert world.post_for(orders[2]).state == JobState.POSTED


def test_retire__by_somebody_else__touches_nobody_elses_lane(world: World) -> None:
    terms = world.terms()
    world.board.retire(terms.nonce, sender=world.stranger)
    assert world.post_for(terms).state == JobState.POSTED


def test_retire__while_a_job_of_the_lane_runs__kills_later_orders_and_leaves_the_job_as_it_is(world: World) -> None:
    job = world.assigned()
    lane, before = job.terms.nonce >> 16, tuple(job.record)
    orders = [world.terms(lane=lane) for _ in range(3)]
    world.board.retire(orders[1].nonce, sender=world.requester)
    for used in (job.terms, *orders[:2]):
        with refused("NonceUsed", nonce=used.nonce):
            world.board.retire(used.nonce, sender=world.requester)
    assert tuple(job.record) == before
    assert tuple(world.board.laneOf(world.requester, lane)) == (JobState.ASSIGNED, orders[1].nonce & LAST)
    assert [world.board.jobOf(world.requester, o.nonce).state for o in orders] == [
        JobState.CANCELLED,
        JobState.CANCELLED,
        JobState.NONE,
    ]
    world.at(job.deadline + 1)
    job.expire()
    for dead in orders[:2]:
        with refused("NonceUsed", nonce=dead.nonce):
            world.post_for(dead)
    assert world.post(world.terms(lane=lane)).state == JobState.POSTED


def test_retire__a_nonce_that_is_used_or_retired__is_refused(world: World) -> None:
    job = world.post()
    job.cancel()
    with refused("NonceUsed", nonce=job.terms.nonce):
        world.board.retire(job.terms.nonce, sender=world.requester)
    world.board.retire(job.terms.nonce + 1, sender=world.requester)
    with refused("NonceUsed", nonce=job.terms.nonce + 1):
        world.board.retire(job.terms.nonce + 1, sender=world.requester)
    with refused("NonceUsed"):
        world.board.retire(job.terms.nonce & ~LAST, sender=world.requester)


def test_retire__leaves_no_job_behind(world: World) -> None:
    """What is retired was never posted: no verb finds anything there, and no money moves."""
    terms = world.terms()
    world.board.retire(terms.nonce, sender=world.requester)
    with refused("UnknownJob"):
        world.board.expire(terms.as_tuple(), [], sender=world.stranger)
    with refused("WrongState"):
        world.board.cancel(terms.as_tuple(), sender=world.requester)
    assert (world.free(world.requester), world.held(world.requester)) == (FUNDS, 0)

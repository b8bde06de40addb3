"""Settling several jobs in one call, or one on the way of posting the next: each as if alone, all or none."""

from __future__ import annotations

import pytest
from tests import model
from tests.contracts.purses import Purses
from tests.contracts.world import FUNDS, LEAST_PRICE, PRICE, STAKE, WINDOW, Job, World, refused

from tensorgrid.domain.jobs import JobState


def replicated(world: World) -> Job:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    return job


def test_settle_many__of_different_tiers__carries_each_out(world: World) -> None:
    first, second, third = world.accepted(0), replicated(world), world.accepted(1)
    world.at(third.committed_at + WINDOW + 1)
    receipt = world.settle_many([first, second, third])
    assert [e.id for e in receipt.decode_logs(world.board.JobSettled)] == [first.id, second.id, third.id]
    assert {first.state, second.state, third.state} == {JobState.SETTLED}
    pays = [world.free(provider) for provider in world.providers[:3]]
    assert pays == [LEAST_PRICE + PRICE, LEAST_PRICE + PRICE, PRICE]
    spent = sum(pays) + 2 * model.fee_on(100, LEAST_PRICE) + model.fee_on(100, 3 * PRICE)
    assert (world.free(world.requester), world.held(world.requester)) == (FUNDS - spent, 0)
    assert all(world.allocation(index).locked == 0 for index in range(6))


def test_settle_many__one_is_not_ready__settles_none(world: World) -> None:
    ready, waiting = replicated(world), world.accepted(0)
    before = Purses.of(world)
    with refused("VerdictPending", id=waiting.id):
        world.settle_many([ready, waiting])
    assert Purses.of(world) == before
    assert ready.state == JobState.COMMITTED


def test_settle_many__one_twice__settles_none(world: World) -> None:
    job = replicated(world)
    with refused("WrongState", have=JobState.SETTLED, need=JobState.COMMITTED):
        world.settle_many([job, job])
    assert job.state == JobState.COMMITTED


def test_settle_many__seats_of_another_job__are_refused(world: World) -> None:
    first, second = replicated(world), replicated(world)
    with refused("WrongSeats", id=first.id, number=1):
        world.settle_many([first, second], [second.held, first.held])


def test_settle_many__not_one_list_of_seats_per_job__is_refused(world: World) -> None:
    job = replicated(world)
    with refused("LengthMismatch", have=2, need=1):
        world.settle_many([job], [job.held, job.held])
    with refused("LengthMismatch", have=0, need=1):
        world.settle_many([job], [])


def test_settle_many__none__does_nothing(world: World) -> None:
    before = Purses.of(world)
    world.settle_many([])
    assert Purses.of(world) == before


# ---- with the next job's posting


def test_settle_and_post__in_the_same_lane__ends_one_and_starts_the_next(world: World) -> None:
    earlier = world.accepted(0)
    world.at(earlier.committed_at + WINDOW + 1)
    terms = world.accept_terms(lane=earlier.terms.nonce >> 16)
    later = world.settle_and_post(earlier, terms, [world.offer(0, terms)])
    assert (earlier.state, later.state) == (JobState.SUPERSEDED, JobState.ASSIGNED)
    assert [e.id for e in later.receipt.decode_logs(world.board.JobSettled)] == [earlier.id]
    assert world.free(world.providers[0]) == LEAST_PRICE
    assert (world.allocation(0).locked, world.allocation(0).locks) == (STAKE, 1)
    assert world.held(world.requester) == later.terms.escrow
    spent = LEAST_PRICE + model.fee_on(100, LEAST_PRICE)
    assert world.free(world.requester) == FUNDS - spent - later.terms.escrow


def test_settle_and_post__what_comes_back_pays_for_the_next(world: World) -> None:
    """The surplus of the earlier job is free before the next one's escrow is held."""
    earlier = world.accepted(0)
    world.at(earlier.committed_at + WINDOW + 1)
    terms = world.accept_terms()
    back = earlier.terms.escrow - LEAST_PRICE - model.fee_on(100, LEAST_PRICE)
    spare = world.free(world.requester) - (terms.escrow - back)
    world.escrow.withdraw(world.board, world.coin, spare, world.requester, sender=world.requester)
    world.settle_and_post(earlier, terms, [world.offer(1, terms)])
    assert (world.free(world.requester), world.held(world.requester)) == (0, terms.escrow)


@pytest.mark.parametrize("fault", ["not ready", "no offer serves", "another's terms", "no money"])
def test_settle_and_post__either_cannot_be__neither_is(world: World, fault: str) -> None:
    earlier = world.accepted(0)
    if fault != "not ready":
        world.at(earlier.committed_at + WINDOW + 1)
    terms = world.accept_terms(**({"requester": str(world.stranger.address)} if fault == "another's terms" else {}))
    if fault == "no money":
        free = world.free(world.requester)
        world.escrow.withdraw(world.board, world.coin, free, world.requester, sender=world.requester)
    before = Purses.of(world)
    price = PRICE + 1 if fault == "no offer serves" else LEAST_PRICE
    errors = {
        "not ready": "VerdictPending",
        "no offer serves": "OfferUnsuited",
        "another's terms": "NotRequester",
        "no money": "FreeTooSmall",
    }
    with refused(errors[fault]):
        world.settle_and_post(earlier, terms, [world.offer(1, terms, min_price=price)])
    assert Purses.of(world) == before
    assert earlier.state == JobState.COMMITTED


def test_settle_and_post__the_earlier_one_was_settled_a_moment_before__posts_all_the_same(world: World) -> None:
    earlier = world.accepted(0)
    world.at(earlier.committed_at + WINDOW + 1)
    earlier.settle(sender=world.stranger)
    terms = world.accept_terms(lane=earlier.terms.nonce >> 16)
    later = world.settle_and_post(earlier, terms, [world.offer(1, terms)])
    assert (earlier.state, later.state) == (JobState.SUPERSEDED, JobState.ASSIGNED)
    assert list(later.receipt.decode_logs(world.board.JobSettled)) == []


def test_settle_and_post__by_a_stranger_for_himself__settles_anybodys_job(world: World) -> None:
    """Settling is open to all; posting is each one's own."""
    earlier = world.accepted(0)
    world.at(earlier.committed_at + WINDOW + 1)
    terms = world.accept_terms(requester=str(world.stranger.address))
    world.fund(world.stranger, terms.escrow)
    offers = [world.offer(1, terms)]
    world.board.settleAndPost(earlier.terms.as_tuple(), earlier.held, terms.as_tuple(), offers, sender=world.stranger)
    assert earlier.state == JobState.SETTLED
    assert world.held(world.stranger) == terms.escrow

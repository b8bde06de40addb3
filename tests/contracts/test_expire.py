"""Expiring: a seat still empty at takeBy harms nobody who took; an empty-handed crew loses its bonds."""

from __future__ import annotations

from tests import model
from tests.contracts.job import NOT_SHOWN
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import BOUNTY, FUNDS, PRICE, World, refused

from tensorgrid.domain.jobs import JobState


def test_expire__nobody_took__full_refund_less_bounty(world: World) -> None:
    job = world.post()
    world.at(job.terms.take_by + 1)
    receipt = job.expire()
    assert job.state == JobState.EXPIRED
    assert (world.free(world.requester), world.held(world.requester)) == (FUNDS - BOUNTY, 0)
    assert world.free(world.closer) == BOUNTY
    [event] = list(receipt.decode_logs(world.board.JobExpired))
    assert (event.closer, event.returned) == (world.closer, job.terms.escrow - BOUNTY)


def test_expire__a_seat_still_empty__unlocks_the_takers_unharmed(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0, 1)
    before = Purses.of(world)
    world.at(job.terms.take_by + 1)
    receipt = job.expire()
    assert_carried_out(job, before, [0, 1], [model.Ruling(0), model.Ruling(0)], receipt)


def test_expire__nobody_committed__each_is_a_no_show(world: World) -> None:
    job = world.assigned()
    before = Purses.of(world)
    world.at(job.deadline + 1)
    receipt = job.expire()
    assert job.state == JobState.EXPIRED
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(0, "no-show")] * 3, receipt)


def test_expire__at_the_deadline__is_refused(world: World) -> None:
    job = world.post()
    world.at(job.terms.take_by)
    with refused("DeadlineNotPassed", deadline=job.terms.take_by):
        job.expire()
    late = world.assigned()
    world.at(late.deadline)
    with refused("DeadlineNotPassed", deadline=late.deadline):
        late.expire()


def test_expire__somebody_committed__is_refused(world: World) -> None:
    job = world.assigned()
    job.commit(0, "a")
    world.at(job.deadline + 1)
    # there is work to go on with: closeWork has settleTime to be called
    with refused("DeadlineNotPassed", deadline=job.deadline + job.terms.settle_time):
        job.expire()


def test_expire__workers_missing_or_in_the_wrong_order__is_refused(world: World) -> None:
    job = world.assigned()
    world.at(job.deadline + 1)
    a, b, c = job.held
    for held, number in (([a, b], 3), ([a, b, c, c], 5), ([b, a, c], 1), ([a, a, c], 2), ([a, b, NOT_SHOWN], 3)):
        with refused("WrongSeats", id=job.id, number=number):
            job.expire(held)
    with refused("WrongSeats", number=3):
        job.expire([a, b, c._replace(worker=str(world.workers[4].address))])
    job.expire([a, b, c])


def test_expire__of_a_folded_job__needs_the_seats_as_they_were_given(world: World) -> None:
    job = world.assigned(relayed=True)
    world.at(job.deadline + 1)
    a, b, c = job.held
    for held in ([b, a, c], [a, b, c._replace(payee=str(world.closer.address))], [a, b, NOT_SHOWN]):
        with refused("WrongSeats", id=job.id, number=0):
            job.expire(held)
    with refused("WrongSeats", id=job.id, number=3):
        job.expire([a, b])
    before = Purses.of(world)
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(0, "no-show")] * 3, job.expire())


def test_expire__matched_with_an_offer_and_never_committed__is_a_no_show(world: World) -> None:
    job = world.accepted(answer=None)
    before = Purses.of(world)
    world.at(job.deadline)
    with refused("DeadlineNotPassed", deadline=job.deadline):
        job.expire()
    assert_carried_out(job, before, [0], [model.accept(PRICE, committed=False)], job.expire())


def test_expire__unknown_or_ended__is_refused(world: World) -> None:
    with refused("UnknownJob"):
        world.board.expire(world.terms().as_tuple(), [], sender=world.stranger)
    job = world.post()
    world.at(job.terms.take_by + 1)
    job.expire()
    with refused("WrongState", have=JobState.EXPIRED):
        job.expire()

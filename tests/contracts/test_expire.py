"""Expiring: a seat still empty at takeBy harms nobody who took; an empty-handed crew loses its bonds."""

from __future__ import annotations

from tests import model
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.test_commit import assigned
from tests.contracts.world import BOUNTY, FUNDS, World, refused

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
    job = assigned(world)
    before = Purses.of(world)
    world.at(job.record.deadline + 1)
    receipt = job.expire()
    assert job.state == JobState.EXPIRED
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(0, "no-show")] * 3, receipt)


def test_expire__at_the_deadline__is_refused(world: World) -> None:
    job = world.post()
    world.at(job.terms.take_by)
    with refused("DeadlineNotPassed", deadline=job.terms.take_by):
        job.expire()
    late = assigned(world)
    world.at(late.record.deadline)
    with refused("DeadlineNotPassed", deadline=late.record.deadline):
        late.expire()


def test_expire__somebody_committed__is_refused(world: World) -> None:
    job = assigned(world)
    job.commit(0, "a")
    world.at(job.record.deadline + 1)
    # there is work to go on with: closeWork has settleTime to be called
    with refused("DeadlineNotPassed", deadline=job.record.deadline + job.terms.settle_time):
        job.expire()


def test_expire__workers_missing_or_in_the_wrong_order__is_refused(world: World) -> None:
    job = assigned(world)
    world.at(job.record.deadline + 1)
    a, b, c = world.workers[:3]
    with refused("WrongSeats", have=2, need=3):
        job.expire([a, b])
    with refused("WrongSeats", have=2, need=1):
        job.expire([b, a, c])
    with refused("WrongSeats", have=1, need=2):
        job.expire([a, a, c])
    with refused("WrongSeats", have=0, need=3):
        job.expire([a, b, world.workers[4]])
    job.expire([a, b, c])


def test_expire__unknown_or_ended__is_refused(world: World) -> None:
    with refused("UnknownJob"):
        world.board.expire(world.terms().as_tuple(), [], sender=world.stranger)
    job = world.post()
    world.at(job.terms.take_by + 1)
    job.expire()
    with refused("WrongState", have=JobState.EXPIRED):
        job.expire()

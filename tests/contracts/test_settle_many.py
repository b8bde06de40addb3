"""Settling several jobs in one call: each as if alone, all or none."""

from __future__ import annotations

from tests import model
from tests.contracts.purses import Purses
from tests.contracts.world import FUNDS, LEAST_PRICE, PRICE, WINDOW, Job, World, refused

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

"""Opening the second round: by anyone, when the first is over by its deadline and was not decided."""

from __future__ import annotations

import pytest
from tests.contracts.job import Job
from tests.contracts.world import EXTRA_TAKE, GRACE, REVEAL, WORK, World, refused


def needed(world: World, job: Job) -> bool:
    return bool(world.replication.extraNeeded(job.terms.as_tuple(), job.held))


def test_open_extra__one_silent_and_two_differ__opens_after_the_deadline(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1)
    deadline = job.committed_at + REVEAL + GRACE
    world.at(deadline)
    with refused("RevealTooEarly", id=job.id):
        job.open_extra()
    receipt = job.open_extra()
    extra = job.extra
    assert (extra.count, extra.opensAt, extra.takeBy) == (2, receipt.timestamp, receipt.timestamp + EXTRA_TAKE)
    assert extra.workBy == extra.takeBy + WORK
    assert extra.round > receipt.block_number


def test_extra_needed__says_when(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1)
    assert not needed(world, job)
    world.at(job.committed_at + REVEAL + GRACE + 1)
    world.mine(1)
    assert needed(world, job)
    job.open_extra()
    assert not needed(world, job)


@pytest.mark.parametrize("reveals", [(), (0, 1)], ids=["nobody revealed", "two equal, one silent"])
def test_open_extra__decided__is_refused(world: World, reveals: tuple[int, ...]) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(*reveals)
    world.at(job.committed_at + REVEAL + GRACE + 1)
    with refused("ExtraNotNeeded", id=job.id):
        job.open_extra()
    assert not needed(world, job)


def test_open_extra__twice__is_refused(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    with refused("ExtraNotNeeded", id=job.id):
        job.open_extra()


def test_open_extra__as_late_as_it_can_still_end_in_time(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0)
    second_round = EXTRA_TAKE + WORK + REVEAL + GRACE
    world.at(job.deadline - second_round)
    with refused("TooLateForExtra", settleBy=job.deadline):
        job.open_extra()


def test_open_extra__a_second_before_that__is_good(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0)
    world.at(job.deadline - (EXTRA_TAKE + WORK + REVEAL + GRACE) - 1)
    job.open_extra()
    assert job.extra.workBy + REVEAL + GRACE == job.deadline - 1


def test_open_extra__before_committed_or_after_the_end__is_refused(world: World) -> None:
    job = world.post()
    with refused("RevealTooEarly", id=job.id):
        job.open_extra()
    done = world.committed(["a", "a", "a"])
    done.reveal(0, 1, 2)
    done.settle()
    with refused("RevealTooLate", id=done.id):
        done.open_extra()


@pytest.mark.parametrize("relayed", [False, True], ids=["seats apart", "folded"])
def test_attack_open_extra_with_somebody_elses_seats__is_refused(world: World, relayed: bool) -> None:
    """Not to be opened, and not to be asked about, by seats that the board does not know."""
    job = world.committed(["a", "b", "b"], relayed=relayed)
    job.reveal(0)
    forged = [job.held[0]._replace(commitment=b"\1" * 32), *job.held[1:]]
    call = (job.terms.as_tuple(), forged)
    with refused("WrongSeats", number=0 if relayed else 1):
        world.replication.openExtra(*call, sender=world.stranger)
    with refused("WrongSeats"):
        world.replication.extraNeeded(*call, sender=world.stranger)


def test_attack_second_round_is_drawn_again__by_revealing_late(world: World) -> None:
    """The first round is over for good when the second has begun: no reveal begins another draw."""
    job = world.committed(["a", "b", "c"])
    job.reveal(0, 1)
    world.at(job.committed_at + REVEAL + GRACE + 1)
    job.open_extra()
    drawn = job.extra
    with refused("RevealTooLate"):
        job.reveal(2)
    with refused("NotCommitted"):
        job.reveal_as(world.stranger, [], held=job.held)
    assert job.extra == drawn

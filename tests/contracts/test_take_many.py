"""Takes signed by the workers and posted together: as if each had come himself, all or none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ape.exceptions import ContractLogicError
from tests.contracts.signing import NO_SIGNATURE, short
from tests.contracts.world import ALLOCATED, PRICE, STAKE, WORK, World, refused

from tensorgrid.domain.jobs import JobState


def test_take_many__all_seats__assigns_the_job_and_folds_it(world: World) -> None:
    job = world.post()
    job.draw()
    receipt = job.take_many(2, 0, 1)
    logs = list(receipt.decode_logs(world.board.JobTaken))
    taken = [(e.worker, e.number, e.price) for e in logs]
    assert taken == [(world.workers[index], number, PRICE) for number, index in ((1, 2), (2, 0), (3, 1))]
    record = job.record
    assert (job.state, record.taken, record.folded) == (JobState.ASSIGNED, 3, True)
    assert record.clock == receipt.timestamp + WORK
    assert [e.workBy for e in logs] == [0, 0, record.clock]
    for index in range(3):
        assert (world.allocation(index).locked, world.allocation(index).locks) == (STAKE, 1)
    assert world.board.look(job.terms.as_tuple(), job.held)[0] == job.id


def test_take_many__some__leaves_the_rest_to_others_and_each_has_a_slot(world: World) -> None:
    job = world.post()
    job.draw()
    job.take_many(0, 1)
    assert (job.state, job.record.taken, job.record.folded) == (JobState.POSTED, 2, False)
    job.take(2)
    assert (job.state, job.record.folded) == (JobState.ASSIGNED, False)
    for number in (1, 2, 3):
        assert world.board.look(job.terms.as_tuple(), job.only(number))[0] == job.id


def test_take_many__after_own_takes__fills_what_is_left(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0)
    job.take_many(1, 2)
    assert (job.state, job.record.taken, job.record.folded) == (JobState.ASSIGNED, 3, False)


def test_take_many__one_of_them_may_not__nobody_is_seated(world: World) -> None:
    world.registry.update(world.workers[2], world.profile(world.providers[2], capacity=0), sender=world.providers[2])
    job = world.post()
    job.draw()
    with refused("CapacityReached", worker=world.workers[2], capacity=0):
        job.take_many(0, 1, 2)
    assert job.record.taken == 0
    assert world.allocation(0).locked == 0


def test_take_many__more_than_there_are_seats__is_refused(world: World) -> None:
    job = world.post()
    job.draw()
    with refused("SeatsFull", id=job.id):
        job.take_many(0, 1, 2, 3)
    job.take_many(0, 1)
    with refused("SeatsFull", id=job.id):
        job.take_many(2, 3)


def test_take_many__one_worker_twice__is_refused(world: World) -> None:
    job = world.post()
    job.draw()
    with refused("SiblingSeated", id=job.id, worker=world.workers[0], provider=world.providers[0]):
        job.take_many(0, 1, 0)


def test_take_many__siblings__are_refused_within_one_call_and_across_two(world: World) -> None:
    sibling = world.spare[0]
    world.enrol(world.providers[0], sibling)
    job = world.post()
    job.draw()
    until = job.terms.take_by
    signed = (until, short(sibling, world.domain.take(job.id, until)))
    with refused("SiblingSeated", worker=sibling, provider=world.providers[0]):
        job.take_signed([job.signed_take(0), signed])
    job.take_many(1, 0)
    with refused("SiblingSeated", worker=sibling, provider=world.providers[0]):
        job.take_signed([signed])


def test_take_many__signed_for_another_job_chain_or_board__recovers_to_a_stranger(world: World) -> None:
    job, other = world.post(), world.post()
    job.draw()
    here, worker, until = world.domain, world.workers[0], job.terms.take_by
    for message in (
        here.take(other.id, until),
        here.take(job.id, until - 1),
        replace(here, chain_id=here.chain_id + 1).take(job.id, until),
        replace(here, contract=str(world.vault.address)).take(job.id, until),
        here.seal(job.id, job.id),
    ):
        with refused("UnknownWorker"):
            job.take_signed([(until, short(worker, message))])
    assert world.allocation(0).locked == 0


def test_take_many__consent_has_run_out__nobody_is_seated(world: World) -> None:
    job = world.post()
    job.draw()
    until = world.now + 10
    early, late = job.signed_take(0, until), job.signed_take(1)
    world.at(until + 1)
    with refused("TakeExpired", id=job.id, until=until):
        job.take_signed([late, early])
    assert (job.record.taken, world.allocation(0).locked) == (0, 0)
    job.take_signed([late])
    assert job.held[0].worker == world.workers[1]


def test_take_many__in_the_last_second_of_the_consent__is_in_time(world: World) -> None:
    job = world.post()
    job.draw()
    until = world.now + 10
    signed = job.signed_take(0, until)
    world.at(until)
    job.take_signed([signed])
    assert job.record.taken == 1


def test_take_many__consent_made_longer_by_whoever_posts_it__is_a_strangers(world: World) -> None:
    job = world.post()
    job.draw()
    _, signature = job.signed_take(0, world.now + 10)
    world.at(world.now + 12)
    with refused("UnknownWorker"):
        job.take_signed([(job.terms.take_by, signature)])


def test_take_many__no_signature__is_refused(world: World) -> None:
    job = world.post()
    job.draw()
    with pytest.raises(ContractLogicError):
        job.take_signed([(job.terms.take_by, NO_SIGNATURE)])
    assert job.record.taken == 0


def test_take_many__nobody__changes_nothing(world: World) -> None:
    job = world.post()
    job.draw()
    before = tuple(job.record)
    job.take_signed([])
    assert tuple(job.record) == before


def test_take_many__signature_used_again__seats_nobody_twice(world: World) -> None:
    """In this job the seat is his already; every later job has another id."""
    first = world.post()
    first.draw()
    signed = first.signed_take(0, first.terms.take_by + 100_000)
    first.take_signed([signed])
    with refused("SiblingSeated", worker=world.workers[0]):
        first.take_signed([signed])
    world.at(first.terms.take_by + 1)
    first.expire()
    with refused("WrongState"):
        first.take_signed([signed])
    second = world.post(lane=first.terms.nonce >> 16)
    second.draw()
    with refused("UnknownWorker"):
        second.take_signed([signed])


def test_take_many__before_the_round_is_due__is_refused(world: World) -> None:
    job = world.post()
    with refused("RoundNotDue", round=job.record.round):
        job.take_many(0, 1, 2)


def test_take_many__not_drawn_yet__is_refused(world: World) -> None:
    job = world.post(stake=ALLOCATED)
    world.mine(3)
    with refused("NotDrawn", id=job.id, worker=world.workers[0]):
        job.take_many(0)


@pytest.mark.parametrize("relayed", [False, True], ids=["a slot per seat", "folded"])
def test_take_many__extra_seats__are_not_given_on_a_signature(world: World, relayed: bool) -> None:
    """Who signed for the first round has not seen the clocks of the second; he comes himself, or not at all."""
    job = world.committed(["a", "b", "b"], relayed=relayed)
    late = job.signed_take(3)  # signed for the first round, and never used in it
    job.reveal_together(0, 1, 2)
    job.draw_extra()
    with refused("WrongState", have=JobState.COMMITTED, need=JobState.POSTED):
        job.take_signed([late])
    assert world.allocation(3).locked == 0
    job.take(3)

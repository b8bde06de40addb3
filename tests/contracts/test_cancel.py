"""Cancelling: all of it back, until the draw is fixed."""

from __future__ import annotations

from dataclasses import replace

from tests.contracts.world import FUNDS, World, refused

from tensorgrid.domain.jobs import JobState


def test_cancel__before_the_round_is_due__returns_everything(world: World) -> None:
    job = world.post()
    assert world.held(world.requester) == job.terms.escrow
    job.cancel()
    assert (world.free(world.requester), world.held(world.requester)) == (FUNDS, 0)
    assert job.state == JobState.CANCELLED


def test_cancel__in_the_block_of_the_round__still_works(world: World) -> None:
    job = world.post()
    while world.chain.blocks.head.number + 1 < job.record.round:
        world.mine(1)
    job.cancel()
    assert world.chain.blocks.head.number == job.record.round
    assert job.state == JobState.CANCELLED


def test_cancel__after_the_round__is_refused(world: World) -> None:
    job = world.post()
    while world.chain.blocks.head.number < job.record.round:
        world.mine(1)
    with refused("DrawFixed", id=job.id, round=job.record.round):
        job.cancel()


def test_cancel__by_a_stranger__is_refused(world: World) -> None:
    job = world.post()
    with refused("NotRequester", id=job.id, caller=world.stranger):
        job.cancel(by=world.stranger)


def test_cancel__twice__is_refused(world: World) -> None:
    job = world.post()
    job.cancel()
    with refused("WrongState", have=JobState.CANCELLED, need=JobState.POSTED):
        job.cancel()


def test_cancel__unknown_job__is_refused(world: World) -> None:
    terms = world.terms()
    with refused("UnknownJob"):
        world.board.cancel(terms.as_tuple(), sender=world.requester)


def test_cancel__terms_that_differ_in_a_bit__are_another_job(world: World) -> None:
    job = world.post()
    with refused("UnknownJob"):
        world.board.cancel(replace(job.terms, bounty=job.terms.bounty + 1).as_tuple(), sender=world.requester)
    assert job.state == JobState.POSTED


def test_cancel__matched_with_an_offer__is_too_late(world: World) -> None:
    job = world.accepted(answer=None)
    with refused("WrongState", have=JobState.ASSIGNED, need=JobState.POSTED):
        job.cancel()

"""Many calls in one transaction: as if their sender had sent them one by one, all or none."""

from __future__ import annotations

from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests import model
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import PRICE, World, refused

from tensorgrid.domain.jobs import JobState


def payload(world: World, name: str, *arguments: Any) -> bytes:
    return bytes(getattr(world.board, name).encode_input(*arguments))


def test_multicall__many_posts__are_the_callers(world: World) -> None:
    terms = [world.terms() for _ in range(3)]
    receipt = world.board.multicall([payload(world, "post", t.as_tuple()) for t in terms], sender=world.requester)
    assert len(list(receipt.decode_logs(world.board.JobPosted))) == 3
    assert world.held(world.requester) == sum(t.escrow for t in terms)
    for each in terms:
        assert world.board.jobOf(each.requester, each.nonce).state == JobState.POSTED


def test_multicall__takes_and_commits__are_each_workers_own(world: World) -> None:
    jobs = [world.post(world.accept_terms(scheduler=str(world.lottery.address))) for _ in range(2)]
    jobs[-1].draw()
    calls = [payload(world, "take", job.terms.as_tuple(), []) for job in jobs]
    receipt = world.board.multicall(calls, sender=world.workers[0])
    for job in jobs:
        job.follow(receipt)
        assert job.held[0].worker == world.workers[0]
    calls = [payload(world, "commit", j.ref, 1, j.held, j.commitment(0, "a")) for j in jobs]
    receipt = world.board.multicall(calls, sender=world.workers[0])
    assert [job.state for job in jobs] == [JobState.COMMITTED] * 2


def test_multicall__a_rare_call_and_a_usual_one__find_their_way(world: World) -> None:
    """Cancelling runs in the code behind the board, posting in its own."""
    job = world.post()
    after = world.terms()
    calls = [payload(world, "cancel", job.terms.as_tuple()), payload(world, "post", after.as_tuple())]
    world.board.multicall(calls, sender=world.requester)
    assert job.state == JobState.CANCELLED
    assert world.held(world.requester) == after.escrow


def test_multicall__inside_a_multicall__is_one_more_of_its_calls(world: World) -> None:
    terms = world.terms()
    inner = payload(world, "multicall", [payload(world, "post", terms.as_tuple())])
    world.board.multicall([inner], sender=world.requester)
    assert world.board.jobOf(terms.requester, terms.nonce).state == JobState.POSTED


def test_multicall__answers__are_those_of_the_calls(world: World) -> None:
    terms = world.terms()
    asked = [payload(world, "idOf", terms.as_tuple()), payload(world, "laneOf", terms.requester, terms.nonce >> 16)]
    first, second = world.board.multicall.call(asked, sender=world.stranger)
    assert bytes(first) == terms.id(world.deployment.chain_id, str(world.board.address))
    assert bytes(second) == bytes(64)


def test_multicall__one_that_fails__undoes_all_and_says_why(world: World) -> None:
    good, bad = world.terms(), world.terms(price=0, reserve=0)
    calls = [payload(world, "post", t.as_tuple()) for t in (good, bad)]
    with refused("PriceZero"):
        world.board.multicall(calls, sender=world.requester)
    assert world.board.jobOf(good.requester, good.nonce).state == JobState.NONE
    assert world.held(world.requester) == 0


def test_multicall__settles_late_verdicts__through_itself(world: World) -> None:
    """A late verdict is asked for through the board's own address, also from within."""
    job = world.committed(["a", "a", "b"])
    world.at(job.committed_at + job.terms.settle_time + 1)
    before = Purses.of(world)
    receipt = world.board.multicall([payload(world, "settle", job.terms.as_tuple(), job.held)], sender=world.closer)
    assert job.state == JobState.SETTLED
    # Nobody revealed: what was locked is burned, and the closer has the bounty.
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(0, "slashed")] * 3, receipt)


# -------------------------------------------------------------------------------------------------------------- attacks


def test_attack__a_call_in_anothers_name__is_still_the_callers(world: World) -> None:
    terms = world.terms()
    with refused("NotRequester", caller=world.stranger):
        world.board.multicall([payload(world, "post", terms.as_tuple())], sender=world.stranger)
    with refused("NotParameters", caller=world.stranger):
        world.board.multicall([payload(world, "adopt", 99)], sender=world.stranger)


def test_attack__the_same_settlement_twice__pays_once(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    settle = payload(world, "settle", job.terms.as_tuple(), job.held)
    with refused("WrongState", have=JobState.SETTLED):
        world.board.multicall([settle, settle], sender=world.closer)
    world.board.multicall([settle], sender=world.closer)
    assert [world.free(provider) for provider in world.providers[:3]] == [PRICE] * 3


def test_attack__ether_along_with_it__is_refused(world: World) -> None:
    with pytest.raises(ContractLogicError):
        world.stranger.transfer(world.board, 1, data=payload(world, "multicall", []))


def test_attack__calls_that_nobody_knows__are_refused(world: World) -> None:
    with pytest.raises(ContractLogicError):
        world.board.multicall([b"\1\2\3\4"], sender=world.stranger)

"""Who attacks the money: requesters, providers, relayers, strangers with signatures; by name, and what stops each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests import model
from tests.contracts.job import NOT_SHOWN, Job, SeatHeld
from tests.contracts.purses import Purses
from tests.contracts.signing import NO_SIGNATURE, short
from tests.contracts.test_settle import stub
from tests.contracts.world import (
    ALLOCATED,
    BOUNTY,
    FUNDS,
    JURY_FEE,
    LEAST_PRICE,
    PRICE,
    STAKE,
    WINDOW,
    WORK,
    ZERO,
    World,
    container,
    refused,
)

from tensorgrid.domain.jobs import Fault, JobState, hardware_class

__all__ = ["stub"]  # a fixture

FEE = 9_001
DAY = 86_400


# ---- the requester against the workers


@pytest.mark.parametrize("how", ["no time to work", "a rejection that the jury believes"])
def test_attack_slash_farming(world: World, how: str) -> None:
    """Whatever a requester has burned of honest workers' stake, he is no unit richer for it."""
    world.fund(world.requester, JURY_FEE, controller=world.acceptance)
    before = wealth(world, world.requester)
    if how == "no time to work":
        job = world.assigned(work_time=10)
        world.at(job.deadline + 1)
        world.board.expire(job.terms.as_tuple(), job.held, sender=world.requester)
    else:
        job = world.accepted()
        job.reject()
        world.jury.decide(world.acceptance, job.id, 1, sender=world.requester)  # the most that a bribe could buy
        job.settle(sender=world.requester)
        job.release_bond()
        assert world.allocation(0).active == ALLOCATED - STAKE
    assert wealth(world, world.requester) <= before
    world.vault.flushBurned(sender=world.stranger)
    assert world.stake_token.balanceOf(world.requester) == world.vault.claimableOf(world.requester) == 0


def wealth(world: World, account: Any) -> int:
    """In coins, wherever they are."""
    own = int(world.coin.balanceOf(account)) + world.free(account) + world.held(account)
    bond = world.escrow.balanceOf(world.acceptance, world.coin, account)
    return own + int(bond.free) + int(bond.held)


@pytest.mark.parametrize("failure", ["raised", "wall_limit", "memory_limit", "output_too_large"])
def test_attack_free_gpu_time_by_failing_on_purpose(world: World, failure: str) -> None:
    """Code that leaves its weights in a log and then fails: how it ended is the result, is agreed on, and is paid."""
    job = world.committed([failure] * 3)
    job.reveal_together(0, 1, 2)
    assert job.state == JobState.SETTLED
    assert [world.free(provider) for provider in world.providers[:3]] == [PRICE] * 3


def test_attack_reject_work_to_get_it_for_nothing(world: World) -> None:
    """Without a bond nobody rejects; with one, losing costs the bond and the price is paid all the same."""
    job = world.accepted()
    with refused("FreeTooSmall", controller=world.acceptance, account=world.requester, have=0, need=JURY_FEE):
        job.reject()
    world.fund(world.requester, JURY_FEE, controller=world.acceptance)
    before = wealth(world, world.requester)
    job.reject()
    with refused("AlreadyRejected", id=job.id):
        job.reject()
    world.jury.decide(world.acceptance, job.id, 2, sender=world.stranger)
    job.settle()
    job.release_bond()
    assert world.free(world.providers[0]) == LEAST_PRICE
    cost = LEAST_PRICE + model.fee_on(100, LEAST_PRICE) + JURY_FEE
    assert wealth(world, world.requester) == before - cost
    with refused("NotRejected", id=job.id):
        job.release_bond()


def test_attack_reject_when_silence_has_begun_to_pay(world: World) -> None:
    world.fund(world.requester, JURY_FEE, controller=world.acceptance)
    job = world.accepted()
    world.at(job.committed_at + WINDOW + 1)
    with refused("WindowOver", until=job.committed_at + WINDOW):
        job.reject()
    job.settle()
    assert world.free(world.providers[0]) == LEAST_PRICE


# ---- the provider against the burning


def test_attack_slash_recycling(world: World, stub: Any) -> None:
    """Slashing one's own worker, found by one's own other key: at least half of it is gone, every time."""
    owner, finder = world.providers[0], world.spare[1]
    job = world.committed(["a"], workers=1, reserve=0, verifier=str(stub.address))
    stub.set(0, 0, Fault.SLASHED, finder, sender=world.deployer)
    before = int(world.allocation(0).active)
    job.settle(sender=owner)
    recovered = int(world.vault.claimableOf(finder))
    lost = before - int(world.allocation(0).active)
    assert lost == STAKE
    assert recovered == STAKE // 2
    assert 2 * (lost - recovered) >= lost  # S3
    assert world.free(owner) == job.terms.bounty  # the requester's, for closing a job that paid nobody


def test_attack_worker_escapes_his_bond_by_a_seal_that_does_not_count(world: World) -> None:
    """Sealed under a seat number that is not his, he would be neither committed nor a no-show."""
    job = world.accepted(answer=None)
    for number in (0, 2, 9, 200):
        with pytest.raises(ContractLogicError):
            world.board.commit(job.ref, number, job.held, b"\1" * 32, sender=world.workers[0])
    world.at(job.deadline + 1)
    job.expire()
    assert world.allocation(0).active == ALLOCATED - job.terms.no_show_bond


# ---- offers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"expiry": -1}, "OfferExpired"),
        ({"expiry": 3700}, "OfferTooLong"),
        ({"min_price": PRICE + 1}, "OfferUnsuited"),
        ({"max_wall": WORK - 1}, "OfferUnsuited"),
        ({"max_stake": STAKE - 1}, "OfferUnsuited"),
        ({"epoch": 1}, "OfferCancelled"),
    ],
    ids=["expired", "good for more than an hour", "dearer", "shorter", "less stake", "a later epoch"],
)
def test_attack_stale_offers(world: World, change: dict[str, int], error: str) -> None:
    terms = world.accept_terms()
    if "expiry" in change:
        change = {"expiry": world.now + change["expiry"]}
    with refused(error, worker=world.workers[0]):
        world.post_with_offers(terms, [world.offer(0, terms, **change)])
    assert world.allocation(0).locked == 0


def test_attack_stale_offers__one_call_cancels_all_that_were_signed(world: World) -> None:
    terms = world.accept_terms()
    old = [world.offer(0, terms, min_price=price) for price in (LEAST_PRICE, PRICE)]
    world.offers.raiseEpoch(sender=world.workers[0])
    for offer in old:
        with refused("OfferCancelled", worker=world.workers[0], epoch=0, current=1):
            world.post_with_offers(terms, [offer])
    world.post_with_offers(terms, [world.offer(0, terms, epoch=1)])


def test_attack_stale_offers__for_another_class_or_token__are_a_strangers(world: World) -> None:
    """Class and token are the terms': an offer made for others recovers to an address that nobody registered."""
    terms = world.accept_terms()
    for other in (replace(terms, hardware_class=hardware_class("h100")), replace(terms, pay_token=ZERO)):
        with refused("UnknownWorker"):
            world.post_with_offers(terms, [world.offer(0, other)])


def test_attack_over_committed_capacity(world: World) -> None:
    """One node, offers to everybody: what it can do at once is counted when seats are given, by whatever way."""
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, capacity=2), sender=provider)
    world.accepted(0, answer=None)
    drawn = world.post()
    drawn.draw()
    drawn.take_many(0)
    terms = world.accept_terms()
    with refused("CapacityReached", worker=worker, capacity=2):
        world.post_with_offers(terms, [world.offer(0, terms)])
    other = world.post()
    other.draw()
    with refused("CapacityReached", worker=worker, capacity=2):
        other.take(0)
    with refused("NoLiveOffer", offers=2):
        world.post_with_offers(terms, [world.offer(0, terms), world.offer(0, terms, min_price=PRICE)])
    assert world.allocation(0).locks == 2


def test_attack_over_committed_stake(world: World) -> None:
    """The same stake behind more jobs than it covers."""
    terms = world.accept_terms(stake=ALLOCATED)
    world.post_with_offers(terms, [world.offer(0, terms, max_stake=ALLOCATED)])
    again = world.accept_terms()
    with refused("StakeTooSmall", worker=world.workers[0], have=0, need=STAKE):
        world.post_with_offers(again, [world.offer(0, again)])


def test_attack_stolen_hot_key_signs_offers_for_nothing(world: World) -> None:
    """A thief's zero-price jobs lock no more than the cold key has allowed for a day, and end with one call of it."""
    provider, worker = world.providers[0], world.workers[0]
    world.vault.setLockCap(worker, world.board, True, 2 * STAKE, sender=provider)
    for _ in range(2):
        job = world.accepted(0, price=0)
        world.at(job.committed_at + WINDOW + 1)
        job.settle()
    terms = world.accept_terms()
    with refused("LockCapReached", worker=worker, left=0, need=STAKE):
        world.post_with_offers(terms, [world.offer(0, terms, min_price=0)])
    world.at((world.now // DAY + 1) * DAY)
    world.mine(1)
    world.registry.update(worker, world.profile(provider, capacity=0), sender=provider)
    terms = world.accept_terms()
    with refused("CapacityReached", worker=worker, capacity=0):
        world.post_with_offers(terms, [world.offer(0, terms, min_price=0)])


# ---- the relayer against the requester


def test_attack_relayer_fills_at_the_ceiling_from_his_own_worker(world: World) -> None:
    """The order names whose offers may be matched: the relayer's friend at the full price is not among them."""
    terms = world.accept_terms()
    order = world.order(relay_fee=FEE, workers=(str(world.workers[1].address), str(world.workers[2].address)))
    with refused("WorkerNotAllowed", worker=world.workers[0]):
        world.post_for(terms, order, offers=[world.offer(0, terms, min_price=PRICE)])
    job = world.post_for(terms, order, offers=[world.offer(0, terms, min_price=PRICE), world.offer(2, terms)])
    assert (job.held[0].worker, job.held[0].price) == (world.workers[2], LEAST_PRICE)


def test_attack_relayer_pockets_the_difference(world: World) -> None:
    """The worker asks less than the terms offer: what is left is the requester's, not whoever's stands between."""
    terms = world.accept_terms()
    job = world.post_for(terms, world.order(relay_fee=FEE), offers=[world.offer(0, terms)])
    job.commit(0, "a")
    world.at(job.committed_at + WINDOW + 1)
    job.settle(sender=world.relayer)
    assert world.free(world.relayer) == FEE
    spent = FEE + LEAST_PRICE + model.fee_on(100, LEAST_PRICE)
    assert world.free(world.requester) == FUNDS - spent


def test_attack_relayer_raises_the_price_in_an_offer(world: World) -> None:
    """An offer's bounds are what its worker signed: changed, it is a stranger's."""
    terms = world.accept_terms()
    cheap = world.offer(0, terms)
    with refused("UnknownWorker"):
        world.post_for(terms, world.order(), offers=[(PRICE, *cheap[1:])])


def test_attack_relayer_takes_his_fee_for_a_job_that_nobody_can_take(world: World) -> None:
    with refused("WrongScheduler", draws=False):
        world.post_for(world.accept_terms(), world.order(relay_fee=FEE))
    assert (world.free(world.relayer), world.free(world.requester)) == (0, FUNDS)


def test_attack_observer_carries_somebody_elses_order(world: World) -> None:
    """Where no relayer is named the fee is whoever's is first; where one is, nobody else's."""
    terms, order = world.terms(), world.order(relay_fee=FEE, relayer=str(world.relayer.address))
    with refused("NotRelayer", caller=world.stranger):
        world.post_for(terms, order, by=world.stranger)
    anyone = world.order(relay_fee=FEE)
    with refused("BadSignature"):
        world.post_for(terms, anyone, signature=world.sign_order(terms, order, world.requester), by=world.stranger)


# ---- nobody comes


def test_attack_closer_never_comes(world: World) -> None:
    """Where only the requester has something to lose, a bounty makes closing somebody's business; it is paid once."""
    job = world.post()
    world.at(job.terms.take_by + 1)
    job.expire(sender=world.stranger)
    assert world.free(world.stranger) == BOUNTY
    with refused("WrongState", have=JobState.EXPIRED):
        job.expire()
    silent = world.committed(["a", "a", "a"])
    world.at(silent.deadline + 1)
    silent.settle(sender=world.stranger)
    assert world.free(world.stranger) == 2 * BOUNTY
    assert world.held(world.requester) == 0


def test_attack_closer_takes_the_bounty_of_a_job_that_pays(world: World) -> None:
    """Who is paid had the interest to close: the bounty is the requester's again."""
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    job.settle(sender=world.stranger)
    assert world.free(world.stranger) == 0
    spent = 3 * PRICE + model.fee_on(100, 3 * PRICE)
    assert world.free(world.requester) == FUNDS - spent


# ---- signatures where they do not belong


@pytest.mark.parametrize("what", ["order", "take", "seal", "offer"])
def test_attack_replay_on_another_chain_id(world: World, what: str) -> None:
    abroad = replace(world.domain, chain_id=world.domain.chain_id + 1)
    if what == "order":
        terms, order = world.terms(), world.order(relay_fee=FEE)
        signature = world.sign_order(terms, order, world.requester)
        world.post_for(terms, order, signature=signature)  # good here
        other = world.terms()
        message = abroad.order(other, order)
        with refused("BadSignature", signer=world.requester):
            world.post_for(other, order, signature=world.requester.sign_message(message).encode_rsv())
    elif what == "take":
        job = world.post()
        job.draw()
        with refused("UnknownWorker"):
            until = job.terms.take_by
            job.take_signed([(until, short(world.workers[0], abroad.take(job.id, until)))])
    elif what == "seal":
        job = world.assigned(relayed=True)
        seal = job.commitment(0, "a")
        with refused("WrongSigner", need=world.workers[0]):
            signed = short(world.workers[0], abroad.seal(job.id, seal))
            job.commit_signed([seal, bytes(32), bytes(32)], [signed, NO_SIGNATURE, NO_SIGNATURE])
    else:
        terms = world.accept_terms()
        elsewhere = replace(world.offer_domain, chain_id=world.offer_domain.chain_id + 1)
        with refused("UnknownWorker"):
            world.post_with_offers(terms, [world.offer(0, terms, domain=elsewhere)])


def test_attack_replay_on_a_second_board(world: World) -> None:
    """The same order, carried to the board that comes after this one."""
    ledgers = (world.escrow, world.vault, world.registry, world.reputation, world.parameters, world.beacon)
    second = world.deployer.deploy(container("JobBoard"), *ledgers)
    world.fund(world.requester, FUNDS, controller=second)
    terms, order = world.terms(), world.order(relay_fee=FEE)
    signature = world.sign_order(terms, order, world.requester)
    with refused("BadSignature", signer=world.requester):
        second.postFor(terms.as_tuple(), order.as_tuple(), signature, [], sender=world.relayer)
    assert world.held(world.requester, controller=second) == 0


@pytest.mark.parametrize("end", ["running", "settled", "cancelled", "expired", "the lane moved on", "retired"])
def test_attack_replay_an_order(world: World, end: str) -> None:
    """J1: an order is carried once. A lane's sequence only rises, and stands for all the tombstones below it."""
    terms, order = world.terms(), world.order(relay_fee=FEE)
    signature = world.sign_order(terms, order, world.requester)
    if end == "retired":
        world.board.retire(terms.nonce, sender=world.requester)
    else:
        job = world.post_for(terms, order, signature=signature)
        bring_to(job, end)
    before = Purses.of(world), world.free(world.relayer)
    with refused("NonceUsed", requester=world.requester, nonce=terms.nonce):
        world.post_for(terms, order, signature=signature)
    assert (Purses.of(world), world.free(world.relayer)) == before


def bring_to(job: Job, end: str) -> None:
    world = job.world
    if end in {"cancelled", "the lane moved on"}:
        job.cancel()
    if end == "the lane moved on":
        world.post(lane=job.terms.nonce >> 16)
    elif end == "expired":
        world.at(job.terms.take_by + 1)
        job.expire()
    elif end == "settled":
        job.draw()
        job.take_many(0, 1, 2)
        job.commit_many(["a", "a", "a"])
        job.reveal_together(0, 1, 2)


def test_attack_older_order_of_the_lane_after_a_newer_one(world: World) -> None:
    """Signed first, withheld, and carried when the requester has long ordered something else in that lane."""
    lane = world.terms().nonce >> 16
    withheld, newer = world.terms(lane=lane), world.terms(lane=lane)
    order = world.order(relay_fee=FEE)
    world.post_for(newer, order).cancel()
    with refused("NonceUsed", nonce=withheld.nonce):
        world.post_for(withheld, order)


def test_attack_two_terms_in_one_lane(world: World) -> None:
    """Two orders with one nonce: whichever is carried first is the one; the other is dead."""
    terms = world.terms()
    other = replace(terms, price=PRICE - 2, reserve=2 * (PRICE - 2))
    job = world.post_for(terms)
    with refused("NonceUsed", nonce=terms.nonce):
        world.post_for(other)
    with refused("UnknownJob"):
        world.board.cancel(other.as_tuple(), sender=world.requester)
    with refused("UnknownJob"):
        world.board.look(other.as_tuple(), [])
    assert job.state == JobState.POSTED
    assert world.held(world.requester) == terms.escrow


def test_attack_retire_then_post(world: World) -> None:
    """The requester has changed his mind: not even he posts with what he has retired, and the next sequence is free."""
    lane = world.terms().nonce >> 16
    terms = [world.terms(lane=lane) for _ in range(3)]
    world.board.retire(terms[1].nonce, sender=world.requester)
    for dead in terms[:2]:
        for verb in (world.post, world.post_for):
            with refused("NonceUsed", nonce=dead.nonce):
                verb(dead)
    assert world.post(terms[2]).state == JobState.POSTED


@pytest.mark.parametrize("what", ["order", "take", "seal", "offer"])
def test_attack_wrong_signer(world: World, what: str) -> None:
    if what == "order":
        terms, order = world.terms(), world.order(relay_fee=FEE)
        for forger in (world.relayer, world.workers[0], world.deployer):
            with refused("BadSignature", signer=world.requester):
                world.post_for(terms, order, signature=world.sign_order(terms, order, forger))
    elif what == "take":
        job = world.post()
        job.draw()
        until = job.terms.take_by
        for forger in (world.providers[0], world.stranger):  # not even the worker's own provider
            with refused("UnknownWorker", worker=forger):
                job.take_signed([(until, short(forger, world.domain.take(job.id, until)))])
    elif what == "seal":
        job = world.assigned(relayed=True)
        seal = job.commitment(0, "a")
        for forger in (world.providers[0], world.workers[1]):
            signed = short(forger, world.domain.seal(job.id, seal))
            with refused("WrongSigner", have=forger, need=world.workers[0]):
                job.commit_signed([seal, bytes(32), bytes(32)], [signed, NO_SIGNATURE, NO_SIGNATURE])
    else:
        terms = world.accept_terms()
        with refused("UnknownWorker", worker=world.providers[0]):
            world.post_with_offers(terms, [world.offer(world.providers[0], terms)])


def test_attack_malleable_signature(world: World) -> None:
    """The mirror image of a signature is another signature of the same key: of no use in any form."""
    terms, order = world.terms(), world.order(relay_fee=FEE)
    signature = world.sign_order(terms, order, world.requester)
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    half = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - s
    mirrored = r + half.to_bytes(32, "big") + bytes([55 - v])
    with refused("BadSignature", signer=world.requester):
        world.post_for(terms, order, signature=mirrored)


# ---- commitments and seats of other jobs


@pytest.mark.parametrize("relayed", [False, True], ids=["a slot per seat", "folded"])
def test_attack_duplicated_commit(world: World, relayed: bool) -> None:
    """J3: a seat commits once, however it comes: by himself, signed, alone or among others."""
    job = world.assigned(relayed=relayed)
    job.commit_many(["a", None, None])
    kept = job.held[0].commitment
    with refused("AlreadyCommitted", worker=world.workers[0]):
        job.commit_many(["b", None, None])
    job.commit_many(["b", "a", None])  # he is passed over, and holds up nobody else
    assert (job.record.committed, job.held[0].commitment) == (0b011, kept)
    with refused("AlreadyCommitted", worker=world.workers[0]):
        job.commit(0, "b")
    with refused("WrongSeats"):  # as if he had not
        job.commit_as(world.workers[0], b"\1" * 32, held=[s._replace(commitment=bytes(32)) for s in job.held])
    with refused("AlreadyCommitted", worker=world.workers[1]):
        job.commit(1, "b")
    job.commit(2, "a")
    assert (job.state, job.held[0].commitment) == (JobState.COMMITTED, kept)


VERBS: dict[str, Callable[[World, Job, list[SeatHeld]], Any]] = {
    "settle": lambda world, job, held: job.settle(held),
    "settleMany": lambda world, job, held: world.settle_many([job], [held]),
    "reveal": lambda world, job, held: job.reveal_as(world.stranger, [job.opening(0)], held),
    "openExtra": lambda world, job, held: world.replication.openExtra(
        job.terms.as_tuple(), held, sender=world.stranger
    ),
    "judgement": lambda world, job, held: world.board.judgement(job.terms.as_tuple(), held),
    "look": lambda world, job, held: world.board.look(job.terms.as_tuple(), held),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("relayed", [False, True], ids=["a slot per seat", "folded"])
def test_attack_forged_seats(world: World, verb: str, relayed: bool) -> None:
    """Whoever passes seats pays, slashes and judges nobody but those who were given them, at what they cost."""
    job = world.committed(["a", "a", "a"], relayed=relayed)
    thief = str(world.stranger.address)
    a, b, c = job.held
    forgeries = [
        [a._replace(payee=thief), b, c],
        [a._replace(price=PRICE + 1), b, c],
        [a._replace(price=0), b, c],
        [a._replace(worker=thief), b, c],
        [a._replace(provider=thief), b, c],
        [a._replace(commitment=b"\1" * 32), b, c],
        [b, a, c],
        [a, a, c],
        [a, b, c, a],
    ]
    if relayed:
        forgeries += [[a, b], [a, b, NOT_SHOWN], []]
    before = Purses.of(world)
    for held in forgeries:
        with pytest.raises(ContractLogicError):
            VERBS[verb](world, job, held)
    assert Purses.of(world) == before


@pytest.mark.parametrize("relayed", [False, True], ids=["a slot per seat", "folded"])
@pytest.mark.parametrize("same_lane", [False, True], ids=["another lane", "the lane's job before"])
def test_attack_cross_lane_confusion(world: World, same_lane: bool, relayed: bool) -> None:
    """The same workers at the same prices in two jobs: the seats of one settle, reveal and expire nothing else."""
    first = world.committed(["a", "a", "a"], relayed=relayed)
    if same_lane:
        first.reveal_together(0, 1, 2)
    second = world.committed(["a", "a", "b"], relayed=relayed, lane=first.terms.nonce >> 16 if same_lane else None)
    before = Purses.of(world)
    for attempt in (
        lambda: second.settle(first.held),
        lambda: second.reveal_as(world.stranger, [first.opening(0)], first.held),
        lambda: second.reveal_as(world.stranger, [first.opening(0)]),  # right seats, the other job's opening
        lambda: first.settle(second.held),
        lambda: second.expire(first.held),
    ):
        with pytest.raises(ContractLogicError):
            attempt()
    assert Purses.of(world) == before


def test_attack_cross_lane_confusion__before_anybody_has_committed(world: World) -> None:
    """Then the seats of two jobs with the same workers look alike; what binds them to a job is the job."""
    first, second = world.assigned(relayed=True), world.assigned(relayed=True)
    assert first.held == second.held
    first.commit_many(["a", None, None])
    assert second.record.committed == 0
    with refused("WrongSeats", id=second.id, number=0):
        second.commit_as(world.workers[1], b"\1" * 32, number=2, held=first.held)
    signed = short(world.workers[1], world.domain.seal(first.id, b"\1" * 32))
    with refused("WrongSigner", need=world.workers[1]):
        second.commit_signed([bytes(32), b"\1" * 32, bytes(32)], [NO_SIGNATURE, signed, NO_SIGNATURE])


def test_attack_settle_a_folded_job_at_other_prices_or_to_other_payees(world: World) -> None:
    """An offer's seat is remembered by its digest alone: price and payee are in it."""
    job = world.accepted()
    world.at(job.committed_at + WINDOW + 1)
    [seat] = job.held
    thief = str(world.stranger.address)
    for forged in (seat._replace(price=PRICE), seat._replace(payee=thief), seat._replace(provider=thief)):
        with refused("WrongSeats", id=job.id, number=0):
            job.settle([forged])
    job.settle()
    assert (world.free(world.providers[0]), world.free(world.stranger)) == (LEAST_PRICE, 0)

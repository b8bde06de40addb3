"""Offers: the worker has signed in advance what he takes, and the posting transaction seats him, at his price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests import model
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.signing import Domain
from tests.contracts.world import LEAST_PRICE, PRICE, STAKE, WEI, WINDOW, WORK, World, container, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobState, JobTerms

LIFE = 3600
OfferTuple = tuple[Any, ...]


def post(world: World, *offers: OfferTuple, terms: JobTerms | None = None) -> Any:
    return world.post_with_offers(terms or world.accept_terms(), list(offers))


# ---- one offer


def test_offer__serves__its_worker_is_seated_at_his_price_and_work_begins(world: World) -> None:
    terms = world.accept_terms()
    job = post(world, world.offer(2, terms), terms=terms)
    assert job.state == JobState.ASSIGNED
    [seat] = job.held
    assert (seat.worker, seat.provider) == (world.workers[2].address, world.providers[2].address)
    assert seat.price == LEAST_PRICE
    assert job.deadline == job.posted_at + WORK
    assert world.allocation(2).locked == STAKE
    assert job.record.folded


def test_offer__below_the_terms_price__the_surplus_is_the_requesters(world: World) -> None:
    job = world.accepted(worker=2, price=LEAST_PRICE)
    before = Purses.of(world)
    world.at(job.committed_at + WINDOW + 1)
    receipt = job.settle()
    rulings = [model.accept(LEAST_PRICE, committed=True)]
    assert_carried_out(job, before, [2], rulings, receipt)
    fee = model.fee_on(100, LEAST_PRICE)
    assert world.free(world.requester) - before.requester == job.terms.escrow - LEAST_PRICE - fee


def test_offer__is_standing__serves_again_and_again(world: World) -> None:
    terms = world.accept_terms()
    offer = world.offer(0, terms)
    assert post(world, offer, terms=terms).number_of(0) == 1
    assert post(world, offer).number_of(0) == 1


def test_offer__at_exactly_its_bounds__serves(world: World) -> None:
    terms = world.accept_terms()
    offer = world.offer(0, terms, min_price=PRICE, max_wall=WORK, max_stake=STAKE)
    job = post(world, offer, terms=terms)
    assert job.held[0].price == PRICE


def test_offer__in_its_last_second_and_as_long_as_may_be__serves(world: World) -> None:
    terms = world.accept_terms()
    when = world.now + 10
    last, longest = world.offer(0, terms, expiry=when), world.offer(1, terms, expiry=when + LIFE)
    world.at(when)
    assert post(world, last, terms=terms).number_of(0) == 1
    world.at(when + 1)
    with refused("OfferExpired", worker=world.workers[0], expiry=when):
        post(world, last)
    assert post(world, longest).number_of(1) == 1
    assert world.offers.MAX_OFFER_LIFE() == LIFE


def test_quote__is_always_no(world: World) -> None:
    terms = world.accept_terms()
    draw = (keccak256(b"seed"), world.now - 10, world.now + 10)
    candidate = (world.workers[0], world.providers[0], 2**255)
    quoted = world.offers.quote(terms.as_tuple(), draw, candidate, world.now, sender=world.stranger)
    assert tuple(quoted) == (False, 0)
    assert not world.offers.DRAWS()
    assert world.lottery.DRAWS()


def test_raise_epoch__is_an_event_and_counts_up(world: World) -> None:
    worker = world.workers[0]
    for epoch in (1, 2):
        [event] = list(world.offers.raiseEpoch(sender=worker).decode_logs(world.offers.EpochRaised))
        assert (event.worker, event.epoch) == (worker, epoch)
        assert world.offers.epochOf(worker) == epoch
    assert world.offers.epochOf(world.workers[1]) == 0


def test_epoch__raised__new_offers_serve_under_the_new_one(world: World) -> None:
    world.offers.raiseEpoch(sender=world.workers[0])
    terms = world.accept_terms()
    assert post(world, world.offer(0, terms, epoch=1), terms=terms).number_of(0) == 1


# ---- offers that do not serve: each alone is refused by name, and in a list the next one is taken

Spoil = Callable[[World, JobTerms], OfferTuple]


def stale(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, terms, expiry=world.now)


def good_for_longer_than_an_hour(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, terms, expiry=world.now + LIFE + 60)


def good_for_ever(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, terms, expiry=2**40 - 1)


def of_a_cancelled_epoch(world: World, terms: JobTerms) -> OfferTuple:
    offer = world.offer(0, terms)
    world.offers.raiseEpoch(sender=world.workers[0])
    return offer


def of_the_last_epoch_there_is(world: World, terms: JobTerms) -> OfferTuple:
    """Signed by a thief who hopes that no raising will ever reach it."""
    return world.offer(0, terms, epoch=2**64 - 1)


def too_dear(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, terms, min_price=PRICE + 1)


def for_less_time(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, terms, max_wall=WORK - 1)


def for_less_stake(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, terms, max_stake=STAKE - 1)


def over_committed_capacity(world: World, terms: JobTerms) -> OfferTuple:
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, capacity=1), sender=provider)
    offer = world.offer(0, terms)
    post(world, offer)
    return offer


def over_committed_stake(world: World, terms: JobTerms) -> OfferTuple:
    allocation = world.allocation(0)
    leaving = int(allocation.active) - STAKE + 1
    world.vault.requestExit(world.workers[0], world.board, leaving, sender=world.providers[0])
    return world.offer(0, terms)


def by_a_stolen_hot_key_beyond_the_daily_cap(world: World, terms: JobTerms) -> OfferTuple:
    world.vault.setLockCap(world.workers[0], world.board, True, STAKE, sender=world.providers[0])
    offer = world.offer(0, terms, min_price=0)
    post(world, offer)
    return offer


def by_somebody_who_is_no_worker(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(world.stranger, terms)


def by_a_worker_of_another_class(world: World, terms: JobTerms) -> OfferTuple:
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, hardware=keccak256(b"abacus")), sender=provider)
    return world.offer(0, terms)


def by_the_requesters_own_worker(world: World, terms: JobTerms) -> OfferTuple:
    own = world.spare[0]
    world.enrol(world.requester, own)
    return world.offer(own, terms)


def for_another_chain(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, terms, domain=replace(world.offer_domain, chain_id=world.offer_domain.chain_id + 1))


def for_another_scheduler(world: World, terms: JobTerms) -> OfferTuple:
    other = world.deployer.deploy(container("OfferScheduler"), world.board)
    return world.offer(0, terms, domain=replace(world.offer_domain, contract=str(other.address)))


def for_the_board_itself(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, terms, domain=Domain(world.domain.chain_id, world.domain.contract, "tensorgrid offers"))


def for_another_token(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, replace(terms, pay_token=str(world.stake_token.address)))


def for_another_class(world: World, terms: JobTerms) -> OfferTuple:
    return world.offer(0, replace(terms, hardware_class=keccak256(b"abacus")))


def with_a_lower_price_than_was_signed(world: World, terms: JobTerms) -> OfferTuple:
    _, *rest = world.offer(0, terms)
    return (LEAST_PRICE - 1, *rest)


def with_a_signature_of_zeros(world: World, terms: JobTerms) -> OfferTuple:
    return (*world.offer(0, terms)[:-1], (bytes(32), bytes(32)))


SPOILED: list[tuple[Spoil, str]] = [
    (stale, "OfferExpired"),
    (good_for_longer_than_an_hour, "OfferTooLong"),
    (good_for_ever, "OfferTooLong"),
    (of_a_cancelled_epoch, "OfferCancelled"),
    (of_the_last_epoch_there_is, "OfferCancelled"),
    (too_dear, "OfferUnsuited"),
    (for_less_time, "OfferUnsuited"),
    (for_less_stake, "OfferUnsuited"),
    (over_committed_capacity, "CapacityReached"),
    (over_committed_stake, "StakeTooSmall"),
    (by_a_stolen_hot_key_beyond_the_daily_cap, "LockCapReached"),
    (by_somebody_who_is_no_worker, "UnknownWorker"),
    (by_a_worker_of_another_class, "WrongClass"),
    (by_the_requesters_own_worker, "OwnJob"),
    (for_another_chain, "UnknownWorker"),
    (for_another_scheduler, "UnknownWorker"),
    (for_the_board_itself, "UnknownWorker"),
    (for_another_token, "UnknownWorker"),
    (for_another_class, "UnknownWorker"),
    (with_a_lower_price_than_was_signed, "UnknownWorker"),
    (with_a_signature_of_zeros, "ECDSAInvalidSignature"),
]


@pytest.mark.parametrize(("spoil", "error"), SPOILED, ids=[spoil.__name__ for spoil, _ in SPOILED])
def test_attack_offer(world: World, spoil: Spoil, error: str) -> None:
    """Alone it is refused by its own name; in a list the requester's next one serves; a list of such is none."""
    terms = world.accept_terms()
    offer = spoil(world, terms)
    before = world.held(world.requester)
    with refused(error):
        post(world, offer, terms=terms)
    with refused("NoLiveOffer", offers=2):
        post(world, offer, offer, terms=terms)
    assert world.held(world.requester) == before
    job = post(world, offer, world.offer(1, terms), world.offer(2, terms), terms=terms)
    assert job.held[0].worker == world.workers[1].address


def test_offers__none__is_refused(world: World) -> None:
    with refused("NoLiveOffer", offers=0):
        post(world)


def test_offers__in_the_requesters_order__not_the_cheapest_first(world: World) -> None:
    terms = world.accept_terms()
    job = post(world, world.offer(3, terms), world.offer(1, terms, min_price=1), terms=terms)
    assert (job.held[0].worker, job.held[0].price) == (world.workers[3].address, LEAST_PRICE)


def test_attack_over_committed_offer__frees_itself_when_a_job_has_ended(world: World) -> None:
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, capacity=1), sender=provider)
    job = world.accepted(worker=0)
    terms = world.accept_terms()
    with refused("CapacityReached", worker=worker, capacity=1):
        post(world, world.offer(0, terms), terms=terms)
    world.at(job.committed_at + WINDOW + 1)
    job.settle()
    assert post(world, world.offer(0, terms), terms=terms).number_of(0) == 1


def test_attack_worker_staked_in_this_block__is_not_seated(world: World) -> None:
    """Stake and job in one transaction of one contract: too young, alone and in a list."""
    controller, worker = world.deploy_double("StubController"), world.spare[1]
    signature = worker.sign_raw_msghash(world.registry.consentDigest(worker, controller))
    profile = world.profile(controller)
    run(world, controller, world.registry.register, worker, profile, signature.encode_rsv())
    world.stake_token.mint(controller, STAKE, sender=world.stranger)
    run(world, controller, world.stake_token.approve, world.vault, STAKE)
    run(world, controller, world.vault.deposit, worker, STAKE)
    requester = world.deploy_double("StubController")
    world.coin.mint(world.stranger, 10 * PRICE, sender=world.stranger)
    world.coin.approve(world.escrow, 10 * PRICE, sender=world.stranger)
    world.escrow.deposit(world.board, world.coin, requester, 10 * PRICE, sender=world.stranger)

    terms = world.accept_terms(requester=str(requester.address))
    fresh, other = world.offer(worker, terms), world.offer(1, terms)
    together = world.deploy_double("StubController")
    allocating = call(controller.run, world.vault, call(world.vault.allocate, worker, world.board, STAKE)[1])

    def posting(*offers: OfferTuple) -> tuple[Any, bytes]:
        return call(requester.run, world.board, call(world.board.postWithOffers, terms.as_tuple(), list(offers))[1])

    with refused("WorkerTooYoung", worker=worker):
        run_all(world, together, allocating, posting(fresh))
    with refused("NoLiveOffer", offers=2):
        run_all(world, together, allocating, posting(fresh, fresh))
    receipt = run_all(world, together, allocating, posting(fresh, other))
    [taken] = list(receipt.decode_logs(world.board.JobTaken))
    assert taken.worker == world.workers[1]


def call(method: Any, *arguments: Any) -> tuple[Any, bytes]:
    return method.contract, bytes(method.encode_input(*arguments))


def run(world: World, controller: Any, method: Any, *arguments: Any) -> Any:
    return controller.run(*call(method, *arguments), sender=world.stranger)


def run_all(world: World, controller: Any, *calls: tuple[Any, bytes]) -> Any:
    targets, payloads = zip(*calls, strict=True)
    return controller.runAll(list(targets), list(payloads), sender=world.stranger)


# ---- relayed


def test_attack_relayer_fills_at_the_ceiling_from_his_own_worker__the_order_names_whom_the_requester_wants(
    world: World,
) -> None:
    own, named = 5, 1
    terms = world.accept_terms()
    order = world.order(workers=(str(world.workers[named].address), str(world.workers[2].address)))
    dear = world.offer(own, terms, min_price=PRICE)
    with refused("WorkerNotAllowed", worker=world.workers[own]):
        world.post_for(terms, order, offers=[dear])
    with refused("NoLiveOffer", offers=2):
        world.post_for(terms, order, offers=[dear, dear])
    job = world.post_for(terms, order, offers=[dear, world.offer(named, terms)])
    assert (job.held[0].worker, job.held[0].price) == (world.workers[named].address, LEAST_PRICE)


def test_order_without_names__anybodys_offer_up_to_the_price(world: World) -> None:
    terms = world.accept_terms()
    job = world.post_for(terms, offers=[world.offer(4, terms, min_price=PRICE)])
    assert job.held[0].price == PRICE


def test_attack_relayer_posts_without_an_offer__is_refused(world: World) -> None:
    """A job of offers that nobody offered for could only expire, and its requester would have paid the relayer."""
    terms = world.accept_terms()
    with refused("WrongScheduler", draws=False):
        world.post_for(terms)
    with refused("WrongScheduler", draws=False):
        world.post(terms)


def test_attack_offers_for_a_job_that_is_to_be_drawn__are_refused(world: World) -> None:
    terms = world.accept_terms(scheduler=str(world.lottery.address))
    with refused("WrongScheduler", draws=True):
        post(world, world.offer(0, terms), terms=terms)


def test_attack_offer_of_one_seat__for_a_job_of_three__is_refused(world: World) -> None:
    terms = world.terms(scheduler=str(world.offers.address), no_show_bond=5 * WEI)
    with refused("OneSeatOnly", workers=3):
        post(world, world.offer(0, terms), terms=terms)


def test_choose__of_the_digest_that_wallets_sign(world: World) -> None:
    """The contract's digest is the typed data's: signed raw, it serves as well."""
    terms = world.accept_terms()
    *bounds, _ = world.offer(0, terms)
    digest = world.offers.offerDigest(terms.as_tuple(), (*bounds, (bytes(32), bytes(32))))
    signature = world.workers[0].sign_raw_msghash(digest)
    vs = int.from_bytes(bytes(signature.s), "big") | (signature.v - 27) << 255
    offer = (*bounds, (bytes(signature.r).rjust(32, b"\0"), vs.to_bytes(32, "big")))
    chosen = world.offers.choose(terms.as_tuple(), [offer], [], sender=world.stranger)
    assert (chosen.worker, chosen.price) == (world.workers[0], LEAST_PRICE)

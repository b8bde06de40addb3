"""Posting for somebody else: the requester signs an order, a relayer carries it, and gets the fee that it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests import model
from tests.contracts.signing import Domain, long
from tests.contracts.world import BOUNTY, FUNDS, LEAST_PRICE, PRICE, WINDOW, ZERO, World, refused

from tensorgrid.domain.jobs import JobState

FEE = 12_345


def test_post_for__drawn_job__is_posted_for_the_signer_and_the_relayer_is_paid_at_once(world: World) -> None:
    job = world.post_for(world.terms(), world.order(relay_fee=FEE))
    [event] = list(job.receipt.decode_logs(world.board.OrderRelayed))
    assert (event.id, event.relayer, event.fee) == (job.id, world.relayer, FEE)
    assert (job.state, job.record.taken) == (JobState.POSTED, 0)
    assert world.free(world.relayer) == FEE
    assert world.held(world.requester) == job.terms.escrow
    assert world.free(world.requester) == FUNDS - job.terms.escrow - FEE


def test_post_for__with_an_offer__is_matched_and_lived_to_its_end(world: World) -> None:
    terms = world.accept_terms()
    job = world.post_for(terms, world.order(relay_fee=FEE), offers=[world.offer(1, terms)])
    assert (job.state, job.held[0].worker, job.held[0].price) == (JobState.ASSIGNED, world.workers[1], LEAST_PRICE)
    job.commit(1, "a")
    world.at(job.committed_at + WINDOW + 1)
    job.settle()
    assert world.free(world.providers[1]) == LEAST_PRICE
    assert world.free(world.requester) == FUNDS - FEE - LEAST_PRICE - model.fee_on(100, LEAST_PRICE)
    assert world.held(world.requester) == 0


def test_post_for__without_a_fee__moves_nothing_but_the_escrow(world: World) -> None:
    job = world.post_for(world.terms())
    assert world.free(world.relayer) == 0
    assert world.free(world.requester) == FUNDS - job.terms.escrow


def test_post_for__a_job_that_is_cancelled__gives_all_but_the_fee_back(world: World) -> None:
    job = world.post_for(world.terms(), world.order(relay_fee=FEE))
    job.cancel()
    assert (world.free(world.requester), world.held(world.requester)) == (FUNDS - FEE, 0)


def test_post_for__free_balance_short_by_a_unit_of_the_fee__is_refused(world: World) -> None:
    terms = world.terms(requester=str(world.stranger.address))
    world.fund(world.stranger, terms.escrow + FEE - 1)
    order = world.order(relay_fee=FEE)
    signature = long(world.stranger, world.domain.order(terms, order))
    need = terms.escrow + FEE
    with refused("FreeTooSmall", account=world.stranger, have=need - 1, need=need):
        world.post_for(terms, order, signature=signature)


def test_post_for__named_relayer__nobody_else_may_post(world: World) -> None:
    terms = world.terms()
    order = world.order(relayer=str(world.relayer.address), relay_fee=FEE)
    with refused("NotRelayer", caller=world.stranger):
        world.post_for(terms, order, by=world.stranger)
    world.post_for(terms, order)
    assert world.free(world.relayer) == FEE


def test_post_for__at_its_deadline__is_in_time_and_a_second_later_is_not(world: World) -> None:
    first, second = world.terms(), world.terms()
    order = world.order(post_by=world.now + 100)
    world.at(order.post_by)
    world.post_for(first, order)
    with refused("OrderExpired", postBy=order.post_by):
        world.post_for(second, order)


@pytest.mark.parametrize("post_by", [0, 1])
def test_post_for__long_expired__is_refused(world: World, post_by: int) -> None:
    with refused("OrderExpired", postBy=post_by):
        world.post_for(world.terms(), world.order(post_by=post_by))


def test_post_for__signed_by_somebody_else__is_refused(world: World) -> None:
    terms, order = world.terms(), world.order()
    signature = long(world.stranger, world.domain.order(terms, order))
    with refused("BadSignature", signer=world.requester):
        world.post_for(terms, order, signature=signature)


@pytest.mark.parametrize("signature", [b"", b"\0" * 65, b"\xff" * 65, b"\1" * 64], ids=["none", "zeros", "ones", "64"])
def test_post_for__signature_that_is_none__is_refused(world: World, signature: bytes) -> None:
    with refused("BadSignature", signer=world.requester):
        world.post_for(world.terms(), signature=signature)


def test_post_for__for_nobody__is_refused(world: World) -> None:
    """A signature that recovers to nobody is not the signature of address zero."""
    with refused("BadSignature", signer=ZERO):
        world.post_for(world.terms(requester=ZERO), signature=b"\0" * 65)


CHANGES: list[dict[str, Any]] = [
    {"relayer": "0x" + "11" * 20},
    {"relay_fee": FEE + 1},
    {"relay_fee": 0},
    {"post_by": 2**40 - 1},
    {"workers": ()},
    {"workers": ("0x" + "22" * 20,)},
]


@pytest.mark.parametrize(
    "change", CHANGES, ids=lambda change: f"{next(iter(change))}={next(iter(change.values()))!r:.12}"
)
def test_post_for__another_order_than_was_signed__is_refused(world: World, change: dict[str, Any]) -> None:
    terms = world.terms()
    signed = world.order(relay_fee=FEE, workers=(str(world.workers[0].address),))
    signature = long(world.requester, world.domain.order(terms, signed))
    by = world.stranger
    changed = replace(signed, **change)
    error = "NotRelayer" if changed.relayer != ZERO else "BadSignature"
    with refused(error):
        world.post_for(terms, changed, signature=signature, by=by)


def test_post_for__other_terms_than_were_signed__is_refused(world: World) -> None:
    terms, order = world.terms(), world.order()
    signature = long(world.requester, world.domain.order(terms, order))
    for changed in (replace(terms, price=PRICE - 1), replace(terms, bounty=BOUNTY + 1), world.terms()):
        with refused("BadSignature", signer=world.requester):
            world.post_for(changed, order, signature=signature)


@pytest.mark.parametrize("where", ["chain", "board", "name", "version"])
def test_post_for__signed_for_another_chain_or_board__is_refused(world: World, where: str) -> None:
    terms, order, here = world.terms(), world.order(), world.domain
    elsewhere = {
        "chain": replace(here, chain_id=here.chain_id + 1),
        "board": replace(here, contract=str(world.escrow.address)),
        "name": Domain(here.chain_id, here.contract, name="tensorgrid offers"),
        "version": Domain(here.chain_id, here.contract, version="2"),
    }[where]
    signature = long(world.requester, elsewhere.order(terms, order))
    with refused("BadSignature", signer=world.requester):
        world.post_for(terms, order, signature=signature)


def test_post_for__the_same_order_again__is_dead(world: World) -> None:
    terms, order = world.terms(), world.order(relay_fee=FEE)
    job = world.post_for(terms, order)
    with refused("NonceUsed", requester=world.requester, nonce=terms.nonce):
        world.post_for(terms, order)
    job.cancel()
    with refused("NonceUsed", requester=world.requester, nonce=terms.nonce):
        world.post_for(terms, order)
    assert world.free(world.relayer) == FEE


def test_post_for__what_the_requester_has_posted_himself__is_dead(world: World) -> None:
    terms, order = world.terms(), world.order(relay_fee=FEE)
    world.post(terms).cancel()
    with refused("NonceUsed", nonce=terms.nonce):
        world.post_for(terms, order)


def test_post_for__an_offer_of_a_worker_whom_the_order_names__is_matched(world: World) -> None:
    terms = world.accept_terms()
    order = world.order(workers=(str(world.workers[3].address), str(world.workers[1].address)))
    job = world.post_for(terms, order, offers=[world.offer(1, terms)])
    assert job.held[0].worker == world.workers[1]


def test_post_for__an_offer_of_a_worker_whom_it_does_not_name__is_refused(world: World) -> None:
    terms = world.accept_terms()
    order = world.order(workers=(str(world.workers[1].address),))
    with refused("WorkerNotAllowed", worker=world.workers[0]):
        world.post_for(terms, order, offers=[world.offer(0, terms)])
    with refused("NoLiveOffer", offers=2):
        world.post_for(terms, order, offers=[world.offer(0, terms), world.offer(2, terms)])


def test_post_for__no_offers_where_seats_are_not_drawn__is_refused(world: World) -> None:
    """A relayer who left the offers away would earn his fee with a job that nobody can take."""
    terms = world.accept_terms()
    with refused("WrongScheduler", draws=False):
        world.post_for(terms, world.order(relay_fee=FEE))
    assert world.free(world.relayer) == 0


def test_post_for__while_paused__is_refused(world: World) -> None:
    world.parameters.pause(sender=world.deployer)
    with refused("Paused"):
        world.post_for(world.terms())


# ---- accounts that are contracts (ERC-1271)


def test_post_for__a_contract_account__is_asked_whether_it_signs(world: World) -> None:
    wallet = world.deploy_double("StubWallet", world.requester)
    terms, order = world.terms(requester=str(wallet.address)), world.order(relay_fee=FEE)
    world.coin.mint(world.stranger, terms.escrow + FEE, sender=world.stranger)
    world.coin.approve(world.escrow, terms.escrow + FEE, sender=world.stranger)
    world.escrow.deposit(world.board, world.coin, wallet, terms.escrow + FEE, sender=world.stranger)
    with refused("BadSignature", signer=wallet):
        world.post_for(terms, order, signature=long(world.stranger, world.domain.order(terms, order)))
    job = world.post_for(terms, order)  # signed by the wallet's owner
    assert job.state == JobState.POSTED
    assert world.held(wallet) == terms.escrow
    assert world.free(world.relayer) == FEE

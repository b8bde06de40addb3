"""Orders: what a requester signs so that somebody else posts his job, and what a relayer checks before he pays gas."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.signing import sign, signer_of
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.errors import OrderUnusable
from tensorgrid.domain.jobs import ZERO_ADDRESS, JobTerms
from tensorgrid.domain.offers import StandingOffer
from tensorgrid.domain.orders import Order, SignedOrder


def sign_order(
    account: LocalAccount, contracts: Contracts, terms: JobTerms, order: Order, offers: tuple[StandingOffer, ...] = ()
) -> SignedOrder:
    """By the requester, whose key `account` is. Sends nothing."""
    message = order.message(terms, contracts.chain_id, contracts.board.address)
    signature = sign(account, message).to_bytes()
    return SignedOrder(contracts.chain_id, contracts.board.address, terms, order, signature, offers)


def check_order(contracts: Contracts, signed: SignedOrder, relayer: str, least_fee: int = 0) -> None:
    """What posting would fail on, or not be worth it: read from the order and the chain, nothing is sent.

    `least_fee` in units of the order's token. Raises OrderUnusable naming the reason.
    """
    terms, order = signed.terms, signed.order
    if (signed.chain_id, signed.board) != (contracts.chain_id, contracts.board.address):
        raise OrderUnusable(
            f"the order is for board {signed.board} on chain {signed.chain_id}, and this is "
            f"{contracts.board.address} on chain {contracts.chain_id}; post it there"
        )
    if order.relayer not in (ZERO_ADDRESS, relayer):
        raise OrderUnusable(f"only {order.relayer} may post this order, and we are {relayer}")
    now = contracts.connection.now()
    if order.post_by < now:
        raise OrderUnusable(f"the order was good until {order.post_by} and it is {now}; ask for a new one")
    if order.relay_fee < least_fee:
        raise OrderUnusable(f"the order pays {order.relay_fee} units for posting, {least_fee} are wanted")
    # a contract's signature is for the contract to judge (ERC-1271): the board asks it when the posting is tried
    if not contracts.connection.code(terms.requester) and _signer(signed) != terms.requester:
        raise OrderUnusable(f"the signature is not that of {terms.requester}, who would pay")
    free = contracts.escrow.balance(contracts.board.address, terms.pay_token, terms.requester).free
    if free < signed.escrow:
        raise OrderUnusable(f"the order locks {signed.escrow} units and its requester has {free} free in the escrow")


def _signer(signed: SignedOrder) -> str | None:
    try:
        return signer_of(signed.message(), Signature.of_bytes(signed.signature))
    except ValueError:
        return None

"""The requester's side in one object: submit work, follow it, move money in and out of the escrow."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import home as home_folder
from tensorgrid.chain.receipts import TxReceipt
from tensorgrid.chain.send import Sender
from tensorgrid.domain import schema
from tensorgrid.domain.errors import InsufficientFunds, JobUnknown, SpecInvalid
from tensorgrid.domain.jobs import LAST_SEQUENCE, ZERO_ADDRESS, JobId, JobTerms, lane_and_sequence
from tensorgrid.domain.money import Amount, Token
from tensorgrid.domain.offers import StandingOffer
from tensorgrid.domain.orders import Order, SignedOrder
from tensorgrid.network import IDENTITY_FILE, Network, open_identity, open_keystore
from tensorgrid.ordering import funding
from tensorgrid.ordering.lanes import in_free_lane, own_lane
from tensorgrid.ordering.matching import HandedOffer, read_offers, serving
from tensorgrid.ordering.planning import Planner, Work
from tensorgrid.ordering.posting import take_deadline
from tensorgrid.ordering.relaying import check_order, sign_order
from tensorgrid.ordering.terms import Estimate, parse_duration
from tensorgrid.privacy import Identity
from tensorgrid.runs.run import Run
from tensorgrid.runs.trail import Trail, postings
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.open import open_store


@dataclass(frozen=True, slots=True)
class Holdings:
    """One token of one account: in the wallet, free in the escrow (withdrawable at any time), held by running jobs."""

    wallet: Amount
    free: Amount
    held: Amount


class Client:
    """A requester's connection to one network. Blocking; one per thread, or share it: nothing here is per call.

    network: None for the devnet recorded under TENSORGRID_HOME, a path of such a devnet.json, or a node's URL.
    account: an eth_account account or the path of a keystore (opened with the first line of password_file); the
    devnet's own requester when left out. Only needed to sign.
    store: a BlobStore or its URL. identity: an age identity or its file; results are sealed to it.
    home: instead of TENSORGRID_HOME. timeout: seconds that one request to the node may take.

    Raises UnknownDeployment, Unreachable, WrongChain.
    """

    def __init__(
        self,
        network: str | Path | None = None,
        *,
        account: LocalAccount | str | Path | None = None,
        store: BlobStore | str | None = None,
        identity: Identity | str | Path | None = None,
        home: str | Path | None = None,
        password_file: str | Path | None = None,
        timeout: float = 10,
    ) -> None:
        self._home = Path(home) if home is not None else home_folder()
        self.network = Network.find(network, self._home)
        self.connection = Connection(self.network.rpc_url, chain_id=self.network.deployment.chain_id, timeout=timeout)
        self.contracts = Contracts(self.connection, self.network.deployment)
        self.store: BlobStore = open_store(self.network.store) if store is None else _opened(store)
        self._account = account
        self._password_file = Path(password_file) if password_file is not None else None
        self._identity = identity

    def __repr__(self) -> str:
        return f"Client({self.network.deployment.network!r}, chain {self.contracts.chain_id})"

    # ------------------------------------------------------------------------------------------------------------ keys

    @cached_property
    def account(self) -> LocalAccount:
        """The key that orders and pays. Raises KeyMissing."""
        if isinstance(self._account, str | Path):
            return open_keystore(Path(self._account), self._password_file)
        return self._account if self._account is not None else self.network.open_account()

    @cached_property
    def sender(self) -> Sender:
        return Sender(self.connection, self.account)

    @cached_property
    def identity(self) -> Identity:
        """What results are sealed to; made on first use. Raises KeyMissing."""
        if isinstance(self._identity, Identity):
            return self._identity
        named = self._identity or self.network.identity or self._home / IDENTITY_FILE
        return open_identity(Path(named))

    # ------------------------------------------------------------------------------------------------------------ work

    def submit(
        self,
        work: Work,
        arguments: dict[str, Any] | None = None,
        *,
        offers: Iterable[HandedOffer] = (),
        settle: Run | None = None,
        **options: Any,
    ) -> Run:
        """Check, fund, store, post: after it the money is locked, and workers are drawn or the offer's starts at once.

        work: a function, a @tg.job function, or a JobSpec whose blobs are stored already. offers: with verify="accept",
        workers' standing offers (or their JSON); the first that serves gets the job at its price. settle: with offers,
        an earlier run whose time has come, settled in the same transaction: cheaper than each alone. options: as in
        JobOptions, over those of the decorator. Whatever can be refused is refused before anything is sent; money that
        was deposited for a posting that then failed is free in the escrow, and the next one uses it first. Also taken:
        nonce, reopens (how often a lost seat is given anew), take_by (chain time) and stake (per worker, stake-token
        units) of the JobTerms, chosen well without.

        Raises SpecInvalid, FunctionNotPortable, UnknownToken, InsufficientFunds, OfferUnusable, StorageError,
        ChainError.
        """
        handed = read_offers(offers)
        if settle is not None and not handed:
            raise SpecInvalid("an earlier run is settled along with a job that is matched with offers; pass some")
        plan = self._planner.plan(work, arguments, options, handed)
        self._check_funds(plan.terms)
        plan.packed.store(self.store)
        funding.have_free(self.sender, self.contracts, self._escrow(plan.terms), self.contracts.board.address)
        # funding took a few blocks; the time to take starts now
        take_by = options.get("take_by") or take_deadline(self.contracts, plan.estimate.take_seconds)
        terms, receipt = self._post(replace(plan.terms, take_by=take_by), plan.offers, settle)
        return self.run(self.contracts.id_of(terms), posted_block=receipt.block)

    def estimate(
        self,
        work: Work,
        arguments: dict[str, Any] | None = None,
        *,
        offers: Iterable[HandedOffer] = (),
        **options: Any,
    ) -> Estimate:
        """What `submit` would hold and probably cost; nothing is sent or stored. Raises as `submit`."""
        return self._planner.plan(work, arguments, options, read_offers(offers)).estimate

    def order(
        self,
        work: Work,
        arguments: dict[str, Any] | None = None,
        *,
        relay_fee: Amount | str | None = None,
        relayer: str | None = None,
        post_within: str | int = "10m",
        workers: Iterable[str] = (),
        offers: Iterable[HandedOffer] = (),
        **options: Any,
    ) -> SignedOrder:
        """Sign a job for somebody else to post: no transaction of ours, no coin for gas. `to_json()` is what he needs.

        The money must be free in the escrow by then (`deposit`). relay_fee: to whoever posts it, on top of the budget;
        relayer: who alone may; post_within: until when. With verify="accept" the relayer brings workers' offers: those
        of `workers`, or of the `offers` handed here, or of anybody, up to the budget; what is not asked comes back.
        The job gets a lane of its own, so that no other job can overtake the order; `revoke` takes it back.

        Raises as `submit`, without ChainError for a posting.
        """
        handed = read_offers(offers)
        plan = self._planner.plan(work, arguments, {"nonce": own_lane(), **options}, handed, relayed=True)
        post_by = self.connection.now() + parse_duration(post_within)
        longest = self.contracts.parameters.bounds().max_take_time
        take_by = options.get("take_by") or post_by + plan.estimate.take_seconds
        if take_by > self.connection.now() + longest:
            raise SpecInvalid(f"post_within and take_within together are longer than the {longest} s that are allowed")
        allowed = tuple(workers) or tuple(dict.fromkeys(offer.worker for offer in handed))
        order = Order(
            relayer=schema.any_address(relayer, "relayer") if relayer else ZERO_ADDRESS,
            relay_fee=self._fee(relay_fee, plan.terms),
            post_by=post_by,
            workers=tuple(schema.any_address(worker, "workers") for worker in allowed),
        )
        signed = sign_order(self.account, self.contracts, replace(plan.terms, take_by=take_by), order, plan.offers)
        free = self.contracts.escrow.balance(signed.board, signed.terms.pay_token, self.account.address).free
        if free < signed.escrow:
            token = self.token(signed.terms.pay_token)
            raise InsufficientFunds(
                f"posting would lock {Amount(signed.escrow, token)} and {Amount(free, token)} are free in the escrow; "
                f"deposit {Amount(signed.escrow - free, token)} first"
            )
        plan.packed.store(self.store)
        return signed

    def relay(
        self, order: SignedOrder | str, *, offers: Iterable[HandedOffer] = (), least_fee: Amount | str | None = None
    ) -> Run:
        """As a relayer: post another's signed order (or its JSON text) and get its fee, free in the escrow.

        offers: those to match it with, beside those that came with it. least_fee: what posting must be worth.
        Raises OrderUnusable, OfferUnusable, ChainError.
        """
        signed = SignedOrder.from_json(order) if isinstance(order, str) else order
        terms = signed.terms
        check_order(self.contracts, signed, self.account.address, self._fee(least_fee, terms))
        passed: list[StandingOffer] = []
        if terms.scheduler == self.contracts.offers.address:
            every = (*read_offers(offers), *signed.offers)
            passed = serving(self.contracts, every, terms, signed.order.workers)
        call = self.contracts.board.post_for(terms, signed.order, signed.signature, [one.offer for one in passed])
        receipt = self.sender.transact(call)
        return self.run(signed.id, posted_block=receipt.block)

    def revoke(self, order: SignedOrder | str) -> None:
        """Take a signed order (or its JSON text) back: nobody can post it any more.

        Raises OrderUnusable, Reverted (NonceUsed: it was posted already, or taken back).
        """
        signed = SignedOrder.from_json(order) if isinstance(order, str) else order
        self.sender.transact(self.contracts.board.retire(signed.terms.nonce))

    def delegate(self, who: str) -> None:
        """Let `who` hand the keys of our private jobs, and do nothing else; the zero address: nobody.

        Raises SpecInvalid where the network has no private jobs, Reverted.
        """
        if self.contracts.key_box is None:
            raise SpecInvalid("this network has no private jobs; there are no keys to hand")
        self.sender.transact(self.contracts.key_box.set_delegate(schema.any_address(who, "who")))

    def run(self, job: JobId | bytes | str, *, posted_block: int | None = None) -> Run:
        """A posted job by its id, from any process: 32 bytes, 0x + 64 hex digits, or an unambiguous beginning of them.

        Raises JobUnknown when no such job was posted, SpecInvalid when it is no id.
        """
        return Run(self, self._job_id(job) if isinstance(job, str) else JobId(job), posted_block)

    def runs(self) -> Iterator[Run]:
        """Every job that this account posted on this network, oldest first. Raises KeyMissing, Unreachable."""
        me = self.account.address
        for event in postings(self.connection, self.contracts):
            if event.terms.requester == me:
                yield self.run(event.id, posted_block=event.log.block)

    # ----------------------------------------------------------------------------------------------------------- money

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The payment tokens of this network."""
        return self.network.deployment.tokens

    def token(self, symbol_or_address: str) -> Token:
        """Raises UnknownToken."""
        return self.network.deployment.token(symbol_or_address)

    def holdings(self, account: str | None = None) -> list[Holdings]:
        """Per payment token, what `account` (default: ours) has. Raises Unreachable."""
        who, board = account or self.account.address, self.contracts.board.address
        found = []
        for token in self.tokens:
            balance = self.contracts.escrow.balance(board, token.address, who)
            wallet = self.contracts.token(token.address).balance_of(who)
            found.append(Holdings(Amount(wallet, token), Amount(balance.free, token), Amount(balance.held, token)))
        return found

    def deposit(self, amount: Amount | str, *, permit: bool = False) -> None:
        """Move money from the wallet into the escrow, free: it can be withdrawn again at any time.

        permit: sign the allowance (EIP-2612) instead of sending it, which saves a transaction where the token can.
        Raises InsufficientFunds, UnknownToken, Reverted, ChainError (a token without permits).
        """
        board, key = self.contracts.board.address, self.account if permit else None
        funding.deposit(self.sender, self.contracts, self._amount(amount), board, permit_by=key)

    def withdraw(self, amount: Amount | str, to: str | None = None) -> None:
        """Take free money out of the escrow into the wallet, or to another address. Raises UnknownToken, Reverted."""
        wanted = self._amount(amount)
        call = self.contracts.escrow.withdraw(
            self.contracts.board.address, wanted.token.address, wanted.units, to or self.account.address
        )
        self.sender.transact(call)

    # ------------------------------------------------------------------------------------------------------- the parts

    def trail(self, job: JobId, posted_block: int | None = None) -> Trail:
        """The job's events; what a Run reads."""
        return Trail(self.connection, self.contracts, job, posted_block)

    @property
    def _planner(self) -> Planner:
        return Planner(self.contracts, self.store, self.account.address, lambda: self.identity.recipient)

    def _post(
        self, terms: JobTerms, offers: tuple[StandingOffer, ...], earlier: Run | None
    ) -> tuple[JobTerms, TxReceipt]:
        board, passed = self.contracts.board, [handed.offer for handed in offers]

        def post(nonce: int) -> tuple[JobTerms, TxReceipt]:
            chosen = replace(terms, nonce=nonce)
            if earlier is not None:
                call = board.settle_and_post(earlier.terms, earlier.story().held, chosen, passed)
            else:
                call = board.post_with_offers(chosen, passed) if passed else board.post(chosen)
            return chosen, self.sender.transact(call)

        if terms.nonce:
            return post(terms.nonce)
        if earlier is not None and lane_and_sequence(earlier.terms.nonce)[1] < LAST_SEQUENCE:
            return post(earlier.terms.nonce + 1)  # its lane, which is free in the same moment
        return in_free_lane(board, terms.requester, post)

    def _escrow(self, terms: JobTerms) -> Amount:
        return Amount(terms.escrow, self.token(terms.pay_token))

    def _fee(self, fee: Amount | str | None, terms: JobTerms) -> int:
        """In units of the job's own token. Raises SpecInvalid for another one."""
        if fee is None:
            return 0
        amount = self._amount(fee)
        if amount.token.address != terms.pay_token:
            raise SpecInvalid(f"the fee for posting is paid in the job's token, not in {amount.token.symbol}")
        return amount.units

    def _check_funds(self, terms: JobTerms) -> None:
        token = self.token(terms.pay_token)
        free = self.contracts.escrow.balance(self.contracts.board.address, token.address, terms.requester).free
        wallet = self.contracts.token(token.address).balance_of(terms.requester)
        if free + wallet < terms.escrow:
            short = Amount(terms.escrow - free - wallet, token)
            raise InsufficientFunds(
                f"the job would lock {Amount(terms.escrow, token)}; the wallet has {Amount(wallet, token)} and the "
                f"escrow {Amount(free, token)} free. Lower the budget, or add {short} to {terms.requester}"
            )

    def _amount(self, amount: Amount | str) -> Amount:
        return amount if isinstance(amount, Amount) else Amount.parse(amount, self.tokens)

    def _job_id(self, text: str) -> JobId:
        digits = text.strip().lower().removeprefix("0x")
        if not 4 <= len(digits) <= 64 or any(char not in "0123456789abcdef" for char in digits):
            raise SpecInvalid(f"{text[:80]!r} is not a job id; give 0x and 64 hex digits, or at least the first 4")
        if len(digits) == 64:
            return JobId(bytes.fromhex(digits))
        found = [e.id for e in postings(self.connection, self.contracts) if e.id.hex().startswith(digits)]
        if len(found) != 1:
            raise JobUnknown(f"{len(found)} jobs on this network begin with 0x{digits}; give more of the id")
        return found[0]


_default: Client | None = None
_default_lock = threading.Lock()


def default_client() -> Client:
    """Client(), one for all functions of this process: two would both count the account's transactions.

    A new one when the network has changed, such as a devnet started anew. Raises as Client().
    """
    global _default  # noqa: PLW0603 - one per process is the point
    with _default_lock:
        if _default is None or _default.network != Network.find(None):
            _default = Client()
        return _default


def _opened(store: BlobStore | str) -> BlobStore:
    return open_store(store) if isinstance(store, str) else store

"""The requester's side in one object: submit work, follow it, move money in and out of the escrow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import home as home_folder
from tensorgrid.chain.send import Sender
from tensorgrid.domain.errors import BlobNotFound, InsufficientFunds, JobUnknown, SpecInvalid
from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid.domain.money import Amount, Token
from tensorgrid.domain.specs import JobSpec
from tensorgrid.network import IDENTITY_FILE, Network, open_identity, open_keystore
from tensorgrid.ordering.options import Buyable, JobOptions
from tensorgrid.ordering.packing import PackedJob, pack
from tensorgrid.ordering.posting import CPU, draft_terms, resolve_class, take_deadline
from tensorgrid.ordering.terms import Estimate, estimate_of, parse_duration
from tensorgrid.privacy import Identity
from tensorgrid.runs.run import Run
from tensorgrid.runs.trail import Trail, postings
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.open import open_store

Work = Callable[..., Any] | Buyable | JobSpec


@dataclass(frozen=True, slots=True)
class Holdings:
    """One token of one account: in the wallet, free in the escrow (withdrawable at any time), held by running jobs."""

    wallet: Amount
    free: Amount
    held: Amount


@dataclass(frozen=True, slots=True)
class _Plan:
    packed: PackedJob
    terms: JobTerms
    estimate: Estimate


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

    def submit(self, work: Work, arguments: dict[str, Any] | None = None, **options: Any) -> Run:
        """Check, fund, store, post: after it the money is locked and workers are drawn.

        work: a function, a @tg.job function, or a JobSpec whose blobs are stored already. options: as in JobOptions,
        over those of the decorator. Whatever can be refused is refused before anything is sent; money that was
        deposited for a posting that then failed is free in the escrow, and the next one uses it first. Also taken:
        nonce, take_by (chain time) and stake (per worker, stake-token units) of the JobTerms, chosen well without.

        Raises SpecInvalid, FunctionNotPortable, UnknownToken, InsufficientFunds, StorageError, ChainError.
        """
        plan = self._plan(work, arguments, dict(options))
        self._check_funds(plan.terms)
        plan.packed.store(self.store)
        self._fund(plan.terms)
        # funding took a few blocks; the time to take starts now
        take_by = options.get("take_by") or take_deadline(self.contracts, plan.estimate.take_seconds)
        terms = replace(plan.terms, take_by=take_by)
        receipt = self.sender.transact(self.contracts.board.post(terms))
        return self.run(self.contracts.id_of(terms), posted_block=receipt.block)

    def estimate(self, work: Work, arguments: dict[str, Any] | None = None, **options: Any) -> Estimate:
        """What `submit` would hold and probably cost; nothing is sent or stored. Raises as `submit`."""
        return self._plan(work, arguments, options).estimate

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

    def deposit(self, amount: Amount | str) -> None:
        """Move money from the wallet into the escrow, free: it can be withdrawn again at any time.

        Raises InsufficientFunds, UnknownToken, Reverted.
        """
        wanted = self._amount(amount)
        token = self.contracts.token(wanted.token.address)
        have = token.balance_of(self.account.address)
        if have < wanted.units:
            raise InsufficientFunds(f"the wallet has {Amount(have, wanted.token)}, {wanted} are to be deposited")
        if token.allowance(self.account.address, self.contracts.escrow.address) < wanted.units:
            self.sender.transact(token.approve(self.contracts.escrow.address, wanted.units))
        board = self.contracts.board.address
        self.sender.transact(
            self.contracts.escrow.deposit(board, wanted.token.address, self.account.address, wanted.units)
        )

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

    def _plan(self, work: Work, arguments: dict[str, Any] | None, changes: dict[str, Any]) -> _Plan:
        fixed = {name: changes.pop(name) for name in ("nonce", "stake", "take_by") if name in changes}
        options = (work.settings if isinstance(work, Buyable) else JobOptions()).changed(**changes)
        if options.budget is None:
            raise SpecInvalid('no budget; say how much it may cost at most, such as budget="5 USDC"')
        budget = self._amount(options.budget)
        class_name = resolve_class(self.contracts, options.gpu)
        packed = self._pack(work, arguments or {}, options, class_name)
        terms, prices, clocks = draft_terms(
            self.contracts,
            packed.spec,
            budget,
            requester=self.account.address,
            class_name=class_name,
            take_seconds=None if options.take_within is None else parse_duration(options.take_within),
            **fixed,
        )
        return _Plan(packed, terms, estimate_of(prices, clocks, budget.token))

    def _pack(self, work: Work, arguments: dict[str, Any], options: JobOptions, class_name: str) -> PackedJob:
        if isinstance(work, JobSpec):
            if arguments:
                raise SpecInvalid("a JobSpec carries its own arguments; pass them there")
            named = [work.bundle.cid, *(ref.cid for ref in work.inputs.values())]
            missing = [cid for cid in named if not self.store.has(cid)]
            if missing:
                raise BlobNotFound(f"the spec names {missing[0]}, which the store does not have; store it first")
            return PackedJob(work, ())
        function = work.function if isinstance(work, Buyable) else work
        recipients = (self.identity.recipient, *options.recipients)
        return pack(function, arguments, options, gpus=int(class_name != CPU), recipients=recipients)

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

    def _fund(self, terms: JobTerms) -> None:
        balance = self.contracts.escrow.balance(self.contracts.board.address, terms.pay_token, terms.requester)
        if balance.free < terms.escrow:
            self.deposit(Amount(terms.escrow - balance.free, self.token(terms.pay_token)))

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

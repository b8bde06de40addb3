"""A small network to test on: everything deployed, six workers of six providers staked, a requester with money.

Roles are accounts; jobs are `Job` handles (tests/contracts/job.py) whose methods are the protocol's verbs. Time is set,
never waited for.
"""

from __future__ import annotations

import json
from ast import literal_eval
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ape.contracts import ContractContainer, ContractInstance
from ape.exceptions import ContractLogicError, CustomError
from eth_abi import encode
from ethpm_types import ContractType
from tests.contracts.job import Job, SeatHeld
from tests.contracts.leaner_ape import make_lean
from tests.contracts.signing import TERMS, Domain, Order, long, short

from tensorgrid.chain.reverts import decode_revert
from tensorgrid.deploy import deploy
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobTerms, ReplicationClocks, hardware_class
from tensorgrid.parameters import BoundParameters, ClockParameters, NetworkParameters, TokenParameters
from tensorgrid.parameters.rounds import BlockRounds

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ROOT / "sdk" / "tensorgrid" / "artifacts"
DOUBLES = ROOT / "tests" / "contracts" / "doubles"

BURN = "0x000000000000000000000000000000000000dEaD"
ZERO = "0x" + "0" * 40
CPU = hardware_class("cpu")
TERMS_ABI = f"({','.join(kind for kind, _ in TERMS)})"
WEI = 10**18

# Odd numbers, so that every rounding shows.
PRICE, BOUNTY = 1_000_003, 50_001
STAKE, BOND = 100 * WEI + 1, 5 * WEI + 1
TAKE, WORK, REVEAL, GRACE, EXTRA_TAKE = 400, 600, 100, 50, 200
DELAY = 2  # blocks between naming a round and its block
SETTLE = 2 * (REVEAL + GRACE + EXTRA_TAKE) + WORK
# Points per 1e18 units of burned fee, and so the least that each of two workers has to have per 1e18 units of price.
SCORE_RATE = WEI // 10
# The accept tier: how long the requester may reject, and how long the jury may take.
WINDOW, DECISION, JURY_FEE = 300, 2000, 70_001
DISPUTE = 1000  # the longest bisection
LEAST_PRICE = 700_001  # what workers' offers ask
ALLOCATED = 1000 * WEI
FUNDS = 1_000_000_000
# The chain's clock runs ahead of every wall clock: the tester never sets a block before the machine's own time.
START = 2_000_000_000

make_lean()

PARAMETERS = NetworkParameters(
    network="test",
    bounds=BoundParameters(
        min_take_time=60,
        max_take_time=3600,
        min_work_time=10,
        max_work_time=7200,
        max_settle_time=20_000,
        max_fee_bps=500,
        max_reopens=2,
    ),
    clocks=ClockParameters(take=TAKE, reveal=REVEAL, grace=GRACE, extra_take=EXTRA_TAKE),
    exit_delay=70_000,
    rounds=BlockRounds(DELAY),
    half_life=1000,
    fee_bps=100,
    min_stake="100",
    min_no_show_bond="5",
    stake_token=TokenParameters(name="stake", symbol="TGS", decimals=18),
    tokens=(TokenParameters(name="coin", symbol="USDC", decimals=6, max_escrow="1000", score_weight=SCORE_RATE),),
    hardware_classes=("cpu",),
)


@cache
def container(name: str) -> ContractContainer:
    """From the committed artifacts (shipped contracts, or this folder's doubles): no compiler is needed."""
    path = SHIPPED / f"{name}.json"
    data = json.loads((path if path.is_file() else DOUBLES / f"{name}.json").read_text())
    return ContractContainer(
        ContractType.model_validate(
            {
                "contractName": name,
                "abi": data["abi"],
                "deploymentBytecode": {"bytecode": data["bytecode"]},
                "runtimeBytecode": {"bytecode": data["deployedBytecode"]},
            }
        )
    )


class ApeBackend:
    """tensorgrid.deploy's backend, with an ape account's key."""

    def __init__(self, account: Any, chain: Any) -> None:
        self._account, self._chain = account, chain

    @property
    def address(self) -> str:
        return str(self._account.address)

    @property
    def chain_id(self) -> int:
        return int(self._chain.chain_id)

    def deploy(self, name: str, args: tuple[Any, ...]) -> tuple[str, str, int]:
        instance = self._account.deploy(container(name), *args)
        return str(instance.address), str(instance.txn_hash), int(self._chain.blocks.head.number)

    def send(self, address: str, name: str, function: str, args: tuple[Any, ...]) -> None:
        getattr(container(name).at(address), function)(*args, sender=self._account)

    def code(self, address: str) -> bytes:
        return bytes(self._chain.provider.get_code(address))


class World:
    """The deployed network and its actors. One per session; ape rolls the chain back after every test."""

    def __init__(self, accounts: Any, chain: Any) -> None:
        self.chain = chain
        self.at(max(START, self.now + 1))
        self.deployer, self.requester, self.stranger, self.closer = (accounts[i] for i in range(4))
        self.providers = [accounts[i] for i in range(4, 10)]
        self.workers = [accounts[i] for i in range(10, 16)]
        self.spare = [accounts[i] for i in range(16, 20)]
        self.relayer = self.spare[3]
        self.deployment = deploy(ApeBackend(self.deployer, chain), PARAMETERS)
        at = {name: container(name.split(".")[0]).at(ref.address) for name, ref in self.deployment.contracts.items()}
        self.board, self.escrow, self.vault = at["JobBoard"], at["Escrow"], at["StakeVault"]
        self.registry, self.reputation, self.beacon = at["WorkerRegistry"], at["Reputation"], at["BlockBeacon"]
        self.parameters, self.manager = at["Parameters"], at["AccessManager"]
        self.lottery, self.replication = at["LotteryScheduler"], at["ReplicationVerifier"]
        self.offers = at["OfferScheduler"]
        self.coin, self.stake_token = at["TestToken.USDC"], at["TestToken.TGS"]
        self.reader = self.deploy_double("StubReader")
        self.jury = self.deploy_double("StubJury", DECISION)
        self.jury.setFee(self.coin, JURY_FEE, sender=self.deployer)
        self.acceptance = self.deployer.deploy(container("AcceptanceVerifier"), self.board, self.jury)
        self.parameters.setVerifier(self.acceptance, True, sender=self.deployer)
        self.bisection = self.deploy_double("StubBisection", self.jury, DISPUTE)
        self.key_box = self.deployer.deploy(container("KeyBox"), self.board)
        self.audit = self.deployer.deploy(container("AuditVerifier"), self.board, self.bisection, self.key_box)
        self.parameters.setVerifier(self.audit, True, sender=self.deployer)
        self.domain = Domain(self.deployment.chain_id, str(self.board.address))
        self.offer_domain = Domain(self.deployment.chain_id, str(self.offers.address), name="tensorgrid offers")
        self._lanes = 0
        self._sequences: Counter[int] = Counter()
        self.fund(self.requester, FUNDS)
        for provider, worker in zip(self.providers, self.workers, strict=True):
            self.enrol(provider, worker)

    # ---- actors

    def fund(self, account: Any, amount: int, controller: Any = None) -> None:
        """Money in the escrow, for the board unless another controller is named."""
        self.coin.mint(account, amount, sender=account)
        self.coin.approve(self.escrow, amount, sender=account)
        self.escrow.deposit(controller or self.board, self.coin, account, amount, sender=account)

    def enrol(
        self, provider: Any, worker: Any, *, amount: int = ALLOCATED, capacity: int = 3, payout: Any = None
    ) -> None:
        """Register the worker and stake for it."""
        self.register(provider, worker, capacity=capacity, payout=payout)
        self.stake(provider, worker, amount)

    def register(self, provider: Any, worker: Any, **changes: Any) -> None:
        digest = self.registry.consentDigest(worker, provider)
        signature = worker.sign_raw_msghash(digest)
        self.registry.register(worker, self.profile(provider, **changes), signature.encode_rsv(), sender=provider)

    def profile(
        self, provider: Any, *, capacity: int = 3, payout: Any = None, hardware: bytes = CPU
    ) -> tuple[Any, ...]:
        return (payout or provider, hardware, b"\1" * 32, 1000, PRICE, capacity, b"\2" * 32, b"\3" * 32)

    def stake(self, provider: Any, worker: Any, amount: int) -> None:
        self.stake_token.mint(provider, amount, sender=provider)
        self.stake_token.approve(self.vault, amount, sender=provider)
        self.vault.deposit(worker, amount, sender=provider)
        self.vault.allocate(worker, self.board, amount, sender=provider)

    def deploy_double(self, name: str, *args: Any) -> ContractInstance:
        return self.deployer.deploy(container(name), *args)

    # ---- time

    @property
    def reopen_time(self) -> int:
        return int(self.parameters.REOPEN_TIME())

    @property
    def now(self) -> int:
        """Timestamp of the latest block."""
        return int(self.chain.blocks.head.timestamp)

    def at(self, timestamp: int) -> None:
        """The next transaction executes in a block of exactly this timestamp."""
        if timestamp != int(self.chain.pending_timestamp):
            self.chain.pending_timestamp = timestamp

    def mine(self, blocks: int) -> None:
        self.chain.mine(blocks)

    # ---- jobs

    def nonce(self, lane: int | None = None) -> int:
        """The next sequence of the lane, or the first of a lane that was never used."""
        if lane is None:
            self._lanes += 1
            lane = self._lanes
        self._sequences[lane] += 1
        return lane << 16 | self._sequences[lane]

    def terms(self, *, lane: int | None = None, **changes: Any) -> JobTerms:
        """Good terms of the replicate tier, in a lane of their own if none is named; money and times as above."""
        price = changes.get("price", PRICE)
        plain = JobTerms(
            requester=str(self.requester.address),
            nonce=0,
            spec_digest=b"\4" * 32,
            pay_token=str(self.coin.address),
            price=price,
            reserve=2 * price,
            fee_bps=100,
            bounty=BOUNTY,
            no_show_bond=BOND,
            reopens=0,
            workers=3,
            stake=STAKE,
            hardware_class=CPU,
            scheduler=str(self.lottery.address),
            verifier=str(self.replication.address),
            verifier_params=ReplicationClocks(REVEAL, GRACE, EXTRA_TAKE).pack(),
            take_by=self.now + 1 + TAKE,
            work_time=WORK,
            settle_time=SETTLE,
        )
        terms = replace(plain, **changes)
        return terms if "nonce" in changes else replace(terms, nonce=self.nonce(lane))

    def pair_terms(self, **changes: Any) -> JobTerms:
        """Good terms of the replicate tier with two workers, whose score settles what they agree on."""
        return self.terms(**of_a_pair(**changes))

    def accept_terms(self, **changes: Any) -> JobTerms:
        """Good terms of the accept tier: one seat, given by an offer, paid unless the requester objects."""
        plain: dict[str, Any] = {
            "workers": 1,
            "reserve": 0,
            "no_show_bond": 5 * WEI,  # the network's least
            "scheduler": str(self.offers.address),
            "verifier": str(self.acceptance.address),
            "verifier_params": WINDOW.to_bytes(32, "big"),
            "settle_time": WINDOW + DECISION + 100,
        }
        return self.terms(**{**plain, **changes})

    def post(self, terms: JobTerms | None = None, **changes: Any) -> Job:
        terms = terms or self.terms(**changes)
        receipt = self.board.post(terms.as_tuple(), sender=self.requester)
        return self.job(terms, receipt)

    def post_with_offers(self, terms: JobTerms, offers: Sequence[tuple[Any, ...]]) -> Job:
        return self.job(terms, self.board.postWithOffers(terms.as_tuple(), list(offers), sender=self.requester))

    def settle_and_post(self, earlier: Job, terms: JobTerms, offers: Sequence[tuple[Any, ...]]) -> Job:
        receipt = self.board.settleAndPost(
            earlier.terms.as_tuple(), earlier.held, terms.as_tuple(), list(offers), sender=self.requester
        )
        return self.job(terms, receipt)

    def post_for(
        self,
        terms: JobTerms,
        order: Order | None = None,
        *,
        signature: bytes | None = None,
        offers: Sequence[tuple[Any, ...]] = (),
        by: Any = None,
    ) -> Job:
        """Posted by a relayer, as the requester has signed."""
        order = order or self.order()
        signature = self.sign_order(terms, order, self.requester) if signature is None else signature
        receipt = self.board.postFor(
            terms.as_tuple(), order.as_tuple(), signature, list(offers), sender=by or self.relayer
        )
        return self.job(terms, receipt)

    def job(self, terms: JobTerms, receipt: Any) -> Job:
        """The handle of a job that this receipt has posted."""
        job = Job(self, terms, terms.id(self.deployment.chain_id, str(self.board.address)), int(receipt.timestamp))
        job.follow(receipt)
        job.receipt = receipt
        return job

    def committed(self, answers: Sequence[str | None], *, relayed: bool = False, **changes: Any) -> Job:
        """A job whose first workers have committed to `answers`; None never commits. `relayed`: by one takeMany and one
        commitMany, which folds the job; otherwise each for himself."""
        job = self.assigned(len(answers), relayed=relayed, **changes)
        if relayed:
            job.commit_many(answers)
        for number, answer in enumerate(() if relayed else answers):
            if answer is not None:
                job.commit(number, answer)
        if None in answers:
            self.at(job.deadline + 1)
            job.close_work()
        return job

    def paired(self, answers: Sequence[str | None], *, relayed: bool = False, **changes: Any) -> Job:
        """As `committed`, of two workers."""
        return self.committed(answers, relayed=relayed, **of_a_pair(**changes))

    def give_history(self, *indexes: int, price: int = 150 * PRICE) -> None:
        """Three workers have done a job of that price, and were right."""
        job = self.post(price=price)
        job.draw()
        job.take(*indexes)
        for index in indexes:
            job.commit(index, "a")
        job.reveal_together(*indexes)

    def assigned(self, seats: int = 3, /, *, relayed: bool = False, **changes: Any) -> Job:
        """A job whose seats are all taken by the first workers."""
        job = self.post(**changes)
        job.draw()
        if relayed:
            job.take_many(*range(seats))
        else:
            job.take(*range(seats))
        return job

    def accepted(self, worker: int = 0, price: int = LEAST_PRICE, answer: str | None = "a", **changes: Any) -> Job:
        """A job of the accept tier, matched with the worker's offer at `price`; answer None: not committed yet."""
        terms = self.accept_terms(**changes)
        job = self.post_with_offers(terms, [self.offer(worker, terms, min_price=price)])
        if answer is not None:
            job.commit(worker, answer)
        return job

    def settle_many(self, jobs: Sequence[Job], held: Sequence[Sequence[SeatHeld]] | None = None) -> Any:
        """Lists of lists of structs are beyond ape: encoded here."""
        kinds = [TERMS_ABI + "[]", "(address,address,address,uint128,bytes32)[][]"]
        seats = [job.held for job in jobs] if held is None else held
        values = encode(kinds, [[job.terms.as_tuple() for job in jobs], seats])
        return self.send_raw(self.board, f"settleMany({','.join(kinds)})", values, self.closer)

    def send_raw(self, contract: Any, signature: str, arguments: bytes, sender: Any) -> Any:
        """A call by its bytes."""
        return sender.transfer(contract, 0, data=keccak256(signature.encode())[:4] + arguments)

    # ---- what is signed

    def offer(
        self,
        worker: int | Any,
        terms: JobTerms,
        *,
        min_price: int = LEAST_PRICE,
        max_wall: int = WORK,
        max_stake: int = STAKE,
        expiry: int | None = None,
        epoch: int = 0,
        domain: Domain | None = None,
    ) -> tuple[Any, ...]:
        """The worker's standing offer for jobs like `terms`, signed; in ABI order."""
        account = self.workers[worker] if isinstance(worker, int) else worker
        expiry = self.now + 600 if expiry is None else expiry
        bounds = (min_price, max_wall, max_stake, expiry, epoch)
        message = (domain or self.offer_domain).offer((terms.hardware_class, terms.pay_token, *bounds))
        return (*bounds, short(account, message))

    def sign_order(self, terms: JobTerms, order: Order, account: Any) -> bytes:
        return long(account, self.domain.order(terms, order))

    def order(self, **changes: Any) -> Order:
        """What the requester signs beside the terms: any relayer, a small fee, good for ten minutes."""
        return replace(Order(relayer=ZERO, relay_fee=0, post_by=self.now + 600), **changes)

    # ---- money

    def free(self, account: Any, token: Any = None) -> int:
        return int(self.escrow.balanceOf(self.board, token or self.coin, account, sender=self.stranger).free)

    def held(self, account: Any, token: Any = None, controller: Any = None) -> int:
        controller = controller or self.board
        return int(self.escrow.balanceOf(controller, token or self.coin, account, sender=self.stranger).held)

    def read_many(self, reads: Sequence[tuple[Any, tuple[Any, ...]]]) -> list[tuple[int, ...]]:
        """Many views in one call: (contract.method, arguments) pairs to tuples of words."""
        targets = [method.contract for method, _ in reads]
        payloads = [method.encode_input(*arguments) for method, arguments in reads]
        answers = self.reader.read(targets, payloads, sender=self.stranger)
        return [tuple(int.from_bytes(a[i : i + 32], "big") for i in range(0, len(a), 32)) for a in map(bytes, answers)]

    def allocation(self, index: int) -> Any:
        # A call with a sender spares eth-tester the search for one, which takes longer than the call.
        return self.vault.allocationOf(self.providers[index], self.workers[index], self.board, sender=self.stranger)

    def exiting(self, index: int) -> int:
        exit_ = self.vault.exitOf(self.providers[index], self.workers[index], self.board, sender=self.stranger)
        return int(exit_.amount)


def of_a_pair(**changes: Any) -> dict[str, Any]:
    """Changes of the terms for two workers instead of three."""
    clocks = ReplicationClocks(REVEAL, GRACE, EXTRA_TAKE, SCORE_RATE)
    return {"workers": 2, "reserve": 3 * changes.get("price", PRICE), "verifier_params": clocks.pack(), **changes}


@contextmanager
def refused(name: str, **values: Any) -> Iterator[None]:
    """The block must be refused by the custom error `name`, with these values where given."""
    try:
        yield
    except ContractLogicError as error:
        have_name, have = _named(error)
        assert have_name == name, f"refused by {have_name}({have}), not by {name}"
        for key, value in values.items():
            assert _plain(have[key]) == _plain(value), f"{name}.{key} is {have[key]!r}, not {value!r}"
        return
    raise AssertionError(f"not refused; expected {name}")


def _named(error: ContractLogicError) -> tuple[str, dict[str, Any]]:
    if isinstance(error, CustomError):
        return error.name, error.inputs
    text = str(error.message)
    # ape leaves data of errors that the called contract does not declare as hex, or as the text of a bytes literal
    data = literal_eval(text) if text[:2] in {"b'", 'b"'} else bytes.fromhex(text.removeprefix("0x"))
    reverted = decode_revert(data)
    return reverted.name, dict(reverted.args_by_name)


def _plain(value: Any) -> Any:
    if hasattr(value, "address"):
        value = value.address
    return bytes(value) if isinstance(value, bytes | bytearray) else value

"""A small network to test on: everything deployed, six workers of six providers staked, a requester with money.

Roles are accounts; jobs are `Job` handles whose methods are the protocol's verbs. Time is set, never waited for.
"""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ape.contracts import ContractContainer, ContractInstance
from ape.exceptions import ContractLogicError, CustomError
from ethpm_types import ContractType

from tensorgrid.chain.reverts import decode_revert
from tensorgrid.deploy import deploy
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ExitClass, JobId, JobTerms, ReplicationClocks, commitment, hardware_class
from tensorgrid.domain.results import result_root
from tensorgrid.parameters import BoundParameters, ClockParameters, NetworkParameters, TokenParameters

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ROOT / "sdk" / "tensorgrid" / "artifacts"
DOUBLES = ROOT / "tests" / "contracts" / "doubles"

BURN = "0x000000000000000000000000000000000000dEaD"
ZERO = "0x" + "0" * 40
CPU = hardware_class("cpu")
WEI = 10**18

# Odd numbers, so that every rounding shows.
PRICE, BOUNTY = 1_000_003, 50_001
STAKE, BOND = 100 * WEI + 1, 5 * WEI + 1
TAKE, WORK, REVEAL, GRACE, EXTRA_TAKE = 400, 600, 100, 50, 200
SETTLE = 2 * (REVEAL + GRACE + EXTRA_TAKE) + WORK
ALLOCATED = 1000 * WEI
FUNDS = 1_000_000_000

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
    exit_delay=60_000,
    beacon_delay=2,
    half_life=1000,
    fee_bps=100,
    min_stake="100",
    min_no_show_bond="5",
    stake_token=TokenParameters(name="stake", symbol="TGS", decimals=18),
    tokens=(TokenParameters(name="coin", symbol="USDC", decimals=6, max_escrow="1000", score_weight=WEI // 10),),
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
        self.deployer, self.requester, self.stranger, self.closer = (accounts[i] for i in range(4))
        self.providers = [accounts[i] for i in range(4, 10)]
        self.workers = [accounts[i] for i in range(10, 16)]
        self.spare = [accounts[i] for i in range(16, 20)]
        self.deployment = deploy(ApeBackend(self.deployer, chain), PARAMETERS)
        at = {name: container(name.split(".")[0]).at(ref.address) for name, ref in self.deployment.contracts.items()}
        self.board, self.escrow, self.vault = at["JobBoard"], at["Escrow"], at["StakeVault"]
        self.registry, self.reputation, self.beacon = at["WorkerRegistry"], at["Reputation"], at["BlockBeacon"]
        self.parameters, self.manager = at["Parameters"], at["AccessManager"]
        self.lottery, self.replication = at["LotteryScheduler"], at["ReplicationVerifier"]
        self.coin, self.stake_token = at["TestToken.USDC"], at["TestToken.TGS"]
        self.reader = self.deploy_double("StubReader")
        self._nonce = 0
        self.fund(self.requester, FUNDS)
        for provider, worker in zip(self.providers, self.workers, strict=True):
            self.enrol(provider, worker)

    # ---- actors

    def fund(self, account: Any, amount: int) -> None:
        """Money in the escrow, for the board."""
        self.coin.mint(account, amount, sender=account)
        self.coin.approve(self.escrow, amount, sender=account)
        self.escrow.deposit(self.board, self.coin, account, amount, sender=account)

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

    def terms(self, **changes: Any) -> JobTerms:
        """Good terms; money and times as the constants above."""
        self._nonce += 1
        price = changes.get("price", PRICE)
        plain = JobTerms(
            requester=str(self.requester.address),
            nonce=self._nonce,
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
        return replace(plain, **changes)

    def post(self, terms: JobTerms | None = None, **changes: Any) -> Job:
        terms = terms or self.terms(**changes)
        receipt = self.board.post(terms.as_tuple(), sender=self.requester)
        return Job(self, terms, terms.id(self.deployment.chain_id, str(self.board.address)), int(receipt.timestamp))

    def committed(self, answers: Sequence[str | None], **changes: Any) -> Job:
        """A job whose first three workers have committed to `answers`; None never commits."""
        job = self.post(**changes)
        job.draw()
        job.take(*range(len(answers)))
        for number, answer in enumerate(answers):
            if answer is not None:
                job.commit(number, answer)
        if None in answers:
            self.at(job.record.deadline + 1)
            job.close_work()
        return job

    # ---- money

    def free(self, account: Any, token: Any = None) -> int:
        return int(self.escrow.balanceOf(self.board, token or self.coin, account, sender=self.stranger).free)

    def held(self, account: Any, token: Any = None) -> int:
        return int(self.escrow.balanceOf(self.board, token or self.coin, account, sender=self.stranger).held)

    def read_many(self, reads: Sequence[tuple[Any, tuple[Any, ...]]]) -> list[tuple[int, ...]]:
        """Many views in one call: (contract.method, arguments) pairs to tuples of words."""
        targets = [method.contract for method, _ in reads]
        payloads = [method.encode_input(*arguments) for method, arguments in reads]
        answers = self.reader.read(targets, payloads, sender=self.stranger)
        return [tuple(int.from_bytes(a[i : i + 32], "big") for i in range(0, len(a), 32)) for a in map(bytes, answers)]

    def allocation(self, index: int) -> Any:
        # A call with a sender spares eth-tester the search for one, which takes longer than the call.
        return self.vault.allocationOf(self.providers[index], self.workers[index], self.board, sender=self.stranger)


@dataclass
class Job:
    """One posted job. Workers are named by their index in `world.workers`."""

    world: World
    terms: JobTerms
    id: JobId
    posted_at: int
    seated: list[Any] = field(default_factory=list)
    secrets: dict[int, tuple[bytes, bytes, bytes]] = field(default_factory=dict)

    @property
    def record(self) -> Any:
        return self.world.board.jobOf(self.id, sender=self.world.stranger)

    @property
    def state(self) -> int:
        return int(self.record.state)

    def seat(self, index: int) -> Any:
        return self.world.board.seatOf(self.id, self.world.workers[index])

    @property
    def tally(self) -> Any:
        return self.world.replication.tallyOf(self.id)

    @property
    def extra(self) -> Any:
        return self.world.replication.seats(self.terms.as_tuple(), self.id)

    @property
    def everybody_by(self) -> int:
        """From here on every eligible worker is drawn."""
        return self.posted_at + (self.terms.take_by - self.posted_at) * 3 // 4 + 1

    def draw(self) -> None:
        """The round is due and every eligible worker is drawn."""
        self.world.mine(3)
        self.world.at(self.everybody_by)

    def draw_extra(self) -> None:
        extra = self.extra
        self.world.mine(3)
        self.world.at(extra.opensAt + (extra.takeBy - extra.opensAt) * 3 // 4 + 1)

    # ---- verbs

    def take(self, *indexes: int) -> Any:
        receipt = None
        for index in indexes:
            worker = self.world.workers[index]
            receipt = self.world.board.take(self.terms.as_tuple(), sender=worker)
            self.seated.append(worker)
        return receipt

    def root(self, answer: str) -> bytes:
        """The result root of an answer: an exit class by name ("wall_limit"), or some outputs."""
        exit_class = ExitClass.__members__.get(answer.upper(), ExitClass.OK)
        if exit_class is ExitClass.OK:
            return result_root(self.id, ExitClass.OK, keccak256(answer.encode()))
        return result_root(self.id, exit_class)

    def commit(self, index: int, answer: str) -> Any:
        worker = self.world.workers[index]
        salt, receipt = keccak256(b"salt%d" % index), keccak256(b"receipt%d" % index)
        root = self.root(answer)
        self.secrets[index] = (salt, root, receipt)
        extra = worker in self.seated[self.terms.workers :]
        seal = commitment(self.id, str(worker.address), salt, root if extra else keccak256(root), receipt)
        return self.world.board.commit(self.terms.as_tuple(), seal, sender=worker)

    def reveal(self, *indexes: int) -> Any:
        receipt = None
        for index in indexes:
            salt, root, digest = self.secrets[index]
            receipt = self.world.replication.reveal(
                self.terms.as_tuple(), salt, keccak256(root), digest, sender=self.world.workers[index]
            )
        return receipt

    def reveal_root(self, *indexes: int) -> Any:
        receipt = None
        for index in indexes:
            salt, root, digest = self.secrets[index]
            receipt = self.world.replication.revealRoot(
                self.terms.as_tuple(), salt, root, digest, sender=self.world.workers[index]
            )
        return receipt

    def open_extra(self, by: Any = None) -> Any:
        return self.world.replication.openExtra(self.terms.as_tuple(), sender=by or self.world.stranger)

    def close_work(self) -> Any:
        return self.world.board.closeWork(self.terms.as_tuple(), sender=self.world.stranger)

    def cancel(self, by: Any = None) -> Any:
        return self.world.board.cancel(self.terms.as_tuple(), sender=by or self.world.requester)

    def settle(self, workers: Sequence[Any] | None = None, **options: Any) -> Any:
        names = self.seated if workers is None else workers
        return self.world.board.settle(self.terms.as_tuple(), names, **{"sender": self.world.closer, **options})

    def expire(self, workers: Sequence[Any] | None = None) -> Any:
        names = self.seated if workers is None else workers
        return self.world.board.expire(self.terms.as_tuple(), names, sender=self.world.closer)


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

"""The deployed contracts and everybody who uses them: always the same keys, addresses and amounts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from tensorgrid.chain.abi import Interface, interface
from tensorgrid.deploy import creation_code, deploy
from tensorgrid.devnet.accounts import Keyring
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.jobs import hardware_class
from tensorgrid.parameters import NetworkParameters

from .chain import Chain, Receipt

ROOT = Path(__file__).resolve().parents[2]
DOUBLES = ROOT / "tests" / "contracts" / "doubles"

COIN = 10**6  # units of the payment token
STAKE_COIN = 10**18
CPU = hardware_class("cpu")
MOST = 2**256 - 1
SEED = 3
STAKED = range(5)  # workers by index: enough for every seat of a job
UNSTAKED = (5, 6)  # of one provider, not registered yet
CAPACITY = 1000
FINGERPRINT = bytes(range(1, 33))  # of every worker
DISPUTE = 1000  # seconds that the bisection's stand-in says it takes at most
_WALLET, _STAKE = 1_000_000 * COIN, 1_000_000 * STAKE_COIN
_GAS_MONEY = 10**24


class Network:
    """Contracts by name, parties by role. Each worker has a provider of its own, but for those that come later.

    Everybody has a wallet full of tokens and has approved the ledgers once. The requester has deposited, workers are
    registered and staked; nobody has posted a job yet, and no policy is admitted.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        keys = Keyring(SEED)
        self.deployer, self.requester = keys.account("deployer"), keys.account("requester")
        self.relayer, self.closer, self.newcomer = (keys.account(role) for role in ("relayer", "closer", "newcomer"))
        self.guest = keys.account("guest")  # has approved nothing
        self.providers = [keys.account(f"provider-{i}") for i in range(len(STAKED) + 1)]
        self.workers = [keys.account(f"worker-{i}") for i in range(len(STAKED) + len(UNSTAKED))]
        self._keys, self._hirers = keys, dict[int, LocalAccount]()
        others = [self.deployer, self.requester, self.relayer, self.closer, self.newcomer, self.guest]
        for account in (*others, *self.providers, *self.workers):
            chain.anvil.fund(account.address, _GAS_MONEY)
        self._at: dict[str, tuple[str, Interface]] = {}
        self._deploy()
        for account in (self.requester, self.newcomer):
            self.give(account, "TestToken.USDC", _WALLET, "Escrow")
        for provider in self.providers:
            self.give(provider, "TestToken.TGS", _STAKE, "StakeVault")
        self.transact(self.guest, "TestToken.USDC", "mint", self.guest.address, _WALLET)
        self.deposit(self.requester)
        self.deposit(self.requester, _WALLET // 4, controller="AcceptanceVerifier")  # what rejecting takes as bond
        for index in STAKED:
            self.enrol(index)
        chain.mine(1)
        chain.remember()

    # ---- contracts

    def address(self, name: str) -> str:
        return self._at[name][0]

    def interface(self, name: str) -> Interface:
        return self._at[name][1]

    def names(self) -> dict[str, str]:
        """Contract name by lower-case address."""
        return {address.lower(): name for name, (address, _) in self._at.items()}

    def transact(self, sender: LocalAccount, contract: str, function: str, *args: Any) -> Receipt:
        address, abi = self._at[contract]
        return self.chain.send(sender.address, address, abi.encode_call(function, *args))

    def ask(self, contract: str, function: str, *args: Any) -> Any:
        """What a view answers: its only value, or all of them."""
        address, abi = self._at[contract]
        values = abi.decode_answer(function, self.chain.ask(address, abi.encode_call(function, *args)))
        return values[0] if len(values) == 1 else values

    def deploy_double(self, name: str, *args: Any) -> None:
        """One of the tests' own contracts."""
        data = json.loads((DOUBLES / f"{name}.json").read_text())
        abi = Interface.of_abi(name, data["abi"])
        code = bytes.fromhex(data["bytecode"].removeprefix("0x")) + abi.encode_constructor(*args)
        receipt = self.chain.send(self.deployer.address, None, code)
        assert receipt.contract is not None
        self._at[name] = (receipt.contract, abi)

    def is_shipped(self, name: str) -> bool:
        """Whether every network has it."""
        return name in self._shipped

    def create(self, name: str, *args: Any) -> None:
        """A contract that networks may have, until the chain is rewound."""
        self._at[name] = (_Backend(self).deploy(name, args)[0], interface(name))

    def admit_scheduler(self, name: str, *args: Any) -> None:
        self.create(name, self.address("JobBoard"), *args)
        self.transact(self.deployer, "Parameters", "setScheduler", self.address(name), True)

    # ---- parties

    def give(self, account: LocalAccount, token: str, amount: int, ledger: str) -> None:
        """Tokens in the account's wallet, which the ledger may pull."""
        self.transact(account, token, "mint", account.address, amount)
        self.transact(account, token, "approve", self.address(ledger), MOST)

    def deposit(self, account: LocalAccount, amount: int = _WALLET // 2, controller: str = "JobBoard") -> Receipt:
        token = self.address("TestToken.USDC")
        return self.transact(account, "Escrow", "deposit", self.address(controller), token, account.address, amount)

    def owner_of(self, index: int) -> LocalAccount:
        """The worker's provider."""
        return self._hirers.get(index) or self.providers[min(index, len(STAKED))]

    def hire(self, count: int) -> range:
        """So many more workers, each of a provider of its own, registered and staked until the chain is rewound."""
        first = len(STAKED) + len(UNSTAKED)
        for index in range(first, first + count):
            if index == len(self.workers):
                self.workers.append(self._keys.account(f"worker-{index}"))
                self._hirers[index] = self._keys.account(f"hirer-{index}")
            for account in (self.workers[index], self._hirers[index]):
                self.chain.anvil.fund(account.address, _GAS_MONEY)
            self.give(self._hirers[index], "TestToken.TGS", _STAKE, "StakeVault")
            self.enrol(index)
        self.chain.mine(1)  # nobody works in the block that he came in
        return range(first, first + count)

    def enrol(self, index: int) -> None:
        self.register(index)
        self.transact(self.owner_of(index), "StakeVault", "deposit", self.workers[index].address, _STAKE // 2)
        self.allocate(index, _STAKE // 4)

    def register(self, index: int) -> Receipt:
        owner, worker = self.owner_of(index), self.workers[index]
        digest = self.ask("WorkerRegistry", "consentDigest", worker.address, owner.address)
        consent = signed(worker, digest).to_bytes()
        return self.transact(owner, "WorkerRegistry", "register", worker.address, self.profile(owner), consent)

    def profile(self, owner: LocalAccount, *, price: int = COIN) -> tuple[object, ...]:
        """Paid to the provider himself, as most are."""
        recipient, metadata = (bytes(range(i, i + 32)) for i in (33, 65))
        return (owner.address, CPU, FINGERPRINT, 1000, price, CAPACITY, recipient, metadata)

    def allocate(self, index: int, amount: int) -> Receipt:
        worker, board = self.workers[index].address, self.address("JobBoard")
        return self.transact(self.owner_of(index), "StakeVault", "allocate", worker, board, amount)

    # ---- set-up

    def _deploy(self) -> None:
        deployment = deploy(_Backend(self), NetworkParameters.load("devnet"))
        self._shipped = frozenset(deployment.contracts)
        for name, ref in deployment.contracts.items():
            self._at[name] = (ref.address, interface(name.partition(".")[0]))
        self.deploy_double("StubController")
        self._stand_in_for_jury()

    def _stand_in_for_jury(self) -> None:
        """An accept tier whose jury says what it is told: what a verdict costs, apart from how it is found."""
        jury, token = "StubJury", self.address("TestToken.USDC")
        self.deploy_double(jury, 600)
        self.transact(self.deployer, jury, "setFee", token, COIN // 10)
        made = _Backend(self).deploy("AcceptanceVerifier", (self.address("JobBoard"), self.address(jury)))
        self._at["AcceptanceVerifier"] = (made[0], interface("AcceptanceVerifier"))
        self.transact(self.deployer, "Parameters", "setVerifier", made[0], True)


class _Backend:
    """tensorgrid.deploy's backend, without waiting."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.address = network.deployer.address

    @property
    def chain_id(self) -> int:
        return self._network.chain.chain_id

    def deploy(self, name: str, args: tuple[Any, ...]) -> tuple[str, str, int]:
        receipt = self._network.chain.send(self.address, None, creation_code(name, args))
        assert receipt.contract is not None
        return receipt.contract, receipt.hash, receipt.block

    def send(self, address: str, name: str, function: str, args: tuple[Any, ...]) -> None:
        self._network.chain.send(self.address, address, interface(name).encode_call(function, *args))

    def code(self, address: str) -> bytes:
        return self._network.chain.anvil.connection.code(address)


def signed(account: LocalAccount, digest: bytes) -> Signature:
    return Signature.of_bytes(bytes(account.unsafe_sign_hash(Hash32(digest)).signature))


@contextmanager
def running(*, traced: bool = False, forgetful: bool = False) -> Iterator[Network]:
    """A fresh network on a fresh chain."""
    with (
        TemporaryDirectory(prefix="tensorgrid-bench-") as folder,
        Chain(Path(folder), traced=traced, forgetful=forgetful) as chain,
    ):
        yield Network(chain)

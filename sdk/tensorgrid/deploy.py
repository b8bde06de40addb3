"""One way to deploy: every network, devnet or public, through this code, whoever lends the key."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.abi import interface
from tensorgrid.chain.artifacts import artifact
from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import Connection
from tensorgrid.chain.deployments import AuditProposal, ContractRef, Deployment, JobClocks
from tensorgrid.chain.send import Sender
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import ChainError, UnknownDeployment
from tensorgrid.domain.jobs import ZERO_ADDRESS, hardware_class
from tensorgrid.domain.money import Token
from tensorgrid.parameters import AuditParameters, JuryParameters, NetworkParameters, TokenParameters


class DeployBackend(Protocol):
    """A key on a chain, with which contracts are made. Every method returns when the transaction is mined and good."""

    @property
    def address(self) -> str:
        """The deployer, who administers Parameters through the AccessManager."""
        ...

    @property
    def chain_id(self) -> int: ...

    def deploy(self, name: str, args: tuple[Any, ...]) -> tuple[str, str, int]:
        """Create the contract of artifact `name`: (address, transaction, block). Raises ChainError."""
        ...

    def send(self, address: str, name: str, function: str, args: tuple[Any, ...]) -> None:
        """Call a function of the contract `name` at `address`. Raises ChainError."""
        ...

    def code(self, address: str) -> bytes:
        """Runtime code."""
        ...


class Web3Backend:
    """Through a Connection, with an eth_account key."""

    def __init__(self, connection: Connection, account: LocalAccount) -> None:
        self.connection = connection
        self.sender = Sender(connection, account)

    @property
    def address(self) -> str:
        return self.sender.address

    @property
    def chain_id(self) -> int:
        return self.connection.chain_id

    def deploy(self, name: str, args: tuple[Any, ...]) -> tuple[str, str, int]:
        receipt = self.sender.transact(Call("", creation_code(name, args), f"create {name}"))
        if receipt.contract is None:
            raise ChainError(f"{receipt.hash} made no contract; is the node of this chain in good order?")
        return receipt.contract, receipt.hash, receipt.block

    def send(self, address: str, name: str, function: str, args: tuple[Any, ...]) -> None:
        self.sender.transact(Call(address, interface(name).encode_call(function, *args), f"{name}.{function}"))

    def code(self, address: str) -> bytes:
        return self.connection.code(address)


def creation_code(name: str, args: tuple[Any, ...]) -> bytes:
    """The artifact's bytecode and the encoded constructor arguments. Raises UnknownDeployment, ChainError."""
    bytecode = bytes.fromhex(artifact(name)["bytecode"].removeprefix("0x"))
    if not bytecode:
        raise UnknownDeployment(f"the artifact of {name} has no bytecode, it is an interface; deploy a contract")
    return bytecode + interface(name).encode_constructor(*args)


def deploy(backend: DeployBackend, parameters: NetworkParameters) -> Deployment:
    """All contracts of a network and its first parameters, one transaction each.

    Tokens with an address are used as they are, those without are created as test tokens. Raises ChainError (Reverted
    when the parameters do not fit each other); what was created until then stays on chain, unused.
    """
    return _Deployer(backend, parameters).run()


class _Deployer:
    def __init__(self, backend: DeployBackend, parameters: NetworkParameters) -> None:
        self._backend = backend
        self._parameters = parameters
        self._contracts: dict[str, ContractRef] = {}

    def run(self) -> Deployment:
        p = self._parameters
        stake_token = self._token(p.stake_token)
        tokens = [self._token(token) for token in p.tokens]
        self._ledgers(stake_token)
        self._logic()
        self._lists(tokens)
        if p.jury is not None:
            self._judges(p.jury, tokens)
        if p.audit is not None and "Bisection" in self._contracts:
            self._audit()
        self._batches()
        return Deployment(
            chain_id=self._backend.chain_id,
            network=p.network,
            start_block=min(ref.block for ref in self._contracts.values()),
            contracts=self._contracts,
            tokens=tuple(tokens),
            stake_token=stake_token,
            clocks=JobClocks(*astuple(p.clocks)),
            audit=_proposal(p.audit) if p.audit is not None else None,
            relays=p.rounds.relays,
        )

    def _ledgers(self, stake_token: Token) -> None:
        p = self._parameters
        manager = self._create("AccessManager", self._backend.address)
        stake, bond = p.stake_token.units(p.min_stake), p.stake_token.units(p.min_no_show_bond)
        self._create("Parameters", manager, astuple(p.bounds), (p.fee_bps, stake, bond, False))
        self._create("Escrow")
        self._create("StakeVault", stake_token.address, p.exit_delay)
        self._create("WorkerRegistry")
        self._create("Reputation", p.half_life)
        self._create(p.rounds.contract, *p.rounds.arguments())

    def _logic(self) -> None:
        beacon = self._parameters.rounds.contract
        ledgers = ("Escrow", "StakeVault", "WorkerRegistry", "Reputation", "Parameters", beacon)
        board = self._create("JobBoard", *(self._contracts[name].address for name in ledgers))
        for name, arguments in self._schedulers().items():
            self._create(name, board, *arguments)
        self._create("ReplicationVerifier", board)
        self._create("NetworkLens", board)

    def _schedulers(self) -> dict[str, tuple[int, ...]]:
        """What each takes beside the board."""
        wanted = self._parameters.strategies
        found: dict[str, tuple[int, ...]] = {"LotteryScheduler": (), "OfferScheduler": ()}
        if wanted is not None:
            found |= {"ReputationScheduler": (wanted.top,), "PriceScheduler": (wanted.floor, wanted.start_bps)}
        return found

    def _lists(self, tokens: list[Token]) -> None:
        self._set("addBoard", self._contracts["JobBoard"].address)
        for rule, token in zip(self._parameters.tokens, tokens, strict=True):
            self._set("setToken", token.address, (rule.units(rule.max_escrow), rule.score_weight))
        for name in self._schedulers():
            self._set("setScheduler", self._contracts[name].address, True)
        self._set("setVerifier", self._contracts["ReplicationVerifier"].address, True)
        for name in self._parameters.hardware_classes:
            self._set("setHardwareClass", hardware_class(name), True)

    def _judges(self, wanted: JuryParameters, tokens: list[Token]) -> None:
        """The jury, and what asks it: bisection, and the accept tier."""
        p, board = self._parameters, self._contracts["JobBoard"].address
        prices = [(token.address, rule.units(wanted.fee)) for rule, token in zip(p.tokens, tokens, strict=True)]
        jury = self._create("Jury", board, wanted.rules(p.stake_token), prices)
        self._create("Bisection", jury)
        self._set("setVerifier", self._create("AcceptanceVerifier", board, jury), True)

    def _audit(self) -> None:
        """The audit tier: who differs is brought before the bisection, who was handed no key is told by the key box; a
        training's snapshots are told beside."""
        board, bisection = (self._contracts[name].address for name in ("JobBoard", "Bisection"))
        keys = self._create("KeyBox", board)
        self._set("setVerifier", self._create("AuditVerifier", board, bisection, keys), True)
        self._create("Snapshots")

    def _batches(self) -> None:
        """Proofs of single items; an audit counts where there is an audit tier."""
        audit = self._contracts.get("AuditVerifier")
        self._create("Batches", self._contracts["JobBoard"].address, audit.address if audit else ZERO_ADDRESS)

    def _token(self, wanted: TokenParameters) -> Token:
        if wanted.address is not None:
            return Token(wanted.address, wanted.symbol, wanted.decimals)
        address = self._create(
            "TestToken", wanted.name, wanted.symbol, wanted.decimals, called=f"TestToken.{wanted.symbol}"
        )
        return Token(address, wanted.symbol, wanted.decimals)

    def _create(self, name: str, *args: Any, called: str | None = None) -> str:
        address, tx, block = self._backend.deploy(name, args)
        code = self._backend.code(address)
        if not code:
            raise ChainError(f"{name} was created at {address}, and no code is there; use another node")
        self._contracts[called or name] = ContractRef(address, block, tx, keccak256(code))
        return address

    def _set(self, function: str, *args: Any) -> None:
        self._backend.send(self._contracts["Parameters"].address, "Parameters", function, args)


def _proposal(audit: AuditParameters) -> AuditProposal:
    return AuditProposal(**{field.name: getattr(audit, field.name) for field in fields(AuditProposal)})

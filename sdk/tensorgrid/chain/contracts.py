"""All contracts of one deployment, checked to be the ones that were deployed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from tensorgrid.chain.audits import AuditVerifier
from tensorgrid.chain.batches import Batches
from tensorgrid.chain.bisection import Bisection
from tensorgrid.chain.board import JobBoard
from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import Connection
from tensorgrid.chain.deployments import Deployment
from tensorgrid.chain.jury import Jury
from tensorgrid.chain.key_box import KeyBox
from tensorgrid.chain.lens import NetworkLens
from tensorgrid.chain.money import Escrow, TokenContract
from tensorgrid.chain.network import Beacon, Parameters, Reputation, WorkerRegistry
from tensorgrid.chain.plugins import Acceptance, Offers, PriceScheduler, Replication, Scheduler, Snapshots
from tensorgrid.chain.records import Draw
from tensorgrid.chain.stake import StakeVault
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import UnknownDeployment, WrongChain
from tensorgrid.domain.jobs import ExtraSeats, Job, JobId, JobTerms, job_seed

STRATEGIES = {"lottery": "LotteryScheduler", "reputation": "ReputationScheduler", "price": "PriceScheduler"}
"""Schedulers that draw, by the name of what they do."""


class Contracts:
    """Attributes: board, escrow, vault, registry, reputation, parameters, beacon, lottery, offers, replication, and
    acceptance, jury, bisection, audit, snapshots, key_box, batches and lens, which are None where the network has none.
    strategies: the schedulers that draw, by name, as far as the network has them.

    Raises WrongChain when the deployment is of another chain, UnknownDeployment when the code at an address is not what
    was deployed there (a devnet started anew, a wrong file, a lying node).
    """

    def __init__(self, connection: Connection, deployment: Deployment, *, check: bool = True) -> None:
        if connection.chain_id != deployment.chain_id:
            raise WrongChain(
                f"{connection.shown_url} is a node of chain {connection.chain_id}, and the deployment is of chain "
                f"{deployment.chain_id}; give the URL of a node of that chain"
            )
        self.connection = connection
        self.deployment = deployment
        self.chain_id = deployment.chain_id
        self._tokens: dict[str, TokenContract] = {}
        at = deployment.address
        self.board = JobBoard(connection, "JobBoard", at("JobBoard"))
        self.escrow = Escrow(connection, "Escrow", at("Escrow"))
        self.vault = StakeVault(connection, "StakeVault", at("StakeVault"))
        self.registry = WorkerRegistry(connection, "WorkerRegistry", at("WorkerRegistry"))
        self.reputation = Reputation(connection, "Reputation", at("Reputation"))
        self.parameters = Parameters(connection, "Parameters", at("Parameters"))
        self.beacon = Beacon(connection, deployment.beacon, at(deployment.beacon))
        self.strategies: dict[str, Scheduler] = {
            name: (PriceScheduler if name == "price" else Scheduler)(connection, contract, at(contract))
            for name, contract in STRATEGIES.items()
            if contract in deployment.contracts
        }
        self.lottery = self.strategies["lottery"]
        self.offers = Offers(connection, "OfferScheduler", at("OfferScheduler"))
        self.replication = Replication(connection, "ReplicationVerifier", at("ReplicationVerifier"))
        self.acceptance: Acceptance | None = None
        if "AcceptanceVerifier" in deployment.contracts:
            self.acceptance = Acceptance(connection, "AcceptanceVerifier", at("AcceptanceVerifier"))
        self.audit: AuditVerifier | None = None
        if "AuditVerifier" in deployment.contracts:
            self.audit = AuditVerifier(connection, "AuditVerifier", at("AuditVerifier"))
        self.snapshots: Snapshots | None = None
        if "Snapshots" in deployment.contracts:
            self.snapshots = Snapshots(connection, "Snapshots", at("Snapshots"))
        self.key_box: KeyBox | None = None
        if "KeyBox" in deployment.contracts:
            self.key_box = KeyBox(connection, "KeyBox", at("KeyBox"))
        self.batches: Batches | None = None
        if "Batches" in deployment.contracts:
            self.batches = Batches(connection, "Batches", at("Batches"))
        self.jury: Jury | None = None
        if "Jury" in deployment.contracts:
            self.jury = Jury(connection, "Jury", at("Jury"))
        self.bisection: Bisection | None = None
        if "Bisection" in deployment.contracts:
            self.bisection = Bisection(connection, "Bisection", at("Bisection"))
        self.lens: NetworkLens | None = None
        if "NetworkLens" in deployment.contracts:
            self.lens = NetworkLens(connection, "NetworkLens", at("NetworkLens"))
        if check:
            self.check_code()

    def __repr__(self) -> str:
        return f"Contracts({self.connection!r}, network={self.deployment.network!r})"

    def check_code(self) -> None:
        """Compare every contract's code with its recorded hash. Raises UnknownDeployment, Unreachable."""
        refs = self.deployment.contracts
        with ThreadPoolExecutor(max_workers=min(8, len(refs) or 1)) as pool:
            codes = pool.map(lambda ref: self.connection.code(ref.address), refs.values())
            for (name, ref), code in zip(refs.items(), codes, strict=True):
                if keccak256(code) != ref.code_hash:
                    found = "other code than was deployed" if code else "no contract"
                    raise UnknownDeployment(
                        f"{self.connection.shown_url} has {found} at {ref.address}, where {name} of network "
                        f"{self.deployment.network!r} should be; if this is a devnet that was started anew, "
                        "use its new deployment file"
                    )

    def token(self, address: str) -> TokenContract:
        """Any ERC-20 by address."""
        if address not in self._tokens:
            self._tokens[address] = TokenContract(self.connection, address)
        return self._tokens[address]

    def scheduler(self, address: str) -> Scheduler:
        """Any that draws, by address: a strategy of a third party answers as ours do."""
        return Scheduler(self.connection, "IScheduler", address, abi_of="LotteryScheduler")

    def id_of(self, terms: JobTerms) -> JobId:
        """The job's id on this board, computed here."""
        return terms.id(self.chain_id, self.board.address)

    def simulate(self, call: Call, sender: str, *, block: int | str | None = None) -> None:
        """Try `call` in the next block (or on the state after `block`) without sending it. Raises Reverted."""

        def ask(tag: int | str) -> bytes:
            return self.connection.eth_call(call.to, call.data, sender=sender, value=call.value, block=tag)

        if block is None:
            self.connection.in_next_block(ask)
        else:
            ask(block)

    def first_draw(self, terms: JobTerms, job: Job) -> Draw | None:
        """The draw of the first round of a posted job; None while the value of its beacon round cannot be had."""
        return self._draw(self.id_of(terms), job.round, job.clock, job.take_by(terms, self.reopen_time))

    @cached_property
    def reopen_time(self) -> int:
        """Parameters.REOPEN_TIME, which never changes."""
        return self.parameters.reopen_time()

    def extra_draw(self, job_id: JobId, extra: ExtraSeats) -> Draw | None:
        """The draw of the extra seats; None while the value of its beacon round cannot be had."""
        return self._draw(job_id, extra.round, extra.opens_at, extra.take_by)

    def _draw(self, job_id: JobId, round_number: int, opens_at: int, closes_at: int) -> Draw | None:
        value = self.beacon.value_of(round_number)
        return Draw(job_seed(job_id, value), opens_at, closes_at) if any(value) else None

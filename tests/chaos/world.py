"""One prepared chain for hundreds of runs: everybody is registered once, each run begins at the same snapshot."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.chaos.plan import Tier

from tensorgrid.chain.abi import checksum
from tensorgrid.chain.calls import Call
from tensorgrid.chain.events import Event, decode
from tensorgrid.chain.history import held_of
from tensorgrid.chain.records import Tally
from tensorgrid.chain.send import Sender
from tensorgrid.chain.signing import sign
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet
from tensorgrid.devnet.workers import WorkerProcess
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.jobs import ZERO32, Job, JobId, JobState, JobTerms, Seat, hardware_class
from tensorgrid.domain.offers import Offer, StandingOffer

EMPTY_BLOCKS = 21
"""Below the posting in every run, so that the deepest reorganisation takes back nothing that prepared the world."""
WORK: dict[str, Any] = {"budget": "5 USDC", "wall": "20s", "memory": "256MiB", "output": "1MiB"}
OFFER_PRICE = 500_000
BOARD_AND_VERIFIER = ("JobBoard", "ReplicationVerifier")


def echo() -> dict[str, int]:
    """What is bought; in-process runs answer it at once."""
    return {"echo": 1}


@dataclass(frozen=True)
class Posted:
    """A posting that every run repeats, byte for byte."""

    id: JobId
    terms: JobTerms
    raw: bytes


@dataclass(frozen=True)
class Sight:
    """The job as it is at the latest block, with everything it has told."""

    job: Job
    held: tuple[Seat, ...]
    events: tuple[Event, ...]
    tally: Tally | None


class World:
    """A chain that mines when told to. Three registered workers: the first is under test, two are played."""

    def __init__(self, net: Devnet) -> None:
        self.net, self.connection, self.contracts = net, net.connection, net.contracts
        self.subject, *self.others = net.workers
        self.client = Client(net.network_file)
        self.names = {ref.address: name for name, ref in net.deployment.contracts.items() if name in BOARD_AND_VERIFIER}
        self.client.deposit("100 USDC")
        self.postings = {tier: self._prepare(tier) for tier in Tier}
        self.connection.rpc("evm_setAutomine", False)
        self.base = self.connection.latest().number + EMPTY_BLOCKS
        self._snapshot = self.connection.rpc("evm_snapshot")

    # ------------------------------------------------------------------------------------------------------------ runs

    def begin(self, tier: Tier, *, reorganised: bool = False) -> Posted:
        """Back to the beginning, and post. `reorganised`: the run will go back in time."""
        self.connection.rpc("anvil_dropAllTransactions")
        assert self.connection.rpc("evm_revert", self._snapshot)
        self._snapshot = self.connection.rpc("evm_snapshot")
        self.posted = self.postings[tier]
        self._past: list[tuple[int, str]] = []
        for _ in range(EMPTY_BLOCKS if reorganised else 0):
            self.remember()
            self.mine()
        if not reorganised:
            self.mine(EMPTY_BLOCKS)
        self.post()
        return self.posted

    def post(self) -> None:
        """(Again, after a reorganisation that took the posting back.)"""
        self.send_raw(self.posted.raw)
        self.net.anvil.mine()

    def send_raw(self, raw: bytes) -> str:
        return str(self.connection.rpc("eth_sendRawTransaction", "0x" + raw.hex()))

    def mine(self, blocks: int = 1) -> None:
        self.net.anvil.mine(blocks)

    def remember(self) -> None:
        """A place that `reorganise` can go back to: the latest block as it is. anvil_reorg wants states of past blocks
        that anvil forgets when it goes back to a snapshot, hence snapshots here too."""
        self._past.append((self.connection.latest().number, self.connection.rpc("evm_snapshot")))

    def reorganise(self, depth: int) -> None:
        """Other blocks in place of the newest, without their transactions; the requester posts again."""
        head = self.connection.latest().number
        number, snapshot = next((n, s) for n, s in reversed(self._past) if n <= head - depth or n == self._past[0][0])
        self.connection.rpc("anvil_dropAllTransactions")
        assert self.connection.rpc("evm_revert", snapshot)
        self._past = [place for place in self._past if place[0] < number]
        self.remember()
        self.mine(head - number)
        if self.look().job.state is JobState.NONE:
            self.post()

    def look(self) -> Sight:
        board, terms = self.contracts.board, self.posted.terms
        job = board.job(terms.requester, terms.nonce)
        query = {
            "address": list(self.names),
            "topics": [None, "0x" + self.posted.id.hex()],
            "fromBlock": hex(self.base),
        }
        found = (decode(raw, self.names) for raw in self.connection.rpc("eth_getLogs", query))
        events = tuple(event for event in found if event is not None)
        second = job.state is JobState.COMMITTED and not job.silent
        tally = self.contracts.replication.tally(terms.requester, terms.nonce) if second else None
        return Sight(job, held_of(events), events, tally)

    # --------------------------------------------------------------------------------------------------------- set-up

    def _prepare(self, tier: Tier) -> Posted:
        """Post once through the SDK, keep what it sent, and take it back."""
        before = self.connection.rpc("evm_snapshot")
        self.mine(EMPTY_BLOCKS)
        options: dict[str, Any] = dict(WORK)
        if tier is Tier.ACCEPT:
            options |= {"verify": "accept", "reject_within": "8s", "offers": [self._offer()]}
        run = Client(self.net.network_file).submit(echo, **options)
        sent = self.connection.rpc("eth_getTransactionByHash", run.story().transactions[0])
        terms = run.terms
        self.connection.rpc("evm_revert", before)
        call = Call(checksum(sent["to"]), bytes.fromhex(sent["input"][2:]), "post")
        raw = Sender(self.connection, self.net.requester).build_and_sign(call, gas=2_000_000).raw
        return Posted(run.id, terms, raw)

    def _offer(self) -> StandingOffer:
        contracts, me = self.contracts, self.subject.address
        bare = Offer(
            min_price=OFFER_PRICE,
            max_wall=600,
            max_stake=contracts.parameters.values().min_stake,
            expiry=self.connection.now() + 3000,
            epoch=contracts.offers.epoch_of(me),
            signature=Signature(ZERO32, ZERO32),
        )
        pay = self.net.deployment.token("USDC").address
        scheduler = contracts.offers.address
        standing = StandingOffer(me, contracts.chain_id, scheduler, hardware_class("cpu"), pay, bare)
        return replace(standing, offer=replace(bare, signature=sign(self.subject.account, standing.message())))


@contextmanager
def prepared(seed: int = 1) -> Iterator[World]:
    """A world that ends with the context."""
    with (
        tempfile.TemporaryDirectory(prefix="tensorgrid-chaos-") as folder,
        Devnet(Path(folder), workers=3, seed=seed, start_workers=False, hold=True) as net,
    ):
        yield World(net)


__all__ = ["OFFER_PRICE", "Posted", "Sight", "WorkerProcess", "World", "prepared"]

"""What the commands of a worker share: its chain, its hot key, its journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from eth_account.signers.local import LocalAccount

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import Deployment
from tensorgrid.chain.send import FeePolicy, Sender
from tensorgrid.chain.witness import Witnesses, finality_of
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.keys import unlock
from tensorgrid_worker.loop.openings import Openings, Secrets
from tensorgrid_worker.loop.submitter import Submitter
from tensorgrid_worker.memory.journal import Journal

log = structlog.get_logger()

GWEI = 10**9
OPENINGS = "openings"


@dataclass(frozen=True, slots=True)
class Parts:
    contracts: Contracts
    account: LocalAccount
    journal: Journal
    openings: Openings

    @property
    def deployment(self) -> Deployment:
        return self.contracts.deployment

    def submitter(self, config: WorkerConfig) -> Submitter:
        """Only under the lock of the worker's home: one owner of the key's nonces."""
        fees = FeePolicy(max_fee=int(config.max_fee_gwei * GWEI) or None)
        sender = Sender(self.contracts.connection, self.account, fees=fees)
        return Submitter(
            sender, self.journal, resend_seconds=config.resend_seconds, urgent_seconds=config.urgent_seconds
        )

    def witnesses(self, config: WorkerConfig) -> Witnesses:
        """Other nodes to compare ours with, as many as the settings name."""
        return Witnesses(
            self.contracts.connection,
            config.witness_urls,
            finality=finality_of(self.contracts.chain_id, config.finality_blocks),
            patience=config.witness_patience_seconds,
            say=lambda event, reason: log.warning(event, reason=reason),
        )


@contextmanager
def opened(config: WorkerConfig) -> Iterator[Parts]:
    """Raises KeyMissing, JournalForeign, UnknownDeployment, WrongChain, Unreachable."""
    deployment = Deployment.load(config.deployment)
    with Connection(config.rpc_url, chain_id=deployment.chain_id) as connection:
        contracts = Contracts(connection, deployment)
        account = unlock(config.keystore, config.password_file)
        journal = Journal(config.home / "journal.sqlite")
        try:
            owner = {"worker": account.address, "chain": str(deployment.chain_id), "board": contracts.board.address}
            journal.claim(owner | {"deployed in": deployment.contracts["JobBoard"].tx})
            used = (config.home / OPENINGS).is_dir()
            openings = Openings(config.home / OPENINGS, Secrets(account, deployment.chain_id, contracts.board.address))
            if used and journal.is_new:
                log.warning("journal.lost", reason="this home had one; it is rebuilt from the chain")
                # An offer signed before may still be out, and nobody remembers: as if it had been made just now.
                journal.note_offer(connection.now() + contracts.offers.max_offer_life())
            yield Parts(contracts, account, journal, openings)
        finally:
            journal.close()

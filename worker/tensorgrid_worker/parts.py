"""What the commands of a worker share: its chain, its hot key, its journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import Deployment
from tensorgrid.chain.send import Sender
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.journal import Journal
from tensorgrid_worker.keys import unlock
from tensorgrid_worker.submitter import Submitter


@dataclass(frozen=True, slots=True)
class Parts:
    contracts: Contracts
    account: LocalAccount
    journal: Journal

    @property
    def deployment(self) -> Deployment:
        return self.contracts.deployment

    def submitter(self, config: WorkerConfig) -> Submitter:
        """Only under the lock of the worker's home: one owner of the key's nonces."""
        sender = Sender(self.contracts.connection, self.account)
        return Submitter(sender, self.journal, resend_seconds=config.resend_seconds)


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
            yield Parts(contracts, account, journal)
        finally:
            journal.close()

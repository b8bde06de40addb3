"""What a Run asks of whoever made it; Client is one such."""

from __future__ import annotations

from typing import Any, Protocol

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.send import Sender
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.money import Token
from tensorgrid.ordering.packing import PackedJob
from tensorgrid.privacy import Identity
from tensorgrid.runs.trail import Trail
from tensorgrid.storage.base import BlobStore


class Access(Protocol):
    """A network, a store, and the keys to read and to send; `sender` and `identity` raise KeyMissing without one."""

    connection: Connection
    contracts: Contracts
    store: BlobStore

    @property
    def sender(self) -> Sender: ...

    @property
    def identity(self) -> Identity: ...

    def token(self, symbol_or_address: str) -> Token: ...

    def submit(self, work: PackedJob, **options: Any) -> Any:
        """A Run of it, which this layer cannot name."""

    def trail(self, job: JobId, posted_block: int | None = None) -> Trail: ...

"""The one protocol that every store speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from tensorgrid.storage.cid import Cid


@runtime_checkable
class BlobStore(Protocol):
    """Content-addressed blobs. Implementations verify what they return and never trust a size they are told."""

    def put(self, data: bytes | Path) -> Cid:
        """Store and pin; idempotent. Raises StorageError."""
        ...

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        """The verified bytes. Raises BlobNotFound, BlobMismatch, BlobTooLarge."""
        ...

    def fetch(self, cid: Cid, target: Path, *, max_bytes: int) -> int:
        """As `get`, streamed to a file that appears only when verified. Returns its size."""
        ...

    def has(self, cid: Cid) -> bool:
        """Whether the blob can be had here without going far."""
        ...

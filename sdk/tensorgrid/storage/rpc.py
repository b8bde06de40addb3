"""What every store behind a Kubo RPC does alike: compare CIDs, cap, verify, retry. The subclass moves the bytes."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tensorgrid.domain.errors import BlobMismatch, BlobNotFound, SpecInvalid, StorageError
from tensorgrid.storage.cid import Cid, CidBuilder
from tensorgrid.storage.stream import checked, pieces_of, save, storage_errors

ADD_OPTIONS = {"cid-version": "1", "raw-leaves": "true", "cid-base": "base32", "pin": "true", "progress": "false"}
SLOWEST_BYTES_PER_SECOND = 64 * 1024
SEARCH_MARGIN_SECONDS = 5
"""How much longer we wait for an answer than the node was told to look for a blob."""

_PAUSES = (0.2, 1.0)
_ABSENT = re.compile(r"not found|could not find|no such|timed? ?out|deadline exceeded|no providers|404", re.IGNORECASE)

T = TypeVar("T")


class Interrupted(StorageError):
    """The connection failed; another attempt may do better."""


class RpcStore(ABC):
    """Blobs in an IPFS node, added with CIDv1, raw leaves and a pin. The node is trusted with nothing but keeping."""

    def __init__(self, where: str) -> None:
        self._where = where

    @abstractmethod
    def _add(self, source: bytes | Path) -> str:
        """The CID that the node states. Raises Interrupted, StorageError."""

    @abstractmethod
    def _cat(self, cid: Cid, length: int) -> Iterator[bytes]:
        """At most `length` bytes if the node is honest, in pieces. Raises Interrupted, BlobNotFound, StorageError."""

    @abstractmethod
    def _stat(self, cid: Cid) -> None:
        """Raises BlobNotFound where the node itself has no such block; Interrupted, StorageError."""

    def put(self, data: bytes | Path) -> Cid:
        """Add and pin; idempotent. Raises StorageError, and BlobMismatch when the node states another CID than ours."""
        with storage_errors("cannot read what should be stored"):
            builder = CidBuilder()
            for piece in pieces_of(data):
                builder.update(piece)
            cid = builder.finish()
            stated = self._again(lambda: self._add(data))
        try:
            agreed = Cid.parse(stated) == cid
        except SpecInvalid:
            agreed = False
        if not agreed:
            raise BlobMismatch(f"{self._where} stored {cid} as {stated[:80]!r}; add with 256 KiB chunks and raw leaves")
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        """The verified bytes. Raises BlobNotFound, BlobMismatch, BlobTooLarge, StorageError."""
        return self._again(lambda: b"".join(self._checked(cid, max_bytes)))

    def fetch(self, cid: Cid, target: Path, *, max_bytes: int) -> int:
        """As `get`, streamed to `target`, which appears only when verified. Returns its size in bytes."""
        return self._again(lambda: save(self._checked(cid, max_bytes), target))

    def has(self, cid: Cid) -> bool:
        """Whether the node itself has the (root) block. Raises StorageError when it does not answer."""
        try:
            self._again(lambda: self._stat(cid))
        except BlobNotFound:
            return False
        return True

    def _checked(self, cid: Cid, max_bytes: int) -> Iterator[bytes]:
        # One byte more than allowed is asked for, so that "too large" shows without downloading all of it.
        return checked(self._cat(cid, max_bytes + 1), cid, max_bytes, self._where)

    def _again(self, work: Callable[[], T]) -> T:
        for pause in _PAUSES:
            try:
                return work()
            except Interrupted:
                time.sleep(pause)
        return work()

    def refused(self, message: str, cid: Cid | None = None) -> StorageError:
        """What a node's error means. Its words are a stranger's: cleaned and cut before anybody prints them."""
        words = "".join(c if c.isprintable() else " " for c in message[:200])
        if cid is not None and _ABSENT.search(message):
            return BlobNotFound(f"{self._where} cannot find {cid} ({words}); is its holder online?")
        return StorageError(f"{self._where} refused: {words}; see its log")

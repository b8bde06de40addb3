"""The store that the worker sees: away, slow, full or wrong, as the run wants it."""

from __future__ import annotations

import time
from pathlib import Path

from tests.chaos.crash import Points
from tests.chaos.plan import Fault

from tensorgrid.domain.errors import StorageError
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.cid import Cid

SLOW_SECONDS = 0.02
MOST_REFUSED = 3
"""Puts in a row: the worker tries again without leaving the step, so that no block would end the fault."""


class FaultyStore:
    """A BlobStore in front of another. Wrong bytes are not made here but in the other's files, below its checks."""

    def __init__(self, behind: BlobStore, points: Points) -> None:
        self._behind, self._points = behind, points
        self.fault = Fault.NONE
        self._refused = 0

    def put(self, data: bytes | Path) -> Cid:
        self._points.pass_by("before a put")
        self._suffer(writing=True)
        cid = self._behind.put(data)
        self._points.pass_by("after a put")
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        self._suffer()
        return self._behind.get(cid, max_bytes=max_bytes)

    def fetch(self, cid: Cid, target: Path, *, max_bytes: int) -> int:
        self._suffer()
        return self._behind.fetch(cid, target, max_bytes=max_bytes)

    def has(self, cid: Cid) -> bool:
        return self._behind.has(cid)

    def _suffer(self, *, writing: bool = False) -> None:
        if writing and self.fault in (Fault.STORE_DOWN, Fault.DISK_FULL):
            self._refused += 1
            if self._refused > MOST_REFUSED:
                return
        if self.fault is Fault.STORE_DOWN:
            raise StorageError("the store does not answer (chaos); try again later")
        if self.fault is Fault.DISK_FULL and writing:
            raise StorageError("cannot write: No space left on device (chaos); free some")
        if self.fault is Fault.STORE_SLOW:
            time.sleep(SLOW_SECONDS)

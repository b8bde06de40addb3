"""How fast the two places are that a worker talks to anyway: its store and its node. Nobody else is asked."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Mapping

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.storage.base import BlobStore
from tensorgrid_worker.capability.measured import Part

BLOB_BYTES = 1 << 20
"""One blob per measurement stays in the store: stores know no delete."""
ASKS = 5


class StoreProbe:
    """One blob of BLOB_BYTES there and back; the store checks it against its CID."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def __call__(self, nonce: bytes, _seconds: float) -> Mapping[str, Part]:
        data = hashlib.shake_256(b"tensorgrid link\0" + nonce).digest(BLOB_BYTES)
        try:
            start = time.perf_counter()
            cid = self._store.put(data)
            stored = time.perf_counter()
            ok = self._store.get(cid, max_bytes=BLOB_BYTES) == data
            got = time.perf_counter()
        except (TensorgridError, OSError) as error:
            return dict.fromkeys(("store_put", "store_get"), Part(0, "B/s", False, str(error)[:200]))
        return {
            "store_put": Part(int(BLOB_BYTES / max(stored - start, 1e-9)), "B/s", ok),
            "store_get": Part(int(BLOB_BYTES / max(got - stored, 1e-9)), "B/s", ok),
        }


class NodeProbe:
    """The median time of a few small questions. `ask`: such as `connection.latest`."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask

    def __call__(self, _nonce: bytes, _seconds: float) -> Mapping[str, Part]:
        took = []
        try:
            for _ in range(ASKS):
                start = time.perf_counter()
                self._ask()
                took.append(time.perf_counter() - start)
        except TensorgridError as error:
            return {"node_answer": Part(0, "s", False, str(error)[:200])}
        return {"node_answer": Part(round(statistics.median(took), 6), "s", True)}

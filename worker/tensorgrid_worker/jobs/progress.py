"""Live progress of one run: points in, sealed blobs out, one per `every` seconds."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self

import structlog

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.receipts import MAX_POINTS, ProgressBlob
from tensorgrid.domain.specs import JobSpec
from tensorgrid.privacy import seal
from tensorgrid.storage.base import BlobStore
from tensorgrid_worker.logs import in_context

log = structlog.get_logger()


class ProgressPump:
    """A context around one run. `publish(sequence, digest)` is called from the pump's own thread.

    Progress is a courtesy: a store that fails costs a blob, never the job.
    """

    def __init__(
        self,
        job: JobId,
        worker: str,
        spec: JobSpec,
        store: BlobStore,
        publish: Callable[[int, bytes], None],
        *,
        every: float,
        first_sequence: int = 0,
    ) -> None:
        self._job, self._worker, self._spec, self._store, self._publish = job, worker, spec, store, publish
        self._every = every
        self._sequence = first_sequence
        self._points: deque[Mapping[str, Any]] = deque(maxlen=MAX_POINTS)
        self._total = 0
        self._told = 0
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=in_context(self._pump), name="progress", daemon=True)

    def add(self, point: Mapping[str, Any]) -> None:
        with self._lock:
            self._points.append(point)
            self._total += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """What is left goes out at once."""
        self._done.set()
        self._thread.join()

    def _pump(self) -> None:
        while not self._done.wait(self._every):
            self._tell()
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            points, total = list(self._points), self._total
        if total == self._told:
            return
        try:
            blob = ProgressBlob.fitting(self._job, self._worker, self._sequence, points, total)
            cid = self._store.put(seal(blob.to_bytes(), self._spec.recipients))
            self._publish(self._sequence, cid.digest)
        except (TensorgridError, OSError, sqlite3.Error) as error:
            log.warning("progress.failed", reason=str(error))
            return
        self._told = total
        self._sequence += 1

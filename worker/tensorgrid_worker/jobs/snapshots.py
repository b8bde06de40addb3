"""How far an audited job has come, told on chain while it runs: what is told then cannot be made up later."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

import structlog

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.traces import Segment
from tensorgrid_worker.logs import short

log = structlog.get_logger()

Snap = Callable[[JobId, Segment], None]
"""Leaves the transaction to the outbox, which knows one of a segment as the same, however often the job runs."""


class Snapshots:
    """Of one run. One of `segments` segments is told (0: none), and none within `seconds` of the last.

    A courtesy: what goes wrong costs a snapshot, never the job.
    """

    def __init__(self, job: JobId, snap: Snap, *, segments: int, seconds: float) -> None:
        self._job, self._snap, self._segments, self._seconds = job, snap, segments, seconds
        self._last = 0
        self._not_before = 0.0

    def add(self, segment: Segment) -> None:
        """From the thread that runs the job, at each segment's end."""
        due = self._segments > 0 and segment.index - self._last >= self._segments
        if not due or time.monotonic() < self._not_before:
            return
        self._last, self._not_before = segment.index, time.monotonic() + self._seconds
        try:
            self._snap(self._job, segment)
        except (TensorgridError, OSError, sqlite3.Error) as error:
            log.warning("snapshot.failed", job=short(self._job), reason=str(error))

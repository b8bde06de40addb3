"""Live metrics: the progress blobs of a run's workers, opened, each point given once.

Nobody checks them (only results are compared), so a lying worker can show wrong ones; it cannot make a reader fail or
stall, or skip the others' points by more than one blob's worth.
"""

from __future__ import annotations

from collections import Counter

from tensorgrid.domain.errors import ResultRejected, StorageError
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.notes import note_text
from tensorgrid.domain.receipts import MAX_POINTS, MAX_PROGRESS_BYTES, ProgressBlob, Scalar
from tensorgrid.privacy import Identity, open_sealed, sealed_size_limit
from tensorgrid.runs.story import Story
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.cid import Cid

ATTEMPTS = 3
"""How often a published blob is asked for; a store may be a little behind the chain."""
PATIENCE = 3 * ATTEMPTS
"""Failures in a row after which only a worker's newest blob is asked for: a store may search long for each."""


class Points:
    """Remembers what it has given. One per reader."""

    def __init__(self, job: JobId, store: BlobStore, identity: Identity) -> None:
        self._job = job
        self._store = store
        self._identity = identity
        self._given = 0
        self._done: set[tuple[str, bytes]] = set()
        self._tried: Counter[tuple[str, bytes]] = Counter()
        self._failed: Counter[str] = Counter()

    def fresh(self, story: Story) -> list[dict[str, Scalar]]:
        """The points that `story` adds to those given before, whichever replica showed them first."""
        points: list[dict[str, Scalar]] = []
        newest = dict(story.progress)
        for published in story.progress:
            worker, digest = published
            if published in self._done or (self._failed[worker] >= PATIENCE and newest[worker] != digest):
                continue
            blob = self._open(*published)
            self._tried[published] += 1
            if blob is not None or self._tried[published] >= ATTEMPTS:
                self._done.add(published)
            if blob is None:
                self._failed[worker] += 1
                continue
            self._failed[worker] = 0
            if note_text(blob) is not None:
                continue  # no metrics: `last_words` tells it
            first = blob.points_total - len(blob.points)
            if first <= self._given + MAX_POINTS:
                points += [dict(point) for point in blob.points[max(0, self._given - first) :]]
                self._given = max(self._given, blob.points_total)
        return points

    def last_words(self, story: Story) -> dict[str, str]:
        """By worker, why its run failed for reasons of its own; not checked by anybody, not yet safe to print."""
        words: dict[str, str] = {}
        newest: Counter[str] = Counter()
        for worker, digest in reversed(story.progress):
            newest[worker] += 1
            if worker in words or newest[worker] > ATTEMPTS:
                continue  # a note is a worker's last or nearly so: it may try once more, and report progress
            blob = self._open(worker, digest)
            if blob is not None and (text := note_text(blob)) is not None:
                words[worker] = text
        return words

    def _open(self, worker: str, digest: bytes) -> ProgressBlob | None:
        """None when it cannot be had or is not what it says."""
        try:
            sealed = self._store.get(Cid.of_digest(digest), max_bytes=sealed_size_limit(MAX_PROGRESS_BYTES))
            blob = ProgressBlob.from_bytes(open_sealed(sealed, self._identity))
        except (StorageError, ResultRejected):
            return None
        return blob if blob.job == self._job and blob.worker == worker.lower() else None

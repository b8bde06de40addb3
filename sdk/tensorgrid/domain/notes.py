"""A worker's last words: why a run failed for reasons of his own, when there will be no receipt to say so.

They travel as a progress blob of one point, sealed like all progress, and are no metrics.
"""

from __future__ import annotations

from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.receipts import Point, ProgressBlob

REASON = "worker_note"
MAX_REASON = 256
_PIECE, _PIECES = 256, 56
MAX_NOTE_LOG = _PIECE * _PIECES
"""Characters of log that fit in; the end counts."""


def note_blob(job: JobId, worker: str, sequence: int, reason: str, log: str = "") -> ProgressBlob:
    """`reason`: a sentence; `log`: what the run had printed, of which the end is kept."""
    tail = log[-MAX_NOTE_LOG:]
    pieces = [tail[start : start + _PIECE] for start in range(0, len(tail), _PIECE)]
    point: Point = {REASON: reason[:MAX_REASON]} | {f"log_{n:02}": piece for n, piece in enumerate(pieces)}
    return ProgressBlob(job, worker, sequence, (point,), 1)


def note_text(blob: ProgressBlob) -> str | None:
    """Reason and log of a note, not yet safe to print; None for a blob of metrics."""
    if len(blob.points) != 1 or not isinstance(blob.points[0].get(REASON), str):
        return None
    [point] = blob.points
    log = "".join(str(point[name]) for name in sorted(point) if name.startswith("log_"))
    return f"[worker] {point[REASON]}\n{log}"

"""A step that audits, juries and what follows them hand to the outbox."""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid.chain.calls import Call
from tensorgrid.domain.jobs import JobId


@dataclass(frozen=True, slots=True)
class ToSend:
    """`due`: chain time by which it must be mined, or something is lost; 0: it can wait for cheaper gas."""

    job: JobId
    kind: str
    call: Call
    due: int

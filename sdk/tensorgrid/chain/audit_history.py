"""The events of an audit, in its order. All are AuditVerifier's; `number` is an auditor's seat, `claim` 0 or 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tensorgrid.chain.history import Event
from tensorgrid.domain.audits import AuditOpening, AuditRecord
from tensorgrid.domain.jobs import JobId


@dataclass(frozen=True)
class AuditBegun(Event):
    SOURCE = ("AuditVerifier", "AuditBegun")
    id: JobId
    worker: str
    opening: AuditOpening
    fingerprint: bytes


@dataclass(frozen=True)
class SittingOpened(Event):
    """`count` seats from number `from_` on can be taken until `take_by`; `round` draws who, and what they replay."""

    SOURCE = ("AuditVerifier", "SittingOpened")
    id: JobId
    sitting: int
    from_: int
    count: int
    round: int
    take_by: int


@dataclass(frozen=True)
class Served(Event):
    """`manifest_digest`: the sha256 in the raw CID of what the auditors need. `audit_by`: until when they answer."""

    SOURCE = ("AuditVerifier", "Served")
    id: JobId
    manifest_digest: bytes
    seed: bytes
    fresh: bytes
    checks: tuple[bytes, ...]
    audit_by: int


@dataclass(frozen=True)
class Confirmed(Event):
    SOURCE = ("AuditVerifier", "Confirmed")
    id: JobId
    auditor: str
    number: int


@dataclass(frozen=True)
class Declined(Event):
    """The auditor's machine computes on something else. `suspicion`: it found more than machines differ."""

    SOURCE = ("AuditVerifier", "Declined")
    id: JobId
    auditor: str
    number: int
    suspicion: bool


@dataclass(frozen=True)
class AuditClean(Event):
    """All that was drawn is confirmed; `round` decides whether there is a re-audit."""

    SOURCE = ("AuditVerifier", "AuditClean")
    id: JobId
    round: int


@dataclass(frozen=True)
class Accused(Event):
    """`index` 0: the result is not the last state's model. `mine`: the state that the auditor ends with."""

    SOURCE = ("AuditVerifier", "Accused")
    id: JobId
    auditor: str
    number: int
    claim: int
    index: int
    mine: bytes


@dataclass(frozen=True)
class Answered(Event):
    """By the worker; `end`: the state that he has shown, `fallen`: it is what the auditor says it should be."""

    SOURCE = ("AuditVerifier", "Answered")
    id: JobId
    number: int
    claim: int
    fallen: bool
    end: bytes


@dataclass(frozen=True)
class ClaimsFallen(Event):
    """All that a seat said has fallen. `matched`: it had found what the worker promised, and so has confirmed it."""

    SOURCE = ("AuditVerifier", "ClaimsFallen")
    id: JobId
    number: int
    matched: bool


@dataclass(frozen=True)
class DisputeOpened(Event):
    SOURCE = ("AuditVerifier", "DisputeOpened")
    id: JobId
    number: int
    claim: int
    bond: int


@dataclass(frozen=True)
class DisputeBondReleased(Event):
    """`to`: the worker, or the jury where he was wrong."""

    SOURCE = ("AuditVerifier", "DisputeBondReleased")
    id: JobId
    to: str
    bond: int


def record_of(events: Iterable[Event]) -> AuditRecord:
    """What the audits of ONE job have fixed so far, as its events in chain order show it; others are passed over."""
    record = AuditRecord()
    for event in events:
        if isinstance(event, AuditBegun):
            record = AuditRecord(fingerprint=event.fingerprint)
        elif isinstance(event, Served):
            record = record.served(event.seed, event.fresh, event.checks)
    return record

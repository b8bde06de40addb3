"""What the chain's events have told of each open job, and how a reorganisation takes it back. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from tensorgrid.chain.history import (
    Event,
    ExtraSeatsOpened,
    JobAssigned,
    JobCancelled,
    JobExpired,
    JobPosted,
    JobSettled,
    JobTaken,
    WorkerSettled,
)
from tensorgrid.domain.jobs import JobId, JobTerms


class Preparation(StrEnum):
    """What we know of a job's spec and inputs."""

    NEW = "new"
    READY = "ready"  # fetched, checked, lying in its folder
    REFUSED = "refused"  # not for us; `reason` says why


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job. Block numbers say where a fact stands, so that a reorganisation can take it back; 0: not yet."""

    id: JobId
    terms: JobTerms
    round: int
    posted_block: int
    seats: tuple[tuple[str, int], ...] = ()  # (worker, block) in order of seat numbers
    assigned_block: int = 0
    extra_block: int = 0  # extra seats were opened
    ended_block: int = 0
    ended_as: str = ""  # settled, cancelled, expired
    outcome: str = ""  # of this worker: "paid 950000", "slashed 20", ...
    preparation: Preparation = Preparation.NEW
    reason: str = ""

    @property
    def workers(self) -> tuple[str, ...]:
        return tuple(worker for worker, _ in self.seats)

    @property
    def ended(self) -> bool:
        return self.ended_block > 0

    def number_of(self, worker: str) -> int:
        """Its seat number, 1-based; 0 without a seat."""
        return self.workers.index(worker) + 1 if worker in self.workers else 0


def apply(records: dict[JobId, JobRecord], event: Event, me: str) -> JobId | None:
    """Fold one event into `records`. The job that changed, or None when the event tells nothing that is kept."""
    if isinstance(event, JobPosted):
        known = records.get(event.id)
        if known is None or known.posted_block != event.log.block:
            kept = (known.preparation, known.reason) if known else (Preparation.NEW, "")
            records[event.id] = JobRecord(
                event.id, event.terms, event.round, event.log.block, preparation=kept[0], reason=kept[1]
            )
        return event.id
    record = records.get(getattr(event, "id", JobId(b"")))
    if record is None:
        return None
    changed = _changed(record, event, me)
    if changed is None:
        return None
    records[record.id] = changed
    return record.id


def rewind(records: dict[JobId, JobRecord], block: int) -> list[JobId]:
    """Forget what was told by blocks above `block`. The jobs that changed; those posted above it are gone."""
    touched: list[JobId] = []
    for job_id, record in list(records.items()):
        if record.posted_block > block:
            del records[job_id]
        elif (
            max([record.assigned_block, record.extra_block, record.ended_block, *(at for _, at in record.seats)])
            > block
        ):
            ended = record.ended_block > block
            records[job_id] = replace(
                record,
                seats=tuple(seat for seat in record.seats if seat[1] <= block),
                assigned_block=record.assigned_block if record.assigned_block <= block else 0,
                extra_block=record.extra_block if record.extra_block <= block else 0,
                ended_block=0 if ended else record.ended_block,
                ended_as="" if ended else record.ended_as,
                outcome="" if ended else record.outcome,
            )
        else:
            continue
        touched.append(job_id)
    return touched


def terms_to_text(terms: JobTerms) -> str:
    """For the journal."""
    return json.dumps([value.hex() if isinstance(value, bytes) else value for value in terms.as_tuple()])


def terms_from_text(text: str) -> JobTerms:
    """Inverse of `terms_to_text`."""
    values: dict[str, Any] = {}
    for field, value in zip(fields(JobTerms), json.loads(text), strict=True):
        values[field.name] = bytes.fromhex(value) if field.type == "bytes" else value
    return JobTerms(**values)


def _changed(record: JobRecord, event: Event, me: str) -> JobRecord | None:
    block = event.log.block
    if isinstance(event, JobTaken):
        if event.number != len(record.seats) + 1:
            return None  # told twice
        return replace(record, seats=(*record.seats, (event.worker, block)))
    if isinstance(event, JobAssigned):
        return replace(record, assigned_block=block)
    if isinstance(event, ExtraSeatsOpened):
        return replace(record, extra_block=block)
    if isinstance(event, WorkerSettled):
        return replace(record, outcome=_outcome(event)) if event.worker == me else None
    for kind, word in ((JobSettled, "settled"), (JobCancelled, "cancelled"), (JobExpired, "expired")):
        if isinstance(event, kind):
            return replace(record, ended_block=block, ended_as=word)
    return None


def _outcome(event: WorkerSettled) -> str:
    if event.slashed:
        return f"{event.fault.name.lower()} {event.slashed}"
    return f"paid {event.pay}" if event.pay else "unpaid"

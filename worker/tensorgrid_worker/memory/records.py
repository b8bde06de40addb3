"""What the chain's events have told of each open job, and how a reorganisation takes it back. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, TypeVar

from tensorgrid.chain.audit_history import SittingOpened
from tensorgrid.chain.history import (
    Event,
    ExtraSeatsOpened,
    JobCancelled,
    JobExpired,
    JobPosted,
    JobReopened,
    JobSealed,
    JobSettled,
    JobTaken,
    WorkerSettled,
)
from tensorgrid.domain.jobs import ZERO32, JobId, JobTerms, Seat

T = TypeVar("T", JobTerms, Seat)


class Preparation(StrEnum):
    """What we know of a job's spec and inputs."""

    NEW = "new"
    READY = "ready"  # fetched, checked, lying in its folder
    REFUSED = "refused"  # not for us; `reason` says why


@dataclass(frozen=True, slots=True)
class SeatRecord:
    """A seat as the events have told of it: taken in `block`, committed in `sealed_block` (0: not yet)."""

    seat: Seat
    block: int
    sealed_block: int = 0

    def upto(self, block: int) -> SeatRecord:
        """Without a commitment that was made above `block`."""
        if self.sealed_block <= block:
            return self
        return SeatRecord(replace(self.seat, commitment=ZERO32), self.block)


@dataclass(frozen=True, slots=True)
class Lost:
    """The job as it was before the reopening of `block`: what a reorganisation gives back. `mine`: we had a seat.

    `outcome`: of this worker, after that reopening.
    """

    block: int
    seats: tuple[SeatRecord, ...]
    assigned_block: int
    reopened: int
    reopened_until: int
    outcome: str
    mine: bool


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job. Block numbers say where a fact stands, so that a reorganisation can take it back; 0: not yet."""

    id: JobId
    terms: JobTerms
    round: int
    posted_block: int
    seats: tuple[SeatRecord, ...] = ()  # in order of their numbers
    assigned_block: int = 0
    extra_block: int = 0  # extra seats were opened
    ended_block: int = 0
    ended_as: str = ""  # settled, cancelled, expired
    outcome: str = ""  # of this worker: "paid 950000", "slashed 20", ...
    preparation: Preparation = Preparation.NEW
    reason: str = ""
    reopened: int = 0  # how often its seats were given anew
    reopened_until: int = 0  # chain time until which they may be taken then
    lost: tuple[Lost, ...] = ()  # one for each time

    @property
    def take_by(self) -> int:
        """Chain time until which a first seat may be taken, as far as the events have told."""
        return self.reopened_until or self.terms.take_by

    @property
    def reopens_left(self) -> int:
        return self.terms.reopens - self.reopened

    @property
    def held(self) -> tuple[Seat, ...]:
        """What the board wants to be shown: seat n at index n - 1."""
        return tuple(record.seat for record in self.seats)

    @property
    def workers(self) -> tuple[str, ...]:
        return tuple(record.seat.worker for record in self.seats)

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
        elif _newest_block(record) > block:
            records[job_id] = _upto(record, block)
        else:
            continue
        touched.append(job_id)
    return touched


def terms_to_text(terms: JobTerms) -> str:
    """For the journal."""
    return json.dumps(_plain(terms))


def terms_from_text(text: str) -> JobTerms:
    """Inverse of `terms_to_text`."""
    return _rebuilt(JobTerms, json.loads(text))


def seats_to_text(seats: Iterable[SeatRecord]) -> str:
    """For the journal."""
    return json.dumps([[_plain(record.seat), record.block, record.sealed_block] for record in seats])


def seats_from_text(text: str) -> tuple[SeatRecord, ...]:
    """Inverse of `seats_to_text`."""
    return tuple(SeatRecord(_rebuilt(Seat, values), block, sealed) for values, block, sealed in json.loads(text))


def lost_to_text(lost: Iterable[Lost]) -> str:
    """For the journal."""
    return json.dumps([[*_others(one), seats_to_text(one.seats)] for one in lost])


def lost_from_text(text: str) -> tuple[Lost, ...]:
    """Inverse of `lost_to_text`."""
    return tuple(Lost(block, seats_from_text(seats), *others) for block, *others, seats in json.loads(text))


def _others(one: Lost) -> list[Any]:
    return [getattr(one, field.name) for field in fields(one) if field.name != "seats"]


def _plain(value: JobTerms | Seat) -> list[Any]:
    return [item.hex() if isinstance(item, bytes) else item for item in value.as_tuple()]


def _rebuilt(kind: type[T], plain: list[Any]) -> T:
    values: dict[str, Any] = {}
    for field, value in zip(fields(kind), plain, strict=True):
        values[field.name] = bytes.fromhex(value) if field.type == "bytes" else value
    return kind(**values)


def _newest_block(record: JobRecord) -> int:
    seats = [at for seat in record.seats for at in (seat.block, seat.sealed_block)]
    return max(record.assigned_block, record.extra_block, record.ended_block, _given_anew(record), *seats)


def _given_anew(record: JobRecord) -> int:
    """The block of the last reopening; 0: none. Its takers come in later blocks, by a round that was not drawn then."""
    return record.lost[-1].block if record.lost else 0


def _upto(record: JobRecord, block: int) -> JobRecord:
    """As the blocks up to `block` have told of it."""
    kept = tuple(one for one in record.lost if one.block <= block)
    undone = record.lost[len(kept) :]
    if undone:
        record = _seats_back(record, undone)
    ended = record.ended_block > block
    return replace(
        record,
        seats=tuple(seat.upto(block) for seat in record.seats if seat.block <= block),
        assigned_block=record.assigned_block if record.assigned_block <= block else 0,
        extra_block=record.extra_block if record.extra_block <= block else 0,
        ended_block=0 if ended else record.ended_block,
        ended_as="" if ended else record.ended_as,
        outcome=(kept[-1].outcome if kept else "") if ended or undone else record.outcome,
        lost=kept,
    )


def _seats_back(record: JobRecord, undone: tuple[Lost, ...]) -> JobRecord:
    """With the seats that these reopenings, the oldest first, have taken away."""
    before = undone[0]
    back = replace(
        record,
        seats=before.seats,
        assigned_block=before.assigned_block,
        reopened=before.reopened,
        reopened_until=before.reopened_until,
    )
    if any(one.mine for one in undone):  # what was fetched for it may be gone by now: it is looked at again
        return replace(back, preparation=Preparation.NEW, reason="")
    return back


def _given(event: JobTaken) -> Seat:
    return Seat(event.worker, event.provider, event.payee, event.price, ZERO32)


def _changed(record: JobRecord, event: Event, me: str) -> JobRecord | None:
    block = event.log.block
    if isinstance(event, JobTaken):
        if event.number != len(record.seats) + 1 or block <= _given_anew(record):
            return None  # told twice, or of a seat that was lost
        assigned = block if event.work_by else record.assigned_block
        return replace(record, seats=(*record.seats, SeatRecord(_given(event), block)), assigned_block=assigned)
    if isinstance(event, JobReopened):
        return _opened_again(record, event, me)
    if isinstance(event, JobSealed):
        return _sealed(record, event)
    if isinstance(event, ExtraSeatsOpened | SittingOpened):
        return replace(record, extra_block=block)
    if isinstance(event, WorkerSettled):
        return replace(record, outcome=_outcome(event, record.terms)) if event.worker == me else None
    for kind, word in ((JobSettled, "settled"), (JobCancelled, "cancelled"), (JobExpired, "expired")):
        if isinstance(event, kind):
            return replace(record, ended_block=block, ended_as=word)
    return None


def _opened_again(record: JobRecord, event: JobReopened, me: str) -> JobRecord | None:
    if event.count <= record.reopened:
        return None  # told twice
    mine = record.number_of(me) > 0
    lost = Lost(
        block=event.log.block,
        seats=record.seats,
        assigned_block=record.assigned_block,
        reopened=record.reopened,
        reopened_until=record.reopened_until,
        outcome=record.outcome,
        mine=mine,
    )
    anew = replace(
        record,
        seats=(),
        assigned_block=0,
        reopened=event.count,
        reopened_until=event.take_by,
        lost=(*record.lost, lost),
    )
    if mine:
        return replace(anew, preparation=Preparation.REFUSED, reason="we had a seat of it and lost it")
    return anew


def _sealed(record: JobRecord, event: JobSealed) -> JobRecord | None:
    number = record.number_of(event.worker)
    if not number or record.seats[number - 1].sealed_block:
        return None  # told twice
    seats = list(record.seats)
    known = seats[number - 1]
    seats[number - 1] = SeatRecord(replace(known.seat, commitment=event.commitment), known.block, event.log.block)
    return replace(record, seats=tuple(seats))


def _outcome(event: WorkerSettled, terms: JobTerms) -> str:
    if lost := terms.loss(event.fault):
        return f"{event.fault.name.lower()} {lost}"
    return f"paid {event.pay}" if event.pay else "unpaid"

"""What one event of a job says, in a few words, and the money that moved with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from tensorgrid.chain.events import (
    BondForfeited,
    BondReturned,
    Event,
    JobCancelled,
    JobExpired,
    JobPosted,
    JobReopened,
    JobSealed,
    JobSettled,
    JobTaken,
    OrderRelayed,
    Rejected,
    RoundStored,
    Slashed,
    WorkerSettled,
)
from tensorgrid.domain.jobs import Fault, JobTerms
from tensorgrid.text import short_id

HELD, PAID, FEE, RETURNED, BOUNTY, RELAYED = "held", "paid", "fee burned", "returned", "bounty", "relayer's fee"
"""Kinds of movements of the job's money, in units of its pay token. Held = paid + fee + returned + bounty."""
BOND, STAKE_BURNED, FINDER = "bond", "stake burned", "finder's share"
"""Other movements: a rejection's bond in the pay token, and stake, in the stake token."""
_FAULTS = {
    Fault.NONE: "",
    Fault.NO_SHOW: "did not deliver",
    Fault.SLASHED: "is slashed",
    Fault.ABANDONED: "gave the seat back",
}
OF_STAKE = frozenset({STAKE_BURNED, FINDER})


@dataclass(frozen=True, slots=True)
class Move:
    """`units`: of the job's pay token, of the stake token where `kind` is in OF_STAKE. `who`: whose it was or is."""

    kind: str
    units: int
    who: str


def words_of(event: Event) -> str:
    """One line. Addresses and hashes are shortened; nothing of it is free text of a stranger."""
    name = re.sub(r"(?<!^)([A-Z])", r" \1", type(event).__name__).lower()
    match event:
        case JobPosted():
            seats = f"{event.terms.workers} seat{'s' if event.terms.workers > 1 else ''}"
            return f"posted: {seats}, draw of round {event.round}"
        case JobTaken():
            return f"seat {event.number} taken by {short_id(event.worker)}" + (": work begins" if event.work_by else "")
        case JobSealed():
            return f"{short_id(event.worker)} committed to a result"
        case WorkerSettled():
            said = _FAULTS[event.fault]
            return f"{short_id(event.worker)} {said or ('was right' if event.agreed else 'is settled')}"
        case JobReopened():
            return f"its seats were lost: given out anew by round {event.round}, time number {event.count}"
        case JobSettled():
            return "settled"
        case RoundStored():
            return f"value of round {event.round} stored"
        case _:
            told = [f"{_spoken(f.name)} {_value(getattr(event, f.name))}" for f in fields(event)]
            shown = [text for f, text in zip(fields(event), told, strict=True) if f.name not in ("id", "log")]
            return f"{name}: {', '.join(shown)}" if shown else name


def moves_of(event: Event, terms: JobTerms, payees: dict[str, str], paid: int) -> list[Move]:
    """`payees`: by worker, as JobTaken told; `paid`: to workers so far. Amounts of zero are left out."""
    match event:
        case JobPosted():
            found = [Move(HELD, terms.escrow, terms.requester)]
        case OrderRelayed():
            found = [Move(RELAYED, event.fee, event.relayer)]
        case WorkerSettled():
            found = [Move(PAID, event.pay, payees.get(event.worker, event.worker))]
            if event.fault in (Fault.NO_SHOW, Fault.ABANDONED):
                found.append(Move(STAKE_BURNED, terms.loss(event.fault), event.worker))
        case Slashed():
            # a no-show's burned bond is told with its outcome
            found = [Move(STAKE_BURNED, event.burned, event.worker), Move(FINDER, event.finder_share, event.finder)]
        case JobSettled():
            rest = terms.escrow - event.paid - event.fee - event.returned
            found = [
                Move(FEE, event.fee, "nobody"),
                Move(RETURNED, event.returned, terms.requester),
                Move(BOUNTY, rest, event.closer),
            ]
        case JobExpired():
            found = [
                Move(RETURNED, event.returned, terms.requester),
                Move(BOUNTY, terms.escrow - paid - event.returned, event.closer),
            ]
        case JobCancelled():
            found = [Move(RETURNED, event.returned, terms.requester)]
        case Rejected():
            found = [Move(BOND, event.bond, terms.requester)]
        case BondReturned():
            found = [Move(BOND, -event.bond, event.requester)]
        case BondForfeited():
            found = [Move(BOND, -event.bond, event.jury)]
        case _:
            found = []
    return [move for move in found if move.units]


def _spoken(name: str) -> str:
    return name.strip("_").replace("_", " ")


def _value(value: Any) -> str:
    if isinstance(value, bytes):
        return short_id(value) if len(value) <= 64 else f"{len(value)} bytes"
    if isinstance(value, str):
        return short_id(value)
    if isinstance(value, tuple):
        return ", ".join(_value(item) for item in value[:4]) + (" …" if len(value) > 4 else "")
    if hasattr(value, "__dataclass_fields__"):
        return "…"
    return str(value)

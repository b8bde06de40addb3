"""A look at a run: what it waits for, who sits in it, where its money is."""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid.domain.jobs import JobId, JobState
from tensorgrid.domain.money import Amount, Token
from tensorgrid.runs.handing import owes_key
from tensorgrid.runs.story import SeatStory, Story
from tensorgrid.text import short_id


@dataclass(frozen=True, slots=True)
class SeatStatus:
    """One worker's part of a run. phase: taken, committed, revealed, paid, unpaid, no-show or slashed.

    An auditor's, before it has ended: taken, confirmed, withdrawn or accused.
    """

    worker: str
    number: int
    extra: bool
    phase: str
    pay: Amount | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A look at a run. `phase` says in words what it waits for; `deadline` is the chain time that leaves this state.

    `reject_by`: until when `Run.reject` may still be called, `hand_by`: until when a private job's key is to be handed
    (`Run.hand`); None when not.
    """

    id: JobId
    state: JobState
    phase: str
    seats: tuple[SeatStatus, ...]
    deadline: int | None
    reject_by: int | None
    paid: Amount
    fee: Amount
    returned: Amount
    hand_by: int | None = None

    @property
    def ended(self) -> bool:
        return self.state.ended

    def __str__(self) -> str:
        seats = ", ".join(f"{short_id(seat.worker)} {seat.phase}" for seat in self.seats)
        return f"{short_id(self.id)} {self.phase}" + (f" ({seats})" if seats else "")


def status_of(job: JobId, story: Story, token: Token) -> RunStatus:
    """`token`: that its terms pay in."""
    return RunStatus(
        id=job,
        state=story.state,
        phase=story.phase,
        seats=tuple(_seat(story, seat, token) for seat in story.in_order),
        deadline=story.deadline,
        reject_by=None if story.rejected or story.state.ended else story.reject_by,
        paid=Amount(story.paid, token),
        fee=Amount(story.fee, token),
        returned=Amount(story.returned, token),
        hand_by=story.hand_by if owes_key(story, 0) else None,
    )


def _seat(story: Story, seat: SeatStory, token: Token) -> SeatStatus:
    pay = None if seat.pay is None else Amount(seat.pay, token)
    phase = seat.phase
    if story.audit is not None and seat.extra and pay is None and story.audit.answers.get(seat.number):
        phase = story.audit.said(seat.number)
    return SeatStatus(seat.worker, seat.number, seat.extra, phase, pay)

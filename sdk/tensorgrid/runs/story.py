"""The life of one job, folded out of its events: who sat where, who answered what, who was paid.

Pure: the same events give the same story, so a re-organised chain is handled by folding again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tensorgrid.chain.events import (
    Event,
    ExtraSeatsOpened,
    JobAssigned,
    JobCancelled,
    JobCommitted,
    JobExpired,
    JobPosted,
    JobProgress,
    JobSealed,
    JobSettled,
    JobTaken,
    Revealed,
    WorkerSettled,
)
from tensorgrid.domain.jobs import Fault, JobState, JobTerms


@dataclass(slots=True)
class SeatStory:
    """One worker's part. `pay` and `slashed` are token and stake units, None before the job ended."""

    worker: str
    number: int
    extra: bool
    sealed: bool = False
    root_hash: bytes | None = None
    receipt_digest: bytes | None = None
    pay: int | None = None
    slashed: int | None = None
    fault: Fault = Fault.NONE

    @property
    def phase(self) -> str:
        """One word: taken, committed, revealed, paid, unpaid, no-show, slashed."""
        if self.pay is None:
            return "revealed" if self.root_hash else "committed" if self.sealed else "taken"
        if self.fault is not Fault.NONE:
            return "slashed" if self.fault is Fault.SLASHED else "no-show"
        return "paid" if self.pay else "unpaid"


@dataclass(slots=True)
class Story:
    """What has happened so far. Money in units of `terms.pay_token`; times are chain seconds."""

    terms: JobTerms
    round: int
    posted_block: int
    state: JobState = JobState.POSTED
    seats: dict[str, SeatStory] = field(default_factory=dict)
    progress: list[tuple[str, bytes]] = field(default_factory=list)
    work_by: int | None = None
    settle_by: int | None = None
    extra: ExtraSeatsOpened | None = None
    paid: int = 0
    fee: int = 0
    returned: int = 0
    closer: str | None = None
    transactions: list[str] = field(default_factory=list)

    @property
    def first_seats(self) -> list[SeatStory]:
        return [seat for seat in self.in_order if not seat.extra]

    @property
    def extra_seats(self) -> list[SeatStory]:
        return [seat for seat in self.in_order if seat.extra]

    @property
    def in_order(self) -> list[SeatStory]:
        return sorted(self.seats.values(), key=lambda seat: seat.number)

    @property
    def bounty_paid(self) -> int:
        """The part of the escrow that went to whoever closed a job that paid nobody."""
        return self.terms.escrow - self.paid - self.fee - self.returned if self.state.ended else 0

    @property
    def agreed(self) -> list[SeatStory]:
        """The paid seats, when all of them showed one and the same result; empty otherwise.

        Half pay goes to those who revealed without a decisive group: that is never an agreement.
        """
        paid = [seat for seat in self.in_order if seat.pay]
        full = all(seat.pay == self.terms.price for seat in paid)
        same = len({seat.root_hash for seat in paid}) == 1
        return paid if len(paid) > 1 and full and same else []

    @property
    def phase(self) -> str:
        """What it waits for, in words."""
        first, extra = self.first_seats, self.extra_seats
        if self.state is JobState.POSTED:
            return f"waiting for workers: {len(first)} of {self.terms.workers} seats taken"
        if self.state is JobState.ASSIGNED:
            return f"running: {sum(seat.sealed for seat in first)} of {len(first)} workers done"
        if self.state is JobState.COMMITTED and self.extra is None:
            done = [seat for seat in first if seat.sealed]
            return f"comparing: {sum(seat.root_hash is not None for seat in done)} of {len(done)} answers revealed"
        if self.state is JobState.COMMITTED:
            done_extra = sum(seat.sealed for seat in extra)
            return f"answers differ, asking two more: {len(extra)} of 2 seats taken, {done_extra} done"
        if self.state is JobState.SETTLED:
            count = len(self.agreed)
            return f"settled: {count} workers agreed" if count else "settled: no agreement"
        return self.state.name.lower()


def fold(events: Iterable[Event]) -> Story | None:
    """The story that these events of ONE job tell, in chain order; None while it was not posted."""
    story: Story | None = None
    for event in events:
        if isinstance(event, JobPosted):
            story = Story(terms=event.terms, round=event.round, posted_block=event.log.block)
        if story is None:
            continue
        _apply(story, event)
        if event.log.tx not in story.transactions:
            story.transactions.append(event.log.tx)
    return story


def _apply(story: Story, event: Event) -> None:
    if isinstance(event, JobTaken):
        story.seats[event.worker] = SeatStory(event.worker, event.number, extra=event.number > story.terms.workers)
    elif isinstance(event, JobAssigned):
        story.state, story.work_by = JobState.ASSIGNED, event.work_by
    elif isinstance(event, JobProgress):
        story.progress.append((event.worker, event.digest))
    elif isinstance(event, JobSealed):
        story.seats[event.worker].sealed = True
    elif isinstance(event, JobCommitted):
        story.state, story.settle_by = JobState.COMMITTED, event.settle_by
    elif isinstance(event, Revealed):
        seat = story.seats[event.worker]
        seat.root_hash, seat.receipt_digest = event.root_hash, event.receipt_digest
    elif isinstance(event, ExtraSeatsOpened):
        story.extra = event
    elif isinstance(event, WorkerSettled):
        seat = story.seats[event.worker]
        seat.pay, seat.fault, seat.slashed = event.pay, event.fault, event.slashed
    elif isinstance(event, JobSettled):
        story.state, story.closer = JobState.SETTLED, event.closer
        story.paid, story.fee, story.returned = event.paid, event.fee, event.returned
    elif isinstance(event, JobCancelled):
        story.state, story.returned = JobState.CANCELLED, event.returned
    elif isinstance(event, JobExpired):
        story.state, story.closer, story.returned = JobState.EXPIRED, event.closer, event.returned

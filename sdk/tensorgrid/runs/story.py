"""The life of one job, folded out of its events: who sat where, who answered what, who was paid.

Pure: the same events give the same story, so a re-organised chain is handled by folding again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tensorgrid.chain.events import (
    AuditBegun,
    BondForfeited,
    BondReturned,
    Event,
    ExtraSeatsOpened,
    JobCancelled,
    JobCommitted,
    JobExpired,
    JobPosted,
    JobProgress,
    JobReopened,
    JobSealed,
    JobSettled,
    JobTaken,
    KeyHanded,
    KeyMissed,
    OrderRelayed,
    Rejected,
    Revealed,
    Snapshot,
    WorkerSettled,
)
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import MAX_SEATS, PAIR, AcceptanceClocks, Fault, JobState, JobTerms, Seat
from tensorgrid.runs.audit_story import EVENTS as OF_AUDITS
from tensorgrid.runs.audit_story import AuditStory

_FAULTS = {Fault.NO_SHOW: "no-show", Fault.SLASHED: "slashed", Fault.ABANDONED: "abandoned"}


@dataclass(slots=True)
class SeatStory:
    """One worker's part. `pay` and `slashed` are token and stake units, None before the job ended.

    `seat`: as the board wants it shown. `agreed`: the verifier has counted it as right.
    """

    seat: Seat
    number: int
    extra: bool
    root_hash: bytes | None = None
    receipt_digest: bytes | None = None
    pay: int | None = None
    slashed: int | None = None
    fault: Fault = Fault.NONE
    agreed: bool = False

    @property
    def worker(self) -> str:
        return self.seat.worker

    @property
    def price(self) -> int:
        """What this seat costs when its work is right, in pay-token units."""
        return self.seat.price

    @property
    def sealed(self) -> bool:
        return self.seat.committed

    @property
    def phase(self) -> str:
        """One word: taken, committed, revealed, paid, unpaid, no-show, slashed, abandoned."""
        if self.pay is None:
            return "revealed" if self.root_hash else "committed" if self.sealed else "taken"
        if self.fault is not Fault.NONE:
            return _FAULTS[self.fault]
        return "paid" if self.pay else "unpaid"

    @property
    def left(self) -> str:
        """How it lost the seat, in words."""
        return "gave the seat back" if self.fault is Fault.ABANDONED else "did not deliver"


@dataclass(slots=True)
class Story:
    """What has happened so far. Money in units of `terms.pay_token`; times are chain seconds.

    `silent`: the accept tier: nothing is revealed, silence is consent. `bond`: what a rejection still holds.
    `lost`: seats whose workers did not deliver, in the order in which they lost them; `reopened`: how the job was last
    opened again. `audit`: in the audit tier alone. Of a private job, `handed`: who was handed its key; `missed`: one
    was not.
    """

    terms: JobTerms
    round: int
    posted_block: int
    silent: bool = False
    audit: AuditStory | None = None
    state: JobState = JobState.POSTED
    seats: dict[str, SeatStory] = field(default_factory=dict)
    lost: list[SeatStory] = field(default_factory=list)
    reopened: JobReopened | None = None
    progress: list[tuple[str, bytes]] = field(default_factory=list)
    work_by: int | None = None
    committed_at: int | None = None
    rejected: bool = False
    bond: int = 0
    extra: ExtraSeatsOpened | None = None
    paid: int = 0
    fee: int = 0
    returned: int = 0
    closer: str | None = None
    relay_fee: int = 0
    handed: set[str] = field(default_factory=set)
    missed: bool = False
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
    def held(self) -> tuple[Seat, ...]:
        """All seats in order, as calls to the board want them passed back."""
        return tuple(seat.seat for seat in self.in_order)

    @property
    def deadline(self) -> int | None:
        """By when this state is left, by itself or by anyone's call; None once it has ended."""
        match self.state:
            case JobState.POSTED:
                return self.terms.take_by if self.reopened is None else self.reopened.take_by
            case JobState.ASSIGNED:
                return self.work_by
            case JobState.COMMITTED:
                return (self.committed_at or 0) + self.terms.settle_time
        return None

    @property
    def reject_by(self) -> int | None:
        """Until when the requester may reject what was delivered; None where nothing is delivered, or not that way."""
        if not self.silent or self.committed_at is None:
            return None
        return self.committed_at + AcceptanceClocks.unpack(self.terms.verifier_params).window

    @property
    def hand_by(self) -> int | None:
        """Until when the workers of a private job can be handed its key; None before the last take, and of others."""
        if self.audit is None or not self.audit.plan.private or self.work_by is None:
            return None
        return self.work_by - self.terms.work_time + self.audit.plan.wrap_time

    @property
    def cost(self) -> int:
        """What stays spent: pay, the fee on it, and what a relayer got for posting."""
        return self.paid + self.fee + self.relay_fee

    @property
    def bounty_paid(self) -> int:
        """The part of the escrow that went to whoever closed a job that paid nobody."""
        return self.terms.escrow - self.paid - self.fee - self.returned if self.state.ended else 0

    @property
    def agreed(self) -> list[SeatStory]:
        """The paid seats, when all of them showed one and the same result; empty otherwise.

        Half pay goes to those who revealed without a decisive group: that is never an agreement. In the accept tier
        nobody agrees with anybody; in the audit tier it is the worker alone, whom the auditors have found right.
        """
        if self.audit is not None:
            return [seat for seat in self.first_seats if seat.agreed]
        paid = [seat for seat in self.in_order if seat.pay]
        full = all(seat.pay == seat.price for seat in paid)
        same = len({seat.root_hash for seat in paid}) == 1
        return paid if len(paid) > 1 and full and same else []

    @property
    def vouchers(self) -> list[SeatStory]:
        """Who stands for the result: the workers that agreed, in the audit tier the auditors that found it right."""
        if self.audit is None:
            return self.agreed
        return [seat for seat in self.extra_seats if seat.agreed and self.agreed]

    @property
    def phase(self) -> str:
        """What it waits for, in words."""
        first, extra = self.first_seats, self.extra_seats
        if self.state is JobState.POSTED:
            waiting = f"waiting for workers: {len(first)} of {self.terms.workers} seats taken"
            return waiting if self.reopened is None else f"{self.why_again}; {waiting}"
        if self.missed and self.state in (JobState.ASSIGNED, JobState.COMMITTED):
            return "the key was not handed in time: waiting for the worker to leave"
        if self.state is JobState.ASSIGNED and self.hand_by is not None and len(self.handed) < len(first):
            return "waiting for you to hand the worker the key"
        if self.audit is not None and self.audit.running and self.state is JobState.ASSIGNED:
            return self.audit.running
        if self.state is JobState.ASSIGNED:
            return f"running: {sum(seat.sealed for seat in first)} of {len(first)} workers done"
        if self.silent and self.state in (JobState.COMMITTED, JobState.SETTLED):
            return self._accept_phase
        if self.audit is not None and self.state is JobState.COMMITTED:
            return self.audit.phase
        if self.audit is not None and self.state is JobState.SETTLED:
            return self._audit_phase
        if self.state is JobState.COMMITTED and self.extra is None:
            done = [seat for seat in first if seat.sealed]
            return f"comparing: {sum(seat.root_hash is not None for seat in done)} of {len(done)} answers revealed"
        if self.state is JobState.COMMITTED:
            done_extra = sum(seat.sealed for seat in extra)
            more = MAX_SEATS - self.terms.workers
            asked = f"asking {'two' if more == 2 else 'three'} more: {len(extra)} of {more} seats taken"
            return f"{self.why_more}, {asked}, {done_extra} done"
        if self.state is JobState.SETTLED:
            count = len(self.agreed)
            return f"settled: {count} workers agreed" if count else "settled: no agreement"
        return self.state.name.lower()

    @property
    def why_again(self) -> str:
        """Who did not deliver, and how often the seats were given anew; empty where nobody lost one."""
        if self.reopened is None:
            return ""
        who = ", ".join(f"{seat.worker[:10]} {seat.left}" for seat in self.lost[-self.terms.workers :])
        return f"worker {who}; seat re-opened ({self.reopened.count} of {self.terms.reopens})"

    @property
    def why_more(self) -> str:
        """Why the first round of a replicated job was not enough, in words."""
        shown = [seat.root_hash for seat in self.first_seats if seat.root_hash is not None]
        if len(set(shown)) > 1:
            return "answers differ"
        return "answers are missing" if len(shown) < PAIR else "answers agree, scores too low for this value"

    @property
    def _audit_phase(self) -> str:
        worker = self.first_seats[0]
        if self.missed:
            return "settled: the key was not handed in time"
        if worker.fault is Fault.SLASHED:
            return "settled: the worker was wrong"
        return "settled: audited" if worker.agreed else "settled: not audited"

    @property
    def _accept_phase(self) -> str:
        if self.state is JobState.COMMITTED:
            return "rejected: a jury decides" if self.rejected else "delivered: paid unless you reject it in time"
        paid = sum(seat.pay or 0 for seat in self.in_order)
        if not self.rejected:
            return "settled: accepted"
        full = paid and all(seat.pay == seat.price for seat in self.in_order)
        return "settled: rejected without cause" if full else "settled: undecided" if paid else "settled: rejected"


def fold(events: Iterable[Event], acceptance: str | None = None, audit: str | None = None) -> Story | None:
    """The story that these events of ONE job tell, in chain order; None while it was not posted.

    `acceptance`, `audit`: addresses of the network's accept and audit tiers. What strangers say under the job's id is
    passed over.
    """
    story: Story | None = None
    for event in events:
        if isinstance(event, JobPosted):
            silent = event.terms.verifier == acceptance
            story = Story(terms=event.terms, round=event.round, posted_block=event.log.block, silent=silent)
            if event.terms.verifier == audit:
                story.audit = AuditStory(AuditTerms.unpack(event.terms.verifier_params))
        if story is None or _of_a_stranger(story, event):
            continue
        _apply(story, event)
        if event.log.tx not in story.transactions:
            story.transactions.append(event.log.tx)
    return story


def _of_a_stranger(story: Story, event: Event) -> bool:
    """What anybody can say of any job."""
    if isinstance(event, Snapshot):
        return event.worker not in [seat.worker for seat in story.first_seats]
    return isinstance(event, JobProgress) and event.worker not in story.seats


def _apply(story: Story, event: Event) -> None:
    if story.audit is not None and isinstance(event, OF_AUDITS):
        _apply_audit(story, story.audit, event)
    elif isinstance(event, JobTaken):
        seat = Seat(event.worker, event.provider, event.payee, event.price)
        story.seats[event.worker] = SeatStory(seat, event.number, extra=event.number > story.terms.workers)
        if story.audit is not None and event.number > story.terms.workers:
            story.audit.seated.append(event.number)
        if event.work_by:
            story.state, story.work_by = JobState.ASSIGNED, event.work_by
    elif isinstance(event, JobReopened):
        story.lost += story.in_order
        story.seats.clear()
        story.handed.clear()
        if story.audit is not None:
            story.audit.snapshots.clear()  # the next worker begins anew: nobody answers for another's trace
        story.state, story.reopened, story.work_by, story.missed = JobState.POSTED, event, None, False
    elif isinstance(event, JobProgress):
        story.progress.append((event.worker, event.digest))
    elif isinstance(event, JobSealed):
        found = story.seats[event.worker]
        found.seat = replace(found.seat, commitment=event.commitment)
        if story.silent:
            found.receipt_digest = event.commitment  # nothing will be opened: what is committed to is the receipt
        if event.since:
            story.state, story.committed_at = JobState.COMMITTED, event.since
    elif isinstance(event, JobCommitted):
        story.state, story.committed_at = JobState.COMMITTED, event.since
    elif isinstance(event, Revealed):
        found = story.seats[event.worker]
        found.root_hash, found.receipt_digest = event.root_hash, event.receipt_digest
    elif isinstance(event, ExtraSeatsOpened):
        story.extra = event
    elif isinstance(event, KeyHanded):
        story.handed.add(event.worker)
    elif isinstance(event, KeyMissed):
        story.missed = True
    elif isinstance(event, WorkerSettled):
        found = story.seats[event.worker]
        found.pay, found.fault, found.slashed = event.pay, event.fault, story.terms.loss(event.fault)
        found.agreed = event.agreed
    elif isinstance(event, OrderRelayed):
        story.relay_fee = event.fee
    elif isinstance(event, Rejected):
        story.rejected, story.bond = True, event.bond
    elif isinstance(event, BondReturned | BondForfeited):
        story.bond = 0
    elif isinstance(event, JobSettled):
        story.state, story.closer = JobState.SETTLED, event.closer
        story.paid, story.fee, story.returned = event.paid, event.fee, event.returned
    elif isinstance(event, JobCancelled):
        story.state, story.returned = JobState.CANCELLED, event.returned
    elif isinstance(event, JobExpired):
        story.state, story.closer, story.returned = JobState.EXPIRED, event.closer, event.returned


def _apply_audit(story: Story, audit: AuditStory, event: Event) -> None:
    audit.apply(event)
    if isinstance(event, AuditBegun):
        found = story.seats[event.worker]
        found.root_hash, found.receipt_digest = keccak256(event.opening.result_root), event.opening.receipt_digest

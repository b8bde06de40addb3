"""The chain's state of open jobs, as few questions as will do: what nobody asks about is not read."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import decode
from tensorgrid.chain.history import held_of
from tensorgrid.chain.records import Tally
from tensorgrid.domain.errors import ChainError, Reverted
from tensorgrid.domain.jobs import (
    ZERO32,
    AcceptanceClocks,
    ExtraSeats,
    Job,
    JobId,
    JobState,
    ReplicationClocks,
    Seat,
    job_seed,
)
from tensorgrid_worker.auditing.reading import AuditReader
from tensorgrid_worker.loop.calls import call_for
from tensorgrid_worker.loop.drawing import quote_of
from tensorgrid_worker.loop.handed import KeyReader
from tensorgrid_worker.loop.planner import Do, JobView
from tensorgrid_worker.memory.records import JobRecord, Preparation

MOST_OFFERS = 16
"""Jobs of others that are looked at in one round, dearest first: a flood of postings is not our work."""
PATIENCE = 32
"""Looks at another's job before it gives way to cheaper ones: dear jobs that nobody can take must not hide the rest."""
MOST_LOOKS = 3
"""How often a job's seats are read anew because the chain moved meanwhile; after that, in the next round."""
PASSED_SECONDS = 5.0
NOT_STORED = "RoundNotStored"
WAITING = frozenset(
    {"NotDrawn", "RoundNotDue", NOT_STORED, "SeatsFull", "CapacityReached", "DeadlinePassed", "WrongState"}
)
"""Refusals of `take` that say: not now, or others were faster. Any other is worth a line in the log."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A job as it was read at `at` (monotonic), when the events had told `record` of it."""

    record: JobRecord
    job: Job
    held: tuple[Seat, ...]
    at: float


@dataclass
class ViewReader:
    """Reads JobViews for one worker. Remembers seeds, and when a job was first seen closable.

    `believed`: seconds for which a job of ours is not read again when no event has told of it and none of its clocks is
    over. Right only where events are read up to the newest block.
    """

    contracts: Contracts
    me: str
    believed: float = 0
    fingerprint: Callable[[], bytes | None] = lambda: None
    needs_bond: bool = False  # of audited jobs
    keys: KeyReader | None = None  # of private jobs
    refusals: dict[JobId, str] = field(default_factory=dict)  # why the chain would not let us take it, newest
    _seeds: dict[JobId, bytes] = field(default_factory=dict)
    _closable: dict[JobId, int] = field(default_factory=dict)
    _values: dict[int, bytes] = field(default_factory=dict)  # of the beacon's rounds
    _known: dict[JobId, _Known] = field(default_factory=dict)
    _passed: dict[tuple[JobId, Do], float] = field(default_factory=dict)
    _looks: dict[JobId, int] = field(default_factory=dict)  # at jobs of others
    _audits: AuditReader = field(init=False)

    def __post_init__(self) -> None:
        self._audits = AuditReader(self.contracts, self.me, self.fingerprint, self.needs_bond)

    def read(self, records: Mapping[JobId, JobRecord], head: BlockRef, taking: Collection[JobId] = ()) -> list[JobView]:
        """Views of `records` at the latest block, those of `taking` always. Raises Unreachable, ChainError."""
        known = self._seeds.keys() | self._closable.keys() | self._known.keys() | self._looks.keys()
        for gone in known - records.keys():
            self._looks.pop(gone, None)
            self._audits.forget(gone)
            self._known.pop(gone, None)
            self._passed.pop((gone, Do.SETTLE), None)
            self._passed.pop((gone, Do.OPEN_EXTRA), None)
            self._seeds.pop(gone, None)
            self._closable.pop(gone, None)
            self.refusals.pop(gone, None)
        ours = [record for record in records.values() if record.number_of(self.me)]
        others = [record for record in records.values() if not record.number_of(self.me) and self._open(record, head)]
        others.sort(key=lambda r: (r.id not in taking, r.assigned_block > 0, self._rounds(r), -r.terms.price))
        for record in others[:MOST_OFFERS]:
            self._looks[record.id] = self._looks.get(record.id, 0) + 1
        wanted = (*ours, *others[:MOST_OFFERS])
        self._look_at([record for record in wanted if not self._is_known(record, head)])
        return [self._view(record, head) for record in wanted]

    def _rounds(self, record: JobRecord) -> int:
        return self._looks.get(record.id, 0) // PATIENCE

    def unfit_to_replay(self, record: JobRecord) -> str:
        """Why our replays of an audited job would say nothing; empty: they do. Raises Unreachable, ChainError."""
        return self._audits.unfit(record, auditor=True)

    def forget_seeds(self) -> None:
        """After a reorganisation: another block, another value."""
        self._known.clear()
        self._audits.forget_all()
        self._passed.clear()
        self._values.clear()
        self._seeds.clear()
        self._closable.clear()

    def _view(self, record: JobRecord, head: BlockRef) -> JobView:
        job, held = self._known[record.id].job, self._known[record.id].held
        if job.state.ended or job.state is JobState.NONE:
            return JobView(record, job)
        tally, extra = self._second_round(record, job)
        number = _number_in(held, self.me)
        seed = self.seed(record, head) if number else ZERO32
        audited = self._audits.is_audited(record.terms)
        view = JobView(record, job, held, number, seed, tally, extra, audited=audited)
        if audited and number and job.state is JobState.COMMITTED:
            view = replace(view, audit=self._audits.picture(record, job, held, number, seed))
        if audited and self.keys is not None and 0 < number <= record.terms.workers and not view.committed:
            view = replace(view, key=self.keys.state(record, job, head.timestamp))
        if job.state is JobState.ASSIGNED and not job.committed and record.reopens_left > 0:
            view = replace(view, reopen_by=job.clock + self.contracts.reopen_time)
        if not view.number:
            return self._takeable(view, head)
        settle, open_extra = self._closing(view, head)
        if not settle and not open_extra:
            self._closable.pop(record.id, None)  # an audit may be closable, go on, and be closable again
            return view
        since = self._closable.setdefault(record.id, head.timestamp)
        return replace(view, may_open_extra=open_extra, may_settle=settle, closable_since=since)

    def _open(self, record: JobRecord, head: BlockRef) -> bool:
        """Whether a seat may still be had, as far as events and clocks tell."""
        terms = record.terms
        if record.preparation is Preparation.REFUSED:
            return False
        if not record.assigned_block:
            return head.timestamp <= record.take_by
        if record.extra_block:
            return head.timestamp <= record.take_by + terms.work_time + terms.settle_time
        if record.reopens_left <= 0 or any(seat.sealed_block for seat in record.seats):
            return False
        # Its worker may never deliver: then it is we who want it opened again.
        return head.timestamp <= record.take_by + terms.work_time + self.contracts.reopen_time

    def _is_known(self, record: JobRecord, head: BlockRef) -> bool:
        known = self._known.get(record.id)
        if known is None or known.record is not record or time.monotonic() >= known.at + self.believed:
            return False
        replicated = record.terms.verifier == self.contracts.replication.address
        if record.number_of(self.me) and (replicated or self._audits.is_audited(record.terms)):
            return False  # a reveal missed costs all the stake: no node may hide from us that its time has come
        return not _clock_is_over(known.job, record, head.timestamp)

    def _look_at(self, records: Sequence[JobRecord]) -> None:
        """Read these jobs, all in one question to the node."""
        now = time.monotonic()
        jobs = self.contracts.board.jobs([(record.terms.requester, record.terms.nonce) for record in records])
        for record, job in zip(records, jobs, strict=True):
            self._known[record.id] = _Known(record, *self._with_seats(record, job), now)

    def _with_seats(self, record: JobRecord, job: Job) -> tuple[Job, tuple[Seat, ...]]:
        """The job, and its seats as of the same moment.

        The followed events have told of the seats already, unless they lag behind on purpose (`confirmations`) or the
        chain has moved since they were read; then the job's own events are read up to the newest block.
        """
        held = record.held
        for _ in range(MOST_LOOKS):
            if job.state.ended or job.state is JobState.NONE or _fits(job, held):
                break
            held = self._seats_now(record)
            job = self.contracts.board.job(record.terms.requester, record.terms.nonce)
        return job, held

    def _seats_now(self, record: JobRecord) -> tuple[Seat, ...]:
        board = self.contracts.board.address
        query = {
            "address": board,
            "topics": [None, "0x" + record.id.hex()],
            "fromBlock": hex(record.posted_block),
            "toBlock": "latest",
        }
        found = self.contracts.connection.rpc("eth_getLogs", query)
        if not isinstance(found, list):
            raise ChainError("the node sent no list of logs; use another node")
        events = (decode(raw, {board: "JobBoard"}) for raw in found)
        return held_of(event for event in events if event is not None)

    def _second_round(self, record: JobRecord, job: Job) -> tuple[Tally | None, ExtraSeats | None]:
        if job.state is not JobState.COMMITTED or job.silent:
            return None, None
        if self._audits.is_audited(record.terms):
            extra = self._audits.verifier.extra_seats(record.terms, record.id)
            return None, extra if extra.count else None
        tally = self.contracts.replication.tally(record.terms.requester, record.terms.nonce)
        if not tally.extra_opened_at:
            return tally, None
        clocks = ReplicationClocks.unpack(record.terms.verifier_params)
        take_by = tally.extra_opened_at + clocks.extra_take_time
        count = len(tally.group) - record.terms.workers
        work_by = take_by + record.terms.work_time
        return tally, ExtraSeats(count, tally.extra_round, tally.extra_opened_at, take_by, work_by)

    def _takeable(self, view: JobView, head: BlockRef) -> JobView:
        """With whether `take` would pass in the next block, and at what price, or the round that is still wanting. The
        draw's round must be over: asking earlier is a waste."""
        record, job = view.record, view.job
        if record.preparation is not Preparation.READY:
            return view
        open_round = view.extra.round if view.extra is not None else job.round
        if job.state is not JobState.POSTED and view.extra is None:
            return view
        if not self.contracts.beacon.due_in_next_block(open_round, head):
            return view
        if view.audited and (reason := self._unfit(record, auditor=view.extra is not None)):
            self.refusals[record.id] = reason
            return view
        try:
            self.contracts.simulate(call_for(self.contracts, view, Do.TAKE, None), self.me)
            price = self._price(view, open_round, head)
        except Reverted as refusal:
            self.refusals[record.id] = "" if refusal.name in WAITING else str(refusal)
            return replace(view, unstored=open_round) if refusal.name == NOT_STORED else view
        self.refusals[record.id] = ""
        return replace(view, may_take=True, price=price)

    def _price(self, view: JobView, open_round: int, head: BlockRef) -> int:
        """Of the seat in the next block; later it is no less. Raises Reverted where a stranger's scheduler does."""
        terms = view.record.terms
        if terms.scheduler == self.contracts.lottery.address:
            return terms.price
        value = self.contracts.beacon.value_of(open_round)
        return quote_of(self.contracts, self.me, view, value, head.timestamp + 1).price

    def _unfit(self, record: JobRecord, *, auditor: bool) -> str:
        ours = (known for known in self._known.values() if known.record.number_of(self.me) == 1)
        open_jobs = sum(self._audits.is_audited(known.record.terms) and not known.job.state.ended for known in ours)
        return self._audits.unfit(record, auditor=auditor, open_jobs=open_jobs)

    def _closing(self, view: JobView, head: BlockRef) -> tuple[bool, bool]:
        """(may settle, may open extra seats), asked only when the clocks or the reveals make it possible."""
        job, tally = view.job, view.tally
        if job.state is not JobState.COMMITTED or not _fits(job, view.held):
            return False, False
        params = view.record.terms.verifier_params
        if view.audited:  # many clocks decide: the contracts are asked
            settle = self._passes(view, Do.SETTLE)
            return settle, not settle and self._passes(view, Do.OPEN_EXTRA)
        if tally is None:  # silence is consent once the window is over; a jury takes its own time
            if not job.contested and head.timestamp < job.clock + AcceptanceClocks.unpack(params).window:
                return False, False
        else:
            clocks = ReplicationClocks.unpack(params)
            committed = (job.committed & (1 << view.record.terms.workers) - 1).bit_count()
            over = tally.revealed == committed or head.timestamp > job.clock + clocks.reveal_time + clocks.grace
            if not over and not tally.extra_opened_at:
                return False, False
        if self._passes(view, Do.SETTLE):
            return True, False
        return False, tally is not None and not tally.extra_opened_at and self._passes(view, Do.OPEN_EXTRA)

    def _passes(self, view: JobView, do: Do) -> bool:
        """What has passed is not tried again for some seconds: the look before sending has the last word."""
        tried, now = (view.record.id, do), time.monotonic()
        if now < self._passed.get(tried, 0.0):
            return True
        try:
            self.contracts.simulate(call_for(self.contracts, view, do, None), self.me)
        except Reverted:
            return False
        if self.believed:
            self._passed[tried] = now + PASSED_SECONDS
        return True

    def seed(self, record: JobRecord, head: BlockRef) -> bytes:
        """Of a job; zero while its round is not due. Raises Unreachable, ChainError."""
        if record.id not in self._seeds:
            value = self._values.get(record.round) or self.contracts.beacon.value_of(record.round)
            if value == ZERO32 and self.contracts.beacon.by_block and head.number > record.round:
                # The contract remembers blocks for some hours, a node for ever; work that began then goes on (W2).
                block = self.contracts.connection.block(record.round)
                value = bytes.fromhex(block.hash[2:]) if block is not None else ZERO32
            if value == ZERO32:
                return ZERO32
            self._values[record.round] = value
            self._seeds[record.id] = job_seed(record.id, value)
        return self._seeds[record.id]


def _number_in(held: Sequence[Seat], worker: str) -> int:
    """Its seat number, 1-based; 0 without a seat."""
    return next((number for number, seat in enumerate(held, 1) if seat.worker == worker), 0)


def _fits(job: Job, held: Sequence[Seat]) -> bool:
    """Whether these are all the seats the job has, with all their commitments."""
    sealed = sum(1 << index for index, seat in enumerate(held) if seat.committed)
    return (len(held), sealed) == (job.taken, job.committed)


def _clock_is_over(job: Job, record: JobRecord, now: int) -> bool:
    """Whether the job may have to be moved on, or may have been, without an event that says so."""
    match job.state:
        case JobState.POSTED:
            return now > record.take_by
        case JobState.ASSIGNED:
            return now > job.clock
        case JobState.COMMITTED if job.silent and not job.contested:
            return now >= job.clock + AcceptanceClocks.unpack(record.terms.verifier_params).window
        case JobState.COMMITTED:
            return True
    return False

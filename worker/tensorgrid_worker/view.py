"""The chain's state of open jobs, as few questions as will do: what nobody asks about is not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.records import Tally
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import ZERO32, ExtraSeats, Job, JobId, JobState, ReplicationClocks, Seat, SeatState
from tensorgrid_worker.planner import JobView
from tensorgrid_worker.records import JobRecord, Preparation

MOST_OFFERS = 16
"""Jobs of others that are looked at in one round, dearest first: a flood of postings is not our work."""
WAITING = frozenset({"NotDrawn", "RoundNotDue", "SeatsFull", "CapacityReached", "DeadlinePassed", "WrongState"})
"""Refusals of `take` that say: not now, or others were faster. Any other is worth a line in the log."""


@dataclass
class ViewReader:
    """Reads JobViews for one worker. Remembers seeds, and when a job was first seen closable."""

    contracts: Contracts
    me: str
    refusals: dict[JobId, str] = field(default_factory=dict)  # why the chain would not let us take it, newest
    _seeds: dict[JobId, bytes] = field(default_factory=dict)
    _closable: dict[JobId, int] = field(default_factory=dict)

    def read(self, records: Mapping[JobId, JobRecord], head: BlockRef) -> list[JobView]:
        """Views of `records` at the latest block. Raises Unreachable, ChainError."""
        for gone in (self._seeds.keys() | self._closable.keys()) - records.keys():
            self._seeds.pop(gone, None)
            self._closable.pop(gone, None)
            self.refusals.pop(gone, None)
        ours = [record for record in records.values() if record.number_of(self.me)]
        others = [record for record in records.values() if not record.number_of(self.me) and _open(record, head)]
        others.sort(key=lambda record: -record.terms.price)
        return [self._view(record, head) for record in (*ours, *others[:MOST_OFFERS])]

    def forget_seeds(self) -> None:
        """After a reorganisation: another block, another value."""
        self._seeds.clear()
        self._closable.clear()

    def _view(self, record: JobRecord, head: BlockRef) -> JobView:
        job = self.contracts.board.job(record.id)
        seat = Seat(SeatState.NONE, 0, b"")
        if job.state.ended or job.state is JobState.NONE:
            return JobView(record, job, seat)
        if job.taken:
            seat = self.contracts.board.seat(record.id, self.me)
        tally, extra = self._second_round(record, job)
        if seat.state is SeatState.NONE:
            return JobView(
                record, job, seat, tally=tally, extra=extra, may_take=self._may_take(record, job, extra, head)
            )
        settle, open_extra = self._closing(record, job, tally, head)
        since = self._closable.setdefault(record.id, head.timestamp) if settle or open_extra else 0
        return JobView(
            record,
            job,
            seat,
            seed=self._seed(record.id),
            tally=tally,
            extra=extra,
            may_open_extra=open_extra,
            may_settle=settle,
            closable_since=since,
        )

    def _second_round(self, record: JobRecord, job: Job) -> tuple[Tally | None, ExtraSeats | None]:
        if job.state is not JobState.COMMITTED:
            return None, None
        tally = self.contracts.replication.tally(record.id)
        if not tally.extra_opened_at:
            return tally, None
        clocks = ReplicationClocks.unpack(record.terms.verifier_params)
        take_by = tally.extra_opened_at + clocks.extra_take_time
        count = len(tally.group) - record.terms.workers
        work_by = take_by + record.terms.work_time
        return tally, ExtraSeats(count, tally.extra_round, tally.extra_opened_at, take_by, work_by)

    def _may_take(self, record: JobRecord, job: Job, extra: ExtraSeats | None, head: BlockRef) -> bool:
        """Whether `take` would pass in the next block. The draw's round must be over: asking earlier is a waste."""
        if record.preparation is not Preparation.READY:
            return False
        open_round = extra.round if extra is not None else job.round
        if head.number < open_round or (job.state is not JobState.POSTED and extra is None):
            return False
        try:
            self.contracts.simulate(self.contracts.board.take(record.terms), self.me)
        except Reverted as refusal:
            self.refusals[record.id] = "" if refusal.name in WAITING else str(refusal)
            return False
        self.refusals[record.id] = ""
        return True

    def _closing(self, record: JobRecord, job: Job, tally: Tally | None, head: BlockRef) -> tuple[bool, bool]:
        """(may settle, may open extra seats), asked only when the clocks or the reveals make it possible."""
        if job.state is not JobState.COMMITTED or tally is None or len(record.seats) < job.taken:
            return False, False
        clocks = ReplicationClocks.unpack(record.terms.verifier_params)
        first_over = (
            tally.revealed == job.committed or head.timestamp > job.committed_at + clocks.reveal_time + clocks.grace
        )
        if not first_over and not tally.extra_opened_at:
            return False, False
        try:
            self.contracts.simulate(self.contracts.board.settle(record.terms, record.workers), self.me)
        except Reverted:
            pass
        else:
            return True, False
        if tally.extra_opened_at:
            return False, False
        return False, self.contracts.replication.extra_needed(record.terms)

    def _seed(self, job_id: JobId) -> bytes:
        if self._seeds.get(job_id, ZERO32) == ZERO32:
            self._seeds[job_id] = self.contracts.board.seed(job_id)
        return self._seeds[job_id]


def _open(record: JobRecord, head: BlockRef) -> bool:
    """Whether a seat may still be had, as far as events and clocks tell."""
    terms = record.terms
    if record.preparation is Preparation.REFUSED:
        return False
    if not record.assigned_block:
        return head.timestamp <= terms.take_by
    return bool(record.extra_block) and head.timestamp <= terms.take_by + terms.work_time + terms.settle_time

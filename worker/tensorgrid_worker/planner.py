"""What to do now. Pure: a picture of the chain and of our memory in, actions out; tested as a table.

Everything is planned from states, never from the event that led there, so that a step lost in a crash is planned again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tensorgrid.chain.records import Tally
from tensorgrid.domain.jobs import ZERO32, ExtraSeats, Job, JobId, JobState, ReplicationClocks, Seat, SeatState
from tensorgrid_worker.records import JobRecord, Preparation
from tensorgrid_worker.rows import Result, Status


class Do(StrEnum):
    """INSPECT, RUN, STOP and CLOSE happen here; the others are transactions, of which a job needs each at most once."""

    INSPECT = "inspect"
    RUN = "run"
    STOP = "stop"
    CLOSE = "close"
    TAKE = "take"
    TAKE_EXTRA = "take_extra"
    COMMIT = "commit"
    REVEAL = "reveal"
    REVEAL_ROOT = "reveal_root"
    CLOSE_WORK = "close_work"
    OPEN_EXTRA = "open_extra"
    SETTLE = "settle"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Action:
    do: Do
    job: JobId


@dataclass(frozen=True, slots=True)
class JobView:
    """One job as the chain shows it now. The three flags say what the chain would let us do in the next block."""

    record: JobRecord
    job: Job
    seat: Seat
    seed: bytes = ZERO32  # zero: the beacon's round is not stored
    tally: Tally | None = None
    extra: ExtraSeats | None = None
    may_take: bool = False
    may_open_extra: bool = False
    may_settle: bool = False
    closable_since: int = 0  # chain time at which one of the closing flags was first seen; 0: none is


@dataclass(frozen=True, slots=True)
class Memory:
    """What we know beside the chain. `busy`: jobs under inspection, or whose next try is not due yet."""

    me: str
    running: frozenset[JobId] = frozenset()
    busy: frozenset[JobId] = frozenset()
    outbox: Mapping[tuple[JobId, str], Status] = field(default_factory=dict)
    results: Mapping[JobId, Result] = field(default_factory=dict)  # those of the job's seed as the chain has it now
    draining: bool = False
    stagger: int = 3


def plan(views: Sequence[JobView], memory: Memory, capacity: int, now: int) -> list[Action]:
    """In order of urgency. `now` is chain time; `capacity` is how many jobs may be ours and unfinished at once."""
    actions: list[Action] = []
    room = capacity - sum(_occupies(view, memory) for view in views)
    for view in sorted(views, key=lambda view: (not _seated(view), view.record.posted_block)):
        for action in _for_job(view, memory, now):
            if action.do in (Do.TAKE, Do.TAKE_EXTRA):
                if room <= 0:
                    continue
                room -= 1
            actions.append(action)
    return actions


def unfinished(view: JobView, memory: Memory) -> bool:
    """Whether something is left that only we can do: what a draining worker stays for."""
    if view.job.state.ended:
        return False
    if not _seated(view):
        return _occupies(view, memory)
    if view.seat.state is SeatState.COMMITTED:
        return not _revealed(view)
    return view.job.state is not JobState.COMMITTED or _is_extra(view)


def _for_job(view: JobView, memory: Memory, now: int) -> Iterator[Action]:
    job_id, state = view.record.id, view.job.state
    if state.ended and view.record.ended:
        if job_id in memory.running:
            yield Action(Do.STOP, job_id)
        else:
            yield Action(Do.CLOSE, job_id)
        return
    if not _seated(view):
        yield from _taking(view, memory, now)
        return
    for do in (*_working(view, memory, now), *_revealing(view, memory, now), *_closing(view, memory, now)):
        if do in (Do.INSPECT, Do.RUN, Do.STOP) or _to_send(view, memory, do):
            yield Action(do, job_id)


def _taking(view: JobView, memory: Memory, now: int) -> Iterator[Action]:
    job_id, terms = view.record.id, view.record.terms
    if memory.draining or view.record.preparation is Preparation.REFUSED:
        return
    if view.job.state is JobState.POSTED and view.job.taken < terms.workers and now <= terms.take_by:
        do = Do.TAKE
    elif view.extra is not None and view.job.taken < terms.workers + view.extra.count and now <= view.extra.take_by:
        do = Do.TAKE_EXTRA
    else:
        return
    if view.record.preparation is Preparation.NEW:
        if job_id not in memory.busy:
            yield Action(Do.INSPECT, job_id)
    elif view.may_take and _to_send(view, memory, do):
        yield Action(do, job_id)


def _working(view: JobView, memory: Memory, now: int) -> Iterator[Do]:
    job_id = view.record.id
    if view.seat.state is not SeatState.TAKEN or not _work_open(view):
        if job_id in memory.running:
            yield Do.STOP
        return
    if now > work_deadline(view):
        if job_id in memory.running:
            yield Do.STOP  # nobody would take the result any more
    elif job_id in memory.results:
        yield Do.COMMIT
    elif job_id in memory.running or job_id in memory.busy or view.seed == ZERO32:
        return
    elif view.record.preparation is Preparation.READY:
        yield Do.RUN
    else:
        yield Do.INSPECT  # the journal was lost after the take


def _work_open(view: JobView) -> bool:
    """W1: work starts on what is confirmed, that is on what the followed events have told, not on the latest block."""
    if _is_extra(view):
        return view.job.state is JobState.COMMITTED and view.extra is not None and _confirmed(view)
    return view.job.state is JobState.ASSIGNED and view.record.assigned_block > 0 and _confirmed(view)


def _revealing(view: JobView, memory: Memory, now: int) -> Iterator[Do]:
    if view.job.state is not JobState.COMMITTED or view.seat.state is not SeatState.COMMITTED or _revealed(view):
        return
    if view.record.id not in memory.results:
        return  # a lost salt: nothing can be opened
    clocks = ReplicationClocks.unpack(view.record.terms.verifier_params)
    if not _is_extra(view):
        if now <= view.job.committed_at + clocks.reveal_time + clocks.grace:
            yield Do.REVEAL
    elif view.extra is not None and _extra_sealed(view, view.extra, now) and now <= _extra_deadline(view.extra, clocks):
        yield Do.REVEAL_ROOT


def _extra_deadline(extra: ExtraSeats, clocks: ReplicationClocks) -> int:
    return extra.work_by + clocks.reveal_time + clocks.grace


def _extra_sealed(view: JobView, extra: ExtraSeats, now: int) -> bool:
    """No extra seat can be taken any more, and none that was taken can still commit."""
    taken = view.job.taken - view.record.terms.workers
    return (taken == extra.count or now > extra.take_by) and (view.job.extra_committed == taken or now > extra.work_by)


def _closing(view: JobView, memory: Memory, now: int) -> Iterator[Do]:
    """What anybody may do, by those who have a seat, in turn: the next one only when it did not happen."""
    late = now > view.job.deadline
    do, since = None, view.job.deadline
    if view.job.state is JobState.POSTED and late:
        do = Do.EXPIRE
    elif view.job.state is JobState.ASSIGNED and late:
        close_by = view.job.deadline + view.record.terms.settle_time
        do = Do.CLOSE_WORK if view.job.committed and now <= close_by else Do.EXPIRE
    elif view.job.state is JobState.COMMITTED and (view.may_settle or view.may_open_extra):
        do = Do.SETTLE if view.may_settle else Do.OPEN_EXTRA
        since = view.closable_since
    if do is not None and now >= since + _turn(view) * memory.stagger:
        yield do


def _turn(view: JobView) -> int:
    """0 for the one who closes first; who that is changes from job to job."""
    return (view.seat.number + view.record.id[-1]) % max(view.job.taken, 1)


def work_deadline(view: JobView) -> int:
    """Chain time until which this worker's commitment counts."""
    return view.extra.work_by if _is_extra(view) and view.extra is not None else view.job.deadline


def _to_send(view: JobView, memory: Memory, do: Do) -> bool:
    return memory.outbox.get((view.record.id, do), Status.REFUSED) is Status.REFUSED


def _occupies(view: JobView, memory: Memory) -> bool:
    if view.job.state.ended:
        return False
    if _seated(view):
        return view.seat.state is SeatState.TAKEN
    pending = (Status.NEW, Status.SENT)
    return any(memory.outbox.get((view.record.id, do)) in pending for do in (Do.TAKE, Do.TAKE_EXTRA))


def _seated(view: JobView) -> bool:
    return view.seat.state is not SeatState.NONE


def _confirmed(view: JobView) -> bool:
    return len(view.record.seats) >= view.seat.number


def _is_extra(view: JobView) -> bool:
    return view.seat.number > view.record.terms.workers


def _revealed(view: JobView) -> bool:
    return view.tally is not None and bool(view.seat.number) and view.tally.group[view.seat.number - 1] != 0

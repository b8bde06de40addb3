"""What to do now. Pure: a picture of the chain and of our memory in, actions out; tested as a table.

Everything is planned from states, never from the event that led there, so that a step lost in a crash is planned again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tensorgrid.chain.records import Tally
from tensorgrid.domain.jobs import ZERO32, ExtraSeats, Job, JobId, JobState, ReplicationClocks, Seat
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.memory.records import JobRecord, Preparation
from tensorgrid_worker.memory.rows import Result, Status

CARRY_MARGIN = 60
"""Seconds before its deadline from which a commit goes alone."""
AHEAD = 4
"""Runs per slot that are handed over before their turn: a short job must not wait for the next look at the chain."""
STRANGERS = 4
"""Turns in which those without a seat open a job again."""
UNDER_WAY = frozenset({Status.NEW, Status.SENT})


class Do(StrEnum):
    """INSPECT, RUN, LEAVE, STOP and CLOSE happen here; the others are transactions, of which a job needs each at most
    once."""

    INSPECT = "inspect"
    RUN = "run"
    LEAVE = "leave"  # end the run of an audited job early, and be paid for what is whole
    STOP = "stop"
    CLOSE = "close"
    TAKE = "take"
    TAKE_EXTRA = "take_extra"
    COMMIT = "commit"
    REVEAL = "reveal"
    REVEAL_ROOT = "reveal_root"
    MISS = "miss"
    COMMIT_MISSED = "commit_missed"
    CLOSE_WORK = "close_work"
    OPEN_EXTRA = "open_extra"
    SETTLE = "settle"
    EXPIRE = "expire"
    REOPEN = "reopen"
    ABANDON = "abandon"


class KeyState(StrEnum):
    """Of a job in whose first seats we sit. HERE: in its folder. LATE: it did not come in time, and nobody has said so
    on chain; MISSED: somebody has."""

    PUBLIC = "public"
    WAITING = "waiting"
    HERE = "here"
    LATE = "late"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Action:
    """`settles`: an earlier job whose settlement rides on this COMMIT. `at_once`: of a LEAVE, without waiting for the
    segment to end."""

    do: Do
    job: JobId
    settles: JobId | None = None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class JobView:
    """One job as the chain shows it now. The three flags say what the chain would let us do in the next block."""

    record: JobRecord
    job: Job
    held: tuple[Seat, ...] = ()  # all seats, as the board wants to be shown them
    number: int = 0  # of our own seat; 0: we have none
    seed: bytes = ZERO32  # zero: the beacon's round is not due
    tally: Tally | None = None  # of the replicate tier, once Committed
    extra: ExtraSeats | None = None
    may_take: bool = False
    may_open_extra: bool = False
    may_settle: bool = False
    reopen_by: int = 0  # chain time until which it may be opened again, should nobody commit; 0: it may not
    closable_since: int = 0  # chain time at which one of the closing flags was first seen; 0: none is
    audited: bool = False  # its verifier is the audit tier's
    audit: AuditPicture | None = None  # of the audit tier, once Committed
    key: KeyState = KeyState.PUBLIC

    @property
    def committed(self) -> bool:
        """Whether our own seat has a commitment."""
        return bool(self.number) and self.held[self.number - 1].committed

    @property
    def is_extra(self) -> bool:
        return self.number > self.record.terms.workers


@dataclass(frozen=True, slots=True)
class Memory:
    """What we know beside the chain.

    `running`: jobs that run or wait for their turn; `busy`: under inspection, or their next try is not due yet;
    `carried`: jobs whose settlement rides on a commit that is on its way. `abandoned`: jobs that we were asked to
    give up: an audited one ends early, another is given back. `margin`: seconds before its deadline in which a run can
    still be sealed, stored and committed to.
    """

    me: str
    running: frozenset[JobId] = frozenset()
    busy: frozenset[JobId] = frozenset()
    carried: frozenset[JobId] = frozenset()
    outbox: Mapping[tuple[JobId, str], Status] = field(default_factory=dict)
    results: Mapping[JobId, Result] = field(default_factory=dict)  # those of the job's seed as the chain has it now
    draining: bool = False
    stagger: int = 3
    abandoned: frozenset[JobId] = frozenset()
    margin: int = 0
    patience: int = 0  # seconds that a settlement waits for a commit of ours to ride on


def plan(views: Sequence[JobView], memory: Memory, capacity: int, now: int) -> list[Action]:
    """In order of urgency. `now` is chain time; `capacity` is how many jobs may be ours and unfinished at once."""
    actions: list[Action] = []
    room = capacity - sum(_occupies(view, memory) for view in views)
    for view in sorted(views, key=lambda view: (not view.number, view.record.posted_block)):
        for action in _for_job(view, memory, now):
            if action.do in (Do.TAKE, Do.TAKE_EXTRA):
                if room <= 0:
                    continue
                room -= 1
            actions.append(action)
    return _ride(_in_turn(actions, views, memory, capacity), views, memory, now)


def _in_turn(actions: list[Action], views: Sequence[JobView], memory: Memory, capacity: int) -> list[Action]:
    """Of all runs, those with the nearest deadlines: the others wait, so that what comes later may still be first."""
    wanted = {action.job for action in actions if action.do is Do.RUN}
    if not wanted:
        return actions
    waiting = [view for view in views if view.record.id in wanted or view.record.id in memory.running]
    waiting.sort(key=lambda view: (work_deadline(view), view.record.posted_block))
    first = {view.record.id for view in waiting[: capacity * (1 + AHEAD)]}
    return [action for action in actions if action.do is not Do.RUN or action.job in first]


def unfinished(view: JobView, memory: Memory) -> bool:
    """Whether something is left that only we can do: what a draining worker stays for."""
    if view.job.state.ended:
        return False
    if not view.number:
        return _occupies(view, memory)
    if view.audited and view.job.state is JobState.COMMITTED:
        # Its worker may be accused until it is settled, and who has accused be contested.
        return not view.is_extra or _auditing(view) or (view.audit is not None and view.audit.stands_by_its_word)
    if view.committed:
        return _replicated(view) and not _revealed(view)
    if view.record.preparation is Preparation.REFUSED:
        return False  # an offer brought a job that cannot be run: there is nothing to stay for
    return view.job.state is not JobState.COMMITTED or view.is_extra


def to_be_opened(view: JobView) -> bool:
    """Whether our own commitment stands, and its reveal is still to come."""
    return view.committed and _replicated(view) and not view.job.state.ended and not _revealed(view)


def _ride(actions: list[Action], views: Sequence[JobView], memory: Memory, now: int) -> list[Action]:
    """A settlement costs less inside a commit of ours: it rides on the next one, or waits for it a little.

    Only our own pay waits, of jobs of one seat in which silence was consent: nobody else is kept from his.
    """
    seen = {view.record.id: view for view in views}
    ready = [a for a in actions if a.do is Do.SETTLE and seen[a.job].job.silent and seen[a.job].job.taken == 1]
    if not ready:
        return actions
    passengers = iter([action for action in ready if action.job not in memory.carried])
    planned: list[Action] = []
    for action in actions:
        if action.do is Do.COMMIT and _can_carry(seen[action.job], memory, now):
            # One only: what can go wrong with a passenger must not cost the commit more than one more try.
            passenger = next(passengers, None)
            planned.append(action if passenger is None else replace(action, settles=passenger.job))
        elif action not in ready:
            planned.append(action)
    left = list(passengers)
    if any(view.number and not view.committed and _work_open(view) for view in views):
        left = [action for action in left if now >= seen[action.job].closable_since + memory.patience]
    return planned + left


def _can_carry(view: JobView, memory: Memory, now: int) -> bool:
    """A first try with time to spare: should another settle the passenger, the commit goes again alone."""
    untried = (view.record.id, str(Do.COMMIT)) not in memory.outbox
    return untried and not view.is_extra and not view.audited and now + CARRY_MARGIN < work_deadline(view)


def _for_job(view: JobView, memory: Memory, now: int) -> Iterator[Action]:
    job_id, state = view.record.id, view.job.state
    if state.ended and view.record.ended:
        if job_id in memory.running:
            yield Action(Do.STOP, job_id)
        else:
            yield Action(Do.CLOSE, job_id)
        return
    if not view.number:
        yield from _taking(view, memory, now)
        waited = now > view.job.clock + _distance(view, memory)
        if waited and _to_reopen(view, now) and _to_send(view, memory, Do.REOPEN):
            yield Action(Do.REOPEN, job_id)
        return
    if _to_give_back(view, memory, now):
        yield from (Action(do, job_id) for do in _giving_back(view, memory))
        return
    if _to_leave(view, memory, now):
        yield Action(Do.LEAVE, job_id, at_once=_late(view, memory, now))
    for do in (*_working(view, memory, now), *_revealing(view, memory, now), *_closing(view, memory, now)):
        if do in (Do.INSPECT, Do.RUN, Do.STOP) or _to_send(view, memory, do):
            yield Action(do, job_id)


def _taking(view: JobView, memory: Memory, now: int) -> Iterator[Action]:
    job_id, terms = view.record.id, view.record.terms
    if memory.draining or view.record.preparation is Preparation.REFUSED:
        return
    if view.job.state is JobState.POSTED and view.job.taken < terms.workers and now <= view.record.take_by:
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
    if view.committed or not _work_open(view):
        if job_id in memory.running:
            yield Do.STOP
        return
    if now > work_deadline(view):
        if job_id in memory.running:
            yield Do.STOP  # nobody would take the result any more
    elif view.key not in (KeyState.PUBLIC, KeyState.HERE):
        yield from _without_key(view)
    elif job_id in memory.results:
        yield Do.COMMIT
    elif job_id in memory.running or job_id in memory.busy or view.seed == ZERO32:
        return
    elif view.record.preparation is Preparation.READY:
        yield Do.RUN
    elif view.record.preparation is Preparation.NEW:
        yield Do.INSPECT  # posted with our offer, or the journal was lost after the take


def _to_leave(view: JobView, memory: Memory, now: int) -> bool:
    """An audited job is paid by the segment: less than all of it in time is worth more than all of it too late."""
    if not view.audited or view.is_extra or view.committed or not _work_open(view):
        return False
    if view.record.id in memory.results or now > work_deadline(view):
        return False
    return view.record.id in memory.abandoned or _late(view, memory, now)


def _late(view: JobView, memory: Memory, now: int) -> bool:
    return now > work_deadline(view) - memory.margin


def _without_key(view: JobView) -> Iterator[Do]:
    """Its requester owes us the key for a while; then we say that it never came, and commit to nothing."""
    if view.key is KeyState.LATE:
        yield Do.MISS
    elif view.key is KeyState.MISSED:
        yield Do.COMMIT_MISSED


def _work_open(view: JobView) -> bool:
    """W1: work starts on what is confirmed, that is on what the followed events have told, not on the latest block."""
    if view.is_extra:  # an auditor has no work of his own: what he does is planned in auditing/plan.py
        second = view.job.state is JobState.COMMITTED and view.extra is not None and not view.audited
        return second and _confirmed(view)
    return view.job.state is JobState.ASSIGNED and view.record.assigned_block > 0 and _confirmed(view)


def _revealing(view: JobView, memory: Memory, now: int) -> Iterator[Do]:
    if view.job.state is not JobState.COMMITTED or not view.committed or _revealed(view) or not _replicated(view):
        return
    if view.record.id not in memory.results:
        return  # a lost salt: nothing can be opened
    clocks = ReplicationClocks.unpack(view.record.terms.verifier_params)
    if not view.is_extra:
        if now <= view.job.clock + clocks.reveal_time + clocks.grace:
            yield Do.REVEAL
    elif view.extra is not None and _extra_sealed(view, view.extra, now) and now <= _extra_deadline(view.extra, clocks):
        yield Do.REVEAL_ROOT


def _extra_deadline(extra: ExtraSeats, clocks: ReplicationClocks) -> int:
    return extra.work_by + clocks.reveal_time + clocks.grace


def _extra_sealed(view: JobView, extra: ExtraSeats, now: int) -> bool:
    """No extra seat can be taken any more, and none that was taken can still commit."""
    first = view.record.terms.workers
    taken, committed = view.job.taken - first, (view.job.committed >> first).bit_count()
    return (taken == extra.count or now > extra.take_by) and (committed == taken or now > extra.work_by)


def _closing(view: JobView, memory: Memory, now: int) -> Iterator[Do]:
    """What anybody may do, by those who have a seat, in turn: the next one only when it did not happen."""
    terms, do, since = view.record.terms, None, 0
    match view.job.state:
        case JobState.POSTED if now > view.record.take_by:
            do, since = Do.EXPIRE, view.record.take_by
        case JobState.ASSIGNED if _to_reopen(view, now):
            do, since = Do.REOPEN, view.job.clock
        case JobState.ASSIGNED if now > view.job.clock:
            close_by = view.job.clock + terms.settle_time
            do = Do.CLOSE_WORK if view.job.committed and now <= close_by else Do.EXPIRE
            since = view.job.clock
        case JobState.COMMITTED if view.may_settle or view.may_open_extra:
            do = Do.SETTLE if view.may_settle else Do.OPEN_EXTRA
            since = view.closable_since
    if do is not None and now >= since + _turn(view) * memory.stagger:
        yield do


def _to_reopen(view: JobView, now: int) -> bool:
    return view.job.state is JobState.ASSIGNED and view.job.clock < now <= view.reopen_by


def _distance(view: JobView, memory: Memory) -> int:
    """Seconds that we wait for others to open a job again in which we have no seat: a few of many would do."""
    return (1 + (int(memory.me[-2:], 16) + view.record.id[-1]) % STRANGERS) * memory.stagger


def _to_give_back(view: JobView, memory: Memory, now: int) -> bool:
    """An audited job is left instead, which pays for what is whole."""
    asked = view.record.id in memory.abandoned and not view.audited and view.record.terms.workers == 1
    return asked and not view.committed and _work_open(view) and now <= work_deadline(view)


def _giving_back(view: JobView, memory: Memory) -> Iterator[Do]:
    if view.record.id in memory.running:
        yield Do.STOP
    if _to_send(view, memory, Do.ABANDON):
        yield Do.ABANDON


def _turn(view: JobView) -> int:
    """0 for the one who closes first; who that is changes from job to job."""
    return (view.number + view.record.id[-1]) % max(view.job.taken, 1)


def work_deadline(view: JobView) -> int:
    """Chain time until which this worker's commitment counts."""
    return view.extra.work_by if view.is_extra and view.extra is not None else view.job.clock


def _to_send(view: JobView, memory: Memory, do: Do) -> bool:
    return memory.outbox.get((view.record.id, do), Status.REFUSED) is Status.REFUSED


def _occupies(view: JobView, memory: Memory) -> bool:
    if view.job.state.ended:
        return False
    if view.audited and view.is_extra:
        return _auditing(view)
    if view.number:
        return not view.committed
    return any(memory.outbox.get((view.record.id, do)) in UNDER_WAY for do in (Do.TAKE, Do.TAKE_EXTRA))


def _confirmed(view: JobView) -> bool:
    return len(view.record.seats) >= view.number


def _replicated(view: JobView) -> bool:
    """Whether commitments are still to be opened; where silence is consent they never are."""
    return not view.job.silent and not view.audited


def _auditing(view: JobView) -> bool:
    """Whether our seat as an auditor is still to be answered for."""
    return view.audit is not None and view.audit.to_answer


def _revealed(view: JobView) -> bool:
    return view.tally is not None and bool(view.number) and view.tally.group[view.number - 1] != 0

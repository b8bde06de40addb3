"""plan(view, memory, capacity, now) as a table: what is seen, what is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.worker.jobs import (
    FOURTH,
    JOB,
    ME,
    SEALED,
    SECOND,
    SEED,
    TAKE_BY,
    THIRD,
    make_record,
    make_result,
    make_terms,
)

from tensorgrid.chain.records import Tally
from tensorgrid.domain.jobs import ZERO32, ExtraSeats, Job, JobId, JobState
from tensorgrid_worker.loop.planner import Action, Do, JobView, Memory, plan, unfinished
from tensorgrid_worker.memory.records import JobRecord, Preparation
from tensorgrid_worker.memory.rows import Status

NOW = 900
WORK_BY = 1_100
COMMITTED_AT = 1_050
NO_TALLY = Tally((0, 0, 0, 0, 0), 0, 0, 0, 0, 0)
SECOND_ROUND = Tally((1, 1, 2, 0, 0), 2, 0, 3, 1_060, 70)
EXTRA = ExtraSeats(count=2, round=70, opens_at=1_060, take_by=1_070, work_by=1_170)
OTHER = JobId(b"\x40" * 32)


def job(state: JobState, *, taken: int = 0, committed: int = 0, clock: int = 850, silent: bool = False) -> Job:
    """`committed` has a bit per seat; `clock` is when posted, the work deadline, or since when all is committed."""
    return Job(state, taken, committed, False, silent, False, 7, clock, 12, b"\x30" * 20)


def seen(record: JobRecord, state: Job, number: int = 0, **changes: Any) -> JobView:
    """A view with the commitments that `state` tells of; `number` is our own seat."""
    held = tuple(
        replace(seat, commitment=SEALED if state.committed >> index & 1 else ZERO32)
        for index, seat in enumerate(record.held)
    )
    return replace(JobView(record, state, held, number), **changes)


def posted(**changes: Any) -> JobView:
    return replace(seen(make_record(), job(JobState.POSTED), may_take=True), **changes)


def assigned(committed: int = 0, **changes: Any) -> JobView:
    record = make_record(SECOND, ME, THIRD, assigned_block=14)
    state = job(JobState.ASSIGNED, taken=3, committed=committed, clock=WORK_BY)
    return replace(seen(record, state, 2, seed=SEED), **changes)


def committed(number: int = 2, **changes: Any) -> JobView:
    workers = [SECOND, FOURTH, THIRD]
    workers[number - 1] = ME
    state = job(JobState.COMMITTED, taken=3, committed=0b111, clock=COMMITTED_AT)
    view = seen(make_record(*workers, assigned_block=14), state, number, seed=SEED, tally=NO_TALLY)
    return replace(view, **changes)


def second_round(number: int = 0, *, taken: int = 3, sealed: tuple[int, ...] = ()) -> JobView:
    """Seen by a worker with extra seat `number`; 0: by one without a seat. `sealed`: extra seats that committed."""
    workers = [SECOND, THIRD, FOURTH, *(ME if number == n else OTHER.hex()[:40] for n in range(4, taken + 1))]
    record = make_record(*workers, assigned_block=14, extra_block=30)
    bits = 0b111 | sum(1 << n - 1 for n in sealed)
    state = job(JobState.COMMITTED, taken=taken, committed=bits, clock=COMMITTED_AT)
    return seen(record, state, number, seed=SEED, tally=SECOND_ROUND, extra=EXTRA)


def offered(state: JobState = JobState.ASSIGNED, **changes: Any) -> JobView:
    """A job of one seat that was posted with our own offer, in the tier where silence is consent."""
    terms = make_terms(workers=1)
    record = make_record(ME, terms=terms, assigned_block=10, preparation=Preparation.NEW)
    clock = WORK_BY if state is JobState.ASSIGNED else COMMITTED_AT
    sealed = int(state is not JobState.ASSIGNED)
    return replace(
        seen(record, job(state, taken=1, committed=sealed, clock=clock, silent=True), 1, seed=SEED), **changes
    )


def dos(view: JobView, memory: Memory | None = None, *, now: int = NOW, capacity: int = 1) -> list[str]:
    return [str(action.do) for action in plan([view], memory or Memory(ME), capacity, now)]


OFFERED = replace(offered().record, preparation=Preparation.READY)
WITH_RESULT = Memory(ME, results={JOB: make_result()})
RUNNING = Memory(ME, running=frozenset({JOB}))
BUSY = Memory(ME, busy=frozenset({JOB}))
DRAINING = Memory(ME, draining=True)


def sent(do: Do, status: Status = Status.SENT, memory: Memory = WITH_RESULT) -> Memory:
    return replace(memory, outbox={(JOB, str(do)): status})


@pytest.mark.parametrize(
    ("why", "view", "memory", "now", "expected"),
    [
        # taking
        (
            "a new job is looked at first",
            posted(record=make_record(preparation=Preparation.NEW)),
            Memory(ME),
            NOW,
            ["inspect"],
        ),
        ("not twice at once", posted(record=make_record(preparation=Preparation.NEW)), BUSY, NOW, []),
        (
            "a refused job is left alone",
            posted(record=make_record(preparation=Preparation.REFUSED)),
            Memory(ME),
            NOW,
            [],
        ),
        ("prepared and drawn: taken", posted(), Memory(ME), NOW, ["take"]),
        ("not drawn yet", posted(may_take=False), Memory(ME), NOW, []),
        ("on its way already", posted(), sent(Do.TAKE), NOW, []),
        ("refused for now: tried again", posted(), sent(Do.TAKE, Status.REFUSED), NOW, ["take"]),
        ("refused for good", posted(), sent(Do.TAKE, Status.DEAD), NOW, []),
        ("others were faster", posted(job=job(JobState.POSTED, taken=3)), Memory(ME), NOW, []),
        ("at the last second", posted(), Memory(ME), TAKE_BY, ["take"]),
        ("too late", posted(), Memory(ME), TAKE_BY + 1, []),
        ("draining: nothing new", posted(), DRAINING, NOW, []),
        # working
        ("all seats taken: run", assigned(), Memory(ME), NOW, ["run"]),
        ("W1: not before it is confirmed", assigned(record=make_record(SECOND, ME, THIRD)), Memory(ME), NOW, []),
        ("W1: nor before the seat is", assigned(record=make_record(SECOND, assigned_block=14)), Memory(ME), NOW, []),
        ("no seed yet", assigned(seed=ZERO32), Memory(ME), NOW, []),
        ("runs already", assigned(), RUNNING, NOW, []),
        ("pauses after a failure", assigned(), BUSY, NOW, []),
        ("draining: what was taken is finished", assigned(), DRAINING, NOW, ["run"]),
        (
            "a lost journal: fetched again",
            assigned(record=make_record(SECOND, ME, THIRD, assigned_block=14, preparation=Preparation.NEW)),
            Memory(ME),
            NOW,
            ["inspect"],
        ),
        ("done: commit", assigned(), WITH_RESULT, NOW, ["commit"]),
        ("commit at the last second", assigned(), WITH_RESULT, WORK_BY, ["commit"]),
        ("never twice", assigned(), sent(Do.COMMIT), NOW, []),
        ("nor after a reorganisation took the take back", posted(), replace(WITH_RESULT), NOW, ["take"]),
        ("too late: what runs is stopped", assigned(), RUNNING, WORK_BY + 1, ["stop"]),
        # revealing
        ("all committed: reveal", committed(), WITH_RESULT, COMMITTED_AT, ["reveal"]),
        ("until the deadline and its grace", committed(), WITH_RESULT, COMMITTED_AT + 16, ["reveal"]),
        ("not after", committed(), WITH_RESULT, COMMITTED_AT + 17, []),
        ("a lost salt opens nothing", committed(), Memory(ME), COMMITTED_AT, []),
        ("once", committed(), sent(Do.REVEAL), COMMITTED_AT, []),
        (
            "seen on chain: enough",
            committed(tally=replace(NO_TALLY, group=(0, 1, 0, 0, 0))),
            WITH_RESULT,
            COMMITTED_AT,
            [],
        ),
        # extra seats
        ("extra seat: taken", replace(second_round(), may_take=True), Memory(ME), 1_065, ["take_extra"]),
        ("extra seat: too late", replace(second_round(), may_take=True), Memory(ME), 1_071, []),
        ("extra seats full", replace(second_round(taken=5), may_take=True), Memory(ME), 1_065, []),
        ("extra seat: run at once", second_round(4, taken=4), Memory(ME), 1_065, ["run"]),
        ("extra seat: commit", second_round(4, taken=4), WITH_RESULT, 1_090, ["commit"]),
        ("extra seat: stopped too late", second_round(4, taken=4), RUNNING, 1_171, ["stop"]),
        (
            "the other may still commit: nothing shows",
            second_round(4, taken=5, sealed=(4,)),
            WITH_RESULT,
            1_100,
            [],
        ),
        (
            "both committed",
            second_round(4, taken=5, sealed=(4, 5)),
            WITH_RESULT,
            1_100,
            ["reveal_root"],
        ),
        ("alone, the other seat open", second_round(4, taken=4, sealed=(4,)), WITH_RESULT, 1_070, []),
        (
            "alone, the other seat shut",
            second_round(4, taken=4, sealed=(4,)),
            WITH_RESULT,
            1_071,
            ["reveal_root"],
        ),
        (
            "the other was silent",
            second_round(4, taken=5, sealed=(4,)),
            WITH_RESULT,
            1_171,
            ["reveal_root"],
        ),
        ("root too late", second_round(4, taken=5, sealed=(4, 5)), WITH_RESULT, 1_187, []),
        # closing, in turn: this job's first turn is seat 3's, the second seat 1's, the third ours
        (
            "not all seats taken",
            seen(make_record(ME), job(JobState.POSTED, taken=1), 1),
            Memory(ME),
            TAKE_BY + 1,
            ["expire"],
        ),
        ("others' jobs are others' business", posted(may_take=False), Memory(ME), TAKE_BY + 100, []),
        ("nobody committed", assigned(), Memory(ME), WORK_BY + 6, ["expire"]),
        ("nobody committed, not our turn", assigned(), Memory(ME), WORK_BY + 5, []),
        (
            "one was silent: on without him",
            assigned(committed=0b011),
            WITH_RESULT,
            WORK_BY + 6,
            ["close_work"],
        ),
        ("verdict there", committed(may_settle=True, closable_since=1_060), sent(Do.REVEAL), 1_066, ["settle"]),
        ("verdict there, not our turn", committed(may_settle=True, closable_since=1_060), sent(Do.REVEAL), 1_065, []),
        (
            "first in turn",
            committed(3, may_settle=True, closable_since=1_060),
            sent(Do.REVEAL),
            1_060,
            ["settle"],
        ),
        ("undecided", committed(may_open_extra=True, closable_since=1_060), sent(Do.REVEAL), 1_066, ["open_extra"]),
        ("nobody went on in time", assigned(committed=0b011), WITH_RESULT, WORK_BY + 201, ["expire"]),
        # posted with our own offer: no take of ours, and silence is consent
        ("ours without a take: looked at first", offered(), Memory(ME), NOW, ["inspect"]),
        ("offered: run", offered(record=OFFERED), Memory(ME), NOW, ["run"]),
        ("offered: the seed comes a block later", offered(record=OFFERED, seed=ZERO32), Memory(ME), NOW, []),
        ("offered: commit", offered(record=OFFERED), WITH_RESULT, NOW, ["commit"]),
        (
            "offered and impossible: left alone",
            offered(record=replace(OFFERED, preparation=Preparation.REFUSED)),
            Memory(ME),
            NOW,
            [],
        ),
        ("silence: nothing to reveal", offered(JobState.COMMITTED), WITH_RESULT, COMMITTED_AT, []),
        (
            "silence is over: settled at once",
            offered(JobState.COMMITTED, may_settle=True, closable_since=1_060),
            WITH_RESULT,
            1_060,
            ["settle"],
        ),
        # the end
        (
            "ended: put away",
            assigned(
                job=job(JobState.SETTLED, taken=3),
                record=make_record(SECOND, ME, THIRD, ended_block=20, ended_as="settled"),
            ),
            Memory(ME),
            NOW,
            ["close"],
        ),
        (
            "ended while it runs: stopped first",
            assigned(
                job=job(JobState.SETTLED, taken=3),
                record=make_record(SECOND, ME, THIRD, ended_block=20, ended_as="settled"),
            ),
            RUNNING,
            NOW,
            ["stop"],
        ),
        (
            "its lane is taken over: put away",
            seen(make_record(ME, ended_block=20, ended_as="settled"), job(JobState.SUPERSEDED)),
            Memory(ME),
            NOW,
            ["close"],
        ),
        (
            "ended, not yet confirmed",
            JobView(make_record(SECOND, ME, THIRD, assigned_block=14), job(JobState.SETTLED, taken=3)),
            Memory(ME),
            NOW,
            [],
        ),
    ],
)
def test_plan(why: str, view: JobView, memory: Memory, now: int, expected: list[str]) -> None:
    assert dos(view, memory, now=now) == expected, why


def test_plan__one_job_at_a_time__ours_first() -> None:
    offer = posted(record=make_record(job=OTHER, posted_block=1))
    assert plan([offer, assigned()], Memory(ME), 1, NOW) == [Action(Do.RUN, JOB)]
    assert plan([offer, assigned()], Memory(ME), 2, NOW) == [Action(Do.RUN, JOB), Action(Do.TAKE, OTHER)]


def test_plan__two_offers__one_is_taken() -> None:
    offers = [posted(), posted(record=make_record(job=OTHER, posted_block=5))]
    assert plan(offers, Memory(ME), 1, NOW) == [Action(Do.TAKE, OTHER)]


def test_plan__take_under_way__fills_the_hands() -> None:
    offers = [posted(), posted(record=make_record(job=OTHER))]
    assert plan(offers, sent(Do.TAKE), 1, NOW) == []


def test_plan__committed__hands_are_free() -> None:
    offer = posted(record=make_record(job=OTHER, posted_block=99))
    assert plan([committed(), offer], sent(Do.REVEAL), 1, NOW) == [Action(Do.TAKE, OTHER)]


def due(since: int = NOW) -> JobView:
    """Another job of ours, committed, whose silence is over since then."""
    view = offered(JobState.COMMITTED, may_settle=True, closable_since=since)
    return replace(view, record=replace(view.record, id=OTHER))


@pytest.mark.parametrize(
    ("why", "at_work", "memory", "now", "expected"),
    [
        ("nothing at work: at once", None, Memory(ME), NOW, [Action(Do.SETTLE, OTHER)]),
        ("a commit is ready: rides on it", OFFERED, WITH_RESULT, NOW, [Action(Do.COMMIT, JOB, settles=OTHER)]),
        ("one will be: waits for it", OFFERED, RUNNING, NOW + 29, []),
        ("not for ever", OFFERED, RUNNING, NOW + 30, [Action(Do.SETTLE, OTHER)]),
        ("however late, a ready commit carries it", OFFERED, WITH_RESULT, NOW + 100, [Action(Do.COMMIT, JOB, OTHER)]),
        ("it is carried already", OFFERED, replace(sent(Do.COMMIT), carried=frozenset({OTHER})), NOW + 100, []),
        ("a commit without it is on its way: waits for the next", OFFERED, sent(Do.COMMIT), NOW + 29, []),
        ("not for ever then either", OFFERED, sent(Do.COMMIT), NOW + 100, [Action(Do.SETTLE, OTHER)]),
        (
            "a commit that was refused once goes alone",
            OFFERED,
            sent(Do.COMMIT, Status.REFUSED),
            NOW + 100,
            [Action(Do.COMMIT, JOB), Action(Do.SETTLE, OTHER)],
        ),
        (
            "so does one in haste",
            OFFERED,
            WITH_RESULT,
            WORK_BY - 60,
            [Action(Do.COMMIT, JOB), Action(Do.SETTLE, OTHER)],
        ),
    ],
)
def test_plan__settlement_rides_on_a_commit(
    why: str, at_work: JobRecord | None, memory: Memory, now: int, expected: list[Action]
) -> None:
    views = [due(), *([offered(record=at_work)] if at_work else [])]
    assert sorted(plan(views, replace(memory, patience=30), 1, now), key=lambda a: a.do) == expected, why


def test_plan__seats_of_others__no_settlement_waits() -> None:
    theirs = committed(3, may_settle=True, closable_since=NOW)
    theirs = replace(theirs, record=replace(theirs.record, id=JobId(b"\x42" * 31 + b"\0"), posted_block=11))
    found = plan([assigned(), theirs], replace(WITH_RESULT, patience=30), 1, NOW)
    assert found == [Action(Do.COMMIT, JOB), Action(Do.SETTLE, theirs.record.id)]


@pytest.mark.parametrize(
    ("view", "memory", "stays"),
    [
        (posted(), Memory(ME), False),
        (posted(), sent(Do.TAKE), True),
        (assigned(), Memory(ME), True),
        (committed(), WITH_RESULT, True),
        (committed(tally=replace(NO_TALLY, group=(0, 1, 0, 0, 0))), WITH_RESULT, False),
        (second_round(4, taken=4), Memory(ME), True),
        (assigned(committed=0b010), WITH_RESULT, True),
        (offered(), Memory(ME), True),
        (offered(JobState.COMMITTED), WITH_RESULT, False),
        (offered(record=replace(OFFERED, preparation=Preparation.REFUSED)), Memory(ME), False),
        (assigned(job=job(JobState.SETTLED, taken=3)), Memory(ME), False),
    ],
)
def test_unfinished__what_a_draining_worker_stays_for(view: JobView, memory: Memory, stays: bool) -> None:
    assert unfinished(view, memory) is stays


def queue(*deadlines: int) -> list[JobView]:
    """Jobs of ours with inputs and seed, each to be committed to by its own deadline."""
    views = []
    for number, deadline in enumerate(deadlines):
        view = offered(job=job(JobState.ASSIGNED, taken=1, clock=deadline, silent=True))
        record = replace(OFFERED, id=JobId(bytes([number]) * 32), posted_block=number)
        views.append(replace(view, record=record))
    return views


def test_plan__more_jobs_than_slots__the_nearest_deadlines_are_handed_over() -> None:
    views = queue(*range(WORK_BY + 10, WORK_BY, -1))
    runs = {action.job[0] for action in plan(views, Memory(ME), 1, NOW) if action.do is Do.RUN}
    assert runs == {5, 6, 7, 8, 9}, "one slot, and four that wait for it"


def test_plan__slots_and_queue_full__only_a_more_urgent_job_is_added() -> None:
    views = queue(*[WORK_BY] * 5, WORK_BY + 1, WORK_BY - 1)
    handed = Memory(ME, running=frozenset(view.record.id for view in views[:5]))
    assert [(action.do, action.job[0]) for action in plan(views, handed, 1, NOW)] == [(Do.RUN, 6)]


def test_plan__two_commits_ready__each_carries_one_settlement() -> None:
    at_work = queue(WORK_BY, WORK_BY)
    over = [replace(due(), record=replace(due().record, id=JobId(bytes([number]) * 32))) for number in (8, 9, 10)]
    memory = Memory(ME, results={view.record.id: make_result() for view in at_work}, patience=30)
    planned = plan([*at_work, *over], memory, 1, NOW)
    assert [(action.do, action.settles and action.settles[0]) for action in planned] == [
        (Do.COMMIT, 8),
        (Do.COMMIT, 9),
    ], "the third waits a little for the next commit"

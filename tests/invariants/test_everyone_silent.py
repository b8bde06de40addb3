"""Every party silent in every state (J2, R11): time passes, one outsider calls the closers, and that is enough.

Each row brings a job into a state, then nobody who has anything to do with it moves any more. An outsider waits; the
row says to the second when each of his calls begins to work, and a second before it does not. In the end no coin is
held, by the board or as a bond, and no stake is locked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests.contracts.world import (
    DECISION,
    EXTRA_TAKE,
    GRACE,
    JURY_FEE,
    PARAMETERS,
    REVEAL,
    SETTLE,
    WINDOW,
    WORK,
    ZERO,
    Job,
    World,
)

from tensorgrid.domain.jobs import Fault, JobState, ReplicationClocks

BOUNDS = PARAMETERS.bounds
REOPEN_TIME = 2 * BOUNDS.min_take_time
ONCE = BOUNDS.max_take_time + BOUNDS.max_work_time + 2 * BOUNDS.max_settle_time
MAX_LIFE = ONCE + BOUNDS.max_reopens * (2 * REOPEN_TIME + BOUNDS.max_work_time)
FIRST_ROUND = REVEAL + GRACE
LEAST_TIME = BOUNDS.min_take_time  # what the acceptance verifier adds to the jury's own time

POSTED, ASSIGNED, COMMITTED = JobState.POSTED, JobState.ASSIGNED, JobState.COMMITTED
Steps = list[tuple[str, int]]


@dataclass(frozen=True)
class Row:
    """`steps`: of the outsider, and the second from which on each works, as seen from the state that was reached."""

    name: str
    tier: str
    state: JobState
    build: Callable[[World, bool], Job]
    steps: Callable[[Job], Steps]


# ---- how far the parties come before they fall silent; `relayed`: seats and seals in one call: the job is folded


def posted(world: World, relayed: bool) -> Job:
    return world.post_for(world.terms(), world.order(relay_fee=7)) if relayed else world.post()


def two_take(world: World, relayed: bool) -> Job:
    job = world.post()
    job.draw()
    if relayed:
        job.take_many(0, 1)
    else:
        job.take(0, 1)
    return job


def all_take(world: World, relayed: bool) -> Job:
    return world.assigned(relayed=relayed)


def one_commits(world: World, relayed: bool) -> Job:
    job = world.assigned(relayed=relayed)
    if relayed:
        job.commit_many([None, "a", None])
    else:
        job.commit(1, "a")
    return job


def closed_with_one(world: World, relayed: bool) -> Job:
    job = one_commits(world, relayed)
    world.at(job.deadline + 1)
    job.close_work()
    return job


def all_commit(world: World, relayed: bool) -> Job:
    return world.committed(["a", "a", "a"], relayed=relayed)


def two_agree(world: World, relayed: bool) -> Job:
    job = world.committed(["a", "a", "b"], relayed=relayed)
    job.reveal_together(0, 1)
    return job


def two_differ(world: World, relayed: bool) -> Job:
    job = world.committed(["a", "b", "c"], relayed=relayed)
    job.reveal_together(0, 1)
    return job


def two_replicas_agree_without_score(world: World, relayed: bool) -> Job:
    job = world.paired(["a", "a"], relayed=relayed)
    job.reveal_together(0, 1)
    return job


def one_of_two_replicas_reveals(world: World, relayed: bool) -> Job:
    job = world.paired(["a", "a"], relayed=relayed)
    job.reveal(0)
    return job


def second_round_opened(world: World, relayed: bool) -> Job:
    job = world.committed(["a", "b", "b"], relayed=relayed)
    job.reveal_together(0, 1, 2)
    return job


def extra_seat_taken(world: World, relayed: bool) -> Job:
    job = second_round_opened(world, relayed)
    job.draw_extra()
    job.take(3)
    return job


def extra_seats_taken(world: World, relayed: bool) -> Job:
    job = extra_seat_taken(world, relayed)
    job.take(4)
    return job


def one_extra_commits(world: World, relayed: bool) -> Job:
    job = extra_seats_taken(world, relayed)
    job.commit(3, "b")
    return job


def both_extra_commit(world: World, relayed: bool) -> Job:
    job = one_extra_commits(world, relayed)
    job.commit(4, "b")
    return job


def both_extra_reveal(world: World, relayed: bool) -> Job:
    job = both_extra_commit(world, relayed)
    job.reveal_together(3, 4)
    return job


def matched(world: World, relayed: bool) -> Job:
    terms = world.accept_terms()
    if relayed:
        return world.post_for(terms, world.order(relay_fee=7), offers=[world.offer(0, terms)])
    return world.post_with_offers(terms, [world.offer(0, terms)])


def accept_committed(world: World, relayed: bool) -> Job:
    job = matched(world, relayed)
    if relayed:
        job.commit_many(["a"])
    else:
        job.commit(0, "a")
    return job


def rejected(world: World, relayed: bool) -> Job:
    world.fund(world.requester, JURY_FEE, controller=world.acceptance)
    job = accept_committed(world, relayed)
    job.reject()
    return job


def rejected_late(world: World, relayed: bool) -> Job:
    world.fund(world.requester, JURY_FEE, controller=world.acceptance)
    job = accept_committed(world, relayed)
    world.at(job.committed_at + WINDOW)
    job.reject()
    return job


def rejected_and_decided(world: World, relayed: bool) -> Job:
    job = rejected(world, relayed)
    world.jury.decide(world.acceptance, job.id, 2, sender=world.stranger)
    return job


def rejected_and_the_jury_is_broken(world: World, relayed: bool) -> Job:
    job = rejected(world, relayed)
    world.jury.setMood(1, sender=world.stranger)
    return job


def judged_by_a_broken_verifier(world: World, relayed: bool, *, silent: bool = False) -> Job:
    """It reverts for ever. `silent`: its tier takes silence for consent, and it has contested before it broke."""
    stub = world.deploy_double("StubVerifier", world.board)
    world.parameters.setVerifier(stub, True, sender=world.deployer)
    stub.setNeeds((0, 0, silent), sender=world.deployer)
    job = world.committed(["a", "a"], relayed=relayed, workers=2, reserve=0, verifier=str(stub.address))
    if silent:
        stub.contest(world.board, job.terms.as_tuple(), job.held, sender=world.stranger)
    stub.set(2, 0, Fault.NONE, ZERO, sender=world.deployer)
    return job


def contested_by_a_broken_verifier(world: World, relayed: bool) -> Job:
    return judged_by_a_broken_verifier(world, relayed, silent=True)


# ---- when the outsider's calls begin to work


def rejected_at(job: Job) -> int:
    return int(job.world.acceptance.bondOf(job.id).since)


def opened_at(job: Job) -> int:
    return int(job.extra.opensAt)


def settled_and_released(after: int) -> Callable[[Job], Steps]:
    return lambda job: [("settle", rejected_at(job) + after), ("release_bond", 0)]


REPLICATE = [
    Row("nobody takes", "drawn", POSTED, posted, lambda j: [("expire", j.terms.take_by + 1)]),
    Row("a seat stays empty", "drawn", POSTED, two_take, lambda j: [("expire", j.terms.take_by + 1)]),
    Row("nobody commits", "drawn", ASSIGNED, all_take, lambda j: [("expire", j.deadline + 1)]),
    Row(
        "one commits, and the work is closed at once",
        "drawn",
        ASSIGNED,
        one_commits,
        lambda j: [("close_work", j.deadline + 1), ("settle", j.deadline + 1 + FIRST_ROUND + 1)],
    ),
    Row(
        "one commits, and nobody closes the work in time",
        "drawn",
        ASSIGNED,
        one_commits,
        lambda j: [("expire", j.deadline + SETTLE + 1)],
    ),
    Row(
        "one has committed, nobody reveals",
        "drawn",
        COMMITTED,
        closed_with_one,
        lambda j: [("settle", j.committed_at + FIRST_ROUND + 1)],
    ),
    Row(
        "all commit, nobody reveals",
        "drawn",
        COMMITTED,
        all_commit,
        lambda j: [("settle", j.committed_at + FIRST_ROUND + 1)],
    ),
    Row(
        "two agree, the third is silent",
        "drawn",
        COMMITTED,
        two_agree,
        lambda j: [("settle", j.committed_at + FIRST_ROUND + 1)],
    ),
    Row(
        "two differ, and nobody opens a second round",
        "drawn",
        COMMITTED,
        two_differ,
        lambda j: [("settle", j.committed_at + SETTLE)],
    ),
    Row(
        "two differ, and the outsider opens a second round to which nobody comes",
        "drawn",
        COMMITTED,
        two_differ,
        lambda j: [
            ("open_extra", j.committed_at + FIRST_ROUND + 1),
            ("settle", j.committed_at + FIRST_ROUND + 1 + EXTRA_TAKE + 1),
        ],
    ),
    Row(
        "two replicas agree without the score, and nobody comes",
        "drawn",
        COMMITTED,
        two_replicas_agree_without_score,
        lambda j: [("settle", opened_at(j) + EXTRA_TAKE + 1)],
    ),
    Row(
        "one of two replicas reveals, and nobody opens a second round",
        "drawn",
        COMMITTED,
        one_of_two_replicas_reveals,
        lambda j: [("settle", j.committed_at + SETTLE)],
    ),
    Row(
        "nobody takes the extra seats",
        "drawn",
        COMMITTED,
        second_round_opened,
        lambda j: [("settle", opened_at(j) + EXTRA_TAKE + 1)],
    ),
    Row(
        "one takes an extra seat and never commits",
        "drawn",
        COMMITTED,
        extra_seat_taken,
        lambda j: [("settle", opened_at(j) + EXTRA_TAKE + WORK + 1)],
    ),
    Row(
        "both extra seats are taken, nobody commits",
        "drawn",
        COMMITTED,
        extra_seats_taken,
        lambda j: [("settle", opened_at(j) + EXTRA_TAKE + WORK + 1)],
    ),
    Row(
        "one extra seat commits, nobody reveals",
        "drawn",
        COMMITTED,
        one_extra_commits,
        lambda j: [("settle", opened_at(j) + EXTRA_TAKE + WORK + FIRST_ROUND + 1)],
    ),
    Row(
        "both extra seats commit, nobody reveals",
        "drawn",
        COMMITTED,
        both_extra_commit,
        lambda j: [("settle", opened_at(j) + EXTRA_TAKE + WORK + FIRST_ROUND + 1)],
    ),
    Row("all is shown, nobody settles", "drawn", COMMITTED, both_extra_reveal, lambda j: [("settle", 0)]),
    Row(
        "the verifier is broken",
        "drawn",
        COMMITTED,
        judged_by_a_broken_verifier,
        lambda j: [("settle", j.deadline + 1)],
    ),
]
ACCEPT = [
    Row("matched, and never committed", "silent", ASSIGNED, matched, lambda j: [("expire", j.deadline + 1)]),
    Row(
        "committed, the requester is silent",
        "silent",
        COMMITTED,
        accept_committed,
        lambda j: [("settle", j.committed_at + WINDOW + 1)],
    ),
    Row("rejected, the jury is silent", "contested", COMMITTED, rejected, settled_and_released(DECISION + 1)),
    Row(
        "rejected in the last second, the jury is silent",
        "contested",
        COMMITTED,
        rejected_late,
        settled_and_released(DECISION + 1),
    ),
    Row(
        "rejected, the jury cannot be asked any more",
        "contested",
        COMMITTED,
        rejected_and_the_jury_is_broken,
        settled_and_released(DECISION + LEAST_TIME),
    ),
    Row(
        "rejected and decided, nobody settles",
        "contested",
        COMMITTED,
        rejected_and_decided,
        lambda j: [("settle", 0), ("release_bond", 0)],
    ),
    Row(
        "contested by a verifier that breaks",
        "contested",
        COMMITTED,
        contested_by_a_broken_verifier,
        lambda j: [("settle", j.deadline + 1)],
    ),
]
ROWS = REPLICATE + ACCEPT


@pytest.mark.parametrize("relayed", [False, True], ids=["each for himself", "relayed"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_everyone_silent(world: World, row: Row, relayed: bool) -> None:
    job = row.build(world, relayed)
    assert job.state == row.state
    steps = row.steps(job)
    for name, second in steps:
        if second > world.now + 1:
            world.at(second - 1)
            with pytest.raises(ContractLogicError):
                call(job, name)
            world.at(second)
        call(job, name)
    nothing_is_left(job)
    assert world.now <= job.posted_at + MAX_LIFE


def call(job: Job, name: str) -> Any:
    """By an outsider: the handle's own callers are the world's stranger and closer."""
    return getattr(job, name)()


def nothing_is_left(job: Job) -> None:
    """All money has left what is held, for the board and for bonds; all locks have ended."""
    world = job.world
    assert job.state.ended
    assert world.held(world.requester) == 0
    assert world.held(world.requester, controller=world.acceptance) == 0
    for index in range(len(world.workers)):
        assert (world.allocation(index).locked, world.allocation(index).locks) == (0, 0)


def test_everyone_silent__rows_walk_all_states() -> None:
    """A drawn job can be left alone in three states, one matched with an offer in two; and contested in one."""
    walked = {(row.tier, row.state) for row in ROWS}
    drawn = {("drawn", state) for state in (POSTED, ASSIGNED, COMMITTED)}
    assert walked == drawn | {("silent", ASSIGNED), ("silent", COMMITTED), ("contested", COMMITTED)}
    assert {state for state in JobState if not state.ended} == {JobState.NONE, POSTED, ASSIGNED, COMMITTED}


def test_everyone_silent__the_longest_life_there_is__is_max_life_to_the_second(world: World) -> None:
    """The longest terms that may be posted, taken and closed in the last second, never revealed by two who differ."""
    assert world.parameters.MAX_LIFE() == MAX_LIFE
    at = world.now + 10
    world.at(at)
    job = world.post(
        take_by=at + BOUNDS.max_take_time, work_time=BOUNDS.max_work_time, settle_time=BOUNDS.max_settle_time
    )
    assert job.posted_at == at
    world.mine(3)
    world.beacon.store(job.record.round, b"", sender=world.stranger)
    world.at(job.terms.take_by)
    job.take_many(0, 1, 2)
    job.commit_many(["a", "b", None])
    closed = job.deadline + job.terms.settle_time
    world.at(closed)
    job.close_work()
    job.reveal(0)
    end = closed + job.terms.settle_time
    assert end == at + MAX_LIFE
    world.at(end - 1)
    with pytest.raises(ContractLogicError):
        job.settle()
    world.at(end)
    job.settle()
    nothing_is_left(job)


def test_everyone_silent__stake_that_was_asked_for_while_the_job_ran__is_still_there_at_its_longest(
    world: World,
) -> None:
    """S2: the exit queue is longer than MAX_LIFE, so what a job has locked cannot have left before it ends."""
    assert MAX_LIFE < PARAMETERS.exit_delay == world.vault.EXIT_DELAY()
    clocks = ReplicationClocks(REVEAL, GRACE, EXTRA_TAKE)
    job = world.assigned(verifier_params=clocks.pack())
    provider, worker = world.providers[0], world.workers[0]
    everything = int(world.allocation(0).active)
    world.vault.requestExit(worker, world.board, everything, sender=provider)
    asked = world.now
    world.at(asked + MAX_LIFE)
    with pytest.raises(ContractLogicError):
        world.vault.finishExit(worker, world.board, sender=provider)
    job.expire()
    assert world.exiting(0) == everything - job.terms.no_show_bond

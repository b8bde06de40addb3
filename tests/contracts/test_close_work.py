"""Closing the work: anyone goes on without those who never committed."""

from __future__ import annotations

from tests.contracts.test_commit import assigned
from tests.contracts.world import SETTLE, World, refused

from tensorgrid.domain.jobs import Fault, JobState


def test_close_work__after_the_deadline_with_one_commitment__enters_committed(world: World) -> None:
    job = assigned(world)
    job.commit(1, "a")
    world.at(job.record.deadline + 1)
    receipt = job.close_work()
    record = job.record
    assert job.state == JobState.COMMITTED
    assert (record.committed, record.committedAt, record.deadline) == (1, receipt.timestamp, receipt.timestamp + SETTLE)


def test_close_work__at_the_deadline__is_refused(world: World) -> None:
    job = assigned(world)
    job.commit(1, "a")
    world.at(job.record.deadline)
    with refused("DeadlineNotPassed", deadline=job.record.deadline):
        job.close_work()


def test_close_work__nobody_committed__is_refused(world: World) -> None:
    job = assigned(world)
    world.at(job.record.deadline + 1)
    with refused("NothingCommitted", id=job.id):
        job.close_work()


def test_close_work__in_another_state__is_refused(world: World) -> None:
    job = world.post()
    with refused("WrongState", have=JobState.POSTED, need=JobState.ASSIGNED):
        job.close_work()


def test_close_work__at_the_last_second_of_it__still_works(world: World) -> None:
    job = assigned(world)
    job.commit(1, "a")
    world.at(job.record.deadline + job.terms.settle_time)
    job.close_work()
    assert job.state == JobState.COMMITTED


def test_close_work__later_than_settling_may_take__is_refused_and_the_job_expires(world: World) -> None:
    """Nobody came for settleTime: who committed goes unharmed, who did not is a no-show, the money is back."""
    job = assigned(world)
    job.commit(1, "a")
    close_by = job.record.deadline + job.terms.settle_time
    world.at(close_by)
    with refused("DeadlineNotPassed", deadline=close_by):
        job.expire()
    world.at(close_by + 1)
    with refused("DeadlinePassed", deadline=close_by):
        job.close_work()
    outcome = {str(e.worker): int(e.fault) for e in job.expire().decode_logs(world.board.WorkerSettled)}
    faults = [outcome[str(worker.address)] for worker in world.workers[:3]]
    assert faults == [Fault.NO_SHOW, Fault.NONE, Fault.NO_SHOW]
    assert job.state == JobState.EXPIRED
    assert world.held(world.requester) == 0

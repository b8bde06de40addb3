"""Closing the work: anyone goes on without those who never committed."""

from __future__ import annotations

from dataclasses import replace

from tests.contracts.world import SETTLE, World, refused

from tensorgrid.domain.jobs import Fault, JobState


def test_close_work__after_the_deadline_with_one_commitment__enters_committed(world: World) -> None:
    job = world.assigned()
    job.commit(1, "a")
    world.at(job.deadline + 1)
    receipt = job.close_work()
    assert (job.state, job.record.committed) == (JobState.COMMITTED, 0b010)
    assert (job.committed_at, job.deadline) == (receipt.timestamp, receipt.timestamp + SETTLE)
    [event] = list(receipt.decode_logs(world.board.JobCommitted))
    assert (event.id, event.since) == (job.id, receipt.timestamp)


def test_close_work__at_the_deadline__is_refused(world: World) -> None:
    job = world.assigned()
    job.commit(1, "a")
    world.at(job.deadline)
    with refused("DeadlineNotPassed", deadline=job.deadline):
        job.close_work()


def test_close_work__nobody_committed__is_refused(world: World) -> None:
    job = world.assigned()
    world.at(job.deadline + 1)
    with refused("NothingCommitted", id=job.id):
        job.close_work()


def test_close_work__in_another_state__is_refused(world: World) -> None:
    job = world.post()
    with refused("WrongState", have=JobState.POSTED, need=JobState.ASSIGNED):
        job.close_work()


def test_close_work__at_the_last_second_of_it__still_works(world: World) -> None:
    job = world.assigned()
    job.commit(1, "a")
    world.at(job.deadline + job.terms.settle_time)
    job.close_work()
    assert job.state == JobState.COMMITTED


def test_close_work__later_than_settling_may_take__is_refused_and_the_job_expires(world: World) -> None:
    """Nobody came for settleTime: who committed goes unharmed, who did not is a no-show, the money is back."""
    job = world.assigned()
    job.commit(1, "a")
    close_by = job.deadline + job.terms.settle_time
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


def test_close_work__needs_no_seats__and_refuses_false_ones(world: World) -> None:
    """Whoever has sealed in part has unfolded the job."""
    folded = world.assigned(relayed=True)
    folded.commit_many(["a", None, None])
    world.at(folded.deadline + 1)
    with refused("WrongSeats", id=folded.id, number=1):
        folded.close_work(folded.held[::-1])
    folded.close_work([])
    plain = world.assigned()
    plain.commit(0, "a")
    world.at(plain.deadline + 1)
    plain.close_work([])
    assert folded.state == plain.state == JobState.COMMITTED


def test_close_work__terms_of_another_job_of_the_lane__are_unknown(world: World) -> None:
    job = world.assigned()
    job.commit(0, "a")
    world.at(job.deadline + 1)
    with refused("UnknownJob"):
        world.board.closeWork(replace(job.terms, settle_time=SETTLE + 1).as_tuple(), [], sender=world.stranger)

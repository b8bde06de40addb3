"""Committing: a sealed result per seat, in time; the last one moves the job on."""

from __future__ import annotations

from tests.contracts.world import SETTLE, Job, World, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobState, SeatState, commitment


def assigned(world: World) -> Job:
    job = world.post()
    job.draw()
    job.take(0, 1, 2)
    return job


def test_commit__keeps_thirty_bytes_of_the_commitment(world: World) -> None:
    job = assigned(world)
    receipt = job.commit(0, "a")
    salt, root, digest = job.secrets[0]
    seal = commitment(job.id, str(world.workers[0].address), salt, keccak256(root), digest)[:30]
    assert job.seat(0).seal == seal
    assert job.seat(0).state == SeatState.COMMITTED
    [event] = list(receipt.decode_logs(world.board.JobSealed))
    assert (event.worker, event.seal) == (world.workers[0], seal)
    assert job.state == JobState.ASSIGNED


def test_commit__last_one__enters_committed_and_starts_the_settle_clock(world: World) -> None:
    job = assigned(world)
    for index in range(3):
        receipt = job.commit(index, "a")
    record = job.record
    assert job.state == JobState.COMMITTED
    assert (record.committed, record.committedAt) == (3, receipt.timestamp)
    assert record.deadline == receipt.timestamp + SETTLE
    [event] = list(receipt.decode_logs(world.board.JobCommitted))
    assert event.settleBy == record.deadline


def test_commit__at_the_deadline__is_in_time_and_a_second_later_is_not(world: World) -> None:
    job = assigned(world)
    world.at(job.record.deadline)
    job.commit(0, "a")
    with refused("DeadlinePassed", deadline=job.record.deadline):
        job.commit(1, "a")


def test_commit__twice__is_refused(world: World) -> None:
    job = assigned(world)
    job.commit(0, "a")
    with refused("AlreadyCommitted", worker=world.workers[0]):
        job.commit(0, "b")


def test_commit__without_a_seat__is_refused(world: World) -> None:
    job = assigned(world)
    with refused("NotSeated", worker=world.workers[3]):
        job.commit(3, "a")


def test_commit__before_all_seats_are_taken__is_refused(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0)
    with refused("WrongState", have=JobState.POSTED, need=JobState.ASSIGNED):
        job.commit(0, "a")


def test_commit__late_into_committed__is_refused(world: World) -> None:
    job = world.committed(["a", "a", None])
    with refused("WrongState", have=JobState.COMMITTED, need=JobState.ASSIGNED):
        job.commit(2, "a")


def test_commit__extra_seat__counts_apart_and_ends_at_its_own_deadline(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3, 4)
    job.commit(3, "b")
    assert (job.record.committed, job.record.extraCommitted) == (3, 1)
    world.at(job.extra.workBy + 1)
    with refused("DeadlinePassed", deadline=job.extra.workBy):
        job.commit(4, "b")


def test_commit__extra_seat_at_its_deadline__is_in_time(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3)
    world.at(job.extra.workBy)
    job.commit(3, "b")
    assert job.record.extraCommitted == 1

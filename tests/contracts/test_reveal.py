"""Revealing: first-round seats open a hash of their root, extra seats the root itself, each in its time."""

from __future__ import annotations

from tests.contracts.test_commit import assigned
from tests.contracts.world import GRACE, REVEAL, Job, World, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobState


def contested(world: World) -> Job:
    """Two against one, both extra seats taken."""
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3, 4)
    return job


def test_reveal__equal_roots__share_a_group(world: World) -> None:
    job = world.committed(["a", "b", "a"])
    receipt = job.reveal(0, 1)
    assert list(job.tally.group) == [1, 2, 0, 0, 0]
    assert (job.tally.groups, job.tally.revealed, job.tally.limits) == (2, 2, 0)
    [event] = list(receipt.decode_logs(world.replication.Revealed))
    _, root, digest = job.secrets[1]
    assert (event.id, event.worker) == (job.id, world.workers[1])
    assert (event.rootHash, event.receiptDigest) == (keccak256(root), digest)
    job.reveal(2)
    assert list(job.tally.group) == [1, 2, 1, 0, 0]


def test_reveal__limit_classes__are_recognised(world: World) -> None:
    job = world.committed(["wall_limit", "raised", "memory_limit"])
    job.reveal(0, 1, 2)
    assert (job.tally.groups, job.tally.limits) == (3, 0b101)


def test_reveal__before_all_have_committed__is_too_early(world: World) -> None:
    job = assigned(world)
    job.commit(0, "a")
    with refused("RevealTooEarly", id=job.id):
        job.reveal(0)


def test_reveal__at_the_deadline__is_in_time_and_a_second_later_is_not(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    deadline = job.record.committedAt + REVEAL + GRACE
    world.at(deadline)
    job.reveal(0)
    with refused("RevealTooLate", deadline=deadline):
        job.reveal(1)


def test_reveal__after_the_end__is_too_late(world: World) -> None:
    job = world.committed(["a", "a!", "a!"])
    job.reveal(0)
    world.at(job.record.deadline + 1)
    job.settle()
    assert job.state == JobState.SETTLED
    with refused("RevealTooLate"):
        job.reveal(1)


def test_reveal__twice__is_refused(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0)
    with refused("AlreadyRevealed", worker=world.workers[0]):
        job.reveal(0)


def test_reveal__never_committed_or_not_seated__is_refused(world: World) -> None:
    job = world.committed(["a", "a", None])
    job.secrets[2] = job.secrets[3] = job.secrets[0]
    for index in (2, 3):
        with refused("NotCommitted", worker=world.workers[index]):
            job.reveal(index)


def test_reveal__another_salt_root_or_receipt__does_not_match(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    salt, root, digest = job.secrets[0]
    for wrong in ((b"\0" * 32, root, digest), (salt, job.root("b"), digest), (salt, root, b"\0" * 32)):
        job.secrets[0] = wrong
        with refused("CommitmentMismatch", worker=world.workers[0]):
            job.reveal(0)
    job.secrets[0] = (salt, root, digest)
    job.reveal(0)


def test_reveal__the_one_that_completes_an_undecided_round__opens_two_seats_itself(world: World) -> None:
    job = world.committed(["a", "b", "a"])
    job.reveal(0, 1)
    assert job.extra.count == 0
    receipt = job.reveal(2)
    [event] = list(receipt.decode_logs(world.replication.ExtraSeatsOpened))
    extra = job.extra
    assert (extra.count, extra.opensAt) == (2, receipt.timestamp)
    assert (event.round, event.takeBy, event.workBy) == (extra.round, extra.takeBy, extra.workBy)
    assert event.revealBy == extra.workBy + REVEAL + GRACE
    assert event.revealBy < job.record.deadline


def test_reveal__the_only_commitment__opens_two_seats_itself(world: World) -> None:
    job = world.committed(["a", None, None])
    job.reveal(0)
    assert job.extra.count == 2


def test_reveal__two_equal_of_two__decides_at_once(world: World) -> None:
    job = world.committed(["a", "a", None])
    job.reveal(0, 1)
    assert job.extra.count == 0
    job.settle()
    assert job.state == JobState.SETTLED


def test_reveal__extra_seat_by_its_hash__is_refused_and_first_seat_by_its_root_too(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    with refused("RootExpected", worker=world.workers[3]):
        job.reveal(3)
    other = world.committed(["a", "a", "a"])
    with refused("RootExpected", worker=world.workers[0]):
        other.reveal_root(0)


def test_reveal_root__while_an_extra_seat_may_still_commit__is_too_early(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    with refused("RevealTooEarly", id=job.id):
        job.reveal_root(3)
    job.commit(4, "b")
    job.reveal_root(3, 4)
    assert list(job.tally.group) == [1, 2, 2, 2, 2]


def test_reveal_root__while_an_extra_seat_may_still_be_taken__is_too_early(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3)
    job.commit(3, "b")
    world.at(job.extra.takeBy)
    with refused("RevealTooEarly", id=job.id):
        job.reveal_root(3)
    job.reveal_root(3)  # a second later: the other seat stays empty


def test_reveal_root__the_other_extra_seat_never_committed__from_its_work_deadline_on(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    world.at(job.extra.workBy)
    with refused("RevealTooEarly", id=job.id):
        job.reveal_root(3)
    job.reveal_root(3)


def test_reveal_root__at_the_deadline__is_in_time_and_a_second_later_is_not(world: World) -> None:
    job = contested(world)
    job.commit(3, "b")
    job.commit(4, "b")
    deadline = job.extra.workBy + REVEAL + GRACE
    world.at(deadline)
    job.reveal_root(3)
    with refused("RevealTooLate", deadline=deadline):
        job.reveal_root(4)

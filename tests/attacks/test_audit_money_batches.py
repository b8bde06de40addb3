"""Who breaks a batch by posting a piece of it first: nobody in it must lose what he had sent in time."""

from __future__ import annotations

from tests.contracts.world import ALLOCATED, GRACE, REVEAL, WINDOW, World

from tensorgrid.domain.jobs import JobState


def test_attack_one_opening_copied_out_of_a_batch__the_others_are_shown_all_the_same(world: World) -> None:
    """A stranger sees three openings under way and posts the first of them: the batch still shows the other two."""
    job = world.committed(["a", "a", "a"], relayed=True)
    deadline = job.committed_at + REVEAL + GRACE
    world.at(deadline - 1)
    job.reveal_as(world.stranger, [job.opening(0)], held=job.held)
    world.at(deadline)
    job.reveal_together(0, 1, 2)
    assert job.state == JobState.SETTLED
    assert [int(world.allocation(index).active) for index in range(3)] == [ALLOCATED] * 3


def test_attack_one_seal_posted_alone__the_others_commit_all_the_same(world: World) -> None:
    """Whoever holds one worker's seal posts it by itself just before another worker commits with the seats he knows."""
    job = world.assigned(relayed=True)
    known = list(job.held)
    job.commit_many(["a", None, None])
    job.commit_as(world.workers[1], job.commitment(1, "a"), held=known)
    assert int(job.record.committed) == 0b011


def test_attack_one_seal_copied_out_of_a_batch__the_batch_commits_the_rest(world: World) -> None:
    """A stranger copies one seal of a relayer's pending commitMany; the relayer's call still seals the other two."""
    job = world.assigned(relayed=True)
    known = list(job.held)
    seals = [job.commitment(index, "a") for index in range(3)]
    signatures = [job.signed_seal(index, seal) for index, seal in enumerate(seals)]
    job.commit_many(["a", None, None], by=world.stranger)
    job.world.board.commitMany(job.ref, known, seals, signatures, sender=world.relayer)
    assert job.state == JobState.COMMITTED


def test_attack_earlier_job_settled_first__the_commit_is_not_lost_with_it(world: World) -> None:
    """Anybody may settle; doing it a moment before a worker's commitAndSettle must not cost him the commit."""
    earlier = world.accepted(0)
    later = world.accepted(0, answer=None)
    world.at(earlier.committed_at + WINDOW + 1)
    earlier.settle(sender=world.stranger)
    later.commit_and_settle(0, "b", earlier)
    assert later.state == JobState.COMMITTED

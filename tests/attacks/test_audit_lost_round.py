"""A draw that is longer than the 256 blocks in which a block's hash can be had.

No `take` stores the round; where nobody is drawn that early in a long window, anybody's `store` must save the draw, and
without it everything must go back unharmed.
"""

from __future__ import annotations

from tests.contracts.world import World, refused

from tensorgrid.domain.jobs import JobState

HOUR = 3600


def test_long_window__a_stranger_stores_the_round_in_time__workers_take_after_256_blocks(world: World) -> None:
    job = world.post(world.terms(take_by=world.now + 1 + HOUR))
    world.mine(3)
    world.beacon.store(job.record.round, b"", sender=world.stranger)
    world.mine(257)
    world.at(job.everybody_by)
    job.take(0, 1, 2)
    assert job.state == JobState.ASSIGNED


def test_long_window__nobody_stores_the_round__the_job_expires_and_all_comes_back(world: World) -> None:
    before = world.free(world.requester), world.free(world.closer)
    job = world.post(world.terms(take_by=world.now + 1 + HOUR))
    world.mine(260)
    world.at(job.everybody_by)
    with refused("RoundLost", round=job.record.round):
        job.take(0)
    world.at(job.terms.take_by + 1)
    job.expire()
    assert world.held(world.requester) == 0
    assert world.free(world.requester) + world.free(world.closer) == sum(before)

"""Progress: an event under the caller's name, nothing else; readers take it from those who hold seats."""

from __future__ import annotations

from tests.contracts.world import World


def test_progress__seated_worker__emits_the_digest(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0)
    receipt = world.board.progress(job.id, b"\7" * 32, sender=world.workers[0])
    [event] = list(receipt.decode_logs(world.board.JobProgress))
    assert (event.id, event.worker, event.digest) == (job.id, world.workers[0], b"\7" * 32)


def test_progress__of_a_stranger__carries_the_strangers_name(world: World) -> None:
    job = world.post()
    before = tuple(job.record)
    receipt = world.board.progress(job.id, b"\7" * 32, sender=world.stranger)
    [event] = list(receipt.decode_logs(world.board.JobProgress))
    assert event.worker == world.stranger
    assert tuple(job.record) == before

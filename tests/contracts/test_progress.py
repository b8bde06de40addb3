"""Progress: an event of a seated worker, nothing else."""

from __future__ import annotations

from tests.contracts.world import World, refused


def test_progress__seated_worker__emits_the_digest(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0)
    receipt = world.board.progress(job.id, b"\7" * 32, sender=world.workers[0])
    [event] = list(receipt.decode_logs(world.board.JobProgress))
    assert (event.id, event.worker, event.digest) == (job.id, world.workers[0], b"\7" * 32)


def test_progress__without_a_seat__is_refused(world: World) -> None:
    job = world.post()
    with refused("NotSeated", id=job.id, worker=world.workers[0]):
        world.board.progress(job.id, b"\7" * 32, sender=world.workers[0])

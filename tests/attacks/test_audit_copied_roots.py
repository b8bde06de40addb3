"""A worker of an extra seat who never ran the job, and copies from the chain what the others have shown.

First seats open by the hash of the root, so that hash is public when extra seats are given. An extra seat must
therefore be sealed over the root itself: a seal over the hash could be made by copying, and opened as soon as the other
extra worker has shown the root.
"""

from __future__ import annotations

from typing import Any

from tests.contracts.job import Job
from tests.contracts.world import PRICE, World, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import Fault, commitment

SALT, RECEIPT = b"\x07" * 32, b"\x08" * 32


def undecided(world: World) -> tuple[Job, bytes]:
    """Two against one, extra seats taken by workers 3 and 4; and the hash that the first reveal has made public."""
    job = world.committed(["a", "a", "b"])
    [shown] = list(job.reveal(0).decode_logs(world.replication.Revealed))
    job.reveal(1, 2)
    job.draw_extra()
    job.take(3, 4)
    return job, bytes(shown.rootHash)


def seal(job: Job, worker: Any, shown: bytes) -> None:
    """Commit as `worker` to what he will have to show."""
    seal = commitment(job.id, str(worker.address), SALT, shown, RECEIPT)
    job.commit_as(worker, seal)


def show(job: Job, worker: Any, root: bytes) -> Any:
    return job.reveal_as(worker, [(job.number_of(worker), SALT, root, RECEIPT)])


def test_attack_extra_worker_seals_a_hash_read_from_the_chain__cannot_open_it(world: World) -> None:
    job, copied = undecided(world)
    honest, copycat = world.workers[3], world.workers[4]
    seal(job, copycat, copied)
    seal(job, honest, job.root("a"))
    transaction = show(job, honest, job.root("a"))
    [(_, _, public, _)] = world.replication.decode_input(transaction.data)[1]["openings"]
    assert keccak256(bytes(public)) == copied

    with refused("CommitmentMismatch", worker=copycat):
        show(job, copycat, bytes(public))

    world.at(int(job.extra.workBy) + job_clocks(job) + 1)
    outcome = {str(e.worker): (int(e.pay), int(e.fault)) for e in job.settle().decode_logs(world.board.WorkerSettled)}
    assert outcome[str(copycat.address)] == (0, Fault.SLASHED)
    assert outcome[str(honest.address)] == (PRICE, Fault.NONE)
    # With the copy there would be four equal, and the odd one would lose his stake to somebody who checked nothing.
    assert outcome[str(world.workers[2].address)] == (0, Fault.NONE)


def job_clocks(job: Job) -> int:
    """Seconds of revealing and grace."""
    clocks = job.world.replication.clocksOf(job.terms.verifier_params)
    return int(clocks.revealTime) + int(clocks.grace)

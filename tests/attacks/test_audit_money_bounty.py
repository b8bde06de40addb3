"""Who sends a bounty where nobody can spend it."""

from __future__ import annotations

from typing import Any

from ape.exceptions import ContractLogicError
from tests.contracts.test_settle import stub
from tests.contracts.world import World

from tensorgrid.domain.jobs import Fault

__all__ = ["stub"]  # a fixture


def test_attack_openings_shown_to_a_verifier_that_does_not_judge_the_job__strand_no_bounty(
    world: World, stub: Any
) -> None:
    """The replication verifier settles a job that another verifier judges; that one pays nobody, and the closer is a
    contract that cannot withdraw."""
    job = world.committed(["a", "a"], workers=2, reserve=0, verifier=str(stub.address))
    stub.set(0, 0, Fault.NONE, "0x" + "0" * 40, sender=world.deployer)
    try:
        job.reveal_together(0, 1)
    except ContractLogicError:
        pass  # refused: as safe
    assert world.free(world.replication) == 0

"""What a remembered admission still says when something outside the parameters has changed."""

from __future__ import annotations

from ape.exceptions import ContractLogicError
from tests.contracts.world import JURY_FEE, World


def test_attack_policy_admitted_before_the_jury_stopped_hearing_its_token__leaves_nobody_without_a_case(
    world: World,
) -> None:
    """`needs` refuses a token that the jury does not hear; remembered, it is not asked again, and a requester who posts
    then can reject nothing: whatever is delivered is paid."""
    world.accepted(0)
    world.fund(world.requester, JURY_FEE, controller=world.acceptance)
    world.jury.setFee(world.coin, 0, sender=world.deployer)
    try:
        job = world.accepted(1)
    except ContractLogicError:
        return  # refused at the door, as a policy that was never seen would be
    job.reject()

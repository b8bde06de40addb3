"""A job on one board that names the verifier of another.

Two boards share one Parameters while the older one drains, so the allow-list alone does not tell them apart. Asked
about a job that its own board has never seen, a verifier must say nothing: any answer would be a judgement without
reveals.
"""

from __future__ import annotations

from ape.exceptions import ContractLogicError
from tests.contracts.world import ALLOCATED, CPU, FUNDS, STAKE, TAKE, World, container


def test_requester__names_the_verifier_of_another_board__burns_nobodys_stake(world: World) -> None:
    second = world.deployer.deploy(
        container("JobBoard"),
        *(world.escrow, world.vault, world.registry, world.reputation, world.parameters, world.beacon),
    )
    lottery = world.deployer.deploy(container("LotteryScheduler"), second)
    world.parameters.setScheduler(lottery, True, sender=world.deployer)
    world.coin.mint(world.requester, FUNDS, sender=world.requester)
    world.coin.approve(world.escrow, FUNDS, sender=world.requester)
    world.escrow.deposit(second, world.coin, world.requester, FUNDS, sender=world.requester)
    seated = list(zip(world.providers, world.workers, strict=True))[:3]
    for provider, worker in seated:
        world.stake_token.mint(provider, ALLOCATED, sender=provider)
        world.stake_token.approve(world.vault, ALLOCATED, sender=provider)
        world.vault.deposit(worker, ALLOCATED, sender=provider)
        world.vault.allocate(worker, second, ALLOCATED, sender=provider)
    world.mine(1)

    terms = world.terms(scheduler=str(lottery.address), hardware_class=CPU).as_tuple()
    workers = [worker for _, worker in seated]
    try:
        posted = second.post(terms, sender=world.requester)
    except ContractLogicError:
        return  # refused at the door: as good
    world.mine(3)
    world.at(int(posted.timestamp) + TAKE * 3 // 4 + 2)
    for worker in workers:
        second.take(terms, sender=worker)
    for worker in workers:
        second.commit(terms, b"\1" * 32, sender=worker)
    try:
        second.settle(terms, workers, sender=world.requester)
    except ContractLogicError:
        world.at(int(second.jobOf(second.idOf(terms)).deadline) + 1)
        second.settle(terms, workers, sender=world.requester)
    for provider, worker in seated:
        allocation = world.vault.allocationOf(provider, worker, second)
        assert (allocation.allocated, allocation.locked) == (ALLOCATED, 0), f"lost {STAKE} without a single reveal"

"""A board that draws by a drand network in one hand, beside the one that draws by blocks."""

from __future__ import annotations

from copy import copy
from typing import Any

from tests.contracts.signing import Domain
from tests.contracts.world import ALLOCATED, FUNDS, World, container


def on_drand(world: World, beacon: Any) -> World:
    """The same actors and ledgers, with a board of its own that draws by `beacon`."""
    other = copy(world)
    ledgers = (world.escrow, world.vault, world.registry, world.reputation, world.parameters, beacon)
    other.beacon, other.board = beacon, world.deployer.deploy(container("JobBoard"), *ledgers)
    other.lottery = world.deployer.deploy(container("LotteryScheduler"), other.board)
    other.replication = world.deployer.deploy(container("ReplicationVerifier"), other.board)
    world.parameters.addBoard(other.board, sender=world.deployer)
    world.parameters.setScheduler(other.lottery, True, sender=world.deployer)
    world.parameters.setVerifier(other.replication, True, sender=world.deployer)
    other.acceptance = world.deployer.deploy(container("AcceptanceVerifier"), other.board, world.jury)
    world.parameters.setVerifier(other.acceptance, True, sender=world.deployer)
    other.domain = Domain(world.deployment.chain_id, str(other.board.address))
    other.fund(world.requester, FUNDS)
    for provider, worker in zip(world.providers, world.workers, strict=True):
        other.stake(provider, worker, ALLOCATED)
    return other

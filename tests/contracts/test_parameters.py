"""Parameters: set at construction, changed through the AccessManager only, always within the hard bounds."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.world import WEI, ZERO, World, container, refused

from tensorgrid.domain.encoding import keccak256

VALUES = (100, 100 * WEI, 5 * WEI, False)
BOUNDS = (60, 3600, 10, 7200, 20_000, 500, 2)


def test_constructor__sets_bounds_values_and_life(world: World) -> None:
    assert tuple(world.parameters.bounds()) == BOUNDS
    assert tuple(world.parameters.values()) == VALUES
    assert world.parameters.MAX_LIFE() == 3600 + 7200 + 2 * 20_000


@pytest.mark.parametrize(
    "changed",
    [{0: 0}, {0: 3601}, {2: 0}, {2: 7201}, {5: 10_001}],
    ids=["no take time", "take times crossed", "no work time", "work times crossed", "fee above everything"],
)
def test_constructor__inconsistent_bounds__are_refused(world: World, changed: dict[int, int]) -> None:
    bounds = tuple(changed.get(i, value) for i, value in enumerate(BOUNDS))
    with refused("BoundsInconsistent"):
        world.deployer.deploy(container("Parameters"), world.manager, bounds, VALUES)


def test_set_values__fee_above_the_bound__is_refused(world: World) -> None:
    with refused("FeeAboveBound", feeBps=501, maxFeeBps=500):
        world.parameters.setValues((501, *VALUES[1:]), sender=world.deployer)
    world.parameters.setValues((500, *VALUES[1:]), sender=world.deployer)
    assert world.parameters.values().feeBps == 500


def test_set_values__stake_below_the_bond__is_refused(world: World) -> None:
    with refused("StakeBelowBond", minStake=5 * WEI - 1, minNoShowBond=5 * WEI):
        world.parameters.setValues((100, 5 * WEI - 1, 5 * WEI, False), sender=world.deployer)


def calls(world: World) -> list[tuple[Any, tuple[Any, ...]]]:
    p = world.parameters
    return [
        (p.setValues, (VALUES,)),
        (p.unpause, ()),
        (p.pause, ()),
        (p.setToken, (world.stake_token, (1, 2))),
        (p.setScheduler, (world.stranger, True)),
        (p.setVerifier, (world.stranger, True)),
        (p.setHardwareClass, (b"\1" * 32, True)),
    ]


def test_every_setter__is_refused_to_strangers(world: World) -> None:
    for setter, arguments in calls(world):
        for caller in (world.stranger, world.requester, world.providers[0]):
            with refused("AccessManagedUnauthorized", caller=caller):
                setter(*arguments, sender=caller)


def test_every_setter__works_for_the_deployer(world: World) -> None:
    for setter, arguments in calls(world):
        setter(*arguments, sender=world.deployer)
    p = world.parameters
    assert tuple(p.tokenRule(world.stake_token)) == (1, 2)
    assert p.schedulerAllowed(world.stranger)
    assert p.verifierAllowed(world.stranger)
    assert p.classAllowed(b"\1" * 32)
    assert p.values().paused


def test_a_guardian_role__can_be_given_the_pause_alone(world: World) -> None:
    guardian, pause = 7, keccak256(b"pause()")[:4]
    world.manager.setTargetFunctionRole(world.parameters, [pause], guardian, sender=world.deployer)
    world.manager.grantRole(guardian, world.stranger, 0, sender=world.deployer)
    world.parameters.pause(sender=world.stranger)
    assert world.parameters.values().paused
    with refused("AccessManagedUnauthorized", caller=world.stranger):
        world.parameters.setValues(VALUES, sender=world.stranger)
    with refused("AccessManagedUnauthorized", caller=world.stranger):
        world.parameters.unpause(sender=world.stranger)


def test_another_admin__can_take_over_and_the_old_one_is_out(world: World) -> None:
    world.manager.grantRole(0, world.stranger, 0, sender=world.deployer)
    world.manager.renounceRole(0, world.deployer, sender=world.deployer)
    with refused("AccessManagedUnauthorized", caller=world.deployer):
        world.parameters.pause(sender=world.deployer)
    world.parameters.pause(sender=world.stranger)


def test_the_ledgers__have_no_way_in_for_any_role(world: World) -> None:
    """G1: nothing in Escrow, StakeVault, Reputation, WorkerRegistry or JobBoard knows an authority."""
    for contract in (world.escrow, world.vault, world.reputation, world.registry, world.board):
        names = {abi.name for abi in contract.contract_type.abi if abi.type == "function"}
        assert not names & {
            "owner",
            "authority",
            "setAuthority",
            "transferOwnership",
            "pause",
            "upgradeTo",
            "grantRole",
        }


def test_the_board__refuses_a_vault_that_lets_stake_go_too_soon(world: World) -> None:
    life = world.parameters.MAX_LIFE()
    vault = world.deployer.deploy(container("StakeVault"), world.stake_token, life)
    addresses = (world.registry, world.reputation, world.parameters, world.beacon)
    with refused("ExitDelayTooShort", have=life, life=life):
        world.deployer.deploy(container("JobBoard"), world.escrow, vault, *addresses)


def test_other_constructors__refuse_zeroes(world: World) -> None:
    with refused("ZeroAddress"):
        world.deployer.deploy(container("StakeVault"), ZERO, 1)
    with refused("HalfLifeZero"):
        world.deployer.deploy(container("Reputation"), 0)
    with refused("DelayZero"):
        world.deployer.deploy(container("BlockBeacon"), 0)

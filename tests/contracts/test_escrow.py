"""The escrow's verbs, with an ordinary account in the controller's place."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from tests.contracts.world import BURN, ZERO, World, refused

TOO_MUCH = 2**128


@pytest.fixture
def controller(world: World) -> Any:
    return world.spare[0]


@pytest.fixture
def payer(world: World, controller: Any) -> Any:
    account = world.spare[1]
    deposit(world, controller, account, 1000)
    return account


def deposit(world: World, controller: Any, account: Any, amount: int) -> Any:
    world.coin.mint(account, amount, sender=account)
    world.coin.approve(world.escrow, amount, sender=account)
    return world.escrow.deposit(controller, world.coin, account, amount, sender=account)


def balance(world: World, controller: Any, account: Any, token: Any = None) -> tuple[int, int]:
    have = world.escrow.balanceOf(controller, token or world.coin, account)
    return have.free, have.held


def test_deposit__is_free_under_that_controller_alone(world: World, controller: Any, payer: Any) -> None:
    assert balance(world, controller, payer) == (1000, 0)
    assert balance(world, world.board, payer) == (0, 0)


def test_deposit__for_somebody_else__is_his(world: World, controller: Any) -> None:
    world.coin.mint(world.stranger, 5, sender=world.stranger)
    world.coin.approve(world.escrow, 5, sender=world.stranger)
    world.escrow.deposit(controller, world.coin, world.requester, 5, sender=world.stranger)
    assert balance(world, controller, world.requester) == (5, 0)
    with refused("FreeTooSmall", have=0, need=5):
        world.escrow.withdraw(controller, world.coin, 5, world.stranger, sender=world.stranger)


def test_deposit__zeroes__are_refused(world: World, controller: Any, payer: Any) -> None:
    with refused("ZeroAmount"):
        world.escrow.deposit(controller, world.coin, payer, 0, sender=payer)
    with refused("ZeroAddress"):
        world.escrow.deposit(ZERO, world.coin, payer, 1, sender=payer)
    with refused("ZeroAddress"):
        world.escrow.deposit(controller, world.coin, ZERO, 1, sender=payer)


def test_deposit__without_allowance__moves_nothing(world: World, controller: Any) -> None:
    with refused("ERC20InsufficientAllowance"):
        world.escrow.deposit(controller, world.coin, world.stranger, 1, sender=world.stranger)


def test_deposit__beyond_128_bits__is_refused(world: World, controller: Any) -> None:
    with refused("AmountTooLarge", amount=TOO_MUCH):
        deposit(world, controller, world.stranger, TOO_MUCH)


def test_deposit__fee_on_transfer__credits_what_arrived(world: World, controller: Any) -> None:
    token = world.deploy_double("FeeToken")
    token.mint(world.stranger, 1000, sender=world.stranger)
    token.approve(world.escrow, 1000, sender=world.stranger)
    receipt = world.escrow.deposit(controller, token, world.stranger, 1000, sender=world.stranger)
    assert balance(world, controller, world.stranger, token) == (990, 0)
    [event] = list(receipt.decode_logs(world.escrow.Deposited))
    assert event.amount == 990 == token.balanceOf(world.escrow)


def test_withdraw__the_free_part__goes_anywhere(world: World, controller: Any, payer: Any) -> None:
    world.escrow.hold(world.coin, payer, 400, sender=controller)
    with refused("FreeTooSmall", have=600, need=601):
        world.escrow.withdraw(controller, world.coin, 601, payer, sender=payer)
    world.escrow.withdraw(controller, world.coin, 600, world.stranger, sender=payer)
    assert world.coin.balanceOf(world.stranger) == 600
    assert balance(world, controller, payer) == (0, 400)


def test_withdraw__zeroes__are_refused(world: World, controller: Any, payer: Any) -> None:
    with refused("ZeroAmount"):
        world.escrow.withdraw(controller, world.coin, 0, payer, sender=payer)
    with refused("ZeroAddress"):
        world.escrow.withdraw(controller, world.coin, 1, ZERO, sender=payer)


def test_hold__more_than_free__is_refused(world: World, controller: Any, payer: Any) -> None:
    with refused("FreeTooSmall", controller=controller, account=payer, have=1000, need=1001):
        world.escrow.hold(world.coin, payer, 1001, sender=controller)


def test_hold__by_another_controller__finds_nothing(world: World, controller: Any, payer: Any) -> None:
    with refused("FreeTooSmall", controller=world.stranger, have=0):
        world.escrow.hold(world.coin, payer, 1, sender=world.stranger)


def test_distribute__pays_and_releases_what_was_held(world: World, controller: Any, payer: Any) -> None:
    world.escrow.hold(world.coin, payer, 500, sender=controller)
    names = [world.stranger, world.requester, world.stranger, payer]
    world.escrow.distribute(world.coin, payer, names, [100, 50, 7, 3], 200, sender=controller)
    assert balance(world, controller, payer) == (500 + 200 + 3, 140)
    assert balance(world, controller, world.stranger) == (107, 0)
    assert balance(world, controller, world.requester) == (50, 0)


def test_distribute__more_than_held__is_refused(world: World, controller: Any, payer: Any) -> None:
    world.escrow.hold(world.coin, payer, 500, sender=controller)
    with refused("HeldTooSmall", have=500, need=501):
        world.escrow.distribute(world.coin, payer, [world.stranger], [301], 200, sender=controller)
    with refused("HeldTooSmall", controller=world.stranger, have=0, need=1):
        world.escrow.distribute(world.coin, payer, [world.stranger], [1], 0, sender=world.stranger)


def test_distribute__amounts_that_wrap_around__are_refused(world: World, controller: Any, payer: Any) -> None:
    world.escrow.hold(world.coin, payer, 500, sender=controller)
    with pytest.raises(Exception, match=r"(?i)over|panic|0x4e487b71"):
        world.escrow.distribute(world.coin, payer, [world.stranger] * 2, [2**256 - 1, 2], 0, sender=controller)
    assert balance(world, controller, world.stranger) == (0, 0)


def test_distribute__lists_of_unequal_length__are_refused(world: World, controller: Any, payer: Any) -> None:
    with refused("LengthMismatch", accounts=1, amounts=2):
        world.escrow.distribute(world.coin, payer, [payer], [1, 2], 0, sender=controller)


def test_flush_burned__sends_the_credit_and_only_that(world: World, controller: Any, payer: Any) -> None:
    world.escrow.hold(world.coin, payer, 500, sender=controller)
    world.escrow.distribute(world.coin, payer, [BURN], [77], 0, sender=controller)
    world.escrow.flushBurned(controller, world.coin, sender=world.stranger)
    assert world.coin.balanceOf(BURN) == 77
    assert balance(world, controller, BURN) == (0, 0)
    with refused("ZeroAmount"):
        world.escrow.flushBurned(controller, world.coin, sender=world.stranger)


# ---- permits


def signed_permit(world: World, owner: Any, amount: int, deadline: int) -> tuple[int, bytes, bytes]:
    message = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Permit": [
                {"name": "owner", "type": "address"},
                {"name": "spender", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ],
        },
        "primaryType": "Permit",
        "domain": {
            "name": "coin",
            "version": "1",
            "chainId": world.deployment.chain_id,
            "verifyingContract": str(world.coin.address),
        },
        "message": {
            "owner": str(owner.address),
            "spender": str(world.escrow.address),
            "value": amount,
            "nonce": world.coin.nonces(owner),
            "deadline": deadline,
        },
    }
    signed = Account.sign_message(encode_typed_data(full_message=message), owner.private_key)
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def test_deposit_with_permit__needs_no_approval(world: World, controller: Any) -> None:
    owner = world.stranger
    world.coin.mint(owner, 100, sender=owner)
    permit = signed_permit(world, owner, 100, world.now + 1000)
    world.escrow.depositWithPermit(controller, world.coin, owner, 100, world.now + 1000, *permit, sender=owner)
    assert balance(world, controller, owner) == (100, 0)


def test_deposit_with_permit__used_first_by_somebody_else__still_works(world: World, controller: Any) -> None:
    owner, deadline = world.stranger, world.now + 1000
    world.coin.mint(owner, 100, sender=owner)
    permit = signed_permit(world, owner, 100, deadline)
    world.coin.permit(owner, world.escrow, 100, deadline, *permit, sender=world.closer)
    world.escrow.depositWithPermit(controller, world.coin, owner, 100, deadline, *permit, sender=owner)
    assert balance(world, controller, owner) == (100, 0)


def test_deposit_with_permit__of_somebody_else__is_worth_nothing(world: World, controller: Any) -> None:
    owner, deadline = world.stranger, world.now + 1000
    world.coin.mint(owner, 100, sender=owner)
    permit = signed_permit(world, owner, 100, deadline)
    with refused("ERC20InsufficientAllowance"):
        world.escrow.depositWithPermit(
            controller, world.coin, world.closer, 100, deadline, *permit, sender=world.closer
        )

"""The escrow's verbs, with an ordinary account in the controller's place."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from tests.contracts.ledgers import Ledgers
from tests.contracts.world import BURN, ZERO, refused

TOO_MUCH = 2**128


@pytest.fixture
def controller(ledgers: Ledgers) -> Any:
    return ledgers.controller


@pytest.fixture
def payer(ledgers: Ledgers) -> Any:
    ledgers.deposit(ledgers.payer, 1000)
    return ledgers.payer


def test_deposit__is_free_under_that_controller_alone(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    assert ledgers.balance(payer) == (1000, 0)
    assert ledgers.balance(payer, controller=ledgers.board) == (0, 0)


def test_deposit__for_somebody_else__is_his(ledgers: Ledgers, controller: Any) -> None:
    ledgers.coin.mint(ledgers.stranger, 5, sender=ledgers.stranger)
    ledgers.coin.approve(ledgers.escrow, 5, sender=ledgers.stranger)
    ledgers.escrow.deposit(controller, ledgers.coin, ledgers.requester, 5, sender=ledgers.stranger)
    assert ledgers.balance(ledgers.requester) == (5, 0)
    with refused("FreeTooSmall", have=0, need=5):
        ledgers.escrow.withdraw(controller, ledgers.coin, 5, ledgers.stranger, sender=ledgers.stranger)


def test_deposit__zeroes__are_refused(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    with refused("ZeroAmount"):
        ledgers.escrow.deposit(controller, ledgers.coin, payer, 0, sender=payer)
    with refused("ZeroAddress"):
        ledgers.escrow.deposit(ZERO, ledgers.coin, payer, 1, sender=payer)
    with refused("ZeroAddress"):
        ledgers.escrow.deposit(controller, ledgers.coin, ZERO, 1, sender=payer)


def test_deposit__without_allowance__moves_nothing(ledgers: Ledgers, controller: Any) -> None:
    with refused("ERC20InsufficientAllowance"):
        ledgers.escrow.deposit(controller, ledgers.coin, ledgers.stranger, 1, sender=ledgers.stranger)


def test_deposit__beyond_128_bits__is_refused(ledgers: Ledgers, controller: Any) -> None:
    with refused("AmountTooLarge", amount=TOO_MUCH):
        ledgers.deposit(ledgers.stranger, TOO_MUCH)


def test_deposit__fee_on_transfer__credits_what_arrived(ledgers: Ledgers, controller: Any) -> None:
    token = ledgers.deploy("FeeToken")
    token.mint(ledgers.stranger, 1000, sender=ledgers.stranger)
    token.approve(ledgers.escrow, 1000, sender=ledgers.stranger)
    receipt = ledgers.escrow.deposit(controller, token, ledgers.stranger, 1000, sender=ledgers.stranger)
    assert ledgers.balance(ledgers.stranger, token) == (990, 0)
    [event] = list(receipt.decode_logs(ledgers.escrow.Deposited))
    assert event.amount == 990 == token.balanceOf(ledgers.escrow)


def test_withdraw__the_free_part__goes_anywhere(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    ledgers.escrow.hold(ledgers.coin, payer, 400, sender=controller)
    with refused("FreeTooSmall", have=600, need=601):
        ledgers.escrow.withdraw(controller, ledgers.coin, 601, payer, sender=payer)
    ledgers.escrow.withdraw(controller, ledgers.coin, 600, ledgers.stranger, sender=payer)
    assert ledgers.coin.balanceOf(ledgers.stranger) == 600
    assert ledgers.balance(payer) == (0, 400)


def test_withdraw__zeroes__are_refused(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    with refused("ZeroAmount"):
        ledgers.escrow.withdraw(controller, ledgers.coin, 0, payer, sender=payer)
    with refused("ZeroAddress"):
        ledgers.escrow.withdraw(controller, ledgers.coin, 1, ZERO, sender=payer)


def test_hold__more_than_free__is_refused(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    with refused("FreeTooSmall", controller=controller, account=payer, have=1000, need=1001):
        ledgers.escrow.hold(ledgers.coin, payer, 1001, sender=controller)


def test_hold__by_another_controller__finds_nothing(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    with refused("FreeTooSmall", controller=ledgers.stranger, have=0):
        ledgers.escrow.hold(ledgers.coin, payer, 1, sender=ledgers.stranger)


def test_distribute__pays_and_releases_what_was_held(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    ledgers.escrow.hold(ledgers.coin, payer, 500, sender=controller)
    names = [ledgers.stranger, ledgers.requester, ledgers.stranger, payer]
    ledgers.escrow.distribute(ledgers.coin, payer, names, [100, 50, 7, 3], 200, sender=controller)
    assert ledgers.balance(payer) == (500 + 200 + 3, 140)
    assert ledgers.balance(ledgers.stranger) == (107, 0)
    assert ledgers.balance(ledgers.requester) == (50, 0)


def test_distribute__more_than_held__is_refused(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    ledgers.escrow.hold(ledgers.coin, payer, 500, sender=controller)
    with refused("HeldTooSmall", have=500, need=501):
        ledgers.escrow.distribute(ledgers.coin, payer, [ledgers.stranger], [301], 200, sender=controller)
    with refused("HeldTooSmall", controller=ledgers.stranger, have=0, need=1):
        ledgers.escrow.distribute(ledgers.coin, payer, [ledgers.stranger], [1], 0, sender=ledgers.stranger)


def test_distribute__amounts_that_wrap_around__are_refused(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    ledgers.escrow.hold(ledgers.coin, payer, 500, sender=controller)
    with refused("AmountTooLarge", amount=2**256 - 1):
        ledgers.escrow.distribute(ledgers.coin, payer, [ledgers.stranger] * 2, [2**256 - 1, 2], 0, sender=controller)
    with pytest.raises(Exception, match=r"(?i)over|panic|0x4e487b71"):
        ledgers.escrow.distribute(ledgers.coin, payer, [ledgers.stranger], [1], 2**256 - 1, sender=controller)
    assert ledgers.balance(ledgers.stranger) == (0, 0)
    assert ledgers.balance(payer) == (500, 500)


def test_distribute__to_the_payer_himself__counts_once(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    ledgers.escrow.hold(ledgers.coin, payer, 500, sender=controller)
    ledgers.escrow.distribute(ledgers.coin, payer, [payer, payer], [100, 20], 30, sender=controller)
    assert ledgers.balance(payer) == (500 + 150, 350)


def test_the_two_halves_of_a_balance__never_touch(ledgers: Ledgers, controller: Any) -> None:
    """Both parts full to the last bit, and emptied again."""
    most, rich, token = TOO_MUCH - 1, ledgers.spare[0], ledgers.coin
    ledgers.deposit(rich, most)
    ledgers.escrow.hold(token, rich, most, sender=controller)
    assert ledgers.balance(rich) == (0, most)
    ledgers.deposit(rich, most)
    assert ledgers.balance(rich) == (most, most)
    with refused("AmountTooLarge", amount=most + 1):
        ledgers.escrow.hold(token, rich, 1, sender=controller)
    with refused("AmountTooLarge", amount=most + 1):
        ledgers.escrow.distribute(token, rich, [], [], 1, sender=controller)
    with refused("AmountTooLarge", amount=most + 1):
        ledgers.deposit(rich, 1)
    ledgers.escrow.distribute(token, rich, [ledgers.stranger], [most], 0, sender=controller)
    assert ledgers.balance(rich) == (most, 0)
    ledgers.escrow.withdraw(controller, token, most, rich, sender=rich)
    assert ledgers.balance(rich) == (0, 0)
    assert ledgers.balance(ledgers.stranger) == (most, 0)


def test_distribute__lists_of_unequal_length__are_refused(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    with refused("LengthMismatch", accounts=1, amounts=2):
        ledgers.escrow.distribute(ledgers.coin, payer, [payer], [1, 2], 0, sender=controller)


def test_flush_burned__sends_the_credit_and_only_that(ledgers: Ledgers, controller: Any, payer: Any) -> None:
    ledgers.escrow.hold(ledgers.coin, payer, 500, sender=controller)
    ledgers.escrow.distribute(ledgers.coin, payer, [BURN], [77], 0, sender=controller)
    ledgers.escrow.flushBurned(controller, ledgers.coin, sender=ledgers.stranger)
    assert ledgers.coin.balanceOf(BURN) == 77
    assert ledgers.balance(BURN) == (0, 0)
    with refused("ZeroAmount"):
        ledgers.escrow.flushBurned(controller, ledgers.coin, sender=ledgers.stranger)


# ---- permits


def signed_permit(
    ledgers: Ledgers, owner: Any, amount: int, deadline: int, chain_id: int | None = None
) -> tuple[int, bytes, bytes]:
    """EIP-2612, for the escrow to take `amount` of the coin; on this chain unless another is named."""
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
            "chainId": chain_id or int(ledgers.chain.chain_id),
            "verifyingContract": str(ledgers.coin.address),
        },
        "message": {
            "owner": str(owner.address),
            "spender": str(ledgers.escrow.address),
            "value": amount,
            "nonce": ledgers.coin.nonces(owner),
            "deadline": deadline,
        },
    }
    signed = Account.sign_message(encode_typed_data(full_message=message), owner.private_key)
    return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def test_deposit_with_permit__needs_no_approval(ledgers: Ledgers, controller: Any) -> None:
    owner = ledgers.stranger
    ledgers.coin.mint(owner, 100, sender=owner)
    permit = signed_permit(ledgers, owner, 100, ledgers.now + 1000)
    ledgers.escrow.depositWithPermit(controller, ledgers.coin, owner, 100, ledgers.now + 1000, *permit, sender=owner)
    assert ledgers.balance(owner) == (100, 0)


def test_deposit_with_permit__used_first_by_somebody_else__still_works(ledgers: Ledgers, controller: Any) -> None:
    owner, deadline = ledgers.stranger, ledgers.now + 1000
    ledgers.coin.mint(owner, 100, sender=owner)
    permit = signed_permit(ledgers, owner, 100, deadline)
    ledgers.coin.permit(owner, ledgers.escrow, 100, deadline, *permit, sender=ledgers.closer)
    ledgers.escrow.depositWithPermit(controller, ledgers.coin, owner, 100, deadline, *permit, sender=owner)
    assert ledgers.balance(owner) == (100, 0)


def test_deposit_with_permit__of_somebody_else__is_worth_nothing(ledgers: Ledgers, controller: Any) -> None:
    owner, deadline = ledgers.stranger, ledgers.now + 1000
    ledgers.coin.mint(owner, 100, sender=owner)
    permit = signed_permit(ledgers, owner, 100, deadline)
    with refused("ERC20InsufficientAllowance"):
        ledgers.escrow.depositWithPermit(
            controller, ledgers.coin, ledgers.closer, 100, deadline, *permit, sender=ledgers.closer
        )

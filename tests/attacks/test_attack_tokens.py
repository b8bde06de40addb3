"""Escrow, vault and registry against tokens that behave badly and signatures that travel: each attack by name.

Which tokens jobs may use is the allow-list of Parameters; the ledgers themselves take any. What holds for every token,
listed or not: it can hurt whoever chose it, and no balance of another token moves. Controllers are ordinary accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests.contracts.ledgers import Ledgers
from tests.contracts.test_escrow import signed_permit
from tests.contracts.world import BURN, PARAMETERS, refused

from tensorgrid.domain.encoding import keccak256

MOST, MOST_STAKE = 2**128 - 1, 2**96 - 1
REENTERED = keccak256(b"ReentrancyGuardReentrantCall()")[:4]

KINDS = [
    "TestToken",
    "FeeToken",
    "ReentrantToken",
    "NoReturnToken",
    "LyingToken",
    "BlocklistToken",
    "PausableToken",
    "RebasingToken",
    "StrictApprovalToken",
    "PhantomPermitToken",
]


def token_of(ledgers: Ledgers, kind: str) -> Any:
    return ledgers.deploy(kind, *(("huge", "HUGE", 36) if kind == "TestToken" else ()))


def owed(ledgers: Ledgers, token: Any, controllers: list[Any] | None = None) -> int:
    """All that the escrow owes in a token, to everybody who appears in these tests."""
    names = [ledgers.payer, ledgers.worker, ledgers.stranger, ledgers.closer, ledgers.requester, BURN, *ledgers.spare]
    return sum(
        sum(ledgers.balance(name, token, controller))
        for name in names
        for controller in controllers or [ledgers.controller]
    )


@pytest.fixture(scope="module")
def bystander(ledgers: Ledgers) -> Any:
    """Somebody with plain money beside every attack."""
    ledgers.deposit(ledgers.spare[3], 777)
    return ledgers.spare[3]


@pytest.fixture(autouse=True)
def unharmed(ledgers: Ledgers, bystander: Any) -> Iterator[None]:
    """The bystander's money is his, and there, to the last unit after every attack."""
    yield
    assert ledgers.balance(bystander) == (777, 0)
    ledgers.escrow.withdraw.call(ledgers.controller, ledgers.coin, 777, bystander, sender=bystander)


# ---- any token: the whole life of money


@pytest.mark.parametrize("kind", KINDS)
def test_attack_token_of_every_kind(ledgers: Ledgers, kind: str) -> None:
    """Deposit, hold, pay, burn, withdraw, flush: nothing is owed that is not there (E1), nothing stays behind."""
    token, payer, worker = token_of(ledgers, kind), ledgers.payer, ledgers.worker
    ledgers.deposit(payer, 10_000, token)
    arrived = 9_900 if kind == "FeeToken" else 10_000
    assert ledgers.balance(payer, token) == (arrived, 0)
    escrow, controller = ledgers.escrow, ledgers.controller
    escrow.hold(token, payer, 5_000, sender=controller)
    escrow.distribute(token, payer, [worker, BURN], [3_000, 200], 1_000, sender=controller)
    assert ledgers.balance(payer, token) == (arrived - 4_000, 800)
    assert owed(ledgers, token) == arrived == token.balanceOf(escrow)
    escrow.withdraw(controller, token, 3_000, worker, sender=worker)
    assert token.balanceOf(worker) == (2_970 if kind == "FeeToken" else 3_000)
    escrow.flushBurned(controller, token, sender=ledgers.stranger)
    assert owed(ledgers, token) == arrived - 3_200 == token.balanceOf(escrow)
    escrow.distribute(token, payer, [], [], 800, sender=controller)
    escrow.withdraw(controller, token, arrived - 3_200, payer, sender=payer)
    assert owed(ledgers, token) == token.balanceOf(escrow) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_attack_stake_token_of_every_kind(ledgers: Ledgers, kind: str) -> None:
    """The same of the vault: stake, slash, claim, burn, exit."""
    token, provider, worker = token_of(ledgers, kind), ledgers.provider, ledgers.worker
    vault, free = staked(ledgers, token, 1_000)
    assert free == (990 if kind == "FeeToken" else 1_000) == token.balanceOf(vault)
    controller, finder = ledgers.controller, ledgers.closer
    vault.lock(provider, worker, 500, sender=controller)
    vault.release(provider, worker, 500, 401, finder, 401, sender=controller)
    vault.claim(finder, sender=finder)
    vault.flushBurned(sender=ledgers.stranger)
    assert token.balanceOf(vault) == free - 401
    vault.requestExit(worker, controller, free - 401, sender=provider)
    ledgers.at(ledgers.now + PARAMETERS.exit_delay)
    vault.finishExit(worker, controller, sender=provider)
    vault.withdraw(worker, free - 401, provider, sender=provider)
    assert token.balanceOf(vault) == 0


def staked(ledgers: Ledgers, token: Any, amount: int) -> tuple[Any, int]:
    """A vault of that token, and what arrived there and was allocated to the controller."""
    vault, provider, worker = (
        ledgers.deploy("StakeVault", token, PARAMETERS.exit_delay),
        ledgers.provider,
        ledgers.worker,
    )
    token.mint(provider, amount, sender=provider)
    token.approve(vault, amount, sender=provider)
    vault.deposit(worker, amount, sender=provider)
    free = int(vault.freeOf(provider, worker))
    vault.allocate(worker, ledgers.controller, free, sender=provider)
    return vault, free


# ---- reentrancy


ESCROW_DOORS = ["deposit", "depositWithPermit", "withdraw", "flushBurned"]
VAULT_DOORS = ["deposit", "withdraw", "claim", "flushBurned"]


@pytest.mark.parametrize("outer", ESCROW_DOORS)
def test_attack_reentrant_token(ledgers: Ledgers, outer: str) -> None:
    """A token that calls back in the middle of its own transfer finds every door that moves tokens shut."""
    token, thief, escrow, controller = (
        ledgers.deploy("ReentrantToken"),
        ledgers.payer,
        ledgers.escrow,
        ledgers.controller,
    )
    ledgers.deposit(thief, 1_000, token)
    escrow.hold(token, thief, 100, sender=controller)
    escrow.distribute(token, thief, [BURN], [100], 0, sender=controller)
    token.mint(thief, 300, sender=thief)
    token.approve(escrow, 300, sender=thief)
    permit = (0, 0, bytes(32), bytes(32))
    doors = {
        "deposit": (escrow.deposit, (controller, token, thief, 300)),
        "depositWithPermit": (escrow.depositWithPermit, (controller, token, thief, 300, *permit)),
        "withdraw": (escrow.withdraw, (controller, token, 200, thief)),
        "flushBurned": (escrow.flushBurned, (controller, token)),
    }
    change = {"deposit": 300, "depositWithPermit": 300, "withdraw": -200, "flushBurned": 0}[outer]
    for inner in ESCROW_DOORS:
        with ledgers.chain.isolate():
            call_back(ledgers, token, escrow, doors[outer], doors[inner])
            assert ledgers.balance(thief, token) == (900 + change, 0)
            assert owed(ledgers, token) == token.balanceOf(escrow)


@pytest.mark.parametrize("outer", VAULT_DOORS)
def test_attack_reentrant_stake_token(ledgers: Ledgers, outer: str) -> None:
    token, thief, worker = ledgers.deploy("ReentrantToken"), ledgers.provider, ledgers.worker
    vault, _ = staked(ledgers, token, 1_000)
    vault.lock(thief, worker, 400, sender=ledgers.controller)
    vault.release(thief, worker, 400, 400, thief, 200, sender=ledgers.controller)
    token.mint(thief, 500, sender=thief)
    token.approve(vault, 500, sender=thief)
    vault.deposit(worker, 300, sender=thief)
    doors = {
        "deposit": (vault.deposit, (worker, 100)),
        "withdraw": (vault.withdraw, (worker, 200, thief)),
        "claim": (vault.claim, (thief,)),
        "flushBurned": (vault.flushBurned, ()),
    }
    left = {"deposit": 1_400, "withdraw": 1_100, "claim": 1_100, "flushBurned": 1_100}[outer]
    for inner in VAULT_DOORS:
        with ledgers.chain.isolate():
            call_back(ledgers, token, vault, doors[outer], doors[inner])
            assert token.balanceOf(vault) == left


def call_back(ledgers: Ledgers, token: Any, target: Any, outer: tuple[Any, Any], inner: tuple[Any, Any]) -> None:
    """Go through `outer`; the token, in its middle, tries `inner` and is turned away by the guard."""
    (door, arguments), (other, others) = outer, inner
    sender = ledgers.payer if target == ledgers.escrow else ledgers.provider
    token.arm(target, other.encode_input(*others), sender=sender)
    door(*arguments, sender=sender)
    assert token.called()
    assert not token.succeeded()
    assert bytes(token.answer())[:4] == REENTERED


@pytest.mark.parametrize("outer", ["deposit", "withdraw"])
@pytest.mark.parametrize("verb", ["hold", "distribute"])
def test_attack_reentrant_token_plays_the_controller(ledgers: Ledgers, outer: str, verb: str) -> None:
    """What needs no guard: a controller that moves credits in the middle of a transfer moves its own, once."""
    token, thief, escrow = ledgers.deploy("ReentrantToken"), ledgers.payer, ledgers.escrow
    puppet = ledgers.deploy("StubController")
    ledgers.deposit(thief, 1_000, token, controller=puppet)
    hold = escrow.hold.encode_input(token, thief, 600)
    move = escrow.distribute.encode_input(token, thief, [ledgers.closer], [500], 50)
    if verb == "distribute":
        puppet.run(escrow, hold, sender=thief)
    token.arm(puppet, puppet.run.encode_input(escrow, hold if verb == "hold" else move), sender=thief)
    if outer == "deposit":
        ledgers.deposit(thief, 300, token, controller=puppet)
    else:
        escrow.withdraw(puppet, token, 300, thief, sender=thief)
    assert token.succeeded()
    change = 300 if outer == "deposit" else -300
    expected = (400 + change, 600) if verb == "hold" else (450 + change, 50)
    assert ledgers.balance(thief, token, puppet) == expected
    assert owed(ledgers, token, [puppet]) == token.balanceOf(escrow) == 1_000 + change


@pytest.mark.parametrize("outer", ["deposit", "withdraw"])
def test_attack_read_only_reentrancy(ledgers: Ledgers, outer: str) -> None:
    """Whoever reads in the middle of a transfer never sees more than is there."""
    token, thief, escrow, controller = (
        ledgers.deploy("ReentrantToken"),
        ledgers.payer,
        ledgers.escrow,
        ledgers.controller,
    )
    ledgers.deposit(thief, 1_000, token)
    token.arm(escrow, escrow.balanceOf.encode_input(controller, token, thief), sender=thief)
    if outer == "deposit":
        ledgers.deposit(thief, 300, token)
    else:
        escrow.withdraw(controller, token, 300, thief, sender=thief)
    seen = int.from_bytes(bytes(token.answer())[:32], "big")
    assert seen == (1_000 if outer == "deposit" else 700)  # not credited yet; debited already


# ---- tokens that take, grow, shrink, lie, block and stop


def test_attack_fee_on_transfer_is_paid_by_whoever_moves_it(ledgers: Ledgers) -> None:
    token, first, second = ledgers.deploy("FeeToken"), ledgers.payer, ledgers.stranger
    ledgers.deposit(first, 1_000, token)
    ledgers.deposit(second, 1_000, token)
    assert ledgers.balance(first, token) == ledgers.balance(second, token) == (990, 0)
    ledgers.escrow.withdraw(ledgers.controller, token, 990, first, sender=first)
    assert token.balanceOf(first) == 981  # the way out costs too
    ledgers.escrow.withdraw(ledgers.controller, token, 990, second, sender=second)
    assert token.balanceOf(ledgers.escrow) == 0


def test_attack_fee_on_transfer_of_everything_credits_nothing(ledgers: Ledgers) -> None:
    token, payer = ledgers.deploy("LyingToken"), ledgers.payer
    token.set(True, True, sender=payer)  # says yes, moves nothing
    with refused("ZeroAmount"):
        ledgers.deposit(payer, 1_000, token)
    vault = ledgers.deploy("StakeVault", token, 1)
    with refused("ZeroAmount"):
        vault.deposit(ledgers.worker, 1_000, sender=payer)


def test_attack_rebase_down(ledgers: Ledgers) -> None:
    """Unsupported, and this is why: after a loss the first out is whole, the last waits, and who comes new pays for
    him. All of them are holders of this very token; nobody else notices."""
    token, first, last, late = ledgers.deploy("RebasingToken"), ledgers.payer, ledgers.stranger, ledgers.closer
    ledgers.deposit(first, 1_000, token)
    ledgers.deposit(last, 1_000, token)
    token.setIndex(50, sender=ledgers.deployer)
    assert owed(ledgers, token) == 2_000 == 2 * token.balanceOf(ledgers.escrow)
    ledgers.escrow.withdraw(ledgers.controller, token, 1_000, first, sender=first)
    with refused("ERC20InsufficientBalance"):
        ledgers.escrow.withdraw(ledgers.controller, token, 1, last, sender=last)
    ledgers.deposit(late, 1_000, token)
    assert ledgers.balance(late, token) == (1_000, 0)  # measured: what arrived
    ledgers.escrow.withdraw(ledgers.controller, token, 1_000, last, sender=last)
    with refused("ERC20InsufficientBalance"):
        ledgers.escrow.withdraw(ledgers.controller, token, 1_000, late, sender=late)


def test_attack_rebase_up(ledgers: Ledgers) -> None:
    """What grew belongs to nobody and stays: no account can withdraw more than it put in."""
    token, first, late = ledgers.deploy("RebasingToken"), ledgers.payer, ledgers.stranger
    ledgers.deposit(first, 1_000, token)
    token.setIndex(200, sender=ledgers.deployer)
    ledgers.deposit(late, 500, token)
    assert ledgers.balance(late, token) == (500, 0)  # not the growth of what lay there before
    with refused("FreeTooSmall", have=1_000, need=1_001):
        ledgers.escrow.withdraw(ledgers.controller, token, 1_001, first, sender=first)
    for account, amount in ((first, 1_000), (late, 500)):
        ledgers.escrow.withdraw(ledgers.controller, token, amount, account, sender=account)
    assert owed(ledgers, token) == 0
    assert token.balanceOf(ledgers.escrow) == 1_000


def test_attack_rebasing_stake_token(ledgers: Ledgers) -> None:
    """A loss is the last leaver's. The stake token is chosen once, at deployment: never one that rebases."""
    token, provider, worker = ledgers.deploy("RebasingToken"), ledgers.provider, ledgers.worker
    vault, free = staked(ledgers, token, 1_000)
    token.setIndex(50, sender=ledgers.deployer)
    vault.requestExit(worker, ledgers.controller, free, sender=provider)
    ledgers.at(ledgers.now + PARAMETERS.exit_delay)
    vault.finishExit(worker, ledgers.controller, sender=provider)
    with refused("ERC20InsufficientBalance"):
        vault.withdraw(worker, free, provider, sender=provider)
    vault.withdraw(worker, free // 2, provider, sender=provider)
    assert vault.freeOf(provider, worker) == free - free // 2


def test_attack_no_return_token_that_fails(ledgers: Ledgers) -> None:
    """It answers nothing when it moves; when it cannot move it reverts, and no credit is written."""
    token, payer = ledgers.deploy("NoReturnToken"), ledgers.payer
    token.approve(ledgers.escrow, 1_000, sender=payer)
    with refused("ERC20InsufficientBalance", balance=0, needed=1_000):
        ledgers.escrow.deposit(ledgers.controller, token, payer, 1_000, sender=payer)
    assert ledgers.balance(payer, token) == (0, 0)


def test_attack_false_return(ledgers: Ledgers) -> None:
    """A transfer that fails by answering false is a failed call: no credit on the way in, no debit on the way out."""
    token, payer, escrow, controller = ledgers.deploy("LyingToken"), ledgers.payer, ledgers.escrow, ledgers.controller
    ledgers.deposit(payer, 1_000, token)
    escrow.hold(token, payer, 100, sender=controller)
    escrow.distribute(token, payer, [BURN], [100], 0, sender=controller)
    token.set(True, False, sender=payer)
    with refused("SafeERC20FailedOperation", token=token):
        ledgers.deposit(payer, 1_000, token)
    with refused("SafeERC20FailedOperation", token=token):
        escrow.withdraw(controller, token, 900, payer, sender=payer)
    with refused("SafeERC20FailedOperation", token=token):
        escrow.flushBurned(controller, token, sender=payer)
    assert ledgers.balance(payer, token) == (900, 0)
    assert ledgers.balance(BURN, token) == (100, 0)


def test_attack_true_return_that_moved_nothing(ledgers: Ledgers) -> None:
    """Nothing can be done for him who withdraws a token that lies; what it kept is still nobody else's."""
    token, fool, other = ledgers.deploy("LyingToken"), ledgers.payer, ledgers.stranger
    ledgers.deposit(fool, 1_000, token)
    ledgers.deposit(other, 1_000, token)
    token.set(True, True, sender=fool)
    ledgers.escrow.withdraw(ledgers.controller, token, 1_000, fool, sender=fool)
    assert (ledgers.balance(fool, token), token.balanceOf(fool)) == ((0, 0), 0)
    token.set(False, True, sender=fool)
    ledgers.escrow.withdraw(ledgers.controller, token, 1_000, other, sender=other)
    assert token.balanceOf(other) == 1_000


def test_attack_blocked_payee(ledgers: Ledgers) -> None:
    """Pay is a credit: whom the issuer blocks is paid all the same, holds up nobody, and withdraws elsewhere."""
    token, payer, blocked = ledgers.deploy("BlocklistToken"), ledgers.payer, ledgers.worker
    ledgers.deposit(payer, 1_000, token)
    ledgers.escrow.hold(token, payer, 1_000, sender=ledgers.controller)
    token.setBlocked(blocked, True, sender=ledgers.deployer)
    payees = [blocked, ledgers.stranger]
    ledgers.escrow.distribute(token, payer, payees, [400, 500], 100, sender=ledgers.controller)
    ledgers.escrow.withdraw(ledgers.controller, token, 500, ledgers.stranger, sender=ledgers.stranger)
    with refused("ERC20InvalidReceiver", receiver=blocked):
        ledgers.escrow.withdraw(ledgers.controller, token, 400, blocked, sender=blocked)
    ledgers.escrow.withdraw(ledgers.controller, token, 400, ledgers.closer, sender=blocked)
    assert token.balanceOf(ledgers.closer) == 400


def test_attack_blocked_finder(ledgers: Ledgers) -> None:
    token, provider, worker, finder = (
        ledgers.deploy("BlocklistToken"),
        ledgers.provider,
        ledgers.worker,
        ledgers.closer,
    )
    vault, _ = staked(ledgers, token, 1_000)
    token.setBlocked(finder, True, sender=ledgers.deployer)
    vault.lock(provider, worker, 1_000, sender=ledgers.controller)
    vault.release(provider, worker, 1_000, 1_000, finder, 500, sender=ledgers.controller)
    with refused("ERC20InvalidReceiver", receiver=finder):
        vault.claim(finder, sender=finder)
    vault.claim(ledgers.stranger, sender=finder)
    assert token.balanceOf(ledgers.stranger) == 500


def test_attack_blocked_burn_address(ledgers: Ledgers) -> None:
    """A fee that cannot be sent away stays a credit; everybody else's money moves."""
    token, payer = ledgers.deploy("BlocklistToken"), ledgers.payer
    ledgers.deposit(payer, 1_000, token)
    token.setBlocked(BURN, True, sender=ledgers.deployer)
    ledgers.escrow.hold(token, payer, 1_000, sender=ledgers.controller)
    ledgers.escrow.distribute(token, payer, [ledgers.worker, BURN], [900, 9], 91, sender=ledgers.controller)
    with refused("ERC20InvalidReceiver", receiver=BURN):
        ledgers.escrow.flushBurned(ledgers.controller, token, sender=payer)
    ledgers.escrow.withdraw(ledgers.controller, token, 900, ledgers.worker, sender=ledgers.worker)
    assert ledgers.balance(BURN, token) == (9, 0)


@pytest.mark.parametrize("how", ["blocked", "paused"])
def test_attack_issuer_freezes_the_escrow(ledgers: Ledgers, how: str) -> None:
    """Then this token stands still; settling goes on in credits, and all of it can be had when the issuer relents."""
    token = ledgers.deploy("BlocklistToken" if how == "blocked" else "PausableToken")
    payer, worker = ledgers.payer, ledgers.worker
    ledgers.deposit(payer, 1_000, token)

    def freeze(on: bool) -> None:
        if how == "blocked":
            token.setBlocked(ledgers.escrow, on, sender=ledgers.deployer)
        else:
            token.setPaused(on, sender=ledgers.deployer)

    freeze(True)
    ledgers.escrow.hold(token, payer, 600, sender=ledgers.controller)
    ledgers.escrow.distribute(token, payer, [worker], [600], 0, sender=ledgers.controller)
    with refused("ERC20InvalidSender" if how == "blocked" else "Paused"):
        ledgers.escrow.withdraw(ledgers.controller, token, 600, worker, sender=worker)
    assert ledgers.balance(worker, token) == (600, 0)
    freeze(False)
    ledgers.escrow.withdraw(ledgers.controller, token, 600, worker, sender=worker)
    ledgers.escrow.withdraw(ledgers.controller, token, 400, payer, sender=payer)
    assert token.balanceOf(ledgers.escrow) == 0


def test_attack_leftover_allowance_of_a_strict_token(ledgers: Ledgers) -> None:
    """The escrow takes what it was asked to and leaves the rest of an allowance where it is: the depositor sets it to
    zero before the next, or deposits the rest. The escrow itself never approves anything."""
    token, payer = ledgers.deploy("StrictApprovalToken"), ledgers.payer
    token.mint(payer, 1_000, sender=payer)
    token.approve(ledgers.escrow, 700, sender=payer)
    ledgers.escrow.deposit(ledgers.controller, token, payer, 600, sender=payer)
    with refused("AllowanceThere", allowance=100):
        token.approve(ledgers.escrow, 400, sender=payer)
    ledgers.escrow.deposit(ledgers.controller, token, payer, 100, sender=payer)
    token.approve(ledgers.escrow, 300, sender=payer)
    ledgers.escrow.deposit(ledgers.controller, token, payer, 300, sender=payer)
    assert ledgers.balance(payer, token) == (1_000, 0)


# ---- amounts without measure


def test_attack_amounts_at_the_edge_of_128_bits(ledgers: Ledgers) -> None:
    """A token of 36 decimals: 340 of them fill a balance. What does not fit is refused by name, and moves nothing."""
    token, payer, worker = ledgers.deploy("TestToken", "huge", "HUGE", 36), ledgers.payer, ledgers.worker
    ledgers.deposit(payer, MOST, token)
    with refused("AmountTooLarge", amount=MOST + 1):
        ledgers.deposit(payer, 1, token)
    assert token.balanceOf(payer) == 1
    ledgers.escrow.hold(token, payer, MOST, sender=ledgers.controller)
    assert ledgers.balance(payer, token) == (0, MOST)
    ledgers.escrow.distribute(token, payer, [worker, BURN], [MOST - 1, 1], 0, sender=ledgers.controller)
    ledgers.escrow.withdraw(ledgers.controller, token, MOST - 1, worker, sender=worker)
    assert token.balanceOf(worker) == MOST - 1


def test_attack_stake_at_the_edge_of_96_bits(ledgers: Ledgers) -> None:
    token, provider, worker = ledgers.deploy("TestToken", "huge", "HUGE", 36), ledgers.provider, ledgers.worker
    vault, _ = staked(ledgers, token, MOST_STAKE)
    token.mint(provider, 1, sender=provider)
    token.approve(vault, 1, sender=provider)
    vault.deposit(worker, 1, sender=provider)
    with refused("AmountTooLarge", amount=MOST_STAKE + 1):
        vault.allocate(worker, ledgers.controller, 1, sender=provider)
    vault.lock(provider, worker, MOST_STAKE, sender=ledgers.controller)
    vault.release(provider, worker, MOST_STAKE, MOST_STAKE, ledgers.closer, MOST_STAKE, sender=ledgers.controller)
    assert vault.claimableOf(ledgers.closer) == MOST_STAKE // 2
    assert tuple(vault.allocationOf(provider, worker, ledgers.controller))[:2] == (0, 0)


def test_attack_supply_of_all_there_is(ledgers: Ledgers) -> None:
    """2^256 - 1 of a token in one hand: no sum wraps around, in one call or in many."""
    token, whale = ledgers.deploy("TestToken", "all", "ALL", 18), ledgers.payer
    token.mint(whale, 2**256 - 1, sender=whale)
    token.approve(ledgers.escrow, 2**256 - 1, sender=whale)
    for amount in (2**256 - 1, 2**255, MOST + 1):
        with refused("AmountTooLarge", amount=amount):
            ledgers.escrow.deposit(ledgers.controller, token, whale, amount, sender=whale)
    for account in (whale, ledgers.stranger):
        ledgers.escrow.deposit(ledgers.controller, token, account, MOST, sender=whale)
    assert owed(ledgers, token) == 2 * MOST == token.balanceOf(ledgers.escrow)


def test_attack_full_purse_stalls_a_payment(ledgers: Ledgers) -> None:
    """Whose balance is full cannot be paid. It takes a supply of 2^128 and more, which no listed token may have
    (IEscrow); and the owner of the full purse, nobody else, makes room by withdrawing."""
    token, payer, worker = ledgers.deploy("TestToken", "all", "ALL", 18), ledgers.payer, ledgers.worker
    ledgers.deposit(payer, 1_000, token)
    ledgers.escrow.hold(token, payer, 1_000, sender=ledgers.controller)
    ledgers.deposit(worker, MOST, token)
    with refused("AmountTooLarge", amount=MOST + 1):
        ledgers.escrow.distribute(token, payer, [worker], [1], 999, sender=ledgers.controller)
    ledgers.escrow.withdraw(ledgers.controller, token, 1, worker, sender=worker)
    ledgers.escrow.distribute(token, payer, [worker], [1], 999, sender=ledgers.controller)
    assert ledgers.balance(worker, token) == (MOST, 0)


# ---- receivers, rounding, paying twice, donations


def test_attack_reverting_receiver(ledgers: Ledgers) -> None:
    """A payee whose code refuses everything: nobody calls him, so all the others are paid in the same breath."""
    payer, grump = ledgers.payer, ledgers.deploy("StubReader")  # no fallback, no receive: any plain call reverts
    ledgers.deposit(payer, 1_000)
    ledgers.escrow.hold(ledgers.coin, payer, 1_000, sender=ledgers.controller)
    payees = [grump, ledgers.worker, ledgers.registry, BURN]
    ledgers.escrow.distribute(ledgers.coin, payer, payees, [1, 800, 2, 9], 188, sender=ledgers.controller)
    assert ledgers.balance(ledgers.worker) == (800, 0)
    assert ledgers.balance(grump) == (1, 0)
    assert ledgers.balance(payer) == (188, 0)


@pytest.mark.parametrize("seed", range(3))
def test_attack_rounding(ledgers: Ledgers, seed: int) -> None:
    """The escrow divides nothing: however a sum is cut, what is paid, burned, given back and left over is the sum."""
    dice, payer = Random(seed), ledgers.payer
    payees = [ledgers.worker, ledgers.stranger, ledgers.closer, BURN, payer]
    total = dice.randrange(10**6, 10**30)
    ledgers.deposit(payer, total)
    ledgers.escrow.hold(ledgers.coin, payer, total, sender=ledgers.controller)
    left = total
    for _ in range(6):
        chosen = [dice.choice(payees) for _ in range(dice.randrange(5))]
        amounts = [dice.choice([0, 1, dice.randrange(left // 12 + 1)]) for _ in chosen]
        released = dice.choice([0, 1, dice.randrange(left // 12 + 1)])
        ledgers.escrow.distribute(ledgers.coin, payer, chosen, amounts, released, sender=ledgers.controller)
        left -= sum(amounts) + released
        assert ledgers.balance(payer)[1] == left
        assert owed(ledgers, ledgers.coin) == total + 777 == ledgers.coin.balanceOf(ledgers.escrow)


def test_attack_double_pay_and_refund_after_pay(ledgers: Ledgers) -> None:
    """E3: what was held is given out once, as pay or back."""
    payer, worker = ledgers.payer, ledgers.worker
    ledgers.deposit(payer, 1_000)
    ledgers.escrow.hold(ledgers.coin, payer, 600, sender=ledgers.controller)
    ledgers.escrow.distribute(ledgers.coin, payer, [worker], [500], 100, sender=ledgers.controller)
    for payees, amounts, released in (([worker], [1], 0), ([], [], 1), ([worker], [500], 100)):
        with refused("HeldTooSmall", have=0):
            ledgers.escrow.distribute(ledgers.coin, payer, payees, amounts, released, sender=ledgers.controller)
    assert (ledgers.balance(payer), ledgers.balance(worker)) == ((500, 0), (500, 0))


def test_attack_withdraw_what_a_job_holds(ledgers: Ledgers) -> None:
    payer = ledgers.payer
    ledgers.deposit(payer, 1_000)
    ledgers.escrow.hold(ledgers.coin, payer, 999, sender=ledgers.controller)
    with refused("FreeTooSmall", have=1, need=2):
        ledgers.escrow.withdraw(ledgers.controller, ledgers.coin, 2, payer, sender=payer)


def test_attack_donation(ledgers: Ledgers) -> None:
    """Tokens sent without a deposit belong to nobody, and lift nobody's balance."""
    donor, payer = ledgers.stranger, ledgers.payer
    ledgers.coin.mint(ledgers.escrow, 12_345, sender=donor)
    ledgers.stake_token.mint(ledgers.vault, 12_345, sender=donor)
    ledgers.deposit(payer, 100)
    assert ledgers.balance(payer) == (100, 0)
    assert owed(ledgers, ledgers.coin) == 877 == ledgers.coin.balanceOf(ledgers.escrow) - 12_345
    with refused("FreeTooSmall", have=100, need=101):
        ledgers.escrow.withdraw(ledgers.controller, ledgers.coin, 101, payer, sender=payer)
    with refused("FreeTooSmall", have=0, need=1):
        ledgers.vault.withdraw(ledgers.worker, 1, donor, sender=donor)
    with refused("ZeroAmount"):
        ledgers.vault.flushBurned(sender=donor)


def test_attack_donation_in_the_middle_of_a_deposit(ledgers: Ledgers) -> None:
    """It is measured with the deposit, so the depositor has a present; what is owed is still what is there."""
    token, payer = ledgers.deploy("ReentrantToken"), ledgers.payer
    token.mint(token, 50, sender=payer)
    token.mint(payer, 300, sender=payer)
    token.approve(ledgers.escrow, 300, sender=payer)
    token.arm(token, token.transfer.encode_input(ledgers.escrow, 50), sender=payer)
    ledgers.escrow.deposit(ledgers.controller, token, payer, 300, sender=payer)
    assert token.succeeded()
    assert owed(ledgers, token) == 350 == token.balanceOf(ledgers.escrow)


# ---- counterfeits


def test_attack_counterfeit_token(ledgers: Ledgers) -> None:
    """Anybody can fill a balance with money that he printed. It is money of its own name: no job may use it, and
    nothing of it turns into another token."""
    token, forger = ledgers.deploy("TestToken", "coin", "USDC", 6), ledgers.payer  # name and symbol of the real one
    ledgers.deposit(forger, MOST, token)
    assert ledgers.balance(forger) == (0, 0)
    with refused("FreeTooSmall", token=ledgers.coin, have=0, need=1):
        ledgers.escrow.withdraw(ledgers.controller, ledgers.coin, 1, forger, sender=forger)
    with refused("FreeTooSmall", token=ledgers.coin, have=0, need=1):
        ledgers.escrow.hold(ledgers.coin, forger, 1, sender=ledgers.controller)
    assert ledgers.parameters.tokenRule(token).maxEscrow == 0  # admit: TokenNotAllowed


@pytest.mark.parametrize("what", ["an account", "the escrow", "the vault", "the registry"])
def test_attack_token_that_is_none(ledgers: Ledgers, what: str) -> None:
    thing = {
        "an account": ledgers.stranger,
        "the escrow": ledgers.escrow,
        "the vault": ledgers.vault,
        "the registry": ledgers.registry,
    }[what]
    with pytest.raises(ContractLogicError):
        ledgers.escrow.deposit(ledgers.controller, thing, ledgers.payer, 1, sender=ledgers.payer)
    assert ledgers.balance(ledgers.payer, thing) == (0, 0)


# ---- permits and other signatures


def test_attack_permit_front_run(ledgers: Ledgers) -> None:
    """The permit is used by somebody else first: the allowance is there all the same, and so is the deposit."""
    owner, deadline = ledgers.payer, ledgers.now + 1_000
    ledgers.coin.mint(owner, 100, sender=owner)
    permit = signed_permit(ledgers, owner, 100, deadline)
    ledgers.coin.permit(owner, ledgers.escrow, 100, deadline, *permit, sender=ledgers.stranger)
    ledgers.escrow.depositWithPermit(ledgers.controller, ledgers.coin, owner, 100, deadline, *permit, sender=owner)
    assert ledgers.balance(owner) == (100, 0)


def test_attack_permit_front_run_into_another_purse(ledgers: Ledgers) -> None:
    """A thief who sees the permit passes it on with his own account as the one to be credited: the escrow takes from
    its caller and from nobody else, before and after the permit is spent."""
    owner, thief, deadline = ledgers.payer, ledgers.stranger, ledgers.now + 1_000
    ledgers.coin.mint(owner, 100, sender=owner)
    permit = signed_permit(ledgers, owner, 100, deadline)
    grab = (ledgers.controller, ledgers.coin, thief, 100, deadline, *permit)
    with refused("ERC20InsufficientAllowance"):
        ledgers.escrow.depositWithPermit(*grab, sender=thief)
    ledgers.coin.permit(owner, ledgers.escrow, 100, deadline, *permit, sender=thief)
    with refused("ERC20InsufficientAllowance"):
        ledgers.escrow.depositWithPermit(*grab, sender=thief)
    with refused("ERC20InsufficientAllowance"):
        ledgers.escrow.deposit(ledgers.controller, ledgers.coin, thief, 100, sender=thief)
    assert ledgers.coin.balanceOf(owner) == 100


def test_attack_permit_replay(ledgers: Ledgers) -> None:
    """Used once it is spent: a second deposit needs a second permit."""
    owner, deadline = ledgers.payer, ledgers.now + 1_000
    ledgers.coin.mint(owner, 200, sender=owner)
    permit = signed_permit(ledgers, owner, 100, deadline)
    deposit = (ledgers.controller, ledgers.coin, owner, 100, deadline, *permit)
    ledgers.escrow.depositWithPermit(*deposit, sender=owner)
    with refused("ERC20InsufficientAllowance", allowance=0, needed=100):
        ledgers.escrow.depositWithPermit(*deposit, sender=owner)


@pytest.mark.parametrize("flaw", ["another amount", "too late", "another chain", "two in reverse order"])
def test_attack_permit_bent(ledgers: Ledgers, flaw: str) -> None:
    owner, deadline = ledgers.payer, ledgers.now + 1_000
    ledgers.coin.mint(owner, 500, sender=owner)
    chain_id = int(ledgers.chain.chain_id)
    permit = signed_permit(ledgers, owner, 100, deadline, chain_id + 1 if flaw == "another chain" else None)
    amount = 101 if flaw == "another amount" else 100
    if flaw == "too late":
        ledgers.at(deadline + 1)
    if flaw == "two in reverse order":  # the second permit, signed for the nonce after, comes first
        first = permit
        ledgers.coin.permit(owner, ledgers.escrow, 100, deadline, *first, sender=owner)
        permit = signed_permit(ledgers, owner, 100, deadline)
        ledgers.coin.approve(ledgers.escrow, 0, sender=owner)
        ledgers.escrow.depositWithPermit(ledgers.controller, ledgers.coin, owner, 100, deadline, *permit, sender=owner)
        permit = first
    with refused("ERC20InsufficientAllowance", allowance=0):
        ledgers.escrow.depositWithPermit(
            ledgers.controller, ledgers.coin, owner, amount, deadline, *permit, sender=owner
        )


def test_attack_phantom_permit(ledgers: Ledgers) -> None:
    """A token that swallows `permit` without knowing it lets any permit pass, so nothing may rest on one: the escrow
    takes from its caller alone, and a standing allowance of somebody else is worth nothing to him."""
    token, victim, thief = ledgers.deploy("PhantomPermitToken"), ledgers.payer, ledgers.stranger
    token.mint(victim, 100, sender=victim)
    token.approve(ledgers.escrow, 100, sender=victim)
    nothing = (0, 0, bytes(32), bytes(32))
    for account in (thief, victim):
        with refused("ERC20InsufficientAllowance", allowance=0):
            ledgers.escrow.depositWithPermit(ledgers.controller, token, account, 100, *nothing, sender=thief)
    ledgers.escrow.depositWithPermit(ledgers.controller, token, victim, 100, *nothing, sender=victim)
    assert ledgers.balance(victim, token) == (100, 0)


def test_attack_consent_replay(ledgers: Ledgers) -> None:
    """A worker's consent is for one provider in one registry on one chain, and can be used once."""
    worker, provider, thief = ledgers.worker, ledgers.provider, ledgers.stranger
    consent = worker.sign_raw_msghash(ledgers.registry.consentDigest(worker, provider)).encode_rsv()
    with refused("BadConsent", worker=worker):
        ledgers.registry.register(worker, ledgers.profile(thief), consent, sender=thief)
    ledgers.registry.register(worker, ledgers.profile(provider), consent, sender=provider)
    with refused("AlreadyRegistered", worker=worker):
        ledgers.registry.register(worker, ledgers.profile(provider), consent, sender=provider)
    elsewhere = ledgers.deploy("WorkerRegistry")
    with refused("BadConsent", worker=worker):
        elsewhere.register(worker, ledgers.profile(provider), consent, sender=provider)

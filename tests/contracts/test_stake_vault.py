"""Stake: a provider deposits, allocates by consent, and leaves by a queue; that controller alone locks and slashes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.world import BURN, PARAMETERS, ZERO, World, container, refused

DELAY = PARAMETERS.exit_delay


class Pair:
    """A provider, a worker, and an ordinary account as controller, with 1000 units allocated."""

    def __init__(self, world: World) -> None:
        self.world, self.vault = world, world.vault
        self.provider, self.worker, self.controller = world.spare[:3]
        self.deposit(1000)
        self.allocate(1000)

    def deposit(self, amount: int) -> None:
        self.world.stake_token.mint(self.provider, amount, sender=self.provider)
        self.world.stake_token.approve(self.vault, amount, sender=self.provider)
        self.vault.deposit(self.worker, amount, sender=self.provider)

    def allocate(self, amount: int) -> None:
        self.vault.allocate(self.worker, self.controller, amount, sender=self.provider)

    def lock(self, amount: int) -> None:
        self.vault.lock(self.provider, self.worker, amount, sender=self.controller)

    def release(self, amount: int, slashed: int = 0, finder: Any = ZERO, share: int = 0) -> Any:
        return self.vault.release(self.provider, self.worker, amount, slashed, finder, share, sender=self.controller)

    def request_exit(self, amount: int) -> None:
        self.vault.requestExit(self.worker, self.controller, amount, sender=self.provider)

    def finish_exit(self) -> None:
        self.vault.finishExit(self.worker, self.controller, sender=self.provider)

    @property
    def state(self) -> tuple[int, int, int]:
        """Allocated, locked, jobs."""
        have = self.vault.allocationOf(self.provider, self.worker, self.controller)
        return have.allocated, have.locked, have.locks

    @property
    def exit(self) -> tuple[int, int]:
        have = self.vault.exitOf(self.provider, self.worker, self.controller)
        return have.amount, have.readyAt

    @property
    def free(self) -> int:
        return int(self.vault.freeOf(self.provider, self.worker))

    @property
    def lockable(self) -> int:
        return int(self.vault.lockable(self.provider, self.worker, self.controller))


@pytest.fixture
def pair(world: World) -> Pair:
    return Pair(world)


def test_deposit__belongs_to_provider_and_worker(world: World, pair: Pair) -> None:
    pair.deposit(50)
    assert pair.free == 50
    assert world.vault.freeOf(pair.provider, world.stranger) == 0
    with refused("ZeroAmount"):
        world.vault.deposit(pair.worker, 0, sender=pair.provider)
    with refused("ZeroAddress"):
        world.vault.deposit(ZERO, 1, sender=pair.provider)


def test_allocate__moves_free_stake_and_restarts_its_age(world: World, pair: Pair) -> None:
    pair.deposit(50)
    world.at(world.now + 500)
    pair.allocate(20)
    assert (pair.free, pair.state) == (30, (1020, 0, 0))
    assert world.vault.allocationOf(pair.provider, pair.worker, pair.controller).since == world.now


def test_allocate__more_than_free_or_nothing__is_refused(world: World, pair: Pair) -> None:
    with refused("FreeTooSmall", have=0, need=1):
        pair.allocate(1)
    with refused("ZeroAmount"):
        pair.allocate(0)
    with refused("ZeroAddress"):
        world.vault.allocate(pair.worker, ZERO, 1, sender=pair.provider)


def test_allocate__beyond_96_bits__is_refused(pair: Pair) -> None:
    pair.deposit(2**96)
    with refused("AmountTooLarge", amount=2**96 + 1000):
        pair.allocate(2**96)


def test_lock__by_the_controller__counts_jobs(pair: Pair) -> None:
    pair.lock(300)
    pair.lock(300)
    assert (pair.state, pair.lockable) == ((1000, 600, 2), 400)
    with refused("StakeTooSmall", worker=pair.worker, have=400, need=401):
        pair.lock(401)


def test_lock__by_anybody_else__finds_nothing(world: World, pair: Pair) -> None:
    with refused("StakeTooSmall", have=0, need=1):
        world.vault.lock(pair.provider, pair.worker, 1, sender=world.stranger)


def test_release__without_slash__frees_the_lock(pair: Pair) -> None:
    pair.lock(300)
    pair.release(300)
    assert (pair.state, pair.lockable) == ((1000, 0, 0), 1000)


def test_release__more_than_locked_or_slash_above_the_lock__is_refused(world: World, pair: Pair) -> None:
    pair.lock(300)
    with refused("LockedTooSmall", have=300, need=301):
        pair.release(301)
    with refused("LockedTooSmall", have=300, need=301):
        pair.release(300, slashed=301)
    with refused("LockedTooSmall", have=0, need=1):
        world.vault.release(pair.provider, pair.worker, 1, 1, ZERO, 0, sender=world.stranger)


@pytest.mark.parametrize(
    ("slashed", "share", "expected"), [(101, 50, 50), (101, 51, 50), (101, 10, 10), (1, 1, 0), (101, 0, 0)]
)
def test_slash__finder_gets_at_most_half_rounded_down(
    world: World, pair: Pair, slashed: int, share: int, expected: int
) -> None:
    pair.lock(300)
    receipt = pair.release(300, slashed, world.stranger, share)
    [event] = list(receipt.decode_logs(world.vault.Slashed))
    assert (event.finderShare, event.burned) == (expected, slashed - expected)  # S3
    assert world.vault.claimableOf(world.stranger) == expected
    assert pair.state == (1000 - slashed, 0, 0)


def test_slash__without_a_finder__burns_all(world: World, pair: Pair) -> None:
    pair.lock(300)
    pair.release(300, 200, ZERO, 100)
    world.vault.flushBurned(sender=world.stranger)
    assert world.stake_token.balanceOf(BURN) == 200
    with refused("ZeroAmount"):
        world.vault.flushBurned(sender=world.stranger)


def test_claim__nothing_or_to_nobody__is_refused(world: World, pair: Pair) -> None:
    with refused("ZeroAmount"):
        world.vault.claim(world.stranger, sender=world.stranger)
    with refused("ZeroAddress"):
        world.vault.claim(ZERO, sender=world.stranger)


# ---- leaving


def test_exit__waits_for_the_delay__then_is_free_and_can_be_withdrawn(world: World, pair: Pair) -> None:
    pair.request_exit(400)
    asked = world.now
    assert (pair.exit, pair.lockable) == ((400, asked + DELAY), 600)
    world.at(asked + DELAY - 1)
    with refused("ExitNotReady", readyAt=asked + DELAY):
        pair.finish_exit()
    pair.finish_exit()
    assert (pair.free, pair.state, pair.exit[0]) == (400, (600, 0, 0), 0)
    world.vault.withdraw(pair.worker, 400, world.closer, sender=pair.provider)
    assert world.stake_token.balanceOf(world.closer) == 400


def test_exit__second_request__adds_up_and_restarts_the_clock(world: World, pair: Pair) -> None:
    pair.request_exit(400)
    world.at(world.now + DELAY)
    pair.request_exit(100)
    assert pair.exit == (500, world.now + DELAY)
    with refused("ExitNotReady"):
        pair.finish_exit()


def test_exit__more_than_stays__is_refused(pair: Pair) -> None:
    pair.request_exit(400)
    with refused("StakeTooSmall", have=600, need=601):
        pair.request_exit(601)
    with refused("ZeroAmount"):
        pair.request_exit(0)


def test_exit__never_asked__is_refused(pair: Pair) -> None:
    with refused("NoExit", worker=pair.worker):
        pair.finish_exit()


def test_exit__what_a_job_has_locked__stays_and_can_be_slashed(world: World, pair: Pair) -> None:
    """S2: nothing leaves while slashable, however long it has been in the queue."""
    pair.lock(700)
    pair.request_exit(1000)
    world.at(world.now + DELAY)
    pair.finish_exit()
    assert (pair.free, pair.state, pair.exit[0], pair.lockable) == (300, (700, 700, 1), 700, 0)
    pair.finish_exit()  # nothing to give, and no harm
    assert pair.free == 300
    pair.release(700, 500)
    pair.finish_exit()  # the rest stood in the queue, ready
    assert (pair.free, pair.state, pair.exit[0]) == (500, (0, 0, 0), 0)


def test_exit__slashed_stake_leaves_the_queue__and_later_stake_does_not_inherit_its_place(
    world: World, pair: Pair
) -> None:
    pair.lock(1000)
    pair.request_exit(1000)
    pair.release(1000, 1000)
    assert pair.exit[0] == 0
    pair.deposit(500)
    pair.allocate(500)
    world.at(world.now + DELAY)
    with refused("NoExit"):
        pair.finish_exit()
    assert pair.lockable == 500


def test_withdraw__more_than_free_nothing_or_to_nobody__is_refused(world: World, pair: Pair) -> None:
    pair.deposit(10)
    with refused("FreeTooSmall", provider=pair.provider, worker=pair.worker, have=10, need=11):
        world.vault.withdraw(pair.worker, 11, pair.provider, sender=pair.provider)
    with refused("ZeroAmount"):
        world.vault.withdraw(pair.worker, 0, pair.provider, sender=pair.provider)
    with refused("ZeroAddress"):
        world.vault.withdraw(pair.worker, 1, ZERO, sender=pair.provider)
    with refused("FreeTooSmall", provider=world.stranger, have=0):
        world.vault.withdraw(pair.worker, 1, world.stranger, sender=world.stranger)


def test_stake_token_with_a_fee__credits_what_arrived(world: World) -> None:
    token = world.deploy_double("FeeToken")
    vault = world.deployer.deploy(container("StakeVault"), token, DELAY)
    token.mint(world.stranger, 1000, sender=world.stranger)
    token.approve(vault, 1000, sender=world.stranger)
    vault.deposit(world.closer, 1000, sender=world.stranger)
    assert vault.freeOf(world.stranger, world.closer) == 990 == token.balanceOf(vault)

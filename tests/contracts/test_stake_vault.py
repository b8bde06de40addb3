"""Stake: a provider deposits, allocates by consent, and leaves by a queue; that controller alone locks and slashes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests.contracts.ledgers import Ledgers
from tests.contracts.world import BURN, PARAMETERS, ZERO, refused

DELAY = PARAMETERS.exit_delay
DAY = 24 * 3600


class Pair:
    """A provider, a worker, and an ordinary account as controller, with 1000 units allocated."""

    def __init__(self, ledgers: Ledgers) -> None:
        self.ledgers, self.vault = ledgers, ledgers.vault
        self.provider, self.worker, self.controller = ledgers.provider, ledgers.worker, ledgers.controller
        self.deposit(1000)
        self.allocate(1000)

    def deposit(self, amount: int) -> None:
        self.ledgers.stake_token.mint(self.provider, amount, sender=self.provider)
        self.ledgers.stake_token.approve(self.vault, amount, sender=self.provider)
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
        """Active, locked, jobs."""
        have = self.vault.allocationOf(self.provider, self.worker, self.controller)
        return have.active, have.locked, have.locks

    @property
    def exit(self) -> tuple[int, int]:
        have = self.vault.exitOf(self.provider, self.worker, self.controller)
        return have.amount, have.readyAt

    def cap(self, cap: int | None) -> None:
        """None: no cap."""
        self.vault.setLockCap(self.worker, self.controller, cap is not None, cap or 0, sender=self.provider)

    @property
    def used(self) -> int:
        return int(self.vault.capOf(self.provider, self.worker, self.controller).used)

    @property
    def free(self) -> int:
        return int(self.vault.freeOf(self.provider, self.worker))

    @property
    def lockable(self) -> int:
        return int(self.vault.lockable(self.provider, self.worker, self.controller))


@pytest.fixture
def pair(ledgers: Ledgers) -> Pair:
    return Pair(ledgers)


def test_deposit__belongs_to_provider_and_worker(ledgers: Ledgers, pair: Pair) -> None:
    pair.deposit(50)
    assert pair.free == 50
    assert ledgers.vault.freeOf(pair.provider, ledgers.stranger) == 0
    with refused("ZeroAmount"):
        ledgers.vault.deposit(pair.worker, 0, sender=pair.provider)
    with refused("ZeroAddress"):
        ledgers.vault.deposit(ZERO, 1, sender=pair.provider)


def test_allocate__moves_free_stake_and_restarts_its_age(ledgers: Ledgers, pair: Pair) -> None:
    pair.deposit(50)
    ledgers.at(ledgers.now + 500)
    pair.allocate(20)
    assert (pair.free, pair.state) == (30, (1020, 0, 0))
    assert ledgers.vault.allocationOf(pair.provider, pair.worker, pair.controller).since == ledgers.now


def test_allocate__more_than_free_or_nothing__is_refused(ledgers: Ledgers, pair: Pair) -> None:
    with refused("FreeTooSmall", have=0, need=1):
        pair.allocate(1)
    with refused("ZeroAmount"):
        pair.allocate(0)
    with refused("ZeroAddress"):
        ledgers.vault.allocate(pair.worker, ZERO, 1, sender=pair.provider)


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


def test_lock__tells_age_jobs_and_what_stays(ledgers: Ledgers, pair: Pair) -> None:
    since = ledgers.now
    pair.lock(300)
    pair.request_exit(100)
    told = ledgers.vault.lock.call(pair.provider, pair.worker, 300, sender=pair.controller)
    assert tuple(told) == (since, 2, 900)  # the lock of other jobs is in it, what is exiting is not


def test_lock__of_nothing__counts_a_job_all_the_same(pair: Pair) -> None:
    pair.lock(0)
    assert pair.state == (1000, 0, 1)
    pair.release(0)
    assert pair.state == (1000, 0, 0)
    with refused("LockedTooSmall", have=0, need=0):
        pair.release(0)


def test_lock__by_anybody_else__finds_nothing(ledgers: Ledgers, pair: Pair) -> None:
    with refused("StakeTooSmall", have=0, need=1):
        ledgers.vault.lock(pair.provider, pair.worker, 1, sender=ledgers.stranger)


def test_release__without_slash__frees_the_lock(pair: Pair) -> None:
    pair.lock(300)
    pair.release(300)
    assert (pair.state, pair.lockable) == ((1000, 0, 0), 1000)


def test_release__more_than_locked_or_slash_above_the_lock__is_refused(ledgers: Ledgers, pair: Pair) -> None:
    pair.lock(300)
    with refused("LockedTooSmall", have=300, need=301):
        pair.release(301)
    with refused("LockedTooSmall", have=300, need=301):
        pair.release(300, slashed=301)
    with refused("LockedTooSmall", have=0, need=1):
        ledgers.vault.release(pair.provider, pair.worker, 1, 1, ZERO, 0, sender=ledgers.stranger)


@pytest.mark.parametrize(
    ("slashed", "share", "expected"), [(101, 50, 50), (101, 51, 50), (101, 10, 10), (1, 1, 0), (101, 0, 0)]
)
def test_slash__finder_gets_at_most_half_rounded_down(
    ledgers: Ledgers, pair: Pair, slashed: int, share: int, expected: int
) -> None:
    pair.lock(300)
    receipt = pair.release(300, slashed, ledgers.stranger, share)
    [event] = list(receipt.decode_logs(ledgers.vault.Slashed))
    assert (event.finderShare, event.burned) == (expected, slashed - expected)  # S3
    assert ledgers.vault.claimableOf(ledgers.stranger) == expected
    assert pair.state == (1000 - slashed, 0, 0)


def test_slash__without_a_finder__burns_all(ledgers: Ledgers, pair: Pair) -> None:
    pair.lock(300)
    pair.release(300, 200, ZERO, 100)
    ledgers.vault.flushBurned(sender=ledgers.stranger)
    assert ledgers.stake_token.balanceOf(BURN) == 200
    with refused("ZeroAmount"):
        ledgers.vault.flushBurned(sender=ledgers.stranger)


def test_claim__nothing_or_to_nobody__is_refused(ledgers: Ledgers, pair: Pair) -> None:
    with refused("ZeroAmount"):
        ledgers.vault.claim(ledgers.stranger, sender=ledgers.stranger)
    with refused("ZeroAddress"):
        ledgers.vault.claim(ZERO, sender=ledgers.stranger)


# ---- leaving


def test_exit__waits_for_the_delay__then_is_free_and_can_be_withdrawn(ledgers: Ledgers, pair: Pair) -> None:
    pair.request_exit(400)
    asked = ledgers.now
    assert (pair.exit, pair.lockable) == ((400, asked + DELAY), 600)
    ledgers.at(asked + DELAY - 1)
    with refused("ExitNotReady", readyAt=asked + DELAY):
        pair.finish_exit()
    pair.finish_exit()
    assert (pair.free, pair.state, pair.exit[0]) == (400, (600, 0, 0), 0)
    ledgers.vault.withdraw(pair.worker, 400, ledgers.closer, sender=pair.provider)
    assert ledgers.stake_token.balanceOf(ledgers.closer) == 400


def test_exit__second_request__adds_up_and_restarts_the_clock(ledgers: Ledgers, pair: Pair) -> None:
    pair.request_exit(400)
    ledgers.at(ledgers.now + DELAY)
    pair.request_exit(100)
    assert pair.exit == (500, ledgers.now + DELAY)
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


def test_exit__what_a_job_has_locked__stays_and_can_be_slashed(ledgers: Ledgers, pair: Pair) -> None:
    """S2: nothing leaves while slashable, however long it has been in the queue."""
    pair.lock(700)
    pair.request_exit(1000)
    ledgers.at(ledgers.now + DELAY)
    pair.finish_exit()
    assert (pair.free, pair.state, pair.exit[0], pair.lockable) == (300, (0, 700, 1), 700, 0)
    pair.finish_exit()  # nothing to give, and no harm
    assert pair.free == 300
    pair.release(700, 500)
    pair.finish_exit()  # the rest stood in the queue, ready
    assert (pair.free, pair.state, pair.exit[0]) == (500, (0, 0, 0), 0)


def test_exit__slashed_stake_leaves_the_queue__and_later_stake_does_not_inherit_its_place(
    ledgers: Ledgers, pair: Pair
) -> None:
    pair.lock(1000)
    pair.request_exit(1000)
    pair.release(1000, 1000)
    assert pair.exit[0] == 0
    pair.deposit(500)
    pair.allocate(500)
    ledgers.at(ledgers.now + DELAY)
    with refused("NoExit"):
        pair.finish_exit()
    assert pair.lockable == 500


def test_exit__may_ask_for_what_is_locked__and_blocks_new_locks_at_once(pair: Pair) -> None:
    pair.lock(700)
    pair.request_exit(900)
    assert (pair.state, pair.exit[0], pair.lockable) == ((100, 700, 1), 900, 0)
    with refused("StakeTooSmall", have=0, need=1):
        pair.lock(1)
    pair.release(700)
    assert (pair.state, pair.lockable) == ((100, 0, 0), 100)


def test_exit__new_stake_backs_old_locks_first(pair: Pair) -> None:
    """Whoever has a job running on stake that leaves can lock more only above what runs."""
    pair.lock(700)
    pair.request_exit(1000)
    pair.deposit(800)
    pair.allocate(800)
    assert (pair.state, pair.lockable) == ((800, 700, 1), 100)
    with refused("StakeTooSmall", have=100, need=101):
        pair.lock(101)
    pair.lock(100)
    assert pair.lockable == 0


def test_slash__takes_active_stake_first__then_what_is_leaving(pair: Pair) -> None:
    pair.lock(600)
    pair.lock(400)
    pair.request_exit(700)
    pair.release(600, 200)
    assert (pair.state, pair.exit[0]) == ((100, 400, 1), 700)
    pair.release(400, 300)
    assert (pair.state, pair.exit[0]) == ((0, 0, 0), 500)


def test_slash__of_one_job__leaves_the_others_covered(ledgers: Ledgers, pair: Pair) -> None:
    """S1: what is left, active and leaving, is never less than what is still locked."""
    pair.lock(500)
    pair.lock(500)
    pair.request_exit(1000)
    ledgers.at(ledgers.now + DELAY)
    pair.release(500, 500)
    assert (pair.state, pair.exit[0]) == ((0, 500, 1), 500)
    pair.finish_exit()
    assert pair.free == 0
    pair.release(500, 500)
    assert (pair.state, pair.exit[0]) == ((0, 0, 0), 0)


def test_exit__more_than_96_bits_in_the_queue__is_refused(pair: Pair) -> None:
    most = 2**96 - 1
    pair.deposit(2 * most)
    pair.allocate(most - 1000)
    pair.request_exit(most)
    pair.allocate(most)
    with refused("AmountTooLarge", amount=most + 1):
        pair.request_exit(1)
    assert pair.state == (most, 0, 0)
    pair.lock(most)
    assert pair.state == (most, most, 1)


# ---- the daily cap on locks


def test_cap__limits_what_is_locked_in_a_day(ledgers: Ledgers, pair: Pair) -> None:
    pair.cap(500)
    pair.lock(300)
    assert (pair.lockable, pair.used) == (200, 300)
    with refused("LockCapReached", worker=pair.worker, left=200, need=201):
        pair.lock(201)
    pair.lock(200)
    assert (pair.state, pair.lockable) == ((1000, 500, 2), 0)


def test_cap__ended_jobs__do_not_make_room(pair: Pair) -> None:
    """A cap on risk taken, not on risk at one moment: jobs that end, slashed or not, have used it up."""
    pair.cap(500)
    pair.lock(500)
    pair.release(500, 500)
    with refused("LockCapReached", left=0, need=1):
        pair.lock(1)


def test_cap__starts_again_with_the_day(ledgers: Ledgers, pair: Pair) -> None:
    pair.cap(500)
    tomorrow = (ledgers.now // DAY + 1) * DAY
    ledgers.at(tomorrow - 2)
    pair.lock(500)
    ledgers.at(tomorrow - 1)
    with refused("LockCapReached", left=0, need=1):
        pair.lock(1)
    ledgers.at(tomorrow)
    pair.lock(400)
    assert (pair.used, pair.lockable) == (400, 100)
    assert pair.vault.capOf(pair.provider, pair.worker, pair.controller).day == tomorrow // DAY


def test_cap__lowered_raised_and_ended__on_the_same_day(pair: Pair) -> None:
    pair.cap(500)
    pair.lock(300)
    pair.cap(200)
    with refused("LockCapReached", left=0, need=1):
        pair.lock(1)
    assert pair.lockable == 0
    pair.cap(None)
    assert pair.lockable == 700
    pair.lock(100)  # not counted
    pair.cap(400)
    assert (pair.used, pair.lockable) == (300, 100)  # a new cap is no second helping
    pair.cap(2**96 - 1)
    assert pair.lockable == 600


def test_cap__is_told_and_kept_with_the_allocation(ledgers: Ledgers, pair: Pair) -> None:
    receipt = ledgers.vault.setLockCap(pair.worker, pair.controller, True, 7, sender=pair.provider)
    [event] = list(receipt.decode_logs(ledgers.vault.LockCapSet))
    told = event.event_arguments  # an event's own `provider` is ape's
    assert [told[name] for name in ("provider", "worker", "controller")] == [
        pair.provider,
        pair.worker,
        pair.controller,
    ]
    assert (told["capped"], told["cap"]) == (True, 7)
    since = ledgers.vault.allocationOf(pair.provider, pair.worker, pair.controller).since
    pair.deposit(10)
    pair.allocate(10)
    pair.request_exit(10)
    have = ledgers.vault.allocationOf(pair.provider, pair.worker, pair.controller)
    assert (have.active, have.locked, have.locks, have.capped) == (1000, 0, 0, True)
    assert have.since > since
    with refused("ZeroAddress"):
        ledgers.vault.setLockCap(pair.worker, ZERO, True, 7, sender=pair.provider)


def test_cap__of_one_controller__binds_no_other(ledgers: Ledgers, pair: Pair) -> None:
    pair.deposit(100)
    ledgers.vault.allocate(pair.worker, ledgers.stranger, 100, sender=pair.provider)
    pair.cap(0)
    ledgers.vault.lock(pair.provider, pair.worker, 100, sender=ledgers.stranger)
    with refused("LockCapReached", left=0, need=1):
        pair.lock(1)


def test_attack_stolen_hot_key_locks_more_than_a_day_may_cost(ledgers: Ledgers, pair: Pair) -> None:
    """Whoever has the hot key takes job after job and lets every one be slashed. The cold key's cap is what a day
    costs, and the key cannot lift it; a cap of zero stops the bleeding without waiting for any exit."""
    pair.cap(300)
    for caller in (pair.worker, pair.controller, ledgers.stranger):
        ledgers.vault.setLockCap(
            pair.worker, pair.controller, False, 2**96 - 1, sender=caller
        )  # of his own, not of ours
    lost = 0
    for day in range(2):
        ledgers.at((ledgers.now // DAY + 1) * DAY)
        for _ in range(10):
            try:
                pair.lock(100)
            except ContractLogicError:
                break
            pair.release(100, 100)
            lost += 100
        assert lost == 300 * (day + 1)
    pair.cap(0)
    ledgers.at((ledgers.now // DAY + 1) * DAY)
    with refused("LockCapReached", left=0, need=1):
        pair.lock(1)
    assert pair.state == (1000 - lost, 0, 0)


def test_attack_slash_by_tiny_pieces(ledgers: Ledgers, pair: Pair) -> None:
    """S3: the finder's half is rounded down each time, so cutting a slash in pieces earns nothing."""
    finder = ledgers.stranger
    for _ in range(10):
        pair.lock(1)
        pair.release(1, 1, finder, 1)
    pair.lock(10)
    pair.release(10, 10, finder, 10)
    assert ledgers.vault.claimableOf(finder) == 5  # all from the one piece
    ledgers.vault.flushBurned(sender=finder)
    assert ledgers.stake_token.balanceOf(BURN) == 15


# ---- all of it, in any order


class Book:
    """The vault of one pair in plain arithmetic. Every verb says whether it is allowed, and then does it."""

    def __init__(self) -> None:
        self.free, self.active, self.leaving, self.ready, self.burned, self.out = 0, 1000, 0, 0, 0, 0
        self.locks: list[int] = []
        self.cap: int | None = None
        self.used, self.day = 0, 0

    @property
    def locked(self) -> int:
        return sum(self.locks)

    def lock(self, amount: int, now: int) -> bool:
        used = self.used if self.day == now // DAY else 0
        good = amount <= self.active - self.locked or amount == 0
        good = good and (self.cap is None or used + amount <= self.cap or amount == 0)
        if good:
            self.locks.append(amount)
            if self.cap is not None:
                self.used, self.day = used + amount, now // DAY
        return good

    def release(self, amount: int, slashed: int) -> None:
        self.locks.remove(amount)
        from_active = min(self.active, slashed)
        self.active -= from_active
        self.leaving -= slashed - from_active
        self.burned += slashed

    def request_exit(self, amount: int, now: int) -> bool:
        good = 0 < amount <= self.active
        if good:
            self.active, self.leaving, self.ready = self.active - amount, self.leaving + amount, now + DELAY
        return good

    def finish_exit(self, now: int) -> bool:
        good = self.leaving > 0 and now >= self.ready
        if good:
            amount = min(self.leaving, self.active + self.leaving - self.locked)
            self.leaving, self.free = self.leaving - amount, self.free + amount
        return good

    def allocate(self, amount: int) -> bool:
        good = 0 < amount <= self.free
        if good:
            self.free, self.active = self.free - amount, self.active + amount
        return good


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_verbs__keeps_the_book(ledgers: Ledgers, pair: Pair, seed: int) -> None:
    """S1 and S2 by a model: locked is covered by what is active and leaving, and every unit is somewhere."""
    dice, book = Random(seed), Book()
    for _ in range(40):
        now = ledgers.now + dice.choice([1, 60, DAY // 2, DELAY])
        ledgers.at(now)
        amount = dice.choice([0, 1, 100, 399, 700])
        verb = dice.choice(["lock", "lock", "release", "release", "request", "finish", "allocate", "cap"])
        if verb == "lock":
            attempt(book.lock(amount, now), pair.lock, amount)
        elif verb == "release" and book.locks:
            held = dice.choice(book.locks)
            lost = dice.choice([0, 0, held // 2, held])
            book.release(held, lost)
            pair.release(held, lost)
        elif verb == "request":
            attempt(book.request_exit(amount, now), pair.request_exit, amount)
        elif verb == "finish":
            attempt(book.finish_exit(now), pair.finish_exit)
        elif verb == "allocate":
            attempt(book.allocate(amount), pair.allocate, amount)
        elif verb == "cap":
            book.cap = dice.choice([None, 0, 500, 2000])
            pair.cap(book.cap)
        assert (*pair.state, pair.exit[0], pair.free) == (
            book.active,
            book.locked,
            len(book.locks),
            book.leaving,
            book.free,
        )
        assert book.locked <= book.active + book.leaving
        assert book.active + book.leaving + book.free + book.burned == 1000
    assert ledgers.stake_token.balanceOf(ledgers.vault) == 1000  # burned stake leaves by flushBurned alone


def attempt(allowed: bool, verb: Callable[..., None], *arguments: int) -> None:
    """`verb` goes through exactly when the model says so."""
    if allowed:
        verb(*arguments)
    else:
        with pytest.raises(ContractLogicError):
            verb(*arguments)


# ---- free stake


def test_withdraw__more_than_free_nothing_or_to_nobody__is_refused(ledgers: Ledgers, pair: Pair) -> None:
    pair.deposit(10)
    with refused("FreeTooSmall", provider=pair.provider, worker=pair.worker, have=10, need=11):
        ledgers.vault.withdraw(pair.worker, 11, pair.provider, sender=pair.provider)
    with refused("ZeroAmount"):
        ledgers.vault.withdraw(pair.worker, 0, pair.provider, sender=pair.provider)
    with refused("ZeroAddress"):
        ledgers.vault.withdraw(pair.worker, 1, ZERO, sender=pair.provider)
    with refused("FreeTooSmall", provider=ledgers.stranger, have=0):
        ledgers.vault.withdraw(pair.worker, 1, ledgers.stranger, sender=ledgers.stranger)


def test_stake_token_with_a_fee__credits_what_arrived(ledgers: Ledgers) -> None:
    token = ledgers.deploy("FeeToken")
    vault = ledgers.deploy("StakeVault", token, DELAY)
    token.mint(ledgers.stranger, 1000, sender=ledgers.stranger)
    token.approve(vault, 1000, sender=ledgers.stranger)
    vault.deposit(ledgers.closer, 1000, sender=ledgers.stranger)
    assert vault.freeOf(ledgers.stranger, ledgers.closer) == 990 == token.balanceOf(vault)

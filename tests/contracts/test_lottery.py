"""The lottery: tickets by seed and worker, chances by stake, and once drawn always drawn."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contracts.world import ALLOCATED, World

from tensorgrid.domain.encoding import keccak256, word
from tensorgrid.domain.jobs import JobTerms

OPENS, CLOSES = 1000, 1400
RAMP = (CLOSES - OPENS) * 3 // 4


def quote(world: World, terms: JobTerms, seed: bytes, worker: Any, time: int) -> bool:
    may, price = world.lottery.quote(terms.as_tuple(), (seed, OPENS, CLOSES), worker, time)
    assert price == terms.price
    return bool(may)


def may_in_python(seed: bytes, worker: Any, stake: float, time: int) -> bool:
    """The scheduler's rule in floating point; callers keep away from its edge."""
    passed = time - OPENS
    if passed >= RAMP:
        return True
    ticket = int.from_bytes(keccak256(seed + word(str(worker.address))), "big") / 2**256
    step, rest = divmod(16 * passed, RAMP)
    threshold = min(stake, 2**16) * 2.0 ** (step - 16) * (1 + rest / RAMP)
    assert abs(ticket - threshold) > 1e-9 * threshold
    return ticket < threshold


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.binary(min_size=32, max_size=32).filter(any),
    time=st.integers(OPENS, CLOSES),
    divisor=st.sampled_from([1, 3, 1000, 10**9, 10**21]),
)
def test_quote__is_the_written_rule(world: World, seed: bytes, time: int, divisor: int) -> None:
    terms = world.terms(stake=ALLOCATED // divisor)
    expected = may_in_python(seed, world.workers[0], ALLOCATED / (ALLOCATED // divisor), time)
    assert quote(world, terms, seed, world.workers[0], time) == expected


def test_quote__once_true_stays_true_until_the_end(world: World) -> None:
    terms = world.terms(stake=ALLOCATED // 10)
    for number in range(6):
        seed = keccak256(b"%d" % number)
        answers = [quote(world, terms, seed, world.workers[0], time) for time in range(OPENS, CLOSES + 1, 20)]
        assert answers == sorted(answers)
        assert quote(world, terms, seed, world.workers[0], OPENS + RAMP)


def test_quote__outside_the_window_or_without_a_seed__is_no(world: World) -> None:
    terms, worker = world.terms(), world.workers[0]
    seed = keccak256(b"seed")
    assert not quote(world, terms, seed, worker, OPENS - 1)
    assert not quote(world, terms, seed, worker, CLOSES + 1)
    assert not quote(world, terms, bytes(32), worker, CLOSES)
    assert quote(world, terms, seed, worker, CLOSES)


def test_stake_of__is_in_multiples_of_the_jobs_stake_without_what_is_leaving(world: World) -> None:
    worker, provider = world.workers[0], world.providers[0]
    terms = world.terms(stake=ALLOCATED // 4)
    assert world.lottery.stakeOf(terms.as_tuple(), worker) == 4 * 10**18
    world.vault.requestExit(worker, world.board, ALLOCATED // 2, sender=provider)
    assert world.lottery.stakeOf(terms.as_tuple(), worker) == 2 * 10**18
    assert world.lottery.stakeOf(world.terms(stake=1).as_tuple(), worker) == 2**16 * 10**18
    assert world.lottery.stakeOf(world.terms(stake=0).as_tuple(), worker) == 10**18
    assert world.lottery.stakeOf(terms.as_tuple(), world.stranger) == 0


def test_chances__are_as_the_stakes(world: World) -> None:
    """The lower ticket per stake is let in first. With nine times the stake of the other, that is the rich worker with
    probability 1 - 1/18 (two uniform tickets): so it is over many seeds, within four sigma."""
    rich, poor = world.workers[0], world.workers[1]
    world.stake(world.providers[0], rich, 8 * ALLOCATED)
    terms = world.terms(stake=ALLOCATED)
    tries, rich_first = 2000, 0
    for number in range(tries):
        seed = keccak256(b"draw %d" % number)
        waits = {
            worker: int.from_bytes(keccak256(seed + word(str(worker.address))), "big") / stake
            for worker, stake in ((rich, 9), (poor, 1))
        }
        first = min(waits, key=waits.__getitem__)
        rich_first += first is rich
        if number < 12:
            assert first_let_in(world, terms, seed) in {first, None}
    chance = 1 - 1 / 18
    assert abs(rich_first / tries - chance) < 4 * (chance * (1 - chance) / tries) ** 0.5


def first_let_in(world: World, terms: JobTerms, seed: bytes) -> Any:
    """Who of the first two workers is let in alone, if there is such a second."""
    low, high = OPENS, OPENS + RAMP
    while low < high:
        middle = (low + high) // 2
        if any(quote(world, terms, seed, worker, middle) for worker in world.workers[:2]):
            high = middle
        else:
            low = middle + 1
    let_in = [worker for worker in world.workers[:2] if quote(world, terms, seed, worker, low)]
    return let_in[0] if len(let_in) == 1 else None

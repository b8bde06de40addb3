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


def quote(world: World, terms: JobTerms, seed: bytes, worker: Any, time: int, stake: int = ALLOCATED) -> bool:
    candidate = (worker, world.providers[0], stake)
    draw = (seed, OPENS, CLOSES)
    may, price = world.lottery.quote(terms.as_tuple(), draw, candidate, time, sender=world.stranger)
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


def test_quote__stake_at_the_ends_of_its_range(world: World) -> None:
    """No stake has no chance before everybody is let in; more than 2^16 times the job's counts as 2^16 times; where the
    job locks nothing, everybody counts once."""
    worker, most = world.workers[0], 2**128 - 1
    terms, free = world.terms(stake=most), world.terms(stake=0)
    for number in range(8):
        seed = keccak256(b"%d" % number)
        assert not quote(world, terms, seed, worker, OPENS + RAMP - 1, stake=0)
        assert quote(world, terms, seed, worker, OPENS + RAMP, stake=0)
        assert quote(world, world.terms(stake=1), seed, worker, OPENS, stake=2**16)
        assert quote(world, world.terms(stake=1), seed, worker, OPENS, stake=2**256 - 1)
        time = OPENS + RAMP - 5
        once = may_in_python(seed, worker, 1, time)
        assert quote(world, free, seed, worker, time, stake=0) == once
        assert quote(world, free, seed, worker, time, stake=2**256 - 1) == once
        assert quote(world, terms, seed, worker, time, stake=most) == once


def test_candidate__stake_that_is_leaving_does_not_count(world: World) -> None:
    worker, provider = world.workers[0], world.providers[0]
    shown = world.board.candidateOf(worker)
    assert (shown.worker, shown.provider, shown.stake) == (worker, provider, ALLOCATED)
    world.vault.requestExit(worker, world.board, ALLOCATED // 2, sender=provider)
    assert world.board.candidateOf(worker).stake == ALLOCATED // 2
    assert world.board.candidateOf(world.stranger).stake == 0


def test_chances__are_as_the_stakes(world: World) -> None:
    """The lower ticket per stake is let in first. With nine times the stake of the other, that is the rich worker with
    probability 1 - 1/18 (two uniform tickets): so it is over many seeds, within four sigma."""
    rich, poor = world.workers[0], world.workers[1]
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
            assert first_let_in(world, terms, seed, {rich: 9 * ALLOCATED, poor: ALLOCATED}) in {first, None}
    chance = 1 - 1 / 18
    assert abs(rich_first / tries - chance) < 4 * (chance * (1 - chance) / tries) ** 0.5


def first_let_in(world: World, terms: JobTerms, seed: bytes, stakes: dict[Any, int]) -> Any:
    """Who of these workers is let in alone, if there is such a second."""

    def let_in(time: int) -> list[Any]:
        return [worker for worker, stake in stakes.items() if quote(world, terms, seed, worker, time, stake)]

    low, high = OPENS, OPENS + RAMP
    while low < high:
        middle = (low + high) // 2
        if let_in(middle):
            high = middle
        else:
            low = middle + 1
    alone = let_in(low)
    return alone[0] if len(alone) == 1 else None

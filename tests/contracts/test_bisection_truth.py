"""Whoever tells the truth and answers in time wins: random liars of both sides, over 1 to 4096 steps.

A segment is a chain of states, each of which follows from the one before it. The jury replays the one step that is left
and says what it sees; that it is right is its own matter, not bisection's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import pytest
from tests.contracts.bout import CHALLENGER, CLOCK, DEFENDER, Bout, opened
from tests.contracts.court import ACCUSED, ACCUSER, Court

from tensorgrid.domain.encoding import keccak256

SHORT = [1, 2, 3, 5, 8]
LONG = [100, 1000, 4095, 4096]


def following(state: bytes) -> bytes:
    """The state after one step."""
    return keccak256(b"step" + state)


@dataclass
class Segment:
    """What really happens: roots by step."""

    roots: list[bytes]

    @classmethod
    def of(cls, start: bytes, steps: int) -> Segment:
        roots = [start]
        for _ in range(steps):
            roots.append(following(roots[-1]))
        return cls(roots)


class Liar:
    """Sometimes says something true, and sometimes nothing at all."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.silent_after = chance.choice([0, 2, 99, 99, 99])
        self.moves = 0

    def gives_up(self) -> bool:
        self.moves += 1
        return self.moves > self.silent_after

    def middle(self, truth: bytes) -> bytes:
        return self.chance.choice([truth, self.chance.randbytes(32)])

    def agrees(self) -> bool:
        return self.chance.random() < 0.5


def play(bout: Bout, truth: Segment, liar: Liar, *, liar_defends: bool) -> None:
    """Until the jury is asked, or a clock has run out."""
    while not bout.referred:
        low, high = bout.span[:2]
        middle = truth.roots[(low + high) // 2]
        if liar_defends and liar.gives_up():
            break
        bout.split(liar.middle(middle) if liar_defends else middle)
        if not liar_defends and liar.gives_up():
            break
        bout.pick(bout.span[4] == middle if liar_defends else liar.agrees())
    else:
        return
    bout.court.world.at(bout.now + CLOCK + 1)
    bout.court.world.mine(1)


def replayed(bout: Bout) -> int:
    """What an honest juror finds."""
    low, high, agreed, defended, _ = bout.span
    assert high - low == 1
    return ACCUSER if following(agreed) == defended else ACCUSED


@pytest.mark.parametrize("liar_defends", [True, False], ids=["lying defender", "lying challenger"])
@pytest.mark.parametrize("steps", [*SHORT, *LONG])
def test_the_party_that_tells_the_truth_in_time__wins(court: Court, steps: int, liar_defends: bool) -> None:
    chance = Random(steps * 2 + liar_defends)
    for _ in range(3 if steps in SHORT else 1):
        truth = Segment.of(chance.randbytes(32), steps)
        end, lie = truth.roots[-1], chance.randbytes(32)
        defended, challenged = (lie, end) if liar_defends else (end, lie)
        bout = opened(court, steps=steps, start=truth.roots[0], defended=defended, challenged=challenged)
        play(bout, truth, Liar(chance), liar_defends=liar_defends)
        if bout.referred:
            low, _, agreed, *_ = bout.span
            assert agreed == truth.roots[low] or not liar_defends
            assert replayed(bout) == (ACCUSED if liar_defends else ACCUSER)
        else:
            assert bout.outcome == (CHALLENGER if liar_defends else DEFENDER)


@pytest.mark.parametrize("steps", [2, 3, 7, 64, 100, 4096])
def test_rounds__are_the_logarithm_of_the_steps(court: Court, steps: int) -> None:
    truth = Segment.of(b"\1" * 32, steps)
    bout, rounds = opened(court, steps=steps, start=truth.roots[0], defended=b"\2" * 32), 0
    while not bout.referred:
        middle = truth.roots[sum(bout.span[:2]) // 2]
        bout.split(middle)
        bout.pick(True)
        rounds += 1
    assert rounds in (math.floor(math.log2(steps)), math.ceil(math.log2(steps)))


def test_narrowing__every_liar_in_a_model__leaves_one_false_step_to_the_truth_teller() -> None:
    """The same game without a chain, four thousand times: what is left is false exactly where the defender lied."""
    chance = Random(7)
    for game in range(4000):
        steps, liar_defends = chance.randint(1, 4096), bool(game % 2)
        low, high, low_true, high_true = 0, steps, True, not liar_defends
        while high - low > 1:
            middle = (low + high) // 2
            shown_true = chance.random() < 0.5 if liar_defends else True
            agree = shown_true if liar_defends else chance.random() < 0.5
            if agree:
                low, low_true = middle, shown_true
            else:
                high, high_true = middle, shown_true
        assert (low_true, high_true) == (True, not liar_defends)

"""The schedulers' rules as plain arithmetic; tests/contracts/test_schedulers.py holds them to the contracts.

Time is the part of the window that has passed, 0 to 1. A ticket is uniform in [0, 1).
"""

from __future__ import annotations

import math

DOUBLINGS = 16
HALVINGS = 16
RAMP = 0.75  # from here on everybody is let in
LOT = RAMP / 4  # the most by which the lot delays an auction's price


def threshold(passed: float) -> float:
    """T: what ticket / stake must lie below, by the part of the ramp that has passed. It doubles sixteen times."""
    if passed >= 1:
        return math.inf
    step = int(DOUBLINGS * passed)
    return 2.0 ** (step - DOUBLINGS) * (1 + DOUBLINGS * passed - step)


def part_of_ramp(ratio: float) -> float:
    """When `threshold` first exceeds ticket / stake; at most 1."""
    if ratio >= 1:
        return 1.0
    if ratio < 2.0**-DOUBLINGS:
        return 0.0
    step = math.floor(math.log2(ratio)) + DOUBLINGS
    return (step + ratio / 2.0 ** (step - DOUBLINGS) - 1) / DOUBLINGS


def lottery_entry(ticket: float, stake: float) -> float:
    """When a worker may take. `stake`: in multiples of what the job locks, at most 2^16 counts."""
    return RAMP * part_of_ramp(ticket / min(stake, 2.0**16) if stake else math.inf)


def halvings(points: float, top: float) -> int:
    """How often the bar halves before these points reach it."""
    return next((times for times in range(HALVINGS) if points * 2**times >= top), HALVINGS)


def reputation_entry(ticket: float, stake: float, points: float, top: float) -> float:
    """When a worker may take: the lottery, begun when the bar has come down to the points."""
    start = halvings(points, top) / HALVINGS / 2
    return start + (RAMP - start) * lottery_entry(ticket, stake) / RAMP


def price_delay(ticket: float, stake: float) -> float:
    """By how much later than others a worker sees the price rise."""
    return LOT * lottery_entry(ticket, stake) / RAMP


def price_at(passed: float, start: float, delay: float = 0.0) -> float:
    """The price as a part of the terms' price; `start`: where it begins, `delay`: as above."""
    if passed >= RAMP:
        return 1.0
    return min(1.0, start + (1 - start) * max(0.0, passed - delay) / (RAMP - LOT))


def price_entry(ticket: float, stake: float, asks: float, start: float) -> float:
    """When the price is what a worker asks (a part of the terms' price); infinity: never."""
    if asks > 1:
        return math.inf
    wait = (RAMP - LOT) * max(0.0, asks - start) / (1 - start) if start < 1 else 0.0
    return price_delay(ticket, stake) + wait

"""How likely a draw meets what was faked: exact counts, and the real draw beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from math import comb

from tensorgrid.domain.draws import draw_seed, first_draw
from tensorgrid.domain.encoding import sha256
from tensorgrid.domain.jobs import JobId

from .shipped import Shipped

Hits = tuple[int, ...]
"""Faked segments among those of each auditor's seat."""


def layouts(segments: int, faked: int) -> Iterator[frozenset[int]]:
    """Where a cheat might put his fakes, counted from 1: at the start, in the middle, spread evenly, at every other.

    Neighbours are never drawn together, so it matters. The cheat takes the one that pays best.
    """
    yield from dict.fromkeys(_layouts(segments, faked))


def _layouts(segments: int, faked: int) -> Iterator[frozenset[int]]:
    yield frozenset(range(1, faked + 1))
    start = (segments - faked) // 2
    yield frozenset(range(start + 1, start + faked + 1))
    yield frozenset(1 + round((at + 0.5) * segments / faked - 0.5) for at in range(faked))
    evens, odds = range(2, segments + 1, 2), range(1, segments + 1, 2)
    yield frozenset([*evens, *odds][:faked])


@cache
def odds_of(segments: int, auditors: int, drawn: int, faked: int) -> tuple[Mapping[Hits, float], ...]:
    """`hits_of` each layout of so many fakes."""
    return tuple(hits_of(segments, auditors, drawn, layout) for layout in layouts(segments, faked))


def hits_of(segments: int, auditors: int, drawn: int, faked: frozenset[int]) -> Mapping[Hits, float]:
    """Probability of each outcome of the first draw: non-adjacent segments, all sets equally likely, dealt in turn."""
    count = min(auditors * drawn, (segments + 1) // 2)
    none: Hits = (0,) * auditors
    # ways to get here, by (chosen so far, hits); `at` of two segments ago is all that a choice depends on
    before: dict[tuple[int, Hits], int] = {(0, none): 1}
    now = dict(before)
    for index in range(1, segments + 1):
        following = dict(now)
        for (chosen, hits), ways in before.items():
            if chosen == count:
                continue
            seat = chosen % auditors
            met = hits if index not in faked else (*hits[:seat], hits[seat] + 1, *hits[seat + 1 :])
            following[chosen + 1, met] = following.get((chosen + 1, met), 0) + ways
        before, now = now, following
    total = comb(segments - count + 1, count)
    return {hits: ways / total for (chosen, hits), ways in now.items() if chosen == count}


def none_of(population: int, faked: int, count: int) -> float:
    """Probability that `count` of `population`, drawn without order, meet none of `faked`."""
    count = min(count, population)
    return comb(population - faked, count) / comb(population, count) if faked <= population else 0.0


def exactly(population: int, faked: int, count: int, hits: int) -> float:
    """Probability that they meet exactly `hits`."""
    count = min(count, population)
    if hits > faked or count - hits > population - faked:
        return 0.0
    return comb(faked, hits) * comb(population - faked, count - hits) / comb(population, count)


def detected(shipped: Shipped, faked: Collection[int], draws: int) -> float:
    """Share of `draws` of the real draw function that two seats meet `faked` in, or one does and the further seat.

    Auditors are honest here. The later draw is counted by its probability.
    """
    known, caught = frozenset(faked), 0.0
    for drawn in real_draws(shipped.segments, shipped.auditors, shipped.drawn, draws):
        met = [len(known & seat) for seat in drawn]
        left = shipped.segments - sum(map(len, drawn))
        if sum(map(bool, met)) > 1:
            caught += 1.0
        elif any(met):
            caught += 1 - none_of(left, len(known) - sum(met), shipped.further)
    return caught / draws


@cache
def real_draws(segments: int, auditors: int, drawn: int, draws: int) -> tuple[tuple[frozenset[int], ...], ...]:
    """What the protocol's own function draws for `draws` jobs, by seat; ids and rounds are hashes of a number."""
    found = []
    for number in range(draws):
        text = number.to_bytes(4, "big")
        seed = draw_seed(JobId(sha256(b"job" + text)), sha256(b"round" + text))
        found.append(tuple(map(frozenset, first_draw(seed, segments, auditors, drawn))))
    return tuple(found)

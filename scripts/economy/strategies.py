"""What a strategy is worth beside honest work, on average, in prices of the job; above zero it pays.

Everybody is risk-neutral and knows all odds. A cheat saves `compute` for each faked segment and nothing else; a faked
segment is found by whoever replays it. Where the rules leave something open, what helps the cheat is assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product

from .odds import Hits, exactly, none_of, odds_of
from .shipped import Shipped

Judge = Callable[[Shipped, int, Hits], float]
"""(parameters, faked segments, hits) -> what the cheats have after the audit, without what they saved."""


def best(shipped: Shipped, faked: int, judge: Judge) -> float:
    """Value of faking so many segments, where they pay best, over work done honestly for the same price."""
    saved = shipped.compute * faked * shipped.segment
    odds = odds_of(shipped.segments, shipped.auditors, shipped.drawn, faked)
    worth = {hits: judge(shipped, faked, hits) for hits in {hits for layout in odds for hits in layout}}
    after = max(sum(chance * worth[hits] for hits, chance in layout.items()) for layout in odds)
    return saved + after - 1.0


def faking(shipped: Shipped, faked: int) -> float:
    """Auditors are honest strangers."""
    return best(shipped, faked, alone)


def alone(shipped: Shipped, faked: int, hits: Hits) -> float:
    """Pay less slash when every hit is reported."""
    met = sum(hits)
    if met > 1:
        return -shipped.stake
    if met == 1:
        second = _second(shipped, faked)
        return second * -shipped.stake + (1 - second) * _lone(shipped)
    found = _found_again(shipped, faked, 0)
    return (1 - found) - found * shipped.stake


def colluding(shipped: Shipped, faked: int, share: float) -> float:
    """A cheat who owns `share` of the stake of his class, so that each seat is his with that probability.

    He does not know which seats will be his when he fixes his trace. Where he is caught anyway and has a seat, that
    seat accuses first and gets the finder's part back; a seat of his that confirmed what a slash names is slashed too.
    """
    return best(shipped, faked, lambda given, count, hits: _with_seats(given, count, hits, share))


def _with_seats(shipped: Shipped, faked: int, hits: Hits, share: float) -> float:
    total = 0.0
    for mine in product((False, True), repeat=len(hits)):
        chance = 1.0
        for own in mine:
            chance *= share if own else 1 - share
        if chance:
            total += chance * _known_seats(shipped, faked, hits, mine, share)
    return total


def _known_seats(shipped: Shipped, faked: int, hits: Hits, mine: tuple[bool, ...], share: float) -> float:
    reported = sum(met for met, own in zip(hits, mine, strict=True) if not own)
    hidden = sum(met for met, own in zip(hits, mine, strict=True) if own)
    slashed = -shipped.stake + (shipped.finder if hidden else 0.0)
    if reported > 1:
        return slashed
    if reported == 1:
        # the further seat is drawn anew; one of his finds nothing
        second = (1 - share) * _second(shipped, faked)
        return second * slashed + (1 - second) * _lone(shipped)
    found = (1 - share) * _found_again(shipped, faked, hidden)
    liars = sum(1 for met, own in zip(hits, mine, strict=True) if own and met)
    return (1 - found) - found * shipped.stake * (1 + liars)


def bribing(shipped: Shipped, faked: int) -> float:
    """A cheat who buys those auditors whose segments show his fakes, after the draw, where that is cheaper than not to.

    A bribe is at least what accusing would bring, and the risk of being slashed when a re-audit finds it.
    """
    return best(shipped, faked, _bribed)


def _bribed(shipped: Shipped, faked: int, hits: Hits) -> float:
    """The best of: buy nobody, or any set of those who have something to tell."""
    ways = product(*((False, True) if met else (False,) for met in hits))
    bought = [_bought(shipped, faked, hits, way) for way in ways if any(way)]
    return max([alone(shipped, faked, hits), *bought])


def _bought(shipped: Shipped, faked: int, hits: Hits, bought: tuple[bool, ...]) -> float:
    told = sum(met for met, silent in zip(hits, bought, strict=True) if not silent)
    hidden = sum(hits) - told
    found = _found_again(shipped, faked, hidden) if told == 0 else 0.0
    bribes = sum(
        _slash_if_told(shipped, faked, told + met) * shipped.finder + found * shipped.stake
        for met, silent in zip(hits, bought, strict=True)
        if silent
    )
    if told == 0:
        return (1 - found) - found * shipped.stake - bribes
    slash = _slash_if_told(shipped, faked, told)
    return slash * -shipped.stake + (1 - slash) * _lone(shipped) - bribes


def _slash_if_told(shipped: Shipped, faked: int, told: int) -> float:
    return 1.0 if told > 1 else _second(shipped, faked) if told else 0.0


@cache
def _second(shipped: Shipped, faked: int) -> float:
    """After one hit: that the further segments meet another one."""
    return 1 - none_of(shipped.segments - shipped.first, faked - 1, shipped.further)


def _lone(shipped: Shipped) -> float:
    """Pay after one hit without a second: less the further replays and one segment."""
    return 1 - shipped.fee(shipped.further) - shipped.segment


@cache
def _found_again(shipped: Shipped, faked: int, hidden: int) -> float:
    """That a clean audit is audited again, by an honest seat, and two or more hits are found then.

    It replays what was drawn, `hidden` fakes among it, and as many fresh ones. A single hit changes nothing.
    """
    population, left = shipped.segments - shipped.first, faked - hidden
    few = sum(exactly(population, left, shipped.first, fresh) for fresh in range(max(0, 2 - hidden)))
    return shipped.reaudit * (1 - few)


def honest_audit(shipped: Shipped) -> float:
    """What one auditor's seat earns beside his gas."""
    return shipped.fee(shipped.drawn) - shipped.compute * shipped.drawn * shipped.segment


def trusting_audit(shipped: Shipped, cheats: float) -> float:
    """Against honest work: an auditor to whom the worker whispers his roots, and who therefore replays nothing.

    `cheats`: the share of whispering workers who have faked everything. He forgoes a finder's part and risks a slash.
    """
    saved = shipped.compute * shipped.drawn * shipped.segment
    return saved - cheats * (shipped.finder + shipped.reaudit * shipped.stake)

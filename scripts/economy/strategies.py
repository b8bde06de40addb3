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
    return _told(shipped, faked, hits, hits)


def colluding(shipped: Shipped, faked: int, share: float) -> float:
    """A cheat who owns `share` of the stake of his class, so that each seat is his with that probability.

    He does not know which seats will be his when he fixes his trace. His seats confirm; or, where one of them can, it
    accuses first and gets the finder's part of a slash that is bound to come.
    """
    return best(shipped, faked, lambda given, count, hits: _with_seats(given, count, hits, share))


def _with_seats(shipped: Shipped, faked: int, hits: Hits, share: float) -> float:
    total = 0.0
    for mine in product((False, True), repeat=len(hits)):
        chance = 1.0
        for own in mine:
            chance *= share if own else 1 - share
        if chance:
            told = tuple(0 if own else met for met, own in zip(hits, mine, strict=True))
            hidden = sum(hits) > sum(told)
            silent = _told(shipped, faked, hits, told, honest=1 - share)
            total += chance * max(silent, shipped.finder - shipped.stake if hidden and any(told) else silent)
    return total


def bribing(shipped: Shipped, faked: int) -> float:
    """A cheat who buys those auditors whose segments show his fakes, after the draw, where that is cheaper than not to.

    A bribe is at least what accusing would bring. Who takes it risks nothing: an auditor answers only for a segment
    that was decided in a dispute, and the cheat starts none.
    """
    return best(shipped, faked, _bribed)


def _bribed(shipped: Shipped, faked: int, hits: Hits) -> float:
    """The best of: buy nobody, or any set of those who have something to tell."""
    ways = product(*((False, True) if met else (False,) for met in hits))
    return max(_bought(shipped, faked, hits, way) for way in ways)


def _bought(shipped: Shipped, faked: int, hits: Hits, bought: tuple[bool, ...]) -> float:
    told = tuple(0 if silent else met for met, silent in zip(hits, bought, strict=True))
    bribes = 0.0
    for seat in (seat for seat, silent in enumerate(bought) if silent):
        telling = (*told[:seat], hits[seat], *told[seat + 1 :])
        bribes += shipped.finder * _slash_if(shipped, faked, telling, sum(hits) - sum(telling))
    return _told(shipped, faked, hits, told) - bribes


# ------------------------------------------------------------------------------------------------ the rules of the tier


def _told(shipped: Shipped, faked: int, hits: Hits, told: Hits, honest: float = 1.0) -> float:
    """What the cheat has when the first seats meet `hits` and report `told` of them. `honest`: the chance that a later
    seat is a stranger's."""
    if not any(told):
        return _unheard(shipped, faked, sum(hits), honest)
    slash = _slash_if(shipped, faked, told, sum(hits) - sum(told), honest)
    return -slash * shipped.stake + (1 - slash) * _lone(shipped)


def _slash_if(shipped: Shipped, faked: int, told: Hits, hidden: int = 0, honest: float = 1.0) -> float:
    """Probability of a slash: two seats say it, or one does and the further seat meets another fake."""
    seats = sum(1 for met in told if met)
    if seats > 1:
        return 1.0
    return honest * _second(shipped, faked, sum(told) + hidden) if seats else 0.0


@cache
def _second(shipped: Shipped, faked: int, met: int) -> float:
    """That the further segments, none of which was drawn before, meet a fake beside those `met`."""
    return 1 - none_of(shipped.segments - shipped.first, faked - met, shipped.further)


def _lone(shipped: Shipped) -> float:
    """Pay where one seat alone finds a difference: less the further replays and one segment."""
    return 1 - shipped.fee(shipped.further) - shipped.segment


@cache
def _unheard(shipped: Shipped, faked: int, hidden: int, honest: float) -> float:
    """Pay of an audit that all have confirmed. One of `reaudit` is audited again by one seat, which replays what was
    drawn, `hidden` fakes among it, and as many fresh ones: one that differs costs a segment, two cost the stake."""
    population, left = shipped.segments - shipped.first, faked - hidden
    none, one = (exactly(population, left, shipped.first, met - hidden) if met >= hidden else 0.0 for met in (0, 1))
    again = none + one * (1 - shipped.segment) - (1 - none - one) * shipped.stake
    looked = shipped.reaudit * honest
    return 1 - looked + looked * again


# ------------------------------------------------------------------------------------------------------------ auditors


def honest_audit(shipped: Shipped) -> float:
    """What one auditor's seat earns beside his gas."""
    return shipped.fee(shipped.drawn) - shipped.compute * shipped.drawn * shipped.segment


def trusting_audit(shipped: Shipped, cheats: float) -> float:
    """Against honest work: an auditor to whom the worker whispers his roots, and who therefore replays nothing.

    `cheats`: the share of whispering workers who have faked everything. He forgoes a finder's part; of all auditors,
    one is first. Nothing else happens to him: who confirms answers only for what a dispute decides.
    """
    saved = shipped.compute * shipped.drawn * shipped.segment
    return saved - cheats * shipped.finder / shipped.auditors

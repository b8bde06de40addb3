"""All numbers of the section, in one place: what the page, the plots and the test share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from .odds import detected, layouts
from .shipped import Shipped
from .strategies import bribing, colluding, faking, honest_audit, trusting_audit

DRAWS = 2000
SHARES = (1, 2, 5, 10, 20, 30, 50, 75, 100)
"""Of a hundred segments, as the tables show them; scaled where a network has another number."""
CLASS_SHARES = (0.0, 0.1, 0.2, 0.33, 0.4, 0.45, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)
DIGITS = 6


def figures(shipped: Shipped) -> dict[str, Any]:
    """Plain JSON values, rounded. Deterministic: the draws grow from constants."""
    every = range(1, shipped.segments + 1)
    shown = sorted({max(1, count * shipped.segments // 100) for count in SHARES})
    return {
        "parameters": asdict(shipped) | {"further": shipped.further, "draws": DRAWS},
        "faking": _each(every, lambda count: faking(shipped, count)),
        "bribing": _each(every, lambda count: bribing(shipped, count)),
        "detection": _each(shown, lambda count: _caught(shipped, count)),
        "collusion": [_of_share(shipped, share) for share in CLASS_SHARES],
        "collusion_curve": [_of_share(shipped, share / 50) for share in range(51)],
        "pays_from": {
            "any": _round(threshold(lambda share: _best_of(shipped, share)[0])),
            "more_than_one_segment": _round(threshold(lambda share: _best_of(shipped, share, least=2)[0])),
            "everything": _round(threshold(lambda share: colluding(shipped, shipped.segments, share))),
        },
        "auditor": {
            "honest": _round(honest_audit(shipped)),
            "honest_at_half_the_cost": _round(honest_audit(replace(shipped, compute=shipped.compute / 2))),
            "silent": "the no-show bond is lost",
            "trusting_nobody_cheats": _round(trusting_audit(shipped, 0.0)),
            "trusting_all_cheat": _round(trusting_audit(shipped, 1.0)),
            "trusting_pays_below": _round(threshold(lambda cheats: -trusting_audit(shipped, cheats))),
        },
        "bribing_finer": _round(
            max(bribing(_finer(shipped), count) for count in range(1, _finer(shipped).segments + 1))
        ),
        "stake_for_bribed_full_fake": _round(_least_stake(shipped)),
    }


def threshold(value: Callable[[float], float], steps: int = 24) -> float:
    """The share in [0, 1] from which `value`, which grows, is above zero; 1.0 when it never is. By bisection."""
    low, high = 0.0, 1.0
    if value(low) > 0:
        return 0.0
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if value(middle) > 0 else (middle, high)
    return high


def _best_of(shipped: Shipped, share: float, least: int = 1) -> tuple[float, int]:
    return max((colluding(shipped, count, share), count) for count in range(least, shipped.segments + 1))


def _of_share(shipped: Shipped, share: float) -> dict[str, float]:
    value, count = _best_of(shipped, share)
    everything = colluding(shipped, shipped.segments, share)
    return {"share": share, "best": _round(value), "faked": count, "everything": _round(everything)}


def _caught(shipped: Shipped, count: int) -> float:
    """Where the cheat places them best against us."""
    return min(detected(shipped, layout, DRAWS) for layout in layouts(shipped.segments, count))


def _least_stake(shipped: Shipped) -> float:
    """Stake in prices at which faking everything with bribed auditors is worth nothing."""
    return 10 * threshold(lambda share: -bribing(replace(shipped, stake=share * 10), shipped.segments))


def _finer(shipped: Shipped) -> Shipped:
    """Twice the segments, twice as many drawn: the same compute."""
    return replace(shipped, segments=2 * shipped.segments, drawn=2 * shipped.drawn)


def _each(counts: Any, value: Callable[[int], float]) -> dict[str, float]:
    return {str(count): _round(value(count)) for count in counts}


def _round(value: float) -> float:
    return round(value, DIGITS) + 0.0

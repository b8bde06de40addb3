"""What follows from a measurement: keep the class, step down to a rung of the same silicon, or stop taking jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tensorgrid_worker.capability.classes import GOOD_SCORE, HardwareClass, table
from tensorgrid_worker.capability.record import Record, weakest


@dataclass(frozen=True, slots=True)
class Verdict:
    """`class_name`: what to be from now on; empty: take nothing. `price`: of that class, pay-token units, None where
    nothing changes. `why`: in words, for the log.
    """

    class_name: str
    score: int
    price: int | None = None
    why: str = ""


def judge(current: HardwareClass, record: Record, prices: Mapping[str, int], allowed: Callable[[str], bool]) -> Verdict:
    """`prices`: the provider's [classes], which are also his consent to be moved there. `allowed`: whether the network
    lists a class.

    It never moves up: a better reading after a repair is for the provider to act on.
    """
    score = record.score(current)
    if score >= GOOD_SCORE:
        return Verdict(current.name, score)
    short = f"below {GOOD_SCORE}: {weakest(record.measured, current)}"
    for rung in _lower(current):
        reached = record.score(rung)
        if rung.name in prices and reached >= GOOD_SCORE and allowed(rung.name):
            return Verdict(rung.name, reached, prices[rung.name], short)
    return Verdict("", score, None, f"{short}, and [classes] names no lower class of it that this network lists")


def shortfall(current: HardwareClass, record: Record) -> str:
    """Why a machine of this measurement would take no job as `current`, with what to do; empty when it would."""
    if not record.measured or record.score(current) >= GOOD_SCORE:
        return ""
    return (
        f"{record.score(current)} of 1000, below {GOOD_SCORE} ({weakest(record.measured, current)}): it would take no job "
        f"as {current.name!r}; stop what else runs here and measure again (tensorgrid-worker bench), or name a lower "
        "class and its price in [classes]"
    )


def _lower(current: HardwareClass) -> list[HardwareClass]:
    """Rungs of the same model that promise less, the best first."""
    rungs = [
        found
        for found in table().values()
        if found.family == current.family and found.name != current.name and _less(found, current)
    ]
    return sorted(rungs, key=lambda rung: -sum(rung.references.values()))


def _less(rung: HardwareClass, current: HardwareClass) -> bool:
    return all(rung.references[name] <= current.references[name] for name in current.references) and any(
        rung.references[name] < current.references[name] for name in current.references
    )

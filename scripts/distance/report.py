"""From what was measured to one document, a table for people, and bounds for workers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from tensorgrid.domain.distance import DOUBT, LEAST_BOUND, LEAST_RUNS, MARGIN


def document(kinds: Mapping[str, Any], steps: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Per kind: worst and median of the honest runs, the nearest run of each cheat; per family: the bound."""
    told = {kind: _kind(found) for kind, found in kinds.items()}
    families = sorted({each["family"] for each in told.values()})
    return {
        "steps": steps,
        "machine": dict(facts),
        "kinds": told,
        "families": {
            family: _family(family, [each for each in told.values() if each["family"] == family]) for family in families
        },
        "raw": dict(kinds),
    }


def _kind(found: Mapping[str, Any]) -> dict[str, Any]:
    honest = [each for setting in found["honest"].values() for each in setting]
    values = [each["value"] for each in honest]
    return {
        "about": found["about"],
        "family": honest[0]["family"],
        "runs": len(values),
        "equal": values.count(0.0),
        "unlike": sum(bool(each["unlike"]) for each in honest),
        "median": median(values),
        "worst": max(values),
        "settings": {name: max(each["value"] for each in runs) for name, runs in found["honest"].items()},
        "nearest_cheat": {name: min(each["value"] for each in runs) for name, runs in found["cheats"].items()},
        "repeats": found["repeats"],
    }


def _family(name: str, kinds: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The bound is five times the worst, and not below the least; none where a kind was run too seldom."""
    found = list(kinds)
    worst = max(each["worst"] for each in found)
    enough = all(each["runs"] >= LEAST_RUNS for each in found) and MARGIN * worst < 1
    bound = max(LEAST_BOUND[name], _above(MARGIN * worst))
    nearest = min(value for each in found for value in each["nearest_cheat"].values())
    return {
        "runs": sum(each["runs"] for each in found),
        "worst": worst,
        "bound": bound if enough else None,
        "nearest_cheat": nearest,
        "suspected": None if not enough else nearest > DOUBT * bound,
    }


def bounds(told: Mapping[str, Any], hardware_class: str) -> str:
    """As distance.toml; families that were run too seldom are left out."""
    return "".join(
        f"[{hardware_class}.{family}]\nbound = {each['bound']!r}\nruns = {each['runs']}\n"
        f"worst = {each['worst']!r}\nsteps = {told['steps']}\n\n"
        for family, each in sorted(told["families"].items())
        if each["bound"]
    )


def _above(value: float) -> float:
    """Rounded so that five times the worst stays below it."""
    return math.ceil(value * 1e6) / 1e6


def table(told: Mapping[str, Any]) -> str:
    """Markdown."""
    cheats: dict[str, float] = next((each["nearest_cheat"] for each in told["kinds"].values()), {})
    head = ["training", "honest runs", "equal bits", "median", "worst", *(f"nearest: {name}" for name in cheats)]
    lines = [head, ["---"] * len(head)]
    for kind, each in told["kinds"].items():
        far = [f"{value:.2g}" for value in each["nearest_cheat"].values()]
        counts = [str(each["runs"]), str(each["equal"]), f"{each['median']:.1e}", f"{each['worst']:.1e}"]
        lines.append([f"{kind}: {each['about']}", *counts, *far])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)

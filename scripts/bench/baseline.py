"""What everything cost when it was last accepted, and how far from that it may rise."""

from __future__ import annotations

import json

from .measure import Cost, Measured
from .network import ROOT

FILE = ROOT / "tests" / "gas_baseline.json"
TOLERATED = 0.02

Baseline = dict[str, Cost]


def of(measured: Measured) -> Baseline:
    """Scenarios and single calls by name."""
    return measured.scenarios | measured.calls


def load() -> Baseline:
    return {name: Cost(**cost) for name, cost in json.loads(FILE.read_text()).items()}


def save(costs: Baseline) -> None:
    lines = [f"  {json.dumps(name)}: {json.dumps({'cold': c.cold, 'steady': c.steady})}" for name, c in costs.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def complaints(now: Baseline, accepted: Baseline) -> list[str]:
    """What costs more than is tolerated, and what only one of the two knows; empty when all is well."""
    found = [f"{name} is measured, and not in the baseline" for name in now if name not in accepted]
    found += [f"{name} is in the baseline, and no longer measured" for name in accepted if name not in now]
    for name in now:
        if name in accepted:
            found += _rises(name, "cold", now[name].cold, accepted[name].cold)
            found += _rises(name, "steady", now[name].steady, accepted[name].steady)
    return found


def _rises(name: str, how: str, now: int, before: int) -> list[str]:
    if now <= before * (1 + TOLERATED):
        return []
    return [f"{name}, {how}: {before:,} gas rose to {now:,}, by {now / before - 1:.1%}"]

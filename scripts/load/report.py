"""The figures beside their targets: as a document, and as a table for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TARGETS: dict[str, tuple[str, float]] = {
    "jobs_per_s": (">=", 20),
    "jobs_per_s_batched": (">=", 200),
    "in_flight": (">=", 1000),
    "jobs_settled": (">=", 1000),
    "replay_10k_events_s": ("<=", 60),
    "overhead": ("<=", 1.03),
}
MEANING = {
    "jobs_per_s": "no-op jobs settled per second, one worker process",
    "jobs_per_s_batched": "no-op tasks of one root settled per second, one worker process",
    "in_flight": "jobs seated at once over ten workers",
    "jobs_settled": "of these, settled",
    "replay_10k_events_s": "seconds to read 10,000 events anew",
    "overhead": "a job of 60 s, beside a plain process",
}


def document(parts: Mapping[str, Mapping[str, Any]], machine: Mapping[str, Any]) -> dict[str, Any]:
    """Headline figures at the top, each part's details below; a part that was not run is not there."""
    headline = {name: part[name] for name in TARGETS for part in parts.values() if name in part}
    details = {name: dict(part) for name, part in parts.items()}
    return {**headline, "missed": missed(headline), "machine": dict(machine), "parts": details}


def missed(headline: Mapping[str, float]) -> list[str]:
    """Names of the figures that do not reach their targets."""
    return [name for name, value in headline.items() if not reached(name, value)]


def reached(name: str, value: float) -> bool:
    sign, target = TARGETS[name]
    return value >= target if sign == ">=" else value <= target


def as_json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=2) + "\n"


def table(found: Mapping[str, Any]) -> str:
    """One line per figure; a miss says so."""
    lines = [f"{'figure':<22}{'measured':>10}  {'target':<9} what it is"]
    for name, (sign, target) in TARGETS.items():
        if name in found:
            mark = "" if reached(name, found[name]) else "   MISSED"
            lines.append(f"{name:<22}{found[name]:>10}  {sign} {target:<6g} {MEANING[name]}{mark}")
    machine = found["machine"]
    where = f"{machine['cores']} cores of {machine['processor']}, load {machine['load_before']} before the run"
    return "\n".join([*lines, where])


def rate(done: int, seconds: float) -> float:
    """Per second, 0 when nothing was done; not asked for spans of no length."""
    return round(done / seconds, 2) if done and seconds > 0 else 0.0

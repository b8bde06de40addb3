"""From the parts that ran to one document: headline figures, misses, and the parts as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

HEADLINES = ("commit_overhead", "commit_overhead_wall", "false_slash", "false_slash_runs")
TARGETS: dict[str, Callable[[float], bool]] = {
    "commit_overhead": lambda value: value <= 1.02,
    "false_slash": lambda value: value == 0,
    "false_slash_runs": lambda value: value >= 200,
}


def document(parts: Mapping[str, Mapping[str, Any]], machine: Mapping[str, Any]) -> dict[str, Any]:
    """Headline figures of the parts that have run, what of them misses its target, and the parts as they are."""
    merged = {name: value for part in parts.values() for name, value in part.items() if name in HEADLINES}
    missed = sorted(name for name, holds in TARGETS.items() if name in merged and not holds(merged[name]))
    return {
        **merged,
        "missed": missed,
        "machine": dict(machine),
        "parts": {name: dict(part) for name, part in parts.items()},
    }


def as_json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=1) + "\n"


def table(found: Mapping[str, Any]) -> str:
    lines = [f"{name:24} {found[name]:>10}" for name in HEADLINES if name in found]
    return "\n".join([*lines, f"missed: {', '.join(found['missed']) or 'nothing'}"])

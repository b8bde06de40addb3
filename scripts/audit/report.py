"""From the parts that ran to one document: headline figures, misses, and the parts as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

HEADLINES = (
    "commit_overhead",
    "commit_overhead_wall",
    "audit_compute",
    "detect_full_fake",
    "detect_full_fake_draws",
    "full_fake_real_runs",
    "full_fake_real_caught",
    "false_slash",
    "false_slash_runs",
    "false_slash_network",
    "false_slash_network_runs",
    "real_cheats_tried",
    "real_cheats_caught",
    "audited_job_gas",
    "dispute_gas",
    "dispute_rounds",
)
TARGETS: dict[str, Callable[[float], bool]] = {
    "commit_overhead": lambda value: value <= 1.02,
    "audit_compute": lambda value: value <= 0.05,
    "detect_full_fake": lambda value: value >= 0.99,
    "detect_full_fake_draws": lambda value: value >= 1000,
    "full_fake_real_runs": lambda value: value >= 20,
    "false_slash": lambda value: value == 0,
    "false_slash_runs": lambda value: value >= 200,
    "false_slash_network": lambda value: value == 0,
    "false_slash_network_runs": lambda value: value >= 20,
}
EQUAL = {"full_fake_real_caught": "full_fake_real_runs", "real_cheats_caught": "real_cheats_tried"}
"""Whatever was tried has to be caught."""


def document(parts: Mapping[str, Mapping[str, Any]], machine: Mapping[str, Any]) -> dict[str, Any]:
    """Headline figures of the parts that have run, what of them misses its target, and the parts as they are."""
    merged = {name: value for part in parts.values() for name, value in part.items() if name in HEADLINES}
    missed = {name for name, holds in TARGETS.items() if name in merged and not holds(merged[name])}
    missed |= {caught for caught, tried in EQUAL.items() if caught in merged and merged[caught] != merged[tried]}
    return {
        **merged,
        "missed": sorted(missed),
        "machine": dict(machine),
        "parts": {name: dict(part) for name, part in parts.items()},
    }


def as_json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=1) + "\n"


def table(found: Mapping[str, Any]) -> str:
    lines = [f"{name:24} {found[name]:>10}" for name in HEADLINES if name in found]
    return "\n".join([*lines, f"missed: {', '.join(found['missed']) or 'nothing'}"])

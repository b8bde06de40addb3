"""What audits cost in gas, as the gas bench has measured it: read, not measured again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BASELINE = ROOT / "tests" / "gas_baseline.json"
"""What `make bench-gas ARGS=--accept` has written: by call, gas the first time (cold) and later (steady)."""
_JOB = "audited_job_gas"
_DISPUTE = "dispute_gas (all of it)"
_ROUNDS = re.compile(r"dispute_rounds \((\d+), all moves\)")


def of_baseline(path: Path = BASELINE) -> dict[str, Any]:
    """Steady figures on top, those of a first time beside. Raises SystemExit where the bench has not measured them."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rounds, moves = next((found[1], told[name]) for name in told if (found := _ROUNDS.fullmatch(name)))
        job, dispute = told[_JOB], told[_DISPUTE]
        return {
            "audited_job_gas": int(job["steady"]),
            "dispute_gas": int(dispute["steady"]),
            "dispute_rounds": int(rounds),
            "cold": {"audited_job_gas": int(job["cold"]), "dispute_gas": int(dispute["cold"])},
            "dispute_moves_gas": int(moves["steady"]),
            "read_from": path.name,
        }
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise SystemExit(f"bench-audit: {path.name} has no gas of audits; run: make bench-gas ARGS=--accept") from error

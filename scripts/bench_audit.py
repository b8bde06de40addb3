"""What audits cost and how sure they are, measured in the real sandbox. Writes build/bench/audit.json.

Parts: `overhead` (what the trace costs a training job), `honest` (replays of honest runs, none of which may differ),
`fakes` (cheats on a running network), `draws` (the protocol's draw, often), `gas` (read from the gas bench's file).
Misses are told, not hidden; the exit code is 0 whenever everything ran. What was cut goes on where it was.

For example:
  make bench-audit                                          everything, about an hour on a quiet machine
  python scripts/bench_audit.py --only overhead --json      one part; the others' figures in the file stay
  python scripts/bench_audit.py --only honest --runs 8      a short look
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audit import draws, gas, report
from audit.fakes import RUNS as RUNS_FAKED
from audit.fakes import fakes
from audit.honest import RUNS, false_slash
from audit.overhead import PAIRS, SECONDS, commit_overhead
from load import machine

FILE = Path(__file__).parents[1] / "build" / "bench" / "audit.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only",
        choices=("overhead", "honest", "fakes", "draws", "gas"),
        action="append",
        help="this part alone; repeatable",
    )
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each run of the overhead part, about")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of the overhead part")
    parser.add_argument("--runs", type=int, default=RUNS, help="of the honest part")
    parser.add_argument("--fakes", type=int, default=RUNS_FAKED, help="whole fakes of the fakes part")
    parser.add_argument("--honest-jobs", type=int, default=RUNS_FAKED, help="honest jobs between them")
    parser.add_argument("--draws", type=int, default=draws.DRAWS, help="of the draws part")
    parser.add_argument("--json", action="store_true", help="print the document instead of the table")
    chosen = parser.parse_args()
    if min(chosen.seconds, chosen.pairs, chosen.runs, chosen.fakes, chosen.draws) < 1 or chosen.honest_jobs < 0:
        parser.error("--seconds, --pairs, --runs, --fakes and --draws are at least 1, --honest-jobs 0")
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "overhead": lambda: commit_overhead(chosen.seconds, chosen.pairs),
        "honest": lambda: false_slash(chosen.runs),
        "fakes": lambda: fakes(chosen.fakes, chosen.honest_jobs),
        "draws": lambda: draws.drawn(chosen.draws),
        "gas": gas.of_baseline,
    }
    for name in chosen.only or parts:
        part = parts[name]() | {"load_after": machine.facts()["load_before"]}
        found = kept() | {name: part}
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(report.as_json(report.document(found, machine.facts())), encoding="utf-8")
    told = report.document(kept(), machine.facts())
    print(report.as_json(told) if chosen.json else f"{report.table(told)}\nwritten to {FILE}")


def kept() -> dict[str, dict[str, Any]]:
    """Parts of the last run, for those that are not run now."""
    try:
        value = json.loads(FILE.read_text(encoding="utf-8"))["parts"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return value if isinstance(value, dict) else {}


if __name__ == "__main__":
    main()

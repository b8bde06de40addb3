"""How much load a worker carries, measured on a real anvil with real sandboxes. Writes build/bench/load.json.

Five parts: `throughput` (no-op jobs per second of one worker process), `batched` (no-op tasks of one root, as many),
`flight` (1,000 jobs over ten workers), `replay` (10,000 events read anew), `overhead` (a job of a minute beside a plain
process). Misses are told, not hidden; the exit code is 0 whenever everything ran.

For example:
  make bench-load                                        everything, about ten minutes
  python scripts/bench_load.py --only throughput         one part; the others' figures in the file stay
  python scripts/bench_load.py --only overhead --seconds 10 --json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from load import machine, report
from load.batched import batched
from load.flight import in_flight
from load.overhead import SECONDS, overhead
from load.replay import EVENTS, replay
from load.throughput import throughput

FILE = Path(__file__).parents[1] / "build" / "bench" / "load.json"
JOBS_PER_SECOND = 20  # of the throughput part: enough work for --seconds at the target's pace
FLIGHT = 1000
BATCH = 10_000  # as many as one root may have
Part = Callable[[int], dict[str, Any]]
PARTS: dict[str, Part] = {
    "throughput": lambda seconds: throughput(max(40, seconds * JOBS_PER_SECOND)),
    "batched": lambda _: batched(BATCH),
    "flight": lambda _: in_flight(FLIGHT),
    "replay": lambda _: replay(EVENTS),
    "overhead": overhead,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be given several times")
    parser.add_argument("--seconds", type=int, default=0, help="of throughput and of the job of a minute; shorter runs")
    parser.add_argument("--json", action="store_true", help="print the document instead of the table")
    chosen = parser.parse_args()
    if chosen.seconds < 0:
        parser.error("--seconds is a number of seconds, such as 10")
    found = report.document({**kept(), **run(chosen.only or list(PARTS), chosen.seconds)}, machine.facts())
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(report.as_json(found), encoding="utf-8")
    print(report.as_json(found) if chosen.json else report.table(found))


def run(names: list[str], seconds: int) -> dict[str, dict[str, Any]]:
    lengths = {"throughput": seconds or 30, "overhead": seconds or SECONDS}
    return {name: {**PARTS[name](lengths.get(name, 0)), "load_after": machine.facts()["load_before"]} for name in names}


def kept() -> dict[str, dict[str, Any]]:
    """Parts of the last run, for those that are not run now."""
    try:
        earlier = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    parts = earlier.get("parts", {})
    return {name: parts[name] for name in PARTS if name in parts}


if __name__ == "__main__":
    main()

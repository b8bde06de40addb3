"""`make chaos`: workers die at every statement of their journal and by kill -9, and no wei may be missing afterwards.

python scripts/chaos.py [--seed N] [--runs N] [--kills N] [--only FAULT] [--resume]: writes build/bench/chaos.json, and
each run as a line of build/bench/chaos.jsonl. docs/chaos.md says what is broken, how, and what is counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LINES, REPORT = ROOT / "build/bench/chaos.jsonl", ROOT / "build/bench/chaos.json"
AT_ONCE = 2
IN_JOBS_OF_THREE = 0.3
"""Share of the kills; the others fall in jobs of one seat."""
ZEROS = ("wei_lost", "stake_forfeited", "double_payments", "double_transactions", "stuck", "errors")


def find_tests() -> None:
    """Let `tests` mean ours: some wheel brings a package of that name, and a folder without __init__ loses to it."""
    package = types.ModuleType("tests")
    package.__path__ = [str(ROOT / "tests")]
    sys.modules["tests"] = package


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill workers at every step and count what is lost: nothing.")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--runs", type=int, default=920, help="in-process runs")
    parser.add_argument("--kills", type=int, default=104, help="real kill -9")
    parser.add_argument("--only", help='one fault alone, such as "reorg"; see docs/chaos.md')
    parser.add_argument("--resume", action="store_true", help="keep the runs of the last time, do the others")
    return parser.parse_args()


def live(seeds: list[int], only: str | None, queue: Any) -> None:
    """One process's share of the in-process runs."""
    find_tests()
    from tests.chaos.batch import lives

    try:
        for record in lives(seeds, only):
            queue.put(record)
    finally:
        queue.put(None)


def in_process(seeds: list[int], only: str | None) -> Iterator[dict[str, Any]]:
    """All of them, over as many processes as there are cores for."""
    if not seeds:
        return
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue()
    shares = [context.Process(target=live, args=(seeds[n::AT_ONCE], only, queue)) for n in range(AT_ONCE)]
    for share in shares:
        share.start()
    left = AT_ONCE
    while left:
        record = queue.get()
        if record is None:
            left -= 1
        else:
            yield record
    for share in shares:
        share.join()


def kills(first: int, count: int) -> Iterator[dict[str, Any]]:
    from tests.chaos.batch import record_of_kill
    from tests.chaos.kills import all_kills

    if count <= 0:
        return
    three = round(count * IN_JOBS_OF_THREE) // 3 * 3
    for kill in all_kills(first, count - three, three):
        yield record_of_kill(kill)


def main() -> int:
    asked = arguments()
    find_tests()
    from tests.chaos.batch import figures

    LINES.parent.mkdir(parents=True, exist_ok=True)
    if not asked.resume:
        LINES.unlink(missing_ok=True)
    records = [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []
    done = {record["seed"] for record in records if record["how"] == "in-process"}
    killed = sum(record["how"] == "kill -9" for record in records)
    began = time.monotonic()
    with LINES.open("a") as lines:
        seeds = [seed for seed in range(asked.seed, asked.seed + asked.runs) if seed not in done]
        for source in (in_process(seeds, asked.only), kills(asked.seed, 0 if asked.only else asked.kills - killed)):
            for record in source:
                records.append(record)
                lines.write(json.dumps(record) + "\n")
                lines.flush()
                show(records, record)
    found = figures(records) | {"seconds": round(time.monotonic() - began, 1)}
    REPORT.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    return 1 if any(found[name] for name in ZEROS) or found["failed_seeds"] else 0


def show(records: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """Progress, and how to repeat what failed."""
    if record["failed"]:
        print(f"FAILED {record['plan']}: {record['findings']} {record['error']}", flush=True)
        if record["how"] == "in-process":
            print(
                f"  repeat it: {sys.executable} scripts/chaos.py --seed {record['seed']} --runs 1 --kills 0", flush=True
            )
    if len(records) % 50 == 0:
        print(f"{len(records)} runs, {sum(r['failed'] for r in records)} failed", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())

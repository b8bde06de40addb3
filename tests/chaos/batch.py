"""Many lives one after another, and the figures that they add up to."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos import audit
from tests.chaos.kills import Kill
from tests.chaos.life import Life, Outcome
from tests.chaos.plan import Fault, Plan, Tier, plan_of
from tests.chaos.subject import keep_silent
from tests.chaos.world import World, prepared

Record = dict[str, Any]
"""One run as it is kept: plain values, one line of JSON."""


def lives(seeds: Iterable[int], only: str | None = None) -> Iterator[Record]:
    """A run per seed (of one fault alone, with `only`), all on one prepared chain."""
    keep_silent()
    with prepared() as world, tempfile.TemporaryDirectory(prefix="tensorgrid-chaos-home-") as folder:
        before = audit.look(world)
        places = _places(world, before, Path(folder))
        for seed in seeds:
            plan = plan_of(seed, places)
            if only is None or plan.fault == only:
                yield _record(Life(world, before, plan, Path(folder) / str(seed)).live())


def _places(world: World, before: audit.Purses, folder: Path) -> dict[Tier, int]:
    """How many places to die a life without faults passes: counted, not assumed."""
    quiet = {tier: Plan(-1, tier, Fault.NONE, 0, 0, 0, ()) for tier in Tier}
    return {tier: Life(world, before, plan, folder / f"quiet-{tier}").live().places for tier, plan in quiet.items()}


def _record(outcome: Outcome) -> Record:
    plan, found = outcome.plan, outcome.findings
    return {
        "how": "in-process",
        "seed": plan.seed,
        "plan": str(plan),
        "fault": str(plan.fault),
        "places": plan.places[:1],
        "died": outcome.died,
        "recoveries": outcome.recoveries,
        "stuck": outcome.stuck,
        "left_open": outcome.left_open,
        "error": outcome.error,
        "failed": outcome.failed,
        "seconds": outcome.seconds,
        "findings": asdict(found) if found is not None else None,
        "settled": found is not None and found.ended_as == "settled",
    }


def record_of_kill(kill: Kill) -> Record:
    return {
        "how": "kill -9",
        "seed": kill.seed,
        "plan": f"seed {kill.seed}: {kill.tier}, kill -9 after {kill.stage}{', node away' if kill.cut else ''}",
        "fault": "kill -9 while the node is away" if kill.cut else "kill -9",
        "places": [kill.stage],
        "died": [kill.stage],
        "recoveries": [kill.recovery],
        "stuck": bool(kill.error) or not kill.settled,
        "left_open": False,
        "error": kill.error,
        "failed": kill.failed,
        "settled": kill.settled,
        "findings": {
            "wei_lost": kill.wei_lost,
            "double_payments": kill.double_payments,
            "double_transactions": kill.double_transactions,
        },
    }


def figures(records: list[Record]) -> Record:
    """The content of build/bench/chaos.json. A run in which the worker did not die is not counted as a run."""
    runs = [record for record in records if record["died"]]
    found = [record["findings"] for record in runs if record["findings"]]
    waits = sorted(seconds for record in runs for seconds in record["recoveries"])

    def total(name: str) -> int:
        return sum(int(findings.get(name, 0)) for findings in found)

    return {
        "runs": len(runs),
        "kill9_runs": sum(record["how"] == "kill -9" for record in runs),
        "crashes": sum(len(record["died"]) for record in runs),
        "places_to_die": len({(record["how"], *record["places"]) for record in runs}),
        "jobs_settled": sum(record["settled"] for record in runs),
        "wei_lost": total("wei_lost"),
        "stake_forfeited": total("forfeited"),
        "double_payments": total("double_payments"),
        "double_transactions": total("double_transactions"),
        "failed_transactions": total("failed_transactions"),
        "stuck": sum(record["stuck"] for record in runs),
        "records_left_open": sum(record["left_open"] for record in runs),
        "errors": sum(bool(record["error"]) for record in runs),
        "recovery_p50_s": _at(waits, 0.5),
        "recovery_p95_s": _at(waits, 0.95),
        "recovery_p95_s_of_kill9": _at(
            sorted(s for record in runs if record["how"] == "kill -9" for s in record["recoveries"]), 0.95
        ),
        "faults": dict(sorted(Counter(record["fault"] for record in runs).items())),
        "failed_seeds": [record["seed"] for record in records if record["failed"]],
        "sandbox": "in-process runs: an echo in its place; kill -9: the real one",
    }


def _at(ordered: list[float], share: float) -> float | None:
    """The value below which `share` of all lie; None of nothing."""
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else None

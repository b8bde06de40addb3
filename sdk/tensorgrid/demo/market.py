"""The story about the market: who gets a job and at what price, what becomes of a silent worker, a thousand items."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from tensorgrid.demo import Options
from tensorgrid.demo.audit import broken, missing
from tensorgrid.demo.ending import finish
from tensorgrid.demo.market_batch import batch
from tensorgrid.demo.market_replace import replace_silent
from tensorgrid.demo.market_stage import WORKERS, MarketStage, hooks, quick
from tensorgrid.demo.market_strategies import strategies
from tensorgrid.demo.statement import print_balances, print_jobs, print_missing
from tensorgrid.demo.survivors import processes_naming
from tensorgrid.devnet import Devnet
from tensorgrid.domain.errors import ToolMissing
from tensorgrid.overview.health import check

PARTS: dict[str, Callable[[MarketStage], dict[str, Any]]] = {
    "strategies": strategies,
    "replace": replace_silent,
    "batch": batch,
}
OPENING = f"""\
Who gets the work? A chain, its contracts and {WORKERS} workers start on this machine, each of which asks another
price. Bob buys the same job four ways, loses a worker and is given another, and has a thousand images
classified, some of which one worker makes up.
"""


def run(options: Options) -> None:
    """Run it, print it, write the numbers. Raises DemoFailed with a sentence for each promise that did not hold."""
    began = time.monotonic()
    chosen = {name: part for name, part in PARTS.items() if options.only in (None, name)}
    console = Console(highlight=False, markup=False, quiet=options.quiet)
    if not console.is_terminal:
        console.width = 110  # a file has no width of its own
    if importlib.util.find_spec("torch") is None:
        raise ToolMissing("workers need torch for audits: pip install 'tensorgrid[devnet,worker]'")
    console.print(OPENING)
    with tempfile.TemporaryDirectory(prefix="tensorgrid-demo-") as folder:
        with Devnet(
            Path(folder),
            workers=WORKERS,
            seed=options.seed,
            parameters=quick(),
            hooks=hooks(),
            listen=console.print,
        ) as net:
            stage = MarketStage(net, console, options)
            numbers = {"scenario": "market", **{name: part(stage) for name, part in chosen.items()}, **close(stage)}
        left = processes_naming(folder)
    finish(console, options.report, numbers, began=began, wrong=broken(stage.checks) + stage.wrong, left=left)


def close(stage: MarketStage) -> dict[str, Any]:
    """Every balance, where each job's money went, and whether every invariant holds that can be seen."""
    last = stage.look()
    stage.title("The books")
    print_balances(stage.console, stage.book, stage.first, last)
    print_jobs(stage.console, stage.book, stage.jobs)
    health = check(stage.contracts)
    looked = sum(health.looked_at.values())
    stage.say(f"`tensorgrid check` makes {looked} comparisons over all that happened: {len(health.violations)} fail.")
    stage.demand(health.holds, f"invariants are violated: {health.violations[:3]}")
    lost = missing(stage.book, last)
    stage.demand(not any(lost.values()), f"units are missing: {lost}")
    print_missing(stage.console, stage.book, last)
    return {
        "jobs": [asdict(job) for job in stage.jobs],
        "balance_sum": sum(abs(units) for units in lost.values()),
        "checks": len(stage.checks),
        "broken": len(broken(stage.checks)),
        "comparisons": looked,
        "violations": len(health.violations),
        "sandbox": stage.net.sandbox,
        "worker_pids": [worker.pid for worker in stage.net.workers],
    }

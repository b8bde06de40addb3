"""What every call costs, measured on a real anvil, beside the figures of other networks.

Writes build/bench/gas.json and prints one table. `--json` prints the document instead; `--profile` prints where the gas
of the scenarios goes; `--accept` makes what is measured now the baseline that tests compare with, and the figures
of docs/gas.md; `--jobs` is up to how many jobs the calls are shown to stay flat (0: not shown), `--workers` beside how
many registered workers a take is measured (0: not at all).
"""

from __future__ import annotations

import argparse

from bench import baseline, growth, page, report
from bench.flat import ByCount, after_jobs, beside_open_jobs
from bench.measure import DRAWN, OFFERED, SCENARIOS, measure, walk_twice
from bench.network import ROOT, Network, running
from bench.paths import Walk
from bench.profile import Profile, profile

FILE = ROOT / "build" / "bench" / "gas.json"
FEW = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--workers", type=int, default=growth.MANY)
    chosen = parser.parse_args()
    if chosen.profile:
        for name, steps in profiles().items():
            report.show(report.profile_table(name, steps))
        return
    with running() as network:
        measured = measure(network)
        flat = stay_flat(network, chosen.jobs)
        node = network.chain.version
    crowded = take_growth(chosen.workers)
    document = report.as_json(report.document(measured, flat, crowded, node))
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(document)
    if chosen.json:
        print(document, end="")
    else:
        report.show(report.table(measured, flat, crowded, node))
    if chosen.accept:
        baseline.save(baseline.of(measured))
        page.write(baseline.of(measured), {name: [made for _, made in steps] for name, steps in profiles().items()})


def stay_flat(network: Network, jobs: int) -> report.Flat:
    """Gas per call at ten jobs and at `jobs`."""
    if jobs <= FEW:
        return {}
    counts = (FEW, jobs)
    return {
        f"one worker, {FEW} to {jobs} jobs done": after_jobs(network, Walk.optimistic, counts),
        f"one worker, {FEW} to {jobs} jobs open": beside_open_jobs(network, counts),
        f"three workers relayed, {FEW} to {jobs} jobs done": after_jobs(network, Walk.relayed, counts),
    }


def take_growth(workers: int) -> ByCount:
    """Gas of a take by strategy, beside few workers and beside so many; on a chain of its own, which they fill."""
    if workers <= growth.FEW:
        return {}
    with running(forgetful=True) as network:
        return growth.take_growth(network, workers)


def profiles() -> dict[str, list[tuple[str, Profile]]]:
    """Of each scenario's transactions, steady."""
    found = {}
    with running(traced=True) as network:
        for name in SCENARIOS:
            background = Walk.open_offered if name in OFFERED else Walk.open_drawn
            steps = walk_twice(network, (OFFERED | DRAWN)[name], background).steady
            found[name] = [(step.call, profile(network.chain, step.tx, network.names())) for step in steps]
    return found


if __name__ == "__main__":
    main()

"""The tables of docs/scheduling.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from statistics import fmean, quantiles

from .model import STRATEGIES, Given, Worker, give, in_line, one_by_one

SEED = "tensorgrid schedulers"
JOBS = 2000
GROUP = 25  # workers of each group: a hundred in all
MARK = "<!-- what follows is written by scripts/simulate_schedulers.py -->\n"

STAKES = {"1 x": 1.0, "2 x": 2.0, "4 x": 4.0, "8 x": 8.0}
POINTS = {"none": 0.0, "1/64": 1 / 64, "1/4": 1 / 4, "all": 1.0}
ASKS = {"30 %": 0.3, "50 %": 0.5, "70 %": 0.7, "90 %": 0.9}
LOADS = (0.1, 0.5, 0.9)
ONLINE = (10, 500, 1000)  # of a thousand
SYBIL = 16


def tables(jobs: int = JOBS) -> str:
    parts = (_stake(jobs), _score(jobs), _price(jobs), _split(jobs), _load(jobs), _patience(jobs))
    return MARK + "\n" + "\n".join(parts).rstrip() + "\n"


def shares(found: Sequence[Given], workers: Sequence[Worker]) -> dict[str, float]:
    """The part of the jobs that went to each group."""
    counts = dict.fromkeys(dict.fromkeys(worker.group for worker in workers), 0)
    for given in found:
        counts[workers[given.worker].group] += 1
    return {group: count / len(found) for group, count in counts.items()}


def groups(values: dict[str, float], make: Callable[[str, float], Worker]) -> list[Worker]:
    return [make(name, value) for name, value in values.items() for _ in range(GROUP)]


def _stake(jobs: int) -> str:
    workers = groups(STAKES, lambda name, stake: Worker(name, stake=stake))
    return _shares(
        "Share of the work against stake",
        "A hundred workers, alike but for what they have staked, in multiples of what a job locks: 25 of each.",
        workers,
        jobs,
    )


def _score(jobs: int) -> str:
    workers = groups(POINTS, lambda name, points: Worker(name, points=points))
    return _shares(
        "Share of the work against score",
        "A hundred workers, alike but for their points, as parts of the bar's top: 25 of each.",
        workers,
        jobs,
    )


def _shares(title: str, text: str, workers: Sequence[Worker], jobs: int) -> str:
    rows = []
    for strategy in STRATEGIES:
        found = shares(one_by_one(strategy, workers, jobs, _chance(title, strategy)), workers)
        rows.append([strategy, *(_percent(part) for part in found.values())])
    names = dict.fromkeys(worker.group for worker in workers)
    return _table(title, text, ["strategy", *names], rows)


def _price(jobs: int) -> str:
    workers = groups(ASKS, lambda name, asks: Worker(name, asks=asks))
    rows = []
    for strategy in STRATEGIES:
        given = one_by_one(strategy, workers, jobs, _chance("price", strategy))
        found = shares(given, workers)
        paid = fmean(one.price for one in given)
        rows.append([strategy, *(_percent(part) for part in found.values()), _percent(paid)])
    return _table(
        "Share of the work against price",
        "A hundred workers, alike but for the least they take, as a part of the terms' price: 25 of each. Last: "
        "what a seat costs on average. Who may take at the full price does, whatever he would have taken.",
        ["strategy", *ASKS, "paid"],
        rows,
    )


def _split(jobs: int) -> str:
    others = [Worker("others", stake=1.0, points=1 / 16) for _ in range(84)]
    whole = [Worker("sybil", stake=SYBIL, points=0.5)]
    split = [Worker("sybil", stake=1.0, points=0.5 / SYBIL) for _ in range(SYBIL)]
    rows = []
    for strategy in STRATEGIES:
        found = [
            shares(one_by_one(strategy, [*others, *mine], 2 * jobs, _chance("split", strategy, name)), [*others, *mine])
            for name, mine in (("whole", whole), ("split", split))
        ]
        rows.append([strategy, *(_percent(part["sybil"]) for part in found)])
    return _table(
        "What splitting one identity into sixteen gains",
        "One provider with sixteen times the stake and eight times the points of each of 84 others, who all ask "
        "the same; he has all on one worker, or a sixteenth of both on each of sixteen. His share of the work. By"
        " offer the requester chooses from a list, here by chance among equals: he should look at providers, not "
        "at names.",
        ["strategy", "one worker", "sixteen"],
        rows,
    )


def _load(jobs: int) -> str:
    workers = groups(STAKES, lambda name, stake: Worker(name, stake=stake, points=stake / 8, asks=0.9 - stake / 20))
    rows = []
    for strategy in STRATEGIES:
        found = [shares(in_line(strategy, workers, jobs, load, _chance(strategy, load)), workers) for load in LOADS]
        rows.append([strategy, *(_percent(part["8 x"]) for part in found)])
    return _table(
        "How load spreads",
        "A hundred workers; 25 of them are best in everything: stake, score and price. Their share of the work "
        "when 10, 50 and 90 of the hundred are busy at any time, one job at once each. A busy worker cannot take,"
        " so the rest goes to others.",
        ["strategy", *(f"{round(100 * load)} busy" for load in LOADS)],
        rows,
    )


def _patience(jobs: int) -> str:
    chance = _chance("patience")
    everybody = [
        Worker("any", stake=chance.choice([1, 2, 4, 8]), points=chance.random() ** 4, asks=0.3 + 0.6 * chance.random())
        for _ in range(max(ONLINE))
    ]
    rows = []
    for strategy in STRATEGIES:
        cells = []
        for online in ONLINE:
            times = [
                given.when
                for _ in range(jobs // 10)
                if (given := give(strategy, everybody, chance.sample(range(len(everybody)), online), chance))
            ]
            cuts = quantiles(times, n=20)
            cells.append(f"{_percent(cuts[9])} ({_percent(cuts[18])})")
        rows.append([strategy, *cells])
    return _table(
        "How long a job waits",
        "A thousand workers with stakes of 1 to 8, mostly low scores, and asks of 30 to 90 %; of them so many are"
        " online. The part of the take window that passes before the seat is taken: median, and 95 % of jobs. No "
        "strategy waits longer than three quarters of it as long as anybody is there who may.",
        ["strategy", *(f"{online / 10:g} % online" for online in ONLINE)],
        rows,
    )


def _chance(*names: object) -> Random:
    return Random(" ".join([SEED, *map(str, names)]))


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"


def _table(title: str, text: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"## {title}", "", text, "", _row(head), _row(["---"] * len(head)), *map(_row, rows), ""]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

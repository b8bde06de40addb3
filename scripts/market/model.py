"""A market of workers and one job after the other: who gets it, when, and for how much."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from . import rules

TOP = 1.0
START = 0.25
"""Where the auction's price begins."""


@dataclass(frozen=True, slots=True)
class Worker:
    """`stake`: in multiples of what a job locks. `points`: as a part of the bar's top. `asks`: the least it takes, as a
    part of the terms' price. `group`: what it is counted under."""

    group: str
    stake: float = 4.0
    points: float = 0.0
    asks: float = 0.5


@dataclass(frozen=True, slots=True)
class Given:
    """A seat that was taken. `when`: part of the window."""

    worker: int
    when: float
    price: float


Strategy = Callable[[Worker, float], float]
"""When a worker takes, by itself and its ticket: part of the window, infinity for never."""


def by_lottery(worker: Worker, ticket: float) -> float:
    return rules.lottery_entry(ticket, worker.stake)


def by_reputation(worker: Worker, ticket: float) -> float:
    return rules.reputation_entry(ticket, worker.stake, worker.points, TOP)


def by_price(worker: Worker, ticket: float) -> float:
    return rules.price_entry(ticket, worker.stake, worker.asks, START)


def by_offer(worker: Worker, _ticket: float) -> float:
    """The requester has the offers before him and takes the cheapest: at once, so the order stands for the time."""
    return worker.asks * 1e-9


STRATEGIES: dict[str, Strategy] = {
    "lottery": by_lottery,
    "reputation": by_reputation,
    "price": by_price,
    "offers": by_offer,
}


def pays(strategy: str, worker: Worker) -> float:
    """What the seat costs, as a part of the terms' price: who takes as soon as he likes the price gets what he asks."""
    if strategy == "price":
        return max(START, worker.asks)
    return worker.asks if strategy == "offers" else 1.0


def give(strategy: str, workers: Sequence[Worker], there: Sequence[int], chance: Random) -> Given | None:
    """One job's seat, to the first of those who are there (indices); among equals by chance. None: nobody takes it."""
    takes = STRATEGIES[strategy]
    best, when = -1, (math.inf, 0.0)
    for index in there:
        moment = (takes(workers[index], chance.random()), chance.random())
        if moment < when:
            best, when = index, moment
    if best < 0:
        return None
    return Given(best, when[0], pays(strategy, workers[best]))


def one_by_one(strategy: str, workers: Sequence[Worker], jobs: int, chance: Random) -> list[Given]:
    """Jobs that never overlap: everybody is there for each."""
    everybody = range(len(workers))
    return [given for _ in range(jobs) if (given := give(strategy, workers, everybody, chance))]


def in_line(strategy: str, workers: Sequence[Worker], jobs: int, load: float, chance: Random) -> list[Given]:
    """Jobs that overlap: a worker stays busy until as many more jobs have come as `load` of all workers could do."""
    lasts = max(1, round(load * len(workers)))
    free_at = [0] * len(workers)
    found = []
    for job in range(jobs):
        given = give(strategy, workers, [i for i, free in enumerate(free_at) if free <= job], chance)
        if given:
            free_at[given.worker] = job + lasts
            found.append(given)
    return found

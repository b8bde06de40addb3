"""What the simulation of schedulers says, in short; and that the page says what the simulation does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from scripts.market.model import STRATEGIES, Worker, by_price, by_reputation, give, in_line, one_by_one
from scripts.market.page import shares

JOBS = 600


def share(strategy: str, workers: list[Worker], group: str) -> float:
    return shares(one_by_one(strategy, workers, JOBS, Random(group)), workers)[group]


@pytest.mark.parametrize("strategy", ["lottery", "reputation", "price"])
def test_split_identity__gains_nothing(strategy: str) -> None:
    """Within four sigma of two shares of 600 jobs each."""
    others = [Worker("others", stake=1, points=0.1) for _ in range(24)]
    whole = [Worker("sybil", stake=8, points=0.4)]
    split = [Worker("sybil", stake=1, points=0.05) for _ in range(8)]
    gain = share(strategy, others + split, "sybil") - share(strategy, others + whole, "sybil")
    assert gain < 4 * (2 * 0.25 * 0.75 / JOBS) ** 0.5


def test_share__follows_stake_score_and_price() -> None:
    poor, rich = Worker("poor", stake=1), Worker("rich", stake=9)
    assert share("lottery", [poor, rich], "rich") > 0.85
    new, known = Worker("new"), Worker("known", points=1)
    assert share("reputation", [*[new] * 9, known], "known") > 0.6
    dear, cheap = Worker("dear", asks=0.9), Worker("cheap", asks=0.4)
    assert share("price", [*[dear] * 9, cheap], "cheap") == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_busy_worker__cannot_take_and_an_idle_one_can(strategy: str) -> None:
    workers = [Worker("best", stake=100, points=1, asks=0.3), *(Worker("others") for _ in range(9))]
    found = in_line(strategy, workers, JOBS, 0.5, Random(1))
    assert len(found) == JOBS
    assert shares(found, workers)["best"] < 0.25


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_worker_online__takes_by_three_quarters_of_the_window(strategy: str) -> None:
    workers = [Worker("any", stake=0.001, asks=1.0)]
    for number in range(20):
        given = give(strategy, workers, [0], Random(number))
        assert given is not None
        assert given.when <= 0.75


def test_rules__worker_who_asks_too_much__never_takes() -> None:
    assert by_price(Worker("dear", asks=1.01), 0.5) == float("inf")
    assert give("price", [Worker("dear", asks=1.01)], [0], Random(1)) is None


def test_rules__points__are_never_a_disadvantage() -> None:
    for number in range(50):
        ticket = Random(number).random()
        entries = [by_reputation(Worker("any", points=points), ticket) for points in (0, 0.01, 0.3, 1, 5)]
        assert entries == sorted(entries, reverse=True)


@pytest.mark.slow
def test_page__is_what_the_simulation_writes() -> None:
    script = Path(__file__).resolve().parent.parent / "scripts" / "simulate_schedulers.py"
    check = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr

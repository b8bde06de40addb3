"""Scores: per reporter, halving in time, faults halve first; never a reason for a revert."""

from __future__ import annotations

from typing import Any

import pytest
from tests import model
from tests.contracts.ledgers import Ledgers
from tests.contracts.world import PARAMETERS, PRICE, WEI, World

HALF_LIFE = PARAMETERS.half_life
MOST = 2**127 - 1


@pytest.fixture
def reporter(ledgers: Ledgers) -> Any:
    return ledgers.controller


def points(ledgers: Ledgers, reporter: Any) -> int:
    return int(ledgers.reputation.pointsOf(reporter, ledgers.stranger))


def win(ledgers: Ledgers, reporter: Any, amount: int) -> Any:
    return ledgers.reputation.addWin(ledgers.stranger, amount, sender=reporter)


def fault(ledgers: Ledgers, reporter: Any, amount: int) -> Any:
    return ledgers.reputation.addFault(ledgers.stranger, amount, sender=reporter)


def test_win__adds_under_the_reporter_alone(ledgers: Ledgers, reporter: Any) -> None:
    win(ledgers, reporter, 100)
    assert points(ledgers, reporter) == 100
    assert points(ledgers, ledgers.board) == 0
    score = ledgers.reputation.scoreOf(reporter, ledgers.stranger)
    assert (score.points, score.at, score.wins, score.faults) == (100, ledgers.now, 1, 0)


def test_fault__halves_what_is_positive_then_subtracts(ledgers: Ledgers, reporter: Any) -> None:
    win(ledgers, reporter, 1001)
    fault(ledgers, reporter, 30)
    decayed = 1001 - -(-1001 // (2 * HALF_LIFE))  # one second of decay lies between, rounded up
    assert points(ledgers, reporter) == decayed // 2 - 30


def test_fault__on_a_negative_score__only_subtracts(ledgers: Ledgers, reporter: Any) -> None:
    fault(ledgers, reporter, 30_000)
    assert points(ledgers, reporter) == -30_000
    fault(ledgers, reporter, 10)
    decayed = 30_000 - 30_000 // (2 * HALF_LIFE)  # one second of decay lies between
    assert points(ledgers, reporter) == -decayed - 10
    score = ledgers.reputation.scoreOf(reporter, ledgers.stranger)
    assert (score.wins, score.faults) == (0, 2)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, 1000), (HALF_LIFE // 2, 750), (HALF_LIFE, 500), (HALF_LIFE * 3 // 2, 375), (HALF_LIFE * 20, 0), (10**9, 0)],
)
def test_decay__halves_every_half_life_with_straight_lines_between(
    ledgers: Ledgers, reporter: Any, sign: int, age: int, expected: int
) -> None:
    (win if sign > 0 else fault)(ledgers, reporter, 1000)
    if age:
        ledgers.at(ledgers.now + age)
        ledgers.mine(1)
    # mining the asked time once, the read sees that block or the pending one a second later: at most one point less
    assert 0 <= expected - sign * points(ledgers, reporter) <= 2


def test_scores__saturate_instead_of_reverting(ledgers: Ledgers, reporter: Any) -> None:
    win(ledgers, reporter, 2**256 - 1)
    win(ledgers, reporter, 2**256 - 1)
    assert points(ledgers, reporter) <= MOST
    for _ in range(3):
        fault(ledgers, reporter, 2**256 - 1)
    assert points(ledgers, reporter) >= -MOST
    win(ledgers, reporter, 1)


def test_board__scores_by_fee_and_weight(world: World) -> None:
    job = world.committed(["b", "a", "a"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3, 4)
    job.commit(3, "a")
    job.commit(4, "a")
    job.reveal(3, 4)
    job.settle()
    worth = model.fee_on(100, PRICE) * (WEI // 10) // WEI
    have = [world.reputation.scoreOf(world.board, worker) for worker in world.workers[:5]]
    assert [score.points for score in have] == [-worth, worth, worth, worth, worth]
    assert [(score.wins, score.faults) for score in have] == [(0, 1), (1, 0), (1, 0), (1, 0), (1, 0)]


def test_board__a_token_without_weight__makes_no_history_but_faults_still_halve(world: World) -> None:
    first = world.committed(["a", "a", "a"])
    first.reveal(0, 1, 2)
    first.settle()
    earned = world.reputation.pointsOf(world.board, world.workers[0])
    assert earned > 0
    world.parameters.setToken(world.coin, (10**12, 0), sender=world.deployer)
    second = world.committed(["a", "a", None])
    second.reveal(0, 1)
    second.settle()
    scores = [world.reputation.scoreOf(world.board, worker) for worker in world.workers[:3]]
    assert [(score.wins, score.faults) for score in scores] == [(1, 0), (1, 0), (1, 1)]
    assert scores[2].points <= earned // 2

"""Every scheduler that draws keeps what they all must (conformance/scheduler.py), and its own rule as it is written."""

from __future__ import annotations

from typing import Any

import pytest
from scripts.market import rules
from tests.contracts.conformance.scheduler import (
    KINDS,
    LOCKED,
    RAMP,
    WINDOW,
    SchedulerConformance,
    Stage,
    seed_of,
    stranger,
)
from tests.contracts.world import ALLOCATED, PARAMETERS, World, container, refused

from tensorgrid.domain.encoding import keccak256, word
from tensorgrid.domain.jobs import JobState

TOP = 10**18
FLOOR = 10**17
START = 2_500
SURE = 2**17 * LOCKED
"""So much stake that its ticket wins as soon as it is in the lot."""


def deployed(world: World, name: str, *arguments: Any) -> Any:
    return world.deployer.deploy(container(name), *arguments)


class TestLottery(SchedulerConformance):
    def deploy(self, world: World, board: Any) -> Any:
        return deployed(world, "LotteryScheduler", board)


class TestReputation(SchedulerConformance):
    def deploy(self, world: World, board: Any) -> Any:
        return deployed(world, "ReputationScheduler", board, TOP)


class TestPrice(SchedulerConformance):
    def deploy(self, world: World, board: Any) -> Any:
        return deployed(world, "PriceScheduler", board, 0, START)


class TestThirdParty(SchedulerConformance):
    def deploy(self, world: World, board: Any) -> Any:
        return world.deploy_double("HouseFirstScheduler", board, world.providers[5])


# ---- what follows is each one's own


@pytest.fixture
def market(world: World) -> Any:
    return world.deploy_double("StubMarket", world.reputation)


def stage_of(world: World, market: Any, scheduler: Any, *, workers: int = 1) -> Stage:
    return Stage(world, market, scheduler, world.now + 60, world.terms(workers=workers, stake=LOCKED))


def ticket(seed: bytes, who: str) -> float:
    return int.from_bytes(keccak256(seed + word(who)), "big") / 2**256


def scored(world: World, market: Any, points: int) -> str:
    """A worker with so many points, as of the next block."""
    who = stranger(points % 2**32)
    market.win(who, points, sender=world.deployer)
    return who


def test_lottery__is_the_written_rule(world: World, market: Any) -> None:
    stage = stage_of(world, market, deployed(world, "LotteryScheduler", market))
    for number in range(5):
        who, seed = stranger(number), seed_of(number)
        expected = rules.lottery_entry(ticket(seed, who), ALLOCATED / LOCKED) * WINDOW
        assert expected <= stage.entry(who, seed=seed) <= expected + 1


# ---- reputation


@pytest.fixture
def reputation(world: World, market: Any) -> Any:
    return deployed(world, "ReputationScheduler", market, TOP)


def test_reputation__top_zero__is_refused(world: World, market: Any) -> None:
    with refused("TopZero"):
        deployed(world, "ReputationScheduler", market, 0)


def test_halvings__are_the_written_rule(reputation: Any) -> None:
    for points in (0, 1, TOP // 2**16, TOP // 2**15, TOP // 3, TOP // 2, TOP // 2 + 1, TOP - 1, TOP, TOP + 1, 2**127):
        assert reputation.halvings(points) == rules.halvings(points, TOP), points


def test_reputation__is_the_written_rule(world: World, market: Any, reputation: Any) -> None:
    for number, points in enumerate((0, TOP // 2**9, TOP // 5, 3 * TOP)):
        who = scored(world, market, points) if points else stranger(0)
        stage = stage_of(world, market, reputation)
        seed = seed_of(number)
        # Half a score is gone in a half-life; what is left of a minute's is well within the same halving.
        expected = rules.reputation_entry(ticket(seed, who), ALLOCATED / LOCKED, points * 0.96, TOP) * WINDOW
        assert expected - 1 <= stage.entry(who, seed=seed) <= expected + 1


def test_reputation__points_count_as_they_had_decayed_when_the_draw_opened(
    world: World, market: Any, reputation: Any
) -> None:
    """The same curve as Reputation's own."""
    for age in (1, PARAMETERS.half_life - 1, PARAMETERS.half_life * 5 // 2, PARAMETERS.half_life * 200):
        who = scored(world, market, TOP - age)
        stage = stage_of(world, market, reputation)
        stage.opens = world.now + age
        world.at(stage.opens)
        world.mine(1)
        points = world.reputation.pointsOf(market, who)
        assert stage.entry(who, stake=SURE) == WINDOW * reputation.halvings(points) // 32


def test_reputation__more_points__is_never_let_in_later(world: World, market: Any, reputation: Any) -> None:
    who = stranger(1)
    entries = []
    for _ in range(4):
        stage = stage_of(world, market, reputation)
        entries.append(stage.entry(who))
        world.at(stage.opens + WINDOW)
        market.win(who, TOP // 4, sender=world.deployer)
    assert entries == sorted(entries, reverse=True)
    assert entries[0] > entries[-1]


def test_reputation__faults_only__is_as_good_as_new(world: World, market: Any, reputation: Any) -> None:
    """Worse than new would be no threat: a new identity costs nothing but its age."""
    who = stranger(1)
    stage = stage_of(world, market, reputation)
    before = stage.entry(who)
    market.fault(who, TOP, sender=world.deployer)
    assert world.reputation.pointsOf(market, who) < 0
    assert stage.entry(who) == before


def test_attack_split_a_score(world: World, market: Any, reputation: Any) -> None:
    """Two halves of a score, with half of the stake each, are let in later than the whole."""
    whole, half = scored(world, market, TOP - 1), scored(world, market, TOP // 2 - 1)
    stage = stage_of(world, market, reputation)
    for number in range(4):
        seed = seed_of(number)
        # The same ticket for both: by the arithmetic, since an address cannot be had twice.
        assert stage.entry(whole, seed=seed, stake=SURE) < stage.entry(half, seed=seed, stake=SURE)


# ---- reputation, of pairs


def covered(world: World, market: Any) -> tuple[Stage, int]:
    """Two replicas, and the points that cover such a job."""
    terms = world.pair_terms(stake=LOCKED)
    needed = int(world.replication.scoreNeeded(terms.as_tuple()))
    stage = Stage(world, market, deployed(world, "ReputationScheduler", market, TOP), world.now + 60, terms)
    return stage, needed


def test_reputation__pair__who_covers_the_job_is_in_the_lot_from_the_beginning(world: World, market: Any) -> None:
    _, needed = covered(world, market)
    good, poor = scored(world, market, 2 * needed), scored(world, market, needed // 2)
    stage, _ = covered(world, market)
    assert stage.entry(good, stake=SURE) == 0
    assert stage.entry(poor, stake=SURE) == stage.entry(stranger(0), stake=SURE) == WINDOW // 2
    assert all(stage.quote(who, RAMP) == (True, stage.terms.price) for who in (good, poor, stranger(0)))


def test_attack_score_that_draws_two_friends_together(world: World, market: Any) -> None:
    """Of a pair more score than covers the job is worth nothing: the lot decides among all who do, by stake."""
    _, needed = covered(world, market)
    rich = scored(world, market, 10**6 * needed)
    stage, _ = covered(world, market)
    for number in range(4):
        seed = seed_of(number)
        expected = rules.lottery_entry(ticket(seed, rich), ALLOCATED / LOCKED) * WINDOW
        assert expected <= stage.entry(rich, seed=seed) <= expected + 1


# ---- price


@pytest.fixture
def price(world: World, market: Any) -> Any:
    return deployed(world, "PriceScheduler", market, FLOOR, START)


@pytest.mark.parametrize("start", [0, 10_001])
def test_price__start_out_of_range__is_refused(world: World, market: Any, start: int) -> None:
    with refused("StartOutOfRange", bps=start):
        deployed(world, "PriceScheduler", market, 0, start)


def test_price__rises_in_a_straight_line_and_rounds_up(world: World, market: Any) -> None:
    """Of who has no delay: with stake enough, the lot is always won at once."""
    rise = RAMP - RAMP // 4
    for start in (1, START, 10_000):
        stage = stage_of(world, market, deployed(world, "PriceScheduler", market, 0, start))
        whole = stage.terms.price
        for passed in (0, 1, RAMP // 3, rise - 1, rise, RAMP, WINDOW):
            parts, all_ = start * rise + (10_000 - start) * min(passed, rise), 10_000 * rise
            expected = -(-whole * parts // all_)
            assert stage.quote(stranger(0), passed, stake=SURE) == (True, expected)
            assert abs(expected / whole - rules.price_at(passed / WINDOW, start / 10_000)) < 1e-5


def test_price__its_rise_is_delayed_by_lot(world: World, market: Any) -> None:
    stage = stage_of(world, market, deployed(world, "PriceScheduler", market, 0, START))
    delays = []
    for number in range(12):
        who, seed, stake = stranger(number), seed_of(number), ALLOCATED // (1, 40, 10**9)[number % 3]
        delay = rules.price_delay(ticket(seed, who), stake / LOCKED)
        delays.append(stage.entry(who, seed=seed, stake=stake))
        assert delays[-1] - 1 < delay * WINDOW < delays[-1] + 1
        may, price = stage.quote(who, delays[-1] + 50, seed=seed, stake=stake)
        assert may
        # The contract's delay is in whole seconds.
        assert abs(price / stage.terms.price - rules.price_at((delays[-1] + 50) / WINDOW, 0.25, delay)) < 0.004
    assert max(delays) == RAMP // 4
    assert len(set(delays)) > 4


def test_price__terms_at_the_ends_of_their_range(world: World, market: Any) -> None:
    scheduler = deployed(world, "PriceScheduler", market, 0, 1)
    for whole in (1, 2**128 - 1):
        stage = Stage(world, market, scheduler, world.now + 60, world.terms(workers=1, price=whole, reserve=0))
        for passed in (0, RAMP - RAMP // 4 - 1, RAMP):
            assert 0 < stage.quote(stranger(0), passed)[1] <= whole
        assert stage.quote(stranger(0), RAMP)[1] == whole


def test_price__below_the_floor__is_never_let_in(world: World, market: Any, price: Any) -> None:
    good, poor = scored(world, market, 2 * FLOOR), scored(world, market, FLOOR - 1)
    stage = stage_of(world, market, price)
    assert stage.entry(good, stake=SURE) == 0
    assert not any(stage.quote(who, WINDOW)[0] for who in (poor, stranger(0)))


def test_attack_score_above_the_floor_once_the_seed_is_known(world: World, market: Any, price: Any) -> None:
    late = scored(world, market, FLOOR // 2)
    stage = stage_of(world, market, price)
    world.at(stage.opens)
    market.win(late, 10 * FLOOR, sender=world.deployer)
    assert not stage.quote(late, WINDOW)[0]


# ---- seats that check somebody


@pytest.mark.parametrize("kind", ["replicas", "second round"])
@pytest.mark.parametrize("name", ["ReputationScheduler", "PriceScheduler"])
def test_attack_seats_that_check_others_by_preference(world: World, market: Any, name: str, kind: str) -> None:
    """They are drawn as the lottery draws them, at the terms' price: neither a score nor a low price makes anybody an
    auditor of his friends. In a second round too whose window ends with the first one's."""
    workers, state = KINDS[kind]
    arguments = (TOP,) if name == "ReputationScheduler" else (FLOOR, START)
    friend = scored(world, market, 5 * TOP)
    market.set(state, sender=world.deployer)
    preferring = stage_of(world, market, deployed(world, name, market, *arguments), workers=workers)
    lottery = Stage(world, market, deployed(world, "LotteryScheduler", market), preferring.opens, preferring.terms)
    assert state == JobState.COMMITTED or workers > 1
    for who in (friend, stranger(0)):
        times = range(0, WINDOW + 1, 50)
        answers = [stage.quotes([stage.call(who, passed) for passed in times]) for stage in (preferring, lottery)]
        assert answers[0] == answers[1]

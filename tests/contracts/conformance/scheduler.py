"""What any IScheduler that draws must keep. Subclass it, say how yours is deployed, and run it:

    class TestMine(SchedulerConformance):
        def deploy(self, world: World, board: Any) -> Any:
            return world.deploy_double("HouseFirstScheduler", board, world.providers[5])

A strategy may prefer whom it likes, by what was on chain before the draw opened. What it must not do: shut anybody out
again whom it has let in; let anybody in by what came later; cost more the more workers there are; or make one stake
worth more as two identities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tests.contracts.world import ALLOCATED, PRICE, STAKE, World, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobState, JobTerms

WINDOW = 400
RAMP = WINDOW * 3 // 4
LOCKED = ALLOCATED // 16
SEED = keccak256(b"a seed")
SPLIT = 16
"""Into how many identities a sybil splits his stake."""

KINDS = {"one seat": (1, JobState.POSTED), "replicas": (3, JobState.POSTED), "second round": (1, JobState.COMMITTED)}


@dataclass
class Stage:
    """A scheduler on a board of one's choice, and a draw that opens in a minute."""

    world: World
    market: Any
    scheduler: Any
    opens: int
    terms: JobTerms

    def call(self, who: Any, passed: int, *, stake: int = ALLOCATED, seed: bytes = SEED) -> tuple[Any, tuple[Any, ...]]:
        """As `World.read_many` takes it. `who`: a worker's account or bare address, of a provider of its own."""
        draw, candidate = (seed, self.opens, self.opens + WINDOW), (who, self.world.providers[0], stake)
        return self.scheduler.quote, (self.terms.as_tuple(), draw, candidate, self.opens + passed)

    def quotes(self, calls: list[tuple[Any, tuple[Any, ...]]]) -> list[tuple[bool, int]]:
        return [(bool(may), price) for may, price in self.world.read_many(calls)]

    def quote(self, who: Any, passed: int, **changes: Any) -> tuple[bool, int]:
        return self.quotes([self.call(who, passed, **changes)])[0]

    def gas(self, who: Any, passed: int) -> int:
        """What the board pays for asking."""
        quote, arguments = self.call(who, passed)
        data = quote.encode_input(*arguments)
        return int(self.market.gasOf(self.scheduler, data, sender=self.world.stranger))

    def entry(self, who: Any, **changes: Any) -> int:
        """The first second in which it may take."""
        low, high = 0, WINDOW
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.quote(who, middle, **changes)[0] else (middle + 1, high)
        return low


def stranger(number: int) -> str:
    """An address that nobody has the key of."""
    return "0x" + keccak256(b"stranger %d" % number)[:20].hex()


def seed_of(number: int) -> bytes:
    return keccak256(b"draw %d" % number)


class SchedulerConformance:
    def deploy(self, world: World, board: Any) -> Any:
        """The strategy under test, with the most permissive of its settings."""
        raise NotImplementedError

    @pytest.fixture
    def market(self, world: World) -> Any:
        return world.deploy_double("StubMarket", world.reputation)

    @pytest.fixture(params=KINDS, ids=str)
    def stage(self, request: pytest.FixtureRequest, world: World, market: Any) -> Stage:
        workers, state = KINDS[request.param]
        market.set(state, sender=world.deployer)
        terms = world.terms(workers=workers, stake=LOCKED)
        return Stage(world, market, self.deploy(world, market), world.now + 60, terms)

    # ---- form

    def test_abi__nothing_but_views(self, world: World, market: Any) -> None:
        scheduler = self.deploy(world, market)
        assert all(method.is_stateful is False for method in scheduler.contract_type.methods)
        assert scheduler.BOARD() == market
        assert scheduler.DRAWS()

    def test_quote__cost_is_flat(self, world: World, stage: Stage) -> None:
        """What a take pays for it does not depend on how many workers there are."""
        before = stage.gas(stranger(0), RAMP // 2)
        for account in world.spare:
            world.enrol(account, account)
        assert stage.gas(stranger(0), RAMP // 2) == before
        print(f"quote: {before} gas")
        assert before < 30_000

    # ---- time

    def test_quote__outside_the_window_or_without_a_seed__is_no(self, stage: Stage) -> None:
        times = (-1, WINDOW + 1)
        calls = [stage.call(stranger(0), passed) for passed in times]
        calls += [stage.call(stranger(0), passed, seed=bytes(32)) for passed in (0, RAMP, WINDOW)]
        assert not any(may for may, _ in stage.quotes(calls))

    def test_quote__once_let_in_stays_in_and_the_price_never_falls(self, stage: Stage) -> None:
        for number in range(3):
            calls = [stage.call(stranger(number), passed, seed=seed_of(number)) for passed in range(0, WINDOW + 1, 20)]
            answers = stage.quotes(calls)
            mays, prices = [may for may, _ in answers], [price for _, price in answers]
            assert mays == sorted(mays)
            assert prices == sorted(prices)
            assert 0 < prices[0] <= prices[-1] <= stage.terms.price

    def test_quote__from_three_quarters_on__everybody_is_let_in(self, stage: Stage) -> None:
        calls = [stage.call(stranger(n), RAMP, seed=seed_of(n), stake=n % 2) for n in range(20)]
        assert all(may for may, _ in stage.quotes(calls))

    # ---- who gains

    def test_quote__less_stake__is_never_let_in_earlier(self, stage: Stage) -> None:
        for number in range(4):
            chosen = {"seed": seed_of(number)}
            entries = [stage.entry(stranger(number), stake=ALLOCATED // part, **chosen) for part in (1, 2, 64)]
            assert entries == sorted(entries)

    def test_attack_sybil_splits_his_stake(self, stage: Stage) -> None:
        """One of the parts is let in before the whole in at most half of the draws, within three sigma. Tickets that
        did not count stake would let one of the parts in first in sixteen draws of seventeen."""
        tries, earlier = 24, 0
        for number in range(tries):
            chosen = {"seed": seed_of(number)}
            whole = stage.entry(stranger(0), **chosen)
            if whole:
                part = ALLOCATED // SPLIT
                calls = [stage.call(stranger(1 + n), whole - 1, stake=part, **chosen) for n in range(SPLIT)]
                earlier += any(may for may, _ in stage.quotes(calls))
        assert earlier / tries <= 0.5 + 3 * 0.5 / tries**0.5

    def test_attack_score_written_once_the_seed_is_known(self, world: World, stage: Stage) -> None:
        """D1. Neither his own win nor another's fault lets him in earlier."""
        worker, rival = world.workers[0], world.workers[1]
        stage.market.win(rival, 10**20, sender=world.deployer)
        before = stage.entry(worker), stage.entry(rival)
        world.at(stage.opens)
        stage.market.win(worker, 10**30, sender=world.deployer)
        stage.market.win(rival, 10**30, sender=world.deployer)
        stage.market.fault(stranger(0), 10**30, sender=world.deployer)
        after = stage.entry(worker), stage.entry(rival)
        assert after[0] == before[0]
        assert after[1] >= before[1]

    # ---- on a real board

    @pytest.fixture
    def scheduler(self, world: World) -> Any:
        scheduler = self.deploy(world, world.board)
        world.parameters.setScheduler(scheduler, True, sender=world.deployer)
        return scheduler

    def test_job__one_seat__costs_what_the_scheduler_says_and_the_rest_comes_back(
        self, world: World, scheduler: Any
    ) -> None:
        before = world.free(world.requester)
        job = world.post(world.accept_terms(scheduler=str(scheduler.address)))
        world.mine(3)
        moment = job.posted_at + (job.terms.take_by - job.posted_at) * 3 // 4
        world.at(moment)
        job.take(0)
        [seat] = job.held
        draw = (world.board.seedOf(job.terms.as_tuple()), job.posted_at, job.terms.take_by)
        may, price = scheduler.quote(job.terms.as_tuple(), draw, world.board.candidateOf(world.workers[0]), moment)
        assert (may, price) == (True, seat.price)
        job.commit(0, "a")
        world.at(job.deadline - 1)
        job.settle()
        assert job.state == JobState.SETTLED
        spent = before - world.free(world.requester)
        assert spent == seat.price + -(-seat.price * job.terms.fee_bps // 10_000)
        assert world.free(world.providers[0]) == seat.price

    def test_job__replicas__whole_life(self, world: World, scheduler: Any) -> None:
        job = world.assigned(3, relayed=True, scheduler=str(scheduler.address))
        assert [seat.price for seat in job.held] == [PRICE] * 3
        job.commit_many(["a", "a", "a"])
        job.reveal_together(0, 1, 2)
        assert job.state == JobState.SETTLED

    def test_attack_move_stake_once_the_seed_is_known(self, world: World, scheduler: Any) -> None:
        """D1: stake that comes after the draw has opened keeps its worker out of it."""
        job = world.post(world.accept_terms(scheduler=str(scheduler.address)))
        world.mine(3)
        world.stake(world.providers[0], world.workers[0], 10 * STAKE)
        world.at(job.everybody_by)
        with refused("WorkerTooYoung", worker=world.workers[0]):
            job.take(0)
        job.take(1)

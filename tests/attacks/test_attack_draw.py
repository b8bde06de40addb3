"""Attacks on the draw of a seat, by each strategy, with each beacon: nothing that is done once a round is fixed helps.

It is what D1 says. The requester pays for one seat; whoever attacks is a provider who knows the round's value before he
acts, a young one who grinds keys, or the requester himself.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from eth_account import Account
from tests.contracts.drand_board import on_drand
from tests.contracts.job import Job
from tests.contracts.world import ALLOCATED, STAKE, World, container, refused

from tensorgrid.devnet.signing import Signer
from tensorgrid.domain.encoding import keccak256, word
from tensorgrid.domain.jobs import JobState

SIGNER = Signer(secret=int.from_bytes(keccak256(b"a signer of attacks"), "big"))
LAG, PERIOD = 36, 10
SCHEDULERS: dict[str, tuple[Any, ...]] = {
    "LotteryScheduler": (),
    "ReputationScheduler": (10**18,),
    "PriceScheduler": (0, 2_500),
}


@dataclass
class Arena:
    """One scheduler on a board that draws by one beacon."""

    world: World
    scheduler: Any

    def post(self) -> Job:
        """A job of one seat."""
        world = self.world
        return world.post(world.accept_terms(scheduler=str(self.scheduler.address)))

    def fix(self, job: Job) -> None:
        """The round is due, and anybody can know its value; nobody has stored it."""
        world, beacon = self.world, self.world.beacon
        if self._by_block():
            while not beacon.isDue(job.record.round):
                world.mine(1)
        else:
            world.at(max(beacon.publishedAt(job.record.round), world.now + 1))
            world.mine(1)

    def known(self, job: Job) -> bytes:
        """What everybody can know of it now, without the beacon contract."""
        round_ = job.record.round
        if self._by_block():
            return bytes(self.world.chain.blocks[round_].hash)
        return sha256(SIGNER.sign(round_)).digest()

    def store(self, job: Job) -> bytes:
        """Its value."""
        round_ = job.record.round
        proof = b"" if self._by_block() else SIGNER.sign(round_)
        self.world.beacon.store(round_, proof, sender=self.world.stranger)
        return bytes(self.world.beacon.valueOf(round_))

    def entry(self, job: Job, who: Any, provider: Any, stake: int) -> int:
        """The first second of the window in which the strategy alone would let him in."""
        seed = bytes(self.world.board.seedOf(job.terms.as_tuple()))
        draw = (seed, job.posted_at, job.terms.take_by)
        low, high = 0, job.terms.take_by - job.posted_at
        while low < high:
            middle = (low + high) // 2
            asked = (job.terms.as_tuple(), draw, (who, provider, stake), job.posted_at + middle)
            low, high = (low, middle) if self.scheduler.quote(*asked)[0] else (middle + 1, high)
        return low

    def _by_block(self) -> bool:
        return self.world.beacon.contract_type.name == "BlockBeacon"


def made(world: World, kind: str) -> Arena:
    """`kind`: beacon and scheduler."""
    beacon, name = kind.split(", ")
    if beacon == "DrandBeacon":
        own = world.deployer.deploy(container(beacon), SIGNER.key, world.now - 100, PERIOD, LAG)
        world = on_drand(world, own)
    scheduler = world.deployer.deploy(container(name), world.board, *SCHEDULERS[name])
    world.parameters.setScheduler(scheduler, True, sender=world.deployer)
    return Arena(world, scheduler)


@pytest.fixture(params=[*(f"BlockBeacon, {name}" for name in SCHEDULERS), "DrandBeacon, PriceScheduler"])
def arena(world: World, request: pytest.FixtureRequest) -> Arena:
    """Every strategy; the beacon makes no difference to what they count."""
    return made(world, request.param)


@pytest.fixture(params=["BlockBeacon, LotteryScheduler", "DrandBeacon, LotteryScheduler"])
def clock(world: World, request: pytest.FixtureRequest) -> Arena:
    """Every beacon; the strategy makes no difference to when a draw is fixed."""
    return made(world, request.param)


def test_attack_stake_moved_after_the_round_is_known(arena: Arena) -> None:
    """More stake would let him in earlier: it is too young for this draw, and shuts him out of it."""
    job, world = arena.post(), arena.world
    arena.fix(job)
    arena.store(job)
    who, provider = world.workers[0], world.providers[0]
    assert arena.entry(job, who, provider, 1000 * ALLOCATED) <= arena.entry(job, who, provider, STAKE)
    world.stake(provider, who, 1000 * ALLOCATED)
    world.at(job.everybody_by)
    with refused("WorkerTooYoung", worker=who):
        job.take(0)
    job.take(1)


def test_attack_registration_after_the_round(arena: Arena) -> None:
    job, world = arena.post(), arena.world
    arena.fix(job)
    arena.store(job)
    late, provider = world.spare[:2]
    world.enrol(provider, late)
    world.at(job.everybody_by)
    with refused("WorkerTooYoung", worker=late):
        job.take_as(late)


def test_attack_young_sybils_grind_addresses(arena: Arena) -> None:
    """Of keys made once the value is known one soon wins before anybody else: it is younger than the draw."""
    job, world = arena.post(), arena.world
    arena.fix(job)
    arena.store(job)
    seed = bytes(world.board.seedOf(job.terms.as_tuple()))
    honest = min(world.workers, key=lambda worker: keccak256(seed + word(worker.address)))
    keys = (Account.from_key(keccak256(b"ground %d" % number)) for number in itertools.count())
    best = next(key for key in keys if keccak256(seed + word(key.address)) < keccak256(seed + word(honest.address)))
    provider = world.spare[0]
    assert arena.entry(job, best.address, provider, ALLOCATED) <= arena.entry(job, honest, provider, ALLOCATED)
    digest = world.registry.consentDigest(best.address, provider)
    consent = best.unsafe_sign_hash(bytes(digest)).signature
    world.registry.register(best.address, world.profile(provider), consent, sender=provider)
    candidate = world.registry.standing(best.address, sender=world.stranger)
    assert candidate.since > job.posted_at  # which is what `take` refuses, as the test above shows


def test_attack_stalling(clock: Arena) -> None:
    """Whoever dislikes the value waits, and stores it later, or has others store it: it is the same."""
    job = clock.post()
    clock.fix(job)
    known = clock.known(job)
    clock.world.mine(40)
    assert clock.store(job) == known
    clock.world.mine(40)
    assert clock.store(job) == known


def test_attack_revert_until_lucky(arena: Arena) -> None:
    """A take that fails costs nothing, so it may be tried in every block: it is the same ticket in all of them."""
    job, world = arena.post(), arena.world
    with refused("RoundNotDue", round=job.record.round):
        job.take(0)
    arena.fix(job)
    arena.store(job)
    seeds = set()
    for _ in range(5):
        seeds.add(bytes(world.board.seedOf(job.terms.as_tuple())))
        world.mine(1)
    may = [arena.scheduler.quote(*_asked(job, seeds, world, second))[0] for second in range(0, 400, 20)]
    denied = may.index(True)
    assert len(seeds) == 1
    assert may == [False] * denied + [True] * (len(may) - denied)  # once let in, for good: no second throw


def test_attack_cancel_and_repost(clock: Arena) -> None:
    """Before the round is due nobody knows what he would cancel; from then on nobody can."""
    job, world = clock.post(), clock.world
    assert bytes(world.beacon.valueOf(job.record.round)) == bytes(32)
    job.cancel()
    assert job.state == JobState.CANCELLED
    again = clock.post()
    assert not world.beacon.isDue(again.record.round)
    clock.fix(again)
    with refused("DrawFixed", id=again.id):
        again.cancel()
    clock.store(again)
    with refused("DrawFixed", id=again.id):
        again.cancel()


def test_attack_round_that_was_known_before_posting(clock: Arena) -> None:
    """The board names the round, not the requester: a job posted now is drawn by what nobody can know yet."""
    world = clock.world
    first = clock.post()
    clock.fix(first)
    clock.store(first)
    second = clock.post()
    assert second.record.round > first.record.round
    assert not world.beacon.isDue(second.record.round)


def _asked(job: Job, seeds: set[bytes], world: World, second: int) -> tuple[Any, ...]:
    draw = (next(iter(seeds)), job.posted_at, job.terms.take_by)
    candidate = (world.workers[0], world.providers[0], ALLOCATED)
    return job.terms.as_tuple(), draw, candidate, job.posted_at + second

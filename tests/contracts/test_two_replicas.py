"""Two replicas: enough where both answer the same and the score of each covers the job; otherwise three more are asked,
and the rows of five hold (protocol.md §5)."""

from __future__ import annotations

from typing import Any

import pytest
from tests import model
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.test_replication_rows import (
    HALVED,
    NO_SHOW,
    NOTHING,
    PAID,
    SLASHED,
    first_round,
    model_seat,
    second_round,
)
from tests.contracts.world import EXTRA_TAKE, GRACE, PARAMETERS, PRICE, REVEAL, SCORE_RATE, World, of_a_pair, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobState, ReplicationClocks, commitment

# As in test_replication_rows.py. Nobody has a score here.
ROWS = [
    ("two equal of no score, three more agree", "a a / a a a", [PAID] * 5),
    ("two equal of no score, and nobody comes", "a a / . . .", [PAID] * 2),
    ("two equal of no score, outvoted", "b b / a a a", [NOTHING, NOTHING, PAID, PAID, PAID]),
    ("two equal of no score, one of three differs", "a a / a a b", [PAID, PAID, PAID, PAID, SLASHED]),
    ("two differ, four equal in the end", "b a / a a a", [SLASHED, PAID, PAID, PAID, PAID]),
    ("two differ, and say wall limit", "wall_limit a / a a a", [NOTHING, PAID, PAID, PAID, PAID]),
    ("two differ, three against two", "a b / a a b", [PAID, NOTHING, PAID, PAID, NOTHING]),
    ("two differ, no three agree", "a b / a b c", [HALVED] * 5),
    ("two differ, and nobody comes", "a b / . . .", [HALVED] * 2),
    ("two differ, one comes", "a b / a . .", [HALVED] * 3),
    ("one never committed, three agree with the other", "a - / a a a", [PAID, NO_SHOW, PAID, PAID, PAID]),
    ("one silent, three agree against the other", "b a! / a a a", [NOTHING, SLASHED, PAID, PAID, PAID]),
    ("one silent, and nobody comes", "a a! / . . .", [HALVED, SLASHED]),
    ("one silent, an extra one silent too", "a a! / a a a!", [PAID, SLASHED, PAID, PAID, SLASHED]),
    ("both silent", "a! a!", [SLASHED] * 2),
]


@pytest.mark.parametrize("together", [False, True], ids=["each by himself", "together"])
@pytest.mark.parametrize(("first", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_row(world: World, first: str, expected: list[tuple[int, str]], together: bool) -> None:
    first, _, second = first.partition(" / ")
    plays = first.split()
    job, before, _ = first_round(world, plays, together, **of_a_pair())
    seats = [0, 1]
    if second:
        assert job.extra.count == 3
        with refused("VerdictPending"):
            job.settle()
        extra = second.split()
        taken, before = second_round(job, extra, together)
        seats += taken
        plays += [play for play in extra if play != "."]
    rulings = model.judge(PRICE, [model_seat(play) for play in plays])
    assert [(r.pay, r.fault) for r in rulings] == expected
    receipt = job.settle()
    assert job.state == JobState.SETTLED
    assert_carried_out(job, before, seats, rulings, receipt)


# ---- where two are enough


@pytest.mark.parametrize("relayed", [False, True], ids=["each by himself", "relayed"])
def test_pair__equal_and_both_of_enough_score__the_last_reveal_settles(world: World, relayed: bool) -> None:
    world.give_history(0, 1, 2)
    job = world.paired(["a", "a"], relayed=relayed)
    before = Purses.of(world)
    receipt = job.reveal_together(0, 1)
    assert job.state == JobState.SETTLED
    assert_carried_out(job, before, [0, 1], [model.Ruling(PRICE, agreed=True)] * 2, receipt)


def test_pair__each_shows_his_own_seat_alone__anybody_settles_later(world: World) -> None:
    world.give_history(0, 1, 2)
    job = world.paired(["a", "a"])
    before = Purses.of(world)
    job.reveal(0, 1)
    assert job.extra.count == 0
    assert not world.replication.extraNeeded(job.terms.as_tuple(), job.held)
    receipt = job.settle()
    assert_carried_out(job, before, [0, 1], [model.Ruling(PRICE, agreed=True)] * 2, receipt)


@pytest.mark.parametrize("seats", [(0, 3), (3, 0)], ids=["the second is a newcomer", "the first is a newcomer"])
def test_pair__equal_and_one_of_no_score__three_more_are_asked(world: World, seats: tuple[int, int]) -> None:
    world.give_history(0, 1, 2)
    job = world.post(**of_a_pair())
    job.draw()
    job.take(*seats)
    for index in seats:
        job.commit(index, "a")
    job.reveal_together(*seats)
    assert (job.state, job.extra.count) == (JobState.COMMITTED, 3)


@pytest.mark.parametrize(("more", "enough"), [(0, True), (1, False)], ids=["to the point", "a unit of price above"])
def test_pair__score_at_the_bar__is_enough_to_the_point(world: World, more: int, enough: bool) -> None:
    world.give_history(0, 1, 2)
    score = world.reputation.scoreOf(world.board, world.workers[0])
    reveal_at = world.now + 420
    points = model.decayed(int(score.points), reveal_at - int(score.at), PARAMETERS.half_life)
    price = points * 10 + more
    job = world.paired(["a", "a"], price=price)
    assert world.replication.scoreNeeded(job.terms.as_tuple()) == model.score_needed(price, SCORE_RATE) == points + more
    assert ReplicationClocks.unpack(job.terms.verifier_params).score_needed(price) == points + more
    world.at(reveal_at)
    job.reveal_together(0, 1)
    assert (job.state == JobState.SETTLED) == enough


def test_pair__the_lowest_price__still_wants_some_score(world: World) -> None:
    job = world.paired(["a", "a"], price=1)
    assert world.replication.scoreNeeded(job.terms.as_tuple()) == 1
    job.reveal_together(0, 1)
    assert job.extra.count == 3


def test_pair__a_requester_who_asks_for_more__gets_more_seats_opened(world: World) -> None:
    world.give_history(0, 1, 2)
    cautious = ReplicationClocks(REVEAL, GRACE, EXTRA_TAKE, 2 * SCORE_RATE).pack()
    job = world.paired(["a", "a"], verifier_params=cautious)
    job.reveal_together(0, 1)
    assert job.extra.count == 3


def test_three_workers__need_no_score(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    assert world.replication.scoreNeeded(job.terms.as_tuple()) == 0
    job.reveal_together(0, 1, 2)
    assert job.state == JobState.SETTLED


def test_needs__by_number_of_workers__all_seats_up_to_five_are_funded(world: World) -> None:
    three = world.replication.needs(world.terms().as_tuple())
    two = world.replication.needs(world.pair_terms().as_tuple())
    assert (three.reserveBps, two.reserveBps) == (20_000, 30_000)
    assert (three.settleTime, three.silent) == (two.settleTime, two.silent)


def test_pair__in_a_token_that_gives_no_score__is_refused(world: World) -> None:
    worthless(world)
    with refused("TokenUnweighted", token=str(world.coin.address)):
        world.post(**of_a_pair())
    world.post()


def worthless(world: World) -> None:
    world.parameters.setToken(world.coin, (10**9, 0), sender=world.deployer)


def test_pair__the_weight_is_voted_up_while_it_runs__its_own_rate_holds(world: World) -> None:
    """G2: what is posted is not judged by a later vote."""
    world.give_history(0, 1, 2)
    job = world.paired(["a", "a"])
    world.parameters.setToken(world.coin, (10**9, 100 * SCORE_RATE), sender=world.deployer)
    job.reveal_together(0, 1)
    assert job.state == JobState.SETTLED
    with refused("ScoreRateTooLow", have=SCORE_RATE, need=100 * SCORE_RATE):
        world.post(**of_a_pair())


# ---- when the score is read


def test_attack_score_lost_between_take_and_reveal__no_longer_covers(world: World) -> None:
    world.give_history(0, 1, 2)
    other, job = fault_to_come(world)
    other.expire()
    job.reveal_together(0, 1)
    assert (job.state, job.extra.count) == (JobState.COMMITTED, 3)


def test_pair__score_lost_after_both_have_shown__changes_nothing(world: World) -> None:
    world.give_history(0, 1, 2)
    other, job = fault_to_come(world)
    job.reveal(0, 1)
    other.expire()
    assert not world.replication.extraNeeded(job.terms.as_tuple(), job.held)
    job.settle()
    assert [int(world.free(world.providers[i])) for i in (0, 1)] == [150 * PRICE + PRICE // 2] * 2


def fault_to_come(world: World) -> tuple[Any, Any]:
    """A job that worker 1 has taken and will not deliver, past its deadline, and a pair's job, not shown yet."""
    other = world.post()
    other.draw()
    other.take(1, 3, 4)
    job = world.post(**of_a_pair(take_by=world.now + 500, price=PRICE // 2))
    world.mine(3)
    world.at(job.terms.take_by - 100)
    job.take(0, 1)
    # Late enough that reveals are still open when the other job's work deadline has passed.
    world.at(other.deadline - 50)
    for index in (0, 1):
        job.commit(index, "a")
    world.at(other.deadline + 1)
    world.mine(1)
    return other, job


def test_pair__next_job_of_the_lane__starts_without_the_cover_of_the_last(world: World) -> None:
    world.give_history(0, 1, 2)
    lane = 77
    first = world.paired(["a", "a"], nonce=world.nonce(lane))
    first.reveal(0, 1)
    first.settle()
    job = world.post(**of_a_pair(nonce=world.nonce(lane)))
    job.draw()
    job.take(3, 4)
    for index in (3, 4):
        job.commit(index, "a")
    job.reveal(3, 4)
    assert job.extra.count == 3


# ---- attacks on the bar


def test_attack_two_sybils_with_borrowed_score__on_a_job_above_their_past__are_outvoted(world: World) -> None:
    """Their past pays for small jobs only: on a dear one three strangers are asked, and the fake earns nothing."""
    world.give_history(0, 1, 2)
    dear = 100 * PRICE
    job = world.paired(["fake", "fake"], price=dear)
    job.reveal_together(0, 1)
    job.draw_extra()
    job.take(3, 4, 5)
    for index in (3, 4, 5):
        job.commit(index, "a")
    before = Purses.of(world)
    job.reveal_together(3, 4, 5)
    receipt = job.settle()
    lost, won = model.Ruling(0), model.Ruling(dear, agreed=True)
    assert_carried_out(job, before, [0, 1, 3, 4, 5], [lost, lost, won, won, won], receipt)


def test_attack_score_by_self_dealing__has_burned_more_than_the_dearest_fake_pays(world: World) -> None:
    """All of it in one hand, the requester of the history too: pay comes back to him, the burned fees do not."""
    before = Purses.of(world)
    world.give_history(0, 1, 2)
    cost = Purses.of(world).burned - before.burned
    points = int(world.reputation.scoreOf(world.board, world.workers[0]).points)
    dearest = points * 10**18 // SCORE_RATE  # at once: any wait lowers it
    assert model.score_needed(dearest + 10, SCORE_RATE) > points
    assert 2 * dearest <= cost
    # and in the cheapest way to a score, two replicas: what two gain is at most what both have burned
    assert 2 * dearest <= 2 * model.fee_on(100, 150 * PRICE)


def test_attack_one_worker_alone__never_settles_a_job_for_two(world: World) -> None:
    world.give_history(0, 1, 2)
    job = world.paired(["a", None])
    job.reveal_together(0)
    assert (job.state, job.extra.count) == (JobState.COMMITTED, 3)


def test_attack_extra_seat_commits_to_the_hash_it_has_read__counts_as_another_answer(world: World) -> None:
    """Seat 3 is an extra one here: it shows the root itself, which two equal reveals have not made public."""
    job = world.paired(["a", "a"])
    job.reveal_together(0, 1)
    job.draw_extra()
    job.take(3, 4, 5)
    for index in (3, 4):
        job.commit(index, "a")
    job.commitment(5, "a")
    salt, root, receipt = job.secrets[5]
    job.secrets[5] = (salt, keccak256(root), receipt)
    worker = world.workers[5]
    job.commit_as(worker, commitment(job.id, str(worker.address), salt, keccak256(root), receipt))
    job.reveal_together(3, 4, 5)
    assert list(job.tally.group) == [1, 1, 1, 1, 2]

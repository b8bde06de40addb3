"""Settling: the verdict carried out, or past the deadline, where a verifier is broken, the default."""

from __future__ import annotations

from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests import model
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import BOUNTY, PRICE, STAKE, ZERO, Job, World, refused

from tensorgrid.domain.jobs import Fault, JobState

PAY, PENDING, REFUSE, DEVOUR, GARBAGE, FLOOD, TOO_FEW, STRICT = range(8)
BROKEN = {
    "pending": PENDING,
    "reverting": REFUSE,
    "devouring all gas": DEVOUR,
    "garbage": GARBAGE,
    "a flood": FLOOD,
    "too few": TOO_FEW,
}


@pytest.fixture
def stub(world: World) -> Any:
    verifier = world.deploy_double("StubVerifier", world.board)
    world.parameters.setVerifier(verifier, True, sender=world.deployer)
    return verifier


def judged_by(world: World, stub: Any, *, workers: int = 3) -> Job:
    return world.committed(["a"] * workers, verifier=str(stub.address), workers=workers, reserve=0)


def test_settle__verdict_pending__is_refused(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1)
    with refused("VerdictPending", id=job.id):
        job.settle()


def test_settle__events__tell_the_whole_outcome(world: World) -> None:
    job = world.committed(["a", "a", None])
    job.reveal(0, 1)
    receipt = job.settle()
    [settled] = list(receipt.decode_logs(world.board.JobSettled))
    fee = model.fee_on(100, 2 * PRICE)
    assert (settled.closer, settled.paid, settled.fee) == (world.closer, 2 * PRICE, fee)
    assert settled.paid + settled.fee + settled.returned == job.terms.escrow  # nobody was paid the bounty
    logs = [(e.worker, e.pay, e.fault, e.slashed) for e in receipt.decode_logs(world.board.WorkerSettled)]
    assert logs == [
        (world.workers[0], PRICE, Fault.NONE, 0),
        (world.workers[1], PRICE, Fault.NONE, 0),
        (world.workers[2], 0, Fault.NO_SHOW, job.terms.no_show_bond),
    ]


def test_settle__judgement__shows_beforehand_what_would_happen(world: World) -> None:
    job = world.committed(["a", "a", None])
    with refused("VerdictPending"):
        world.board.judgement(job.terms.as_tuple(), job.seated)
    job.reveal(0, 1)
    rulings = world.board.judgement(job.terms.as_tuple(), job.seated)
    assert [(r.pay, r.fault, r.agreed) for r in rulings] == [
        (PRICE, Fault.NONE, True),
        (PRICE, Fault.NONE, True),
        (0, Fault.NO_SHOW, False),
    ]


def test_settle__workers_missing_or_in_the_wrong_order__is_refused(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    a, b, c = world.workers[:3]
    with refused("WrongSeats", have=2, need=3):
        job.settle([a, b])
    with refused("WrongSeats", have=4, need=3):
        job.settle([a, b, c, c])
    with refused("WrongSeats", have=3, need=1):
        job.settle([c, b, a])
    job.settle([a, b, c])


@pytest.mark.parametrize("state", ["posted", "assigned"])
def test_settle__before_committed__is_refused(world: World, state: str) -> None:
    job = world.post()
    if state == "assigned":
        job.draw()
        job.take(0, 1, 2)
    with refused("WrongState", need=JobState.COMMITTED):
        job.settle()


def test_settle__a_verdict_with_a_finder__credits_half_of_the_slash_rounded_down(world: World, stub: Any) -> None:
    assert STAKE % 2 == 1
    job = judged_by(world, stub)
    stub.set(PAY, 0, Fault.SLASHED, world.stranger, sender=world.deployer)
    job.settle()
    share = 3 * (STAKE // 2)
    assert world.vault.claimableOf(world.stranger) == share
    world.vault.claim(world.stranger, sender=world.stranger)
    assert world.stake_token.balanceOf(world.stranger) == share
    receipt = world.vault.flushBurned(sender=world.closer)
    [burned] = list(receipt.decode_logs(world.vault.Burned))
    assert burned.amount == 3 * STAKE - share  # S3: at least half, rounded towards burning


def test_settle__pays_nobody__bounty_to_the_closer(world: World, stub: Any) -> None:
    job = judged_by(world, stub)
    before = Purses.of(world)
    stub.set(PAY, 0, Fault.NONE, ZERO, sender=world.deployer)
    receipt = job.settle()
    assert world.free(world.closer) == BOUNTY
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(0)] * 3, receipt)


def test_settle__five_first_seats__are_paid(world: World, stub: Any) -> None:
    job = judged_by(world, stub, workers=5)
    before = Purses.of(world)
    stub.set(PAY, PRICE, Fault.NONE, ZERO, sender=world.deployer)
    receipt = job.settle()
    assert_carried_out(job, before, list(range(5)), [model.Ruling(PRICE, agreed=True)] * 5, receipt)


def test_settle__overspending_verdict__is_refused_before_the_deadline_and_the_default_after(
    world: World, stub: Any
) -> None:
    job = judged_by(world, stub)
    stub.set(PAY, PRICE + 1, Fault.NONE, ZERO, sender=world.deployer)
    with refused("VerdictBroken", id=job.id):
        job.settle()
    assert_default(world, job)


@pytest.mark.parametrize(("reserve", "good"), [(2, False), (3, True)])
def test_settle__the_whole_budget_may_be_paid__and_not_a_unit_more(
    world: World, stub: Any, reserve: int, good: bool
) -> None:
    job = world.committed(["a"] * 3, verifier=str(stub.address), reserve=reserve)
    stub.set(PAY, PRICE + 1, Fault.NONE, ZERO, sender=world.deployer)
    if not good:
        with refused("VerdictBroken", id=job.id):
            job.settle()
        return
    before = Purses.of(world)
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(PRICE + 1, agreed=True)] * 3, job.settle())


@pytest.mark.parametrize("mood", BROKEN.values(), ids=BROKEN.keys())
def test_settle__broken_verifier__waits_until_the_deadline_then_gives_everything_back(
    world: World, stub: Any, mood: int
) -> None:
    job = judged_by(world, stub)
    stub.set(mood, 0, Fault.NONE, ZERO, sender=world.deployer)
    world.at(job.record.deadline)
    with pytest.raises(ContractLogicError):  # which one depends on how the verifier breaks
        job.settle(gas=10_000_000)
    assert job.state == JobState.COMMITTED
    assert_default(world, job)


def assert_default(world: World, job: Job) -> None:
    """Money back but for the closer's bounty, stake released, nobody judged."""
    before = Purses.of(world)
    world.at(job.record.deadline + 1)
    receipt = job.settle()
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(0)] * 3, receipt)


def test_settle__past_the_deadline__a_good_verdict_still_holds(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    before = Purses.of(world)
    world.at(job.record.deadline + 1)
    receipt = job.settle()
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(PRICE, agreed=True)] * 3, receipt)


def test_settle__past_the_deadline_with_little_gas__is_refused(world: World, stub: Any) -> None:
    job = judged_by(world, stub)
    stub.set(STRICT, PRICE, Fault.NONE, ZERO, sender=world.deployer)
    world.at(job.record.deadline + 1)
    with refused("GasTooLow"):
        job.settle(gas=2_050_000)
    assert job.state == JobState.COMMITTED


def test_contest__by_the_pinned_verifier__sets_the_flag_and_moves_nothing(world: World, stub: Any) -> None:
    job = judged_by(world, stub)
    before = Purses.of(world)
    receipt = stub.contest(world.board, job.terms.as_tuple(), sender=world.stranger)
    assert [e.id for e in receipt.decode_logs(world.board.JobContested)] == [job.id]
    assert job.record.contested
    assert Purses.of(world) == before


def test_contest__by_anybody_else_or_in_another_state__is_refused(world: World, stub: Any) -> None:
    job = judged_by(world, stub)
    with refused("NotVerifier", id=job.id, caller=world.stranger):
        world.board.contest(job.terms.as_tuple(), sender=world.stranger)
    posted = world.post(verifier=str(stub.address))
    with refused("WrongState", need=JobState.COMMITTED):
        stub.contest(world.board, posted.terms.as_tuple(), sender=world.stranger)

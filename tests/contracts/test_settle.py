"""Settling: the verdict carried out, or past the deadline, where a verifier is broken, the default."""

from __future__ import annotations

from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests import model
from tests.contracts.job import NOT_SHOWN
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import (
    BOUNTY,
    DECISION,
    JURY_FEE,
    LEAST_PRICE,
    PRICE,
    STAKE,
    WINDOW,
    ZERO,
    Job,
    World,
    refused,
)

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
    logs = [(e.worker, e.pay, e.fault, job.terms.loss(e.fault)) for e in receipt.decode_logs(world.board.WorkerSettled)]
    assert logs == [
        (world.workers[0], PRICE, Fault.NONE, 0),
        (world.workers[1], PRICE, Fault.NONE, 0),
        (world.workers[2], 0, Fault.NO_SHOW, job.terms.no_show_bond),
    ]


def test_settle__judgement__shows_beforehand_what_would_happen(world: World) -> None:
    job = world.committed(["a", "a", None])
    with refused("VerdictPending"):
        world.board.judgement(job.terms.as_tuple(), job.held)
    job.reveal(0, 1)
    rulings = world.board.judgement(job.terms.as_tuple(), job.held)
    assert [(r.pay, r.fault, r.agreed) for r in rulings] == [
        (PRICE, Fault.NONE, True),
        (PRICE, Fault.NONE, True),
        (0, Fault.NO_SHOW, False),
    ]


def test_settle__workers_missing_or_in_the_wrong_order__is_refused(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    a, b, c = job.held
    for held, number in (([a, b], 3), ([a, b, c, c], 5), ([c, b, a], 1), ([a, b, NOT_SHOWN], 3), ([], 1)):
        with refused("WrongSeats", id=job.id, number=number):
            job.settle(held)
    job.settle([a, b, c])


@pytest.mark.parametrize("relayed", [False, True], ids=["a slot per seat", "folded"])
@pytest.mark.parametrize("field", ["worker", "provider", "payee", "price", "commitment"])
def test_settle__a_seat_in_another_shape__is_refused(world: World, field: str, relayed: bool) -> None:
    """Nobody settles with other payees, prices or commitments than the seats were given with."""
    job = world.committed(["a", "a", "a"], relayed=relayed)
    job.reveal(0, 1) if not relayed else job.reveal_together(0, 1)
    forged = {"price": PRICE + 1, "commitment": b"\1" * 32}.get(field, str(world.stranger.address))
    held = [job.held[0], job.held[1]._replace(**{field: forged}), job.held[2]]
    with refused("WrongSeats", id=job.id, number=0 if relayed else 2):
        job.settle(held)


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
    world.at(job.deadline)
    with pytest.raises(ContractLogicError):  # which one depends on how the verifier breaks
        job.settle(gas=10_000_000)
    assert job.state == JobState.COMMITTED
    assert_default(world, job)


def assert_default(world: World, job: Job) -> None:
    """Money back but for the closer's bounty, stake released, nobody judged."""
    before = Purses.of(world)
    world.at(job.deadline + 1)
    receipt = job.settle()
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(0)] * 3, receipt)


def test_settle__past_the_deadline__a_good_verdict_still_holds(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    before = Purses.of(world)
    world.at(job.deadline + 1)
    receipt = job.settle()
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(PRICE, agreed=True)] * 3, receipt)


def test_settle__past_the_deadline_with_little_gas__is_refused(world: World, stub: Any) -> None:
    job = judged_by(world, stub)
    stub.set(STRICT, PRICE, Fault.NONE, ZERO, sender=world.deployer)
    world.at(job.deadline + 1)
    with refused("GasTooLow"):
        job.settle(gas=2_050_000)
    assert job.state == JobState.COMMITTED


def test_contest__by_the_pinned_verifier__sets_the_flag_and_moves_nothing(world: World, stub: Any) -> None:
    job = judged_by(world, stub)
    before = Purses.of(world)
    receipt = stub.contest(world.board, job.terms.as_tuple(), [], sender=world.stranger)
    assert [e.id for e in receipt.decode_logs(world.board.JobContested)] == [job.id]
    assert job.record.contested
    assert Purses.of(world) == before


def test_contest__by_anybody_else_or_in_another_state__is_refused(world: World, stub: Any) -> None:
    job = judged_by(world, stub)
    with refused("NotVerifier", id=job.id, caller=world.stranger):
        world.board.contest(job.terms.as_tuple(), job.held, sender=world.stranger)
    posted = world.post(verifier=str(stub.address))
    with refused("WrongState", need=JobState.COMMITTED):
        stub.contest(world.board, posted.terms.as_tuple(), [], sender=world.stranger)


def test_contest__of_a_folded_job__needs_its_seats(world: World, stub: Any) -> None:
    job = world.committed(["a"] * 3, relayed=True, verifier=str(stub.address), reserve=0)
    with refused("WrongSeats", id=job.id, number=0):
        stub.contest(world.board, job.terms.as_tuple(), [], sender=world.stranger)
    stub.contest(world.board, job.terms.as_tuple(), job.held, sender=world.stranger)
    assert job.record.contested


# ---- pay by segments, as the audit tier will use it


@pytest.mark.parametrize(("done", "total"), [(0, 7), (1, 7), (6, 7), (7, 7), (9, 7), (1, 1)])
def test_settle__segments__are_paid_as_far_as_they_are_done_and_the_dust_returns(
    world: World, stub: Any, done: int, total: int
) -> None:
    job = judged_by(world, stub)
    before = Purses.of(world)
    stub.setSegments(done, total, sender=world.deployer)
    ruling = model.by_segments(PRICE, done, total)
    assert_carried_out(job, before, [0, 1, 2], [ruling] * 3, job.settle())


# ---- silence is consent: the accept tier, where nobody objects


def test_settle__silent_tier__waits_for_the_window_and_pays_by_the_terms(world: World) -> None:
    job = world.accepted()
    world.at(job.committed_at + WINDOW)
    with refused("VerdictPending", id=job.id):
        job.settle()
    before = Purses.of(world)
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=True)], job.settle())


def test_settle__silent_tier_past_its_deadline__pays_all_the_same(world: World) -> None:
    job = world.accepted()
    before = Purses.of(world)
    world.at(job.deadline + 1)
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=True)], job.settle())


@pytest.mark.parametrize(
    ("decision", "outcome"), [(1, "worker"), (2, "requester"), (3, "hung")], ids=["worker", "requester", "hung"]
)
def test_settle__rejected__waits_for_the_jury_and_follows_it(world: World, decision: int, outcome: str) -> None:
    world.fund(world.requester, JURY_FEE, controller=world.acceptance)
    job = world.accepted()
    job.reject()
    world.at(job.committed_at + WINDOW + 1)
    with refused("VerdictPending", id=job.id):
        job.settle()
    world.jury.decide(world.acceptance, job.id, decision, sender=world.stranger)
    before = Purses.of(world)
    ruling = model.accept(LEAST_PRICE, committed=True, decision=outcome)
    assert_carried_out(job, before, [0], [ruling], job.settle())


def test_settle__rejected_and_the_jury_never_decides__is_half_paid(world: World) -> None:
    world.fund(world.requester, JURY_FEE, controller=world.acceptance)
    job = world.accepted()
    job.reject()
    before = Purses.of(world)
    world.at(job.deadline)
    ruling = model.accept(LEAST_PRICE, committed=True, decision="hung")
    assert_carried_out(job, before, [0], [ruling], job.settle())
    assert job.terms.settle_time > WINDOW + DECISION


@pytest.mark.parametrize("mood", BROKEN.values(), ids=BROKEN.keys())
def test_settle__silent_tier_contested_and_the_verifier_is_broken__past_the_deadline_who_committed_is_paid(
    world: World, stub: Any, mood: int
) -> None:
    stub.setNeeds((0, 0, True), sender=world.deployer)
    job = judged_by(world, stub, workers=1)
    stub.contest(world.board, job.terms.as_tuple(), job.held, sender=world.stranger)
    stub.set(mood, 0, Fault.NONE, ZERO, sender=world.deployer)
    world.at(job.deadline)
    with pytest.raises(ContractLogicError):
        job.settle(gas=10_000_000)
    before = Purses.of(world)
    world.at(job.deadline + 1)
    assert_carried_out(job, before, [0], [model.accept(PRICE, committed=True)], job.settle())


def test_settle__silent_tier_with_several_seats__who_did_not_commit_is_a_no_show(world: World, stub: Any) -> None:
    stub.setNeeds((0, 0, True), sender=world.deployer)
    job = world.committed(["a", None], verifier=str(stub.address), workers=2, reserve=0)
    before = Purses.of(world)
    world.at(job.deadline + 1)
    rulings = [model.accept(PRICE, committed=True), model.accept(PRICE, committed=False)]
    assert_carried_out(job, before, [0, 1], rulings, job.settle())


# ---- on the way: with a commitment, with the last reveal


def test_commit_and_settle__ends_an_earlier_job_in_the_same_call(world: World) -> None:
    earlier = world.accepted(0)
    later = world.accepted(0, answer=None)
    world.at(earlier.committed_at + WINDOW + 1)
    later.commit_and_settle(0, "b", earlier)
    assert (earlier.state, later.state) == (JobState.SETTLED, JobState.COMMITTED)
    assert world.free(world.providers[0]) == LEAST_PRICE


def test_commit_and_settle__the_earlier_one_cannot_settle_yet__neither_happens(world: World) -> None:
    earlier = world.accepted(0)
    later = world.accepted(0, answer=None)
    with refused("VerdictPending", id=earlier.id):
        later.commit_and_settle(0, "b", earlier)
    assert (earlier.state, later.state, later.record.committed) == (JobState.COMMITTED, JobState.ASSIGNED, 0)


def test_commit_and_settle__the_earlier_one_has_ended_already__commits_all_the_same(world: World) -> None:
    """Or anybody could spoil a commitment in its last second by settling first; and so for any end."""
    settled, cancelled = world.accepted(0), world.post()
    cancelled.cancel()
    world.at(settled.committed_at + WINDOW + 1)
    settled.settle()
    for earlier in (settled, cancelled):
        later = world.accepted(0, answer=None)
        later.commit_and_settle(0, "b", earlier)
        assert later.state == JobState.COMMITTED
    superseded = world.post()
    superseded.cancel()
    running = world.post(lane=superseded.terms.nonce >> 16)
    later = world.accepted(1, answer=None)
    later.commit_and_settle(1, "b", superseded)
    assert (later.state, running.state) == (JobState.COMMITTED, JobState.POSTED)


@pytest.mark.parametrize("relayed", [False, True], ids=["a slot per seat", "folded"])
def test_reveal__that_agrees__settles_at_once(world: World, relayed: bool) -> None:
    job = world.committed(["a", "a", "a"], relayed=relayed)
    before = Purses.of(world)
    receipt = job.reveal_together(0, 1, 2)
    assert job.state == JobState.SETTLED
    assert_carried_out(job, before, [0, 1, 2], [model.Ruling(PRICE, agreed=True)] * 3, receipt)

"""The accept tier: silence pays; a rejection costs a bond and asks a jury; whoever keeps silent, it ends in time."""

from __future__ import annotations

from typing import Any

import pytest
from tests import model
from tests.contracts.job import Job
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import (
    BOUNTY,
    DECISION,
    FUNDS,
    JURY_FEE,
    LEAST_PRICE,
    PARAMETERS,
    SETTLE,
    STAKE,
    WINDOW,
    World,
    refused,
)

from tensorgrid.domain.jobs import JobState

LEAST = PARAMETERS.bounds.min_take_time
CASE_TIME = DECISION + LEAST
ACCUSED, ACCUSER, HUNG = 1, 2, 3
REFUSE, BABBLE = 1, 2

DECISIONS = [("worker", ACCUSED), ("requester", ACCUSER), ("hung", HUNG)]


def committed(world: World, **changes: Any) -> Job:
    """One worker has committed, and the requester has money to reject with."""
    world.fund(world.requester, FUNDS, controller=world.acceptance)
    return world.accepted(**changes)


def rejected(world: World, **changes: Any) -> Job:
    job = committed(world, **changes)
    job.reject()
    return job


def decide(job: Job, decision: int) -> None:
    job.world.jury.decide(job.world.acceptance, job.id, decision, sender=job.world.stranger)


def bonds(world: World) -> tuple[int, int, int]:
    """The requester's free and held money for bonds, and the jury's."""
    controller = world.acceptance
    own = world.escrow.balanceOf(controller, world.coin, world.requester, sender=world.stranger)
    jury = world.escrow.balanceOf(controller, world.coin, world.jury, sender=world.stranger)
    return int(own.free), int(own.held), int(jury.free)


# ---- silence


def test_silence__pays_when_the_window_is_over_and_not_before__without_a_score(world: World) -> None:
    job = world.accepted()
    until = job.committed_at + WINDOW
    before = Purses.of(world)
    world.at(until)
    with refused("VerdictPending", id=job.id):
        job.settle()
    world.at(until + 1)
    receipt = job.settle()
    ruling = model.accept(LEAST_PRICE, committed=True)
    assert not ruling.agreed
    assert_carried_out(job, before, [0], [ruling], receipt)


def test_silence__of_everybody__ends_with_pay_for_who_committed(world: World) -> None:
    job = world.accepted()
    before = Purses.of(world)
    world.at(job.deadline + 100_000)
    receipt = job.settle()
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=True)], receipt)


def test_silence__of_the_worker__is_a_no_show(world: World) -> None:
    job = world.accepted(answer=None)
    before = Purses.of(world)
    world.at(job.deadline + 1)
    receipt = job.expire()
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=False)], receipt)


def test_accept_tier__with_a_drawn_worker__pays_the_same(world: World) -> None:
    terms = world.accept_terms(scheduler=str(world.lottery.address))
    job = world.post(terms)
    job.draw()
    job.take(3)
    job.commit(3, "a")
    before = Purses.of(world)
    world.at(job.committed_at + WINDOW + 1)
    receipt = job.settle()
    assert_carried_out(job, before, [3], [model.accept(terms.price, committed=True)], receipt)


# ---- rejecting


def test_reject__locks_the_bond_flags_the_job_and_opens_the_case(world: World) -> None:
    job = committed(world)
    free, held, _ = bonds(world)
    receipt = job.reject()
    [event] = list(receipt.decode_logs(world.acceptance.Rejected))
    assert (event.id, event.worker, event.bond) == (job.id, world.workers[0], JURY_FEE)
    assert bonds(world) == (free - JURY_FEE, held + JURY_FEE, 0)
    assert tuple(world.acceptance.bondOf(job.id)) == (JURY_FEE, receipt.timestamp)
    assert job.record.contested
    case = world.jury.caseOf(world.acceptance, job.id)
    assert (case.accuser, case.accused) == (world.requester, world.workers[0])
    assert bytes(case.evidence) == job.held[0].commitment
    world.at(job.committed_at + WINDOW + 1)
    with refused("VerdictPending", id=job.id):
        job.settle()


@pytest.mark.parametrize(("wrong", "decision"), DECISIONS, ids=[name for name, _ in DECISIONS])
@pytest.mark.parametrize("bond_first", [False, True], ids=["job first", "bond first"])
def test_decision__carries_job_and_bond_where_they_belong(
    world: World, wrong: str, decision: int, bond_first: bool
) -> None:
    job = rejected(world)
    decide(job, decision)
    before, purse = Purses.of(world), bonds(world)
    if bond_first:
        job.release_bond()
    receipt = job.settle()
    if not bond_first:
        job.release_bond()
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=True, decision=wrong)], receipt)
    back = model.bond_goes_to(wrong) == "requester"
    won, lost = (JURY_FEE, 0) if back else (0, JURY_FEE)
    assert bonds(world) == (purse[0] + won, purse[1] - JURY_FEE, purse[2] + lost)
    assert tuple(world.acceptance.bondOf(job.id)) == (0, 0)


def test_release_bond__tells_where_it_went(world: World) -> None:
    job = rejected(world)
    decide(job, ACCUSED)
    [event] = list(job.release_bond().decode_logs(world.acceptance.BondReturned))
    assert (event.id, event.requester, event.bond) == (job.id, world.requester, JURY_FEE)
    other = rejected(world)
    decide(other, ACCUSER)
    [event] = list(other.release_bond().decode_logs(world.acceptance.BondForfeited))
    assert (event.id, event.jury, event.bond) == (other.id, world.jury, JURY_FEE)


def test_attack_slash_farming__a_requester_who_rejects_and_wins__gains_nothing_beyond_his_money(world: World) -> None:
    job = rejected(world)
    decide(job, ACCUSED)
    money = world.free(world.requester) + world.held(world.requester)
    bond = sum(bonds(world)[:2])
    stake = int(world.stake_token.balanceOf(world.vault))
    job.settle(sender=world.requester)
    job.release_bond()
    # He is himself the one who settles, and so the bounty is his either way.
    assert world.free(world.requester) + world.held(world.requester) == money
    assert sum(bonds(world)[:2]) == bond
    assert world.vault.claimableOf(world.requester) == 0
    world.vault.flushBurned(sender=world.stranger)
    assert int(world.stake_token.balanceOf(world.vault)) == stake - STAKE


def test_reject__in_the_last_second__is_in_time_and_later_is_not(world: World) -> None:
    one, two = committed(world), committed(world)
    world.at(one.committed_at + WINDOW)
    one.reject()
    until = two.committed_at + WINDOW
    world.at(until + 1)
    with refused("WindowOver", id=two.id, until=until):
        two.reject()
    two.settle()
    with refused("WindowOver", id=two.id):
        two.reject()


def test_attack_reject_and_settle_race__no_second_belongs_to_both(world: World) -> None:
    """Until the last second only the requester can act, from the next on only silence can."""
    job = committed(world)
    until = job.committed_at + WINDOW
    world.at(until)
    with refused("VerdictPending"):
        job.settle()
    with refused("WindowOver"):
        job.reject()  # the next block, a second later
    job.settle()
    assert job.state == JobState.SETTLED


def test_attack_reject_twice__is_refused_before_and_after_the_bond_is_back(world: World) -> None:
    job = rejected(world)
    with refused("AlreadyRejected", id=job.id):
        job.reject()
    decide(job, HUNG)
    job.release_bond()
    with refused("AlreadyRejected", id=job.id):
        job.reject()
    job.settle()
    with refused("AlreadyRejected", id=job.id):
        job.reject()


def test_attack_reject_what_was_never_committed__is_refused(world: World) -> None:
    job = committed(world, answer=None)
    with refused("NothingToReject", id=job.id):
        job.reject()
    world.at(job.deadline + 1)
    job.expire()
    with refused("NothingToReject", id=job.id):
        job.reject()


def test_attack_reject_a_job_that_does_not_exist__is_refused(world: World) -> None:
    with refused("UnknownJob"):
        Job(world, world.accept_terms(), bytes(32), world.now).reject()


def test_attack_stranger_rejects__is_refused(world: World) -> None:
    job = committed(world)
    for caller in (world.stranger, world.workers[0], world.providers[0]):
        with refused("NotRequester", id=job.id, caller=caller):
            job.reject(by=caller)


def test_attack_reject_with_another_seat__is_refused(world: World) -> None:
    """Whom the jury would judge is who holds the seat."""
    job = committed(world)
    held = job.held
    for forged in ([held[0]._replace(worker=str(world.workers[1].address))], [], held * 2):
        job.held = forged
        with refused("WrongSeats", id=job.id):
            job.reject()


def test_attack_reject_without_money_for_the_bond__is_refused(world: World) -> None:
    job = world.accepted()
    with refused("FreeTooSmall", controller=world.acceptance, account=world.requester, have=0, need=JURY_FEE):
        job.reject()
    world.fund(world.requester, JURY_FEE - 1, controller=world.acceptance)
    with refused("FreeTooSmall", have=JURY_FEE - 1, need=JURY_FEE):
        job.reject()
    assert not job.record.contested


def test_attack_requester_withdraws_his_bond__it_is_held(world: World) -> None:
    job = rejected(world)
    free, _, _ = bonds(world)
    world.escrow.withdraw(world.acceptance, world.coin, free, world.requester, sender=world.requester)
    with refused("FreeTooSmall"):
        world.escrow.withdraw(world.acceptance, world.coin, 1, world.requester, sender=world.requester)
    decide(job, ACCUSER)
    job.release_bond()
    assert bonds(world) == (0, 0, JURY_FEE)


def test_reject__of_a_seat_committed_alone_or_by_a_relayer__is_the_same(world: World) -> None:
    job = committed(world, answer=None)
    job.commit_many(["a"])
    job.reject()
    assert job.record.contested


# ---- the bond's end


def test_release_bond__nobody_rejected__is_refused(world: World) -> None:
    job = world.accepted()
    with refused("NotRejected", id=job.id):
        job.release_bond()


def test_attack_bond_is_released_twice__is_refused(world: World) -> None:
    one, two = rejected(world), rejected(world)
    decide(one, HUNG)
    one.release_bond()
    with refused("NotRejected", id=one.id):
        one.release_bond()
    assert world.acceptance.bondOf(two.id).bond == bonds(world)[1] == JURY_FEE


def test_release_bond__undecided__is_refused(world: World) -> None:
    job = rejected(world)
    with refused("CaseUndecided", id=job.id):
        job.release_bond()


def test_release_bond__when_the_lane_has_gone_on__still_finds_its_case(world: World) -> None:
    job = rejected(world, lane=5)
    decide(job, ACCUSED)
    job.settle()
    world.accepted(lane=5)
    assert job.state == JobState.SUPERSEDED
    free, held, _ = bonds(world)
    job.release_bond()
    assert bonds(world) == (free + JURY_FEE, held - JURY_FEE, 0)


# ---- a jury that is silent, or broken


def test_jury__never_decides__half_is_paid_and_the_bond_returns(world: World) -> None:
    job = rejected(world)
    since = int(world.acceptance.bondOf(job.id).since)
    world.at(since + DECISION)
    with refused("VerdictPending"):
        job.settle()
    before, purse = Purses.of(world), bonds(world)
    world.at(since + DECISION + 1)  # a second on, the jury itself says so
    receipt = job.settle()
    job.release_bond()
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=True, decision="hung")], receipt)
    assert bonds(world) == (purse[0] + JURY_FEE, 0, 0)


@pytest.mark.parametrize("mood", [REFUSE, BABBLE], ids=["reverts", "answers what is no decision"])
def test_attack_jury_that_cannot_be_asked__counts_as_hung_when_its_time_is_over(world: World, mood: int) -> None:
    job = rejected(world)
    world.jury.setMood(mood, sender=world.stranger)
    over = int(world.acceptance.bondOf(job.id).since) + CASE_TIME
    world.at(over - 2)
    with refused("VerdictPending"):
        job.settle()
    with refused("CaseUndecided"):
        job.release_bond()
    before, purse = Purses.of(world), bonds(world)
    world.at(over)
    receipt = job.settle()
    job.release_bond()
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=True, decision="hung")], receipt)
    assert bonds(world) == (purse[0] + JURY_FEE, 0, 0)


def test_case__opened_in_the_last_second__is_over_by_the_settle_deadline(world: World) -> None:
    least = WINDOW + CASE_TIME
    job = committed(world, settle_time=least)
    world.at(job.committed_at + WINDOW)
    job.reject()
    assert int(world.acceptance.bondOf(job.id).since) + CASE_TIME == job.deadline
    world.jury.setMood(REFUSE, sender=world.stranger)
    world.at(job.deadline)
    before = Purses.of(world)
    receipt = job.settle()
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=True, decision="hung")], receipt)


@pytest.mark.parametrize("mood", [2, 3, 4, 5], ids=["refuses", "devours all gas", "babbles", "floods"])
def test_attack_contested_and_the_verifier_is_broken__who_committed_is_paid(world: World, mood: int) -> None:
    """The default of a silent tier, when nobody can judge any more: as if nobody had objected."""
    stub = world.deploy_double("StubVerifier", world.board)
    stub.setNeeds((0, SETTLE, True), sender=world.stranger)
    world.parameters.setVerifier(stub, True, sender=world.deployer)
    job = world.accepted(verifier=str(stub.address), settle_time=SETTLE)
    stub.contest(world.board, job.terms.as_tuple(), job.held, sender=world.stranger)
    stub.set(mood, 0, 2, world.closer, sender=world.stranger)
    before = Purses.of(world)
    world.at(job.deadline + 1)
    receipt = job.settle()
    assert_carried_out(job, before, [0], [model.accept(LEAST_PRICE, committed=True)], receipt)


# ---- what terms it takes


def needs(world: World, **changes: Any) -> Any:
    return world.acceptance.needs(world.accept_terms(**changes).as_tuple(), sender=world.stranger)


def packed(params: int) -> dict[str, Any]:
    return {"verifier_params": params.to_bytes(32, "big")}


def test_needs__window_jury_and_time_to_write_it_down(world: World) -> None:
    assert tuple(needs(world)) == (0, WINDOW + CASE_TIME, True)
    assert tuple(needs(world, **packed(LEAST))) == (0, LEAST + CASE_TIME, True)
    assert world.acceptance.LEAST_WINDOW() == LEAST
    assert (world.acceptance.JURY(), world.acceptance.BOARD()) == (world.jury, world.board)


def test_needs__what_does_not_fit__is_refused(world: World) -> None:
    with refused("WorkersUnsupported", have=3, need=1):
        needs(world, workers=3)
    with refused("ParamsInvalid"):
        needs(world, **packed(1 << 32 | WINDOW))
    for window in (0, LEAST - 1, PARAMETERS.bounds.max_settle_time + 1, 2**32 - 1):
        with refused("WindowOutOfRange", have=window, least=LEAST):
            needs(world, **packed(window))
    with refused("TokenNotHeard", token=world.stake_token):
        needs(world, pay_token=str(world.stake_token.address))


def test_post__settle_time_too_short_for_a_case__is_refused(world: World) -> None:
    least = WINDOW + CASE_TIME
    with refused("TimeOutOfRange", have=least - 1, min=least):
        world.accepted(settle_time=least - 1)


def test_attack_jurys_fee_changes_under_the_requester__a_rejection_costs_what_it_costs_then(world: World) -> None:
    job, free = committed(world), committed(world)
    world.jury.setFee(world.coin, 3 * JURY_FEE, sender=world.stranger)
    assert world.acceptance.bondFor(job.terms.as_tuple()) == 3 * JURY_FEE
    job.reject()
    world.jury.setFee(world.coin, 1, sender=world.stranger)
    decide(job, ACCUSER)
    job.release_bond()
    assert bonds(world)[2] == 3 * JURY_FEE
    world.jury.setFee(world.coin, 0, sender=world.stranger)
    held = bonds(world)
    free.reject()  # for nothing, but not impossible: he was promised that he may
    assert free.record.contested
    assert bonds(world) == held
    decide(free, ACCUSED)
    with refused("NotRejected", id=free.id):
        free.release_bond()  # there is none
    free.settle()
    assert free.state == JobState.SETTLED


def test_seats__there_are_no_extra_ones(world: World) -> None:
    job = rejected(world)
    assert world.acceptance.seats(job.terms.as_tuple(), job.id).count == 0
    with refused("SeatsFull"):
        job.take(1)


def test_closer__of_a_job_that_pays_nobody__gets_the_bounty(world: World) -> None:
    job = rejected(world)
    decide(job, ACCUSED)
    before = world.free(world.closer)
    job.settle()
    assert world.free(world.closer) - before == BOUNTY

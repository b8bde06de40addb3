"""Attacks on audits, each by name, and what stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.contracts.audit import (
    ANSWER,
    DEFENDER,
    FALLEN,
    FEE,
    PLAN,
    RESULT,
    WORKER,
    Audited,
    audit_terms,
    begun,
    everything_paid,
    sealed,
    served,
)
from tests.contracts.audit_reference import Plan, check
from tests.contracts.test_audit_rows import (
    ALL,
    LIE,
    SERVING,
    accused,
    audited_again,
    contested,
    one_hit,
    unseen_by_friends,
)
from tests.contracts.world import ALLOCATED, DISPUTE, JURY_FEE, PRICE, STAKE, World, refused

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobState, commitment


def stake_of(world: World, index: int) -> int:
    return int(world.allocation(index).active)


def settled(audited: Audited, wait: int = 0) -> Audited:
    audited.wait(wait) if wait else None
    audited.job.settle()
    return audited


# ---- the worker


def test_attack_wholly_faked_training(world: World) -> None:
    """Every state is invented: whatever is drawn, both auditors find that it differs."""
    faked = {index: keccak256(b"fake%d" % index) for index in range(1, 101)}
    audited = served(world, lies=faked)
    audited.accuse(2)
    assert audited.shown(2)[3] != audited.found(2)[0]
    audited.respond(2, 0)
    audited.accuse(3)
    settled(audited, 2 * ANSWER + 1)
    assert stake_of(world, WORKER) == ALLOCATED - STAKE
    assert world.vault.claimableOf(audited.auditor(2)) == STAKE // 2


def test_attack_withheld_opening(world: World) -> None:
    """The worker serves nothing, since what he would have to show is false: silence costs as much as the lie."""
    audited = begun(world).take(1, 2)
    audited.wait(SERVING)
    with refused("DeadlinePassed"):
        audited.serve()
    settled(audited)
    assert stake_of(world, WORKER) == ALLOCATED - STAKE
    assert world.free(world.providers[1]) == world.free(world.providers[2]) == FEE


def test_attack_true_states_served_beside_a_false_trace(world: World) -> None:
    """After the draw he replays what was drawn, and promises that; his trace says otherwise: he cannot show both."""
    audited = begun(world, lies={index: keccak256(b"fake%d" % index) for index in range(1, 101)})
    audited.take(1, 2)
    audited.draw()
    audited.serve([check(audited.found(number)) for number in (2, 3)])
    audited.accuse(2, 0, 1)
    audited.accuse(3, 0)
    with refused("RootsMismatch"):
        audited.respond(2, 0)
    settled(audited, ANSWER + 1)
    assert stake_of(world, WORKER) == ALLOCATED - STAKE


def test_attack_check_that_fits_nothing(world: World) -> None:
    """A true trace, and a check that no replay fits, to keep auditors from their pay: he cannot answer them either."""
    audited = begun(world).take(1, 2)
    audited.serve([LIE, LIE])
    with refused("RootsMismatch"):
        audited.confirm(2)
    audited.accuse(2, 0, 1)
    audited.accuse(3, 0)
    with refused("RootsMismatch"):
        audited.respond(2, 0)
    settled(audited, ANSWER + 1)
    assert stake_of(world, WORKER) == ALLOCATED - STAKE


def test_attack_copied_commitment(world: World) -> None:
    """Another worker's commitment opens for nobody but its author."""
    audited = sealed(world)
    stolen = commitment(audited.job.id, str(world.workers[1].address), b"\1" * 32, LIE, LIE)
    audited.job.commit_as(world.workers[WORKER], stolen)
    with refused("CommitmentMismatch", worker=world.workers[WORKER]):
        audited.begin()
    settled(audited, PLAN.respond + 1)
    assert stake_of(world, WORKER) == ALLOCATED - STAKE


def test_attack_trace_longer_than_promised(world: World) -> None:
    for done in (101, 4096):
        with refused("SegmentsOutOfRange", have=done, most=100):
            sealed(world, done=done).commit_and_begin()


def becomes_another_machine(world: World, index: int) -> None:
    payout, hardware, _, *rest = world.profile(world.providers[index])
    changed = (payout, hardware, b"\x66" * 32, *rest)
    world.registry.update(world.workers[index], changed, sender=world.providers[index])


def test_attack_fingerprint_changed_before_beginning(world: World) -> None:
    """So that his auditors are of his own choice: what counts is what he was when he was drawn."""
    audited = sealed(world)
    becomes_another_machine(world, WORKER)
    with refused("ProfileChanged"):
        audited.commit_and_begin()
    audited.commit()
    with refused("ProfileChanged", worker=world.workers[WORKER]):
        audited.begin()
    settled(audited, PLAN.respond + 1)
    assert stake_of(world, WORKER) == ALLOCATED - STAKE


def test_attack_fingerprint_changed_and_changed_back(world: World) -> None:
    audited = sealed(world)
    becomes_another_machine(world, WORKER)
    world.registry.update(world.workers[WORKER], world.profile(world.providers[WORKER]), sender=world.providers[WORKER])
    with refused("ProfileChanged"):
        audited.commit_and_begin()


def test_attack_auditor_becomes_another_machine(world: World) -> None:
    """To get out of a seat without losing the bond, or to accuse as somebody he was not when he was drawn."""
    audited = served(world)
    becomes_another_machine(world, 1)
    with refused("ProfileChanged"):
        audited.decline(2)
    with refused("ProfileChanged"):
        audited.accuse(2, 0)


def test_attack_fingerprint_changed_after_the_draw(world: World) -> None:
    """So that nobody may accuse him: what counts is what he was when he began."""
    audited = served(world)
    becomes_another_machine(world, WORKER)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 0))
    assert audited.claim(2).state == 1


def test_attack_begun_twice(world: World) -> None:
    """A second beginning would draw anew."""
    audited = begun(world)
    with refused("AuditAlreadyBegun"):
        audited.begin()
    with refused("WrongState"):
        audited.commit_and_begin()


def test_attack_commit_and_begin_with_another_key(world: World) -> None:
    with refused("WrongSigner"):
        sealed(world).commit_and_begin(signer=1)


def test_attack_record_of_ones_own_choice(world: World) -> None:
    """Who could name the seed would choose the segments."""
    audited = served(world)
    audited.confirm(2)
    audited.wait(PLAN.audit + 1)
    audited.advance()
    audited.take(3)
    audited.record = (LIE, *audited.record[1:])
    with refused("RecordMismatch"):
        audited.serve()


def test_attack_reaudit_switched_off_by_a_friend_s_claim(world: World) -> None:
    """His friend asks to be shown what is right; the claim falls, and all is as clean as if he had confirmed."""
    audited = served(world, plan=ALL)
    audited.confirm(3)
    audited.accuse(2, 0)
    audited.respond(2)
    world.mine(3)
    with refused("VerdictPending"):
        audited.job.settle()
    audited.advance()
    assert audited.audit.reaudit


def test_attack_reaudit_switched_off_by_a_friend_s_nonsense(world: World) -> None:
    """The same with states that were never found: he has said nothing, and somebody else does his part."""
    audited = served(world, plan=ALL)
    audited.confirm(3)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 1))
    audited.respond(2)
    audited.wait(PLAN.audit + 1)
    with refused("VerdictPending"):
        audited.job.settle()
    audited.advance()
    assert audited.audit.sitting == 2


def test_attack_second_accusation_prevented_by_a_late_answer(world: World) -> None:
    """The worker shows what was asked only when the auditors' time is over: who asked can still say what is wrong."""
    audited = served(world, other_model=LIE)
    audited.confirm(3)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 1))
    audited.wait(ANSWER - 2)
    audited.respond(2)
    fallen = world.now
    assert fallen > int(audited.audit.clock) + PLAN.audit
    with refused("SittingNotNeeded"):
        audited.advance()
    with refused("VerdictPending"):
        audited.job.settle()
    world.at(fallen + PLAN.respond)
    audited.accuse(2, RESULT)
    settled(audited, ANSWER + 1)
    assert stake_of(world, WORKER) == ALLOCATED - STAKE


def test_attack_second_accusation_without_end(world: World) -> None:
    """His time of his own ends, too, and is given once."""
    audited = served(world)
    audited.confirm(3)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 1))
    audited.wait(ANSWER - 2)
    audited.respond(2)
    until = world.now + PLAN.respond
    world.at(until + 1)
    with refused("DeadlinePassed", deadline=until):
        audited.accuse(2, 1)
    audited.advance()
    assert audited.audit.sitting == 2


def test_attack_second_accusation_of_the_last_second__leaves_time_for_all_that_follows(world: World) -> None:
    """What is said in the last second of every clock ends before the job settles, with a dispute."""
    audited = served(world)
    audited.confirm(3)
    world.at(int(audited.audit.clock) + PLAN.audit)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 1))
    audited.wait(ANSWER)
    audited.respond(2)
    audited.wait(PLAN.respond)
    audited.accuse(2, 1)
    audited.wait(ANSWER)
    audited.respond(2)
    audited.advance()
    audited.take(3)
    audited.serve()
    world.at(int(audited.audit.clock) + PLAN.audit)
    audited.accuse(4, 0, roots=audited.finding(4, LIE, 0))
    audited.wait(ANSWER + 1)
    audited.advance()
    assert audited.audit.sitting == 3


def test_attack_friends_who_decline(world: World) -> None:
    """They lose nothing by saying that they cannot tell; nor is he paid before somebody has looked at all of it."""
    audited = unseen_by_friends(world)
    with refused("VerdictPending"):
        audited.job.settle()
    audited.advance()
    assert audited.audit.reaudit
    audited.take(4)
    audited.serve()
    audited.accuse(5, 0, 1)
    settled(audited, ANSWER + 1)
    assert stake_of(world, WORKER) == ALLOCATED - STAKE


# ---- auditors


def test_attack_false_accuser_of_an_absent_worker(world: World) -> None:
    """Two segments are wrong, says one seat, and nobody contests: a suspicion, which a second seat does not share."""
    audited = one_hit(world, 0, 1)
    audited.confirm(4)
    settled(audited)
    assert stake_of(world, WORKER) == ALLOCATED


def test_attack_lying_auditor(world: World) -> None:
    """Two false claims, which the worker has bisected: the liar's clocks run out, half of his stake is the worker's."""
    audited = contested(world)
    audited.decide(2, DEFENDER, 0)
    audited.decide(2, DEFENDER, 1)
    settled(audited)
    assert stake_of(world, 1) == ALLOCATED - STAKE
    assert world.vault.claimableOf(world.workers[WORKER]) == STAKE // 2
    assert world.free(world.providers[1]) == 0


def test_attack_lazy_auditor(world: World) -> None:
    """Without a replay he has nothing to show: not the check itself, not another seat's states, not what he guesses."""
    audited = served(world)
    audited.confirm(3)
    for roots in ([audited.record[3][0]], audited.found(3), [LIE, LIE], []):
        with refused("RootsMismatch"):
            audited.confirm(2, roots=roots)


def test_attack_lazy_auditor_lets_the_worker_show_it_all(world: World) -> None:
    """He accuses at random; the answer holds every state of his. It earns him nothing, and the bond is gone."""
    audited = served(world)
    audited.confirm(3)
    half = audited.finding(2, LIE, 1)  # one segment replayed, one made up
    audited.accuse(2, 0, roots=half)
    audited.respond(2)
    assert audited.claim(2).state == FALLEN
    with refused("AlreadyAnswered"):
        audited.confirm(2)
    audited.accuse(2, 1)  # all copied out of the answer
    audited.respond(2)
    with refused("AlreadyAnswered"):
        audited.accuse(2, 0)
    audited.advance()
    settled(audited, PLAN.take + 1)
    assert world.free(world.providers[1]) == 0
    assert stake_of(world, 1) == ALLOCATED - audited.job.terms.no_show_bond


def test_attack_colluding_auditor_found_by_the_reaudit(world: World) -> None:
    """The worker tells his friends what to confirm; whoever audits again finds it, and his stake is gone. To contest it
    would cost them theirs."""
    faked = {index: keccak256(b"fake%d" % index) for index in range(1, 101)}
    audited = served(world, plan=ALL, lies=faked)
    for number in (2, 3):
        audited.confirm(number, roots=[faked[i] for i in audited.shares[number]])
    world.mine(3)
    audited.advance()
    audited.take(3)
    audited.serve()
    where = [audited.shares[4].index(index) for index in audited.drawn if index in audited.shares[2]]
    audited.accuse(4, *where)
    settled(audited, ANSWER + 1)
    assert stake_of(world, WORKER) == ALLOCATED - audited.job.terms.stake
    assert [stake_of(world, i) for i in (1, 2)] == [ALLOCATED] * 2
    assert world.free(world.providers[WORKER]) == 0
    assert world.free(world.providers[3]) == PLAN.fee(PRICE, 8)


def test_attack_false_accusation_answered(world: World) -> None:
    """The worker shows the segment; it says what the accuser found, who therefore need not have asked: no hit."""
    audited = served(world)
    audited.confirm(3)
    audited.accuse(2, 0, 1)
    audited.respond(2, 0)
    audited.respond(2, 1)
    world.mine(3)
    settled(audited)
    assert stake_of(world, WORKER) == ALLOCATED


def test_attack_self_audit_by_sibling(world: World) -> None:
    """Another worker of the same provider never sits in the same job."""
    sibling = world.spare[0]
    world.enrol(world.providers[WORKER], sibling)
    audited = begun(world)
    audited.take()
    with refused("SiblingSeated", worker=sibling):
        audited.job.take_as(sibling)


def test_attack_requester_audits_his_own_job(world: World) -> None:
    world.enrol(world.requester, world.spare[1])
    audited = begun(world)
    audited.take()
    with refused("OwnJob"):
        audited.job.take_as(world.spare[1])


def test_attack_other_fingerprint(world: World) -> None:
    """A machine that computes otherwise finds other states, and may not call that a lie."""
    index, changed = 1, b"\x55" * 32
    profile = world.profile(world.providers[index])
    world.registry.update(world.workers[index], (*profile[:2], changed, *profile[3:]), sender=world.providers[index])
    audited = served(world)
    with refused("FingerprintDiffers", have=changed):
        audited.accuse(2, 0, roots=audited.finding(2, LIE, 0))


def test_attack_seat_of_another(world: World) -> None:
    audited = served(world)
    for act in (audited.confirm, audited.accuse):
        with refused("NotSeated"):
            act(2, by=world.workers[2])
    with refused("NotSeated"):
        audited.confirm(2, by=world.stranger)


def test_attack_late_answers(world: World) -> None:
    """Every clock ends to the second: nothing said after it counts."""
    audited = served(world)
    audited.accuse(3, 0, roots=audited.finding(3, LIE, 0))
    at = world.now
    world.at(at + PLAN.audit + 2)
    with refused("DeadlinePassed"):
        audited.confirm(2)
    with refused("DeadlinePassed"):
        audited.accuse(2, 0)
    world.at(at + ANSWER + 1)
    with refused("DeadlinePassed"):
        audited.respond(3)
    with refused("DeadlinePassed"):
        audited.contest(3)


def test_attack_begin_too_late(world: World) -> None:
    audited = sealed(world).commit()
    world.at(audited.job.committed_at + PLAN.respond + 1)
    with refused("DeadlinePassed"):
        audited.begin()


def test_attack_claims_out_of_shape(world: World) -> None:
    audited = served(world)
    found = audited.found(2)
    for positions, roots in (((0, 0), found), ((2,), found), ((0,), found[:1]), ((0, 1, 0), found)):
        with refused("ClaimsInvalid"):
            audited.accuse(2, *positions, roots=roots)


def test_attack_malformed_answers(world: World) -> None:
    """Trace with gaps, wrong order, proofs too short or too long, another segment: none is an answer."""
    audited = served(world)
    audited.accuse(2, 0, roots=audited.finding(2, LIE, 0))
    good = list(audited.shown(2))
    roots = good[7]
    others = [audited.trace.shown(index, roots) for index in (1, 50, 100) if index != audited.shares[2][0]]
    bad = [(*good[:at], LIE, *good[at + 1 :]) for at in range(5)]
    bad += [(*good[:5], good[5][:-1], *good[6:]), (*good[:6], [*good[6], LIE], good[7]), *others]
    for shown in bad:
        with refused("TraceMismatch"):
            audited.respond(2, shown=shown)
    with refused("RootsMismatch"):
        audited.respond(2, shown=(*good[:7], [LIE]))
    audited.respond(2)
    with refused("ClaimClosed"):
        audited.respond(2)
    with refused("ClaimClosed"):
        audited.respond(3, shown=tuple(good))


def test_attack_dispute_without_money(world: World) -> None:
    audited = accused(world, 0)
    with refused("FreeTooSmall"):
        audited.contest(2)
    world.fund(world.workers[WORKER], JURY_FEE, controller=world.audit)
    with refused("NotSeated"):
        audited.contest(2, by=world.workers[2])
    audited.contest(2)
    disputed = world.bisection.last()
    assert (disputed.steps, disputed.clock) == (PLAN.steps, PLAN.move)
    assert bytes(disputed.defended) == audited.found(2)[0]
    assert bytes(disputed.challenged) == LIE


def test_attack_sittings_opened_out_of_turn(world: World) -> None:
    """Nobody opens a sitting that is not due, and so makes the worker wait or pay."""
    audited = begun(world)
    with refused("SittingNotNeeded"):
        audited.advance()
    audited.take(1, 2)
    audited.serve()
    with refused("SittingNotNeeded"):
        audited.advance()
    audited.confirm(2, 3)
    world.mine(3)
    with refused("SittingNotNeeded"):
        audited.advance()


def test_attack_sitting_opened_too_late(world: World) -> None:
    """What would not end before the job settles is not begun."""
    audited = begun(world)
    world.at(audited.job.deadline - 500)
    with refused("SittingTooLate"):
        audited.advance()


# ---- terms

SETTLE_AT_THE_BOUND = 7 * PLAN.respond + 5 * PLAN.take + 9 * (PLAN.respond + 60) + 60 * (1 + 3 * 2 + 2 * 4) + DISPUTE


@pytest.mark.parametrize(
    ("name", "plan"),
    [
        ("ParamsInvalid", replace(PLAN, segments=0)),
        ("ParamsInvalid", replace(PLAN, segments=4097)),
        ("ParamsInvalid", replace(PLAN, auditors=3)),
        ("ParamsInvalid", replace(PLAN, auditors=0)),
        ("ParamsInvalid", replace(PLAN, drawn=0)),
        ("ParamsInvalid", replace(PLAN, drawn=33)),
        ("ParamsInvalid", replace(PLAN, audit_bps=0)),
        ("ParamsInvalid", replace(PLAN, reaudit_bps=10_001)),
        ("ParamsInvalid", replace(PLAN, steps=0)),
        ("ClockTooShort", replace(PLAN, respond=59)),
        ("ClockTooShort", replace(PLAN, take=59)),
        ("ClockTooShort", replace(PLAN, audit=59)),
        ("ClockTooShort", replace(PLAN, move=59)),
    ],
)
def test_attack_terms_that_nobody_could_keep(world: World, name: str, plan: Plan) -> None:
    with refused(name):
        world.post(audit_terms(world, verifier_params=plan.pack()))


def test_attack_terms_that_draw_so_much_that_a_verdict_has_too_little_gas(world: World) -> None:
    """At the bound, after a replacement and a re-audit that finds two segments: a third of it is enough."""
    plan = replace(PLAN, segments=4096, drawn=32, audit=60, reaudit_bps=10_000)
    terms = audit_terms(world, plan, settle_time=SETTLE_AT_THE_BOUND)
    audited = begun(world, done=4096, plan=plan, terms=terms).take(1, 2)
    audited.serve()
    audited.confirm(3)
    audited.wait(plan.audit + 1)
    audited.advance()
    audited.take(3)
    audited.serve()
    audited.confirm(4)
    world.mine(3)
    audited.advance()
    audited.take(4)
    audited.serve()
    assert len(audited.shares[5]) == 128
    receipt = audited.accuse(5, 0, 1, roots=audited.finding(5, LIE, 0, 1))
    assert receipt.gas_used < 8_000_000  # of what a transaction may have; a verdict has less
    audited.wait(plan.respond + plan.audit + 1)
    settled = audited.job.settle()
    assert settled.gas_used < world.board.VERDICT_GAS(sender=world.stranger) // 3


def test_attack_terms_without_room(world: World) -> None:
    good = audit_terms(world)
    for name, terms in (
        ("TimeOutOfRange", replace(good, settle_time=good.settle_time - 1)),
        ("ReserveTooSmall", replace(good, reserve=good.reserve - 1)),
        ("WorkersUnsupported", replace(good, workers=2)),
        ("DrawNeeded", replace(good, scheduler=str(world.offers.address), no_show_bond=5 * 10**18)),
        ("ParamsInvalid", replace(good, verifier_params=b"\1" + good.verifier_params[1:])),
    ):
        with refused(name):
            world.post(terms)


# ---- everyone silent


def taken_once(world: World) -> Audited:
    return begun(world).take(1)


def replaced(world: World) -> Audited:
    audited = begun(world)
    audited.past_taking()
    audited.advance()
    return audited.take(1)


def shown_once(world: World) -> Audited:
    audited = accused(world, 0)
    audited.respond(2)
    return audited


SILENT_STATES: dict[str, Callable[[World], Audited]] = {
    "committed, not begun": lambda world: sealed(world).commit(),
    "begun, nobody seated": begun,
    "one seated": taken_once,
    "served": served,
    "replacement seated": replaced,
    "accused": lambda world: accused(world, 0),
    "accused twice": lambda world: accused(world, 0, 1),
    "answered": shown_once,
    "further seated": one_hit,
    "audited again": audited_again,
    "in dispute": contested,
}


@pytest.mark.parametrize("state", SILENT_STATES)
def test_attack_everyone_silent(world: World, state: str) -> None:
    """From here nobody moves any more: an outsider settles at the deadline, and no coin and no stake stays behind."""
    audited = SILENT_STATES[state](world)
    world.at(audited.job.deadline)
    audited.job.settle()
    assert audited.job.state == JobState.SETTLED
    assert everything_paid(audited)
    if state == "in dispute":
        for which in (0, 1):
            world.audit.releaseBond(audited.job.id, 2, which, sender=world.stranger)
        assert world.held(world.workers[WORKER], controller=world.audit) == 0


def test_attack_lane_taken_over_while_a_bond_is_out(world: World) -> None:
    """The next job of the lane knows nothing of the last one's audit; its bond is still to be had."""
    audited = contested(world)
    world.at(audited.job.deadline)
    audited.job.settle()
    lane = audited.job.terms.nonce >> 16
    following = served(world, terms=audit_terms(world, lane=lane))
    assert following.audit.answers == [0, 0, 0, 0]
    following.confirm(2, 3)
    world.audit.releaseBond(audited.job.id, 2, 0, sender=world.stranger)
    world.mine(3)
    following.job.settle()

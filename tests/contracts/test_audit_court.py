"""A disputed audit before the true bisection and jury: who is paid for judging, and that everybody gets out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.contracts import court as rules
from tests.contracts.audit import ANSWER, PLAN, SETTLE, WORKER, Audited, audit_terms, everything_paid, served
from tests.contracts.court import ACCUSED, ACCUSER, HUNG, NO_SHOW, REWARD, Case, Court, Juror
from tests.contracts.world import BOUNTY, DISPUTE, STAKE, ZERO, World, container

from tensorgrid.domain.encoding import keccak256

LIE = keccak256(b"never trained")
ACCUSING = 2  # seat


class Disputed:
    """One auditor has accused the worker of one segment, of a single step, and he contests it."""

    def __init__(self, court: Court, jurors: list[Juror]) -> None:
        self.court, self.world, self.jurors = court, court.world, jurors
        plan = replace(PLAN, steps=1)
        terms = audit_terms(self.world, plan, settle_time=SETTLE - DISPUTE + rules.DECISION)
        self.audited: Audited = served(self.world, plan=plan, terms=terms)
        self.audited.confirm(3)
        self.audited.accuse(ACCUSING, 0, roots=self.audited.finding(ACCUSING, LIE, 0))
        self.bond = int(court.jury.fee(self.world.coin))
        self.world.fund(self.worker, self.bond, controller=self.world.audit)
        contested = self.audited.contest(ACCUSING)
        key = bytes(court.bisection.keyOf(self.world.audit, self.audited.job.id, ACCUSING, 0))
        self.case = Case(court, court.bisection, key, int(contested.timestamp))

    @property
    def worker(self) -> Any:
        return self.world.workers[WORKER]

    def coins_of(self, account: Any, controller: Any) -> int:
        return int(self.world.escrow.balanceOf(controller, self.world.coin, account).free)

    def settle(self) -> Any:
        self.audited.wait(ANSWER + 1)
        return self.audited.job.settle()

    def release_bond(self) -> Any:
        return self.world.audit.releaseBond(self.audited.job.id, ACCUSING, 0, sender=self.world.stranger)

    def share(self, controller: Any) -> Any:
        jury, coin = self.court.jury, self.world.coin
        receipt = jury.share(*self.case.ref, controller, coin, sender=self.world.stranger)
        [event] = receipt.decode_logs(jury.PurseShared)
        return event


@pytest.fixture
def disputed(court: Court, monkeypatch: pytest.MonkeyPatch) -> Disputed:
    world = court.world
    verifier = world.deployer.deploy(container("AuditVerifier"), world.board, court.bisection, world.key_box)
    world.parameters.setVerifier(verifier, True, sender=world.deployer)
    monkeypatch.setattr(world, "audit", verifier)
    monkeypatch.setattr(world, "bisection", court.bisection)
    # The accuser's own worker is no juror of his case.
    return Disputed(court, [*court.jurors[1:], court.enrol()])


def test_dispute__the_jury_finds_for_the_worker__is_paid_by_his_accuser(disputed: Disputed) -> None:
    disputed.case.judge(disputed.jurors, [ACCUSER] * 5)
    disputed.case.no_appeal()
    disputed.settle()
    disputed.release_bond()
    assert disputed.coins_of(disputed.worker, disputed.world.audit) == disputed.bond
    shared = disputed.share(ZERO)
    assert (shared.amount, shared.winners, shared.each) == (STAKE // 2, 5, REWARD)


def test_dispute__the_jury_finds_against_the_worker__is_paid_by_him(disputed: Disputed) -> None:
    disputed.case.judge(disputed.jurors, [ACCUSED] * 5)
    disputed.case.no_appeal()
    disputed.settle()
    disputed.release_bond()
    shared = disputed.share(disputed.world.audit)
    assert (shared.amount, shared.winners, shared.each) == (disputed.bond, 5, disputed.bond // 5)


def assert_everybody_is_out(disputed: Disputed) -> None:
    """The price is the requester's again, what the other auditor has earned is paid, and nobody has lost any stake."""
    world, job = disputed.world, disputed.audited.job
    before = [world.allocation(i).active for i in range(len(world.workers))]
    assert disputed.case.decision == HUNG
    disputed.settle()
    disputed.release_bond()
    assert everything_paid(disputed.audited)
    assert [world.allocation(i).active for i in range(len(world.workers))] == before
    assert world.held(disputed.worker, controller=world.audit) == 0
    assert disputed.coins_of(disputed.worker, world.audit) == disputed.bond
    assert world.free(world.providers[WORKER]) == 0
    assert job.terms.bounty == BOUNTY


def test_dispute__that_no_juror_can_judge__everybody_gets_out(disputed: Disputed) -> None:
    """As of a private job whose replay would not end in time: nobody sits down."""
    disputed.case.after(rules.TAKE + 1)
    assert_everybody_is_out(disputed)


def test_dispute__whose_jurors_cannot_tell__everybody_gets_out(disputed: Disputed) -> None:
    """As of a private job that failed at once, and jurors who learn that too late: they lose what silence costs."""
    disputed.case.judge(disputed.jurors, [None] * 5)
    assert_everybody_is_out(disputed)
    staked = [disputed.court.stake_of(juror) for juror in disputed.jurors]
    disputed.case.release()
    now = [disputed.court.stake_of(juror) for juror in disputed.jurors]
    assert [before.active - after.active for before, after in zip(staked, now, strict=True)] == [NO_SHOW] * 5
    assert {after.locked for after in now} == {0}


def test_dispute__that_nobody_ends__is_over_with_the_job(disputed: Disputed, world: World) -> None:
    """Whatever has become of the jury: past the job's settle deadline everything can be fetched."""
    world.at(disputed.audited.job.deadline + 1)
    assert_everybody_is_out(disputed)

"""The SDK's own sums of an audit are the contract's: who replays what, and what is committed to."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tests.contracts.audit import PLAN, Audited, begun, served
from tests.contracts.world import World

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.audits import Answer, Audit, AuditOpening, AuditRecord, check_of, segments_of, share_size
from tensorgrid.domain.jobs import MAX_SEATS, ExitClass


def as_audit(told: Any) -> Audit:
    answers = tuple(Answer(int(answer)) for answer in told.answers)
    return Audit(
        int(told.done), int(told.sitting), told.served, int(told.clock), int(told.round), answers,
        int(told.replacementSeat), int(told.lastSeat), told.clean, told.reaudit, told.suspect,
    )  # fmt: skip


def same_segments(audited: Audited) -> dict[int, list[int]]:
    """Of every seat that is there; the contract's are the reference's, and ours are both's."""
    seed, fresh, fingerprint, checks = audited.record
    record = AuditRecord(seed, fresh, fingerprint, tuple(checks))
    plan, audit = AuditTerms.unpack(audited.job.terms.verifier_params), as_audit(audited.audit)
    found = {}
    for number in range(2, len(audited.job.held) + 1):
        theirs = audited.world.audit.segmentsOf(audited.terms, record.as_tuple(), number, sender=audited.world.stranger)
        found[number] = segments_of(plan, audit, record, number)
        assert found[number] == [int(index) for index in theirs] == audited.shares[number]
    if audit.sitting > 1:
        assert share_size(plan, audit) == len(found[audit.since])
    return found


@pytest.mark.parametrize("done", [100, 41, 7, 3])
def test_segments__of_the_first_auditors__are_the_contract_s(world: World, done: int) -> None:
    found = same_segments(served(world, done=done))
    drawn = sorted(index for share in found.values() for index in share)
    assert all(later - earlier > 1 for earlier, later in pairwise(drawn))


def test_segments__of_a_trace_of_two__are_one_auditor_s(world: World) -> None:
    audited = begun(world, done=2).take(1)
    audited.serve()
    assert len(same_segments(audited)[2]) == 1


def test_segments__of_a_replacement__are_what_was_left_undone(world: World) -> None:
    audited = served(world)
    audited.confirm(2)
    audited.wait(PLAN.audit + 1)
    audited.advance()
    audited.take(3).serve()
    found = same_segments(audited)
    assert found[4] == found[3]


def test_segments__of_a_replacement_for_a_lost_round__are_all(world: World) -> None:
    audited = begun(world).take(1, 2)
    world.mine(257)
    audited.advance()
    audited.take(3).serve()
    share = audited.drawn
    plan, audit = AuditTerms.unpack(audited.job.terms.verifier_params), as_audit(audited.audit)
    seed, fresh, fingerprint, checks = audited.record
    assert segments_of(plan, audit, AuditRecord(seed, fresh, fingerprint, tuple(checks)), 4) == share
    assert (audit.answers[:2], share_size(plan, audit)) == ((Answer.VOID, Answer.VOID), len(share))


def test_segments__of_a_run_that_a_limit_ended__are_not_its_last(world: World) -> None:
    audited = served(world, done=6, failed=ExitClass.WALL_LIMIT)
    assert AuditOpening(*audited.opening).counted(audited.job.id) == audited.audit.done == 5
    assert all(index <= 5 for share in same_segments(audited).values() for index in share)


def test_segments__of_a_second_look__are_fresh(world: World) -> None:
    audited = served(world)
    audited.accuse(2, 0, roots=audited.finding(2, b"\7" * 32, 0))
    audited.confirm(3)
    audited.wait(PLAN.respond + PLAN.audit + 1)
    audited.advance()
    audited.take(3).serve()
    found = same_segments(audited)
    assert len(found[4]) == 30
    assert not set(found[4]) & {*found[2], *found[3]}


def test_segments__of_a_re_audit__are_all_and_as_many_fresh_ones(world: World) -> None:
    audited = served(world, plan=replace(PLAN, reaudit_bps=10_000))
    audited.confirm(2, 3)
    world.mine(3)
    audited.advance()
    audited.take(3).serve()
    found = same_segments(audited)
    assert {*found[2], *found[3]} < set(found[4])
    assert len(found[4]) == 8


def test_segments__of_a_seat_that_nobody_has__are_none(world: World) -> None:
    audited = served(world)
    record = AuditRecord(audited.record[0])
    plan, audit = AuditTerms.unpack(audited.job.terms.verifier_params), as_audit(audited.audit)
    assert segments_of(plan, audit, record, 1) == segments_of(plan, audit, record, MAX_SEATS + 1) == []
    assert segments_of(plan, audit, AuditRecord(), 2) == []


def test_opening__its_commitment_and_check__are_what_the_contract_accepts(world: World) -> None:
    audited = begun(world)
    opening = AuditOpening(*audited.opening)
    worker = str(audited.world.workers[0].address)
    assert opening.commitment(audited.job.id, worker) == audited.seal()
    assert opening.root(audited.job.id) == audited.trace.audit_root
    audited.take(1, 2)
    audited.draw()
    audited.serve([check_of([audited.trace.state(i) for i in audited.shares[number]]) for number in (2, 3)])
    audited.confirm(2, 3)
    assert audited.audit.clean

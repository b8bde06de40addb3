"""The moves of a dispute over one segment, for worker and accuser. Pure: what the chain shows in, moves out.

Each move is known as soon as our own replay of the segment is: nobody waits for a clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorgrid.chain.bisection import Bisection, Stage
from tensorgrid.chain.calls import Call
from tensorgrid.chain.jury import Jury
from tensorgrid_worker.auditing.picture import WORKER, AuditPicture, Case, ClaimKey, Dispute
from tensorgrid_worker.auditing.plan import LOCAL, Known, Move, Step
from tensorgrid_worker.auditing.segments import Walk

TURNS = {Stage.DEFENDING: Step.SPLIT, Stage.CHALLENGING: Step.PICK}

DISPUTING = frozenset({Step.SPLIT, Step.PICK, Step.TIMEOUT, Step.APPEAL, Step.ENTRUST})


def moves(audit: AuditPicture, known: Known, now: int) -> list[Move]:
    """In all disputes that we are a party of, nearest deadline first. What is past its time is not planned."""
    found = [move for key, dispute in audit.disputes.items() for move in _moves(audit, key, dispute, known, now)]
    found = [move for move in found if now <= move.due and (move.step in LOCAL or known.free(move))]
    return sorted(found, key=lambda move: move.due)


def _moves(audit: AuditPicture, key: ClaimKey, dispute: Dispute, known: Known, now: int) -> Iterator[Move]:
    clocks = dispute.clocks
    if dispute.case is not None:
        yield from _appeal(audit, key, dispute, dispute.case, known)
        if dispute.case.jurors:
            # Without them his jurors would find against us, whoever is right.
            step = Step.ENTRUST if key in known.wrapped else Step.WRAP
            yield Move(step, dispute.case.hand_by, key, (int(dispute.case.appealed),))
    if dispute.stage not in TURNS:
        return
    ours = (dispute.stage is Stage.DEFENDING) == (audit.number == WORKER)
    if now > clocks.until:
        if not ours:
            # It is won as it is; said aloud, so that people find it among the events.
            yield Move(Step.TIMEOUT, clocks.until + audit.plan.respond_time, key)
    elif key not in known.walks:
        yield Move(Step.WALK, clocks.since + clocks.defender_left + clocks.challenger_left, key)
    elif ours:
        yield Move(TURNS[dispute.stage], clocks.until, key, (dispute.span.low, dispute.span.high))


def _appeal(audit: AuditPicture, key: ClaimKey, dispute: Dispute, case: Case, known: Known) -> Iterator[Move]:
    """Against a jury that our own replay says was wrong: it is judged anew, and finally."""
    if not case.appeal_by:
        return
    if key not in known.walks:
        yield Move(Step.WALK, case.appeal_by, key)
    elif case.free >= case.fee and wronged(audit, dispute, known.walks[key]):
        yield Move(Step.APPEAL, case.appeal_by, key)


def wronged(audit: AuditPicture, dispute: Dispute, walk: Walk) -> bool:
    """Whether we, who have lost, were right by our own replay."""
    span = dispute.span
    defended = walk.upholds(span.low, span.agreed, span.defended, dispute.match.defended)
    return defended == (audit.number == WORKER)


def middle_of(dispute: Dispute, walk: Walk) -> bytes:
    """What we found in the middle of what is left."""
    return walk.states[dispute.span.half]


def move_call(
    bisection: Bisection, jury: Jury | None, verifier: str, audit: AuditPicture, move: Move, known: Known
) -> Call:
    """Of SPLIT to ENTRUST."""
    assert move.claim is not None
    dispute = audit.disputes[move.claim]
    key, match, span = dispute.match.key(verifier), dispute.match, dispute.span
    if move.step is Step.TIMEOUT:
        return bisection.timeout(key)
    if move.step is Step.APPEAL:
        assert jury is not None, "who has a case has a jury"
        return jury.appeal(bisection.address, key, audit.terms.pay_token)
    if move.step is Step.ENTRUST:
        return bisection.serve(key, match, span, known.wrapped[move.claim])
    found = middle_of(dispute, known.walks[move.claim])
    if move.step is Step.SPLIT:
        return bisection.split(key, match, span, found)
    return bisection.pick(key, match, span, found == span.middle)

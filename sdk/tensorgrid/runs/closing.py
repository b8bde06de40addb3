"""The call that anyone may make once a deadline has passed (J2), for whoever wants a job to go on."""

from __future__ import annotations

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import JobState, ReplicationClocks
from tensorgrid.runs.audit_story import AuditStory
from tensorgrid.runs.story import Story


def overdue_call(contracts: Contracts, story: Story, now: int) -> Call | None:
    """What moves the job on at chain time `now` (Unix seconds), None when it is not stuck. Sends nothing.

    Raises Unreachable.
    """
    terms, held, board = story.terms, story.held, contracts.board
    if story.state is JobState.POSTED and story.deadline is not None and now > story.deadline:
        return board.expire(terms, held)
    if story.state is JobState.ASSIGNED and story.work_by is not None and now > story.work_by:
        if any(seat.sealed for seat in story.first_seats) and now <= story.work_by + terms.settle_time:
            return board.close_work(terms, held)
        if _may_be_reopened(contracts, story, now):
            return board.reopen(terms, held)
        return board.expire(terms, held)
    if story.state is JobState.COMMITTED and _may_be_decided(story, now):
        ways = [board.settle(terms, held)]
        if story.audit is not None:
            ways += [] if contracts.audit is None else [contracts.audit.advance(terms, held)]
        elif not story.silent:
            ways.append(contracts.replication.open_extra(terms, held))
        return next((call for call in ways if _passes(contracts, call, terms.requester)), None)
    return None


def _may_be_reopened(contracts: Contracts, story: Story, now: int) -> bool:
    done = 0 if story.reopened is None else story.reopened.count
    in_time = now <= (story.work_by or 0) + contracts.reopen_time
    return done < story.terms.reopens and in_time and not any(seat.sealed for seat in story.first_seats)


def _may_be_decided(story: Story, now: int) -> bool:
    """Whether asking the contracts is worth it: the first clock is over, or a jury may have answered."""
    if story.reject_by is not None:
        return story.rejected or now > story.reject_by
    if story.audit is not None:
        return _audit_may_move(story.audit, story.committed_at or 0, now)
    clocks = ReplicationClocks.unpack(story.terms.verifier_params)
    return now > (story.committed_at or 0) + clocks.reveal_time + clocks.grace


def _audit_may_move(audit: AuditStory, committed_at: int, now: int) -> bool:
    """Whether a clock of the audit is over, or all have answered."""
    sitting = audit.sitting
    if sitting is None:
        return now > committed_at + audit.plan.respond_time
    if sitting.audit_by is None:
        return sitting.count == 0 or now > sitting.take_by
    here = [number for number in audit.seated if number >= sitting.first]
    return now > sitting.audit_by or all(number in audit.answers for number in here)


def _passes(contracts: Contracts, call: Call, sender: str) -> bool:
    try:
        contracts.simulate(call, sender)
    except Reverted:
        return False
    return True

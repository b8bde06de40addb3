"""The call that anyone may make once a deadline has passed (J2), for whoever wants a job to go on."""

from __future__ import annotations

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import JobId, JobState, ReplicationClocks
from tensorgrid.runs.story import Story


def overdue_call(contracts: Contracts, job: JobId, story: Story, now: int) -> Call | None:
    """What moves the job on at chain time `now` (Unix seconds), None when it is not stuck. Sends nothing.

    Raises Unreachable.
    """
    terms = story.terms
    first = [seat.worker for seat in story.first_seats]
    if story.state is JobState.POSTED and now > terms.take_by:
        return contracts.board.expire(terms, first)
    if story.state is JobState.ASSIGNED and story.work_by is not None and now > story.work_by:
        if not any(seat.sealed for seat in story.first_seats):
            return contracts.board.expire(terms, first)
        if now <= story.work_by + terms.settle_time:
            return contracts.board.close_work(terms)
        return contracts.board.expire(terms, first)
    if story.state is JobState.COMMITTED:
        clocks = ReplicationClocks.unpack(terms.verifier_params)
        if now > contracts.board.job(job).committed_at + clocks.reveal_time + clocks.grace:
            return _allowed(contracts, story)
    return None


def _allowed(contracts: Contracts, story: Story) -> Call | None:
    """Of the two ways on from Committed, the one that the contracts would accept now."""
    terms = story.terms
    for call in (
        contracts.replication.open_extra(terms),
        contracts.board.settle(terms, [s.worker for s in story.in_order]),
    ):
        try:
            contracts.simulate(call, terms.requester)
        except Reverted:
            continue
        return call
    return None

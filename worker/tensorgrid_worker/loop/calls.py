"""From a planned step to the transaction that does it."""

from __future__ import annotations

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import JobId, JobTerms, Opening, ReplicationClocks, Seat
from tensorgrid_worker.auditing.calls import opening_of
from tensorgrid_worker.loop.openings import Secrets, with_trailer
from tensorgrid_worker.loop.planner import Do, JobView, work_deadline
from tensorgrid_worker.memory.rows import Result

LOCAL = frozenset({Do.INSPECT, Do.RUN, Do.LEAVE, Do.STOP, Do.CLOSE})
"""Steps that send nothing."""
CARRYING = "JobBoard.commitAndSettle"
KEY_MISSED = keccak256(b"tensorgrid: no key was handed")
"""Committed to where nothing could be done: it opens to nothing, and nobody asks for that."""


def due(view: JobView, do: Do) -> int:
    """Chain time by which it must be mined or stake is lost; 0: nothing is, and it can wait for cheaper gas."""
    if do in (Do.COMMIT, Do.MISS, Do.COMMIT_MISSED):
        return work_deadline(view)
    if do is Do.ABANDON:
        return work_deadline(view)
    if view.audited:
        return 0
    clocks = ReplicationClocks.unpack(view.record.terms.verifier_params)
    if do is Do.REVEAL:
        return view.job.clock + clocks.reveal_time
    if do is Do.REVEAL_ROOT and view.extra is not None:
        return view.extra.work_by + clocks.reveal_time
    return 0


def passenger_of(contracts: Contracts, call: Call) -> JobId | None:
    """The job whose settlement rides on this commit; None when none does."""
    if call.name != CARRYING:
        return None
    entry = contracts.board.interface.functions["commitAndSettle"]
    return contracts.id_of(JobTerms(*entry.decode_inputs(call.data[4:])["earlier"]))


def call_for(
    contracts: Contracts,
    view: JobView,
    do: Do,
    result: Result | None,
    passenger: JobView | None = None,
    secrets: Secrets | None = None,
) -> Call:
    """`result` is needed for commit and reveals, which are planned only when there is one.

    `passenger`: a job whose settlement rides on this commit. `secrets`: a commit that will be opened carries how.
    """
    board, verifier, terms = contracts.board, contracts.replication, view.record.terms
    match do:
        case Do.TAKE | Do.TAKE_EXTRA:
            return board.take(terms, _if_folded(view))
        case Do.CLOSE_WORK:
            return board.close_work(terms, _if_folded(view))
        case Do.OPEN_EXTRA if view.audited and contracts.audit is not None:
            return contracts.audit.advance(terms, view.held)
        case Do.OPEN_EXTRA:
            return verifier.open_extra(terms, _if_folded(view))
        case Do.SETTLE:
            return board.settle(terms, view.held)
        case Do.EXPIRE:
            return board.expire(terms, view.held)
        case Do.REOPEN:
            return board.reopen(terms, view.held)
        case Do.ABANDON:
            return board.abandon(terms, view.held)
        case Do.MISS:
            assert contracts.key_box is not None, "only a network with keys has private jobs"
            return contracts.key_box.miss(terms, view.held, view.number)
        case Do.COMMIT_MISSED:
            held = view.held if view.job.folded else (view.held[view.number - 1],)
            return board.commit(terms.ref(), view.number, held, KEY_MISSED)
    assert result is not None, f"{do} is planned only with a result"
    match do:
        case Do.COMMIT:
            return _commit(contracts, view, result, passenger, secrets)
        case Do.REVEAL | Do.REVEAL_ROOT:
            shown = result.root if do is Do.REVEAL_ROOT else result.root_hash
            # All seats, not ours alone: the reveal by which the first round agrees settles the job at once.
            return verifier.reveal(terms, view.held, [Opening(view.number, result.salt, shown, result.receipt)])
    raise AssertionError(f"{do} is no transaction")


def _commit(
    contracts: Contracts, view: JobView, result: Result, passenger: JobView | None, secrets: Secrets | None
) -> Call:
    if view.audited and secrets is not None:
        return _commit_and_begin(contracts, view, result, secrets)
    call, commitment = _bare_commit(contracts, view, result, passenger)
    return call if secrets is None or view.job.silent else with_trailer(call, secrets, result, commitment)


def _commit_and_begin(contracts: Contracts, view: JobView, result: Result, secrets: Secrets) -> Call:
    """An audited job is opened as it is committed: there is nothing in it to copy, and no second clock to miss."""
    assert contracts.audit is not None, "only a network with audits has audited jobs"
    signature = secrets.seal(result.job, result.commitment(view.held[0].worker))
    return contracts.audit.commit_and_begin(view.record.terms, view.held, signature, opening_of(result))


def _bare_commit(contracts: Contracts, view: JobView, result: Result, passenger: JobView | None) -> tuple[Call, bytes]:
    board, terms, number = contracts.board, view.record.terms, view.number
    me = view.held[number - 1]
    commitment = result.commitment(me.worker, extra=view.is_extra, silent=view.job.silent)
    # Folded, the board wants all seats; a sibling who commits first unfolds it, and then all of them will still do.
    held = view.held if view.job.folded else (me,)
    if view.is_extra:
        return board.commit_extra(terms, number, held, commitment), commitment
    if passenger is not None:
        earlier = (passenger.record.terms, passenger.held)
        return board.commit_and_settle(terms.ref(), number, held, commitment, *earlier), commitment
    return board.commit(terms.ref(), number, held, commitment), commitment


def _if_folded(view: JobView) -> tuple[Seat, ...]:
    """What a call that touches no seat has to show."""
    return view.held if view.job.folded else ()

"""From a planned step of an audit to the transaction that does it."""

from __future__ import annotations

from tensorgrid.chain.audits import AuditVerifier
from tensorgrid.chain.calls import Call
from tensorgrid.domain.audits import AuditOpening
from tensorgrid.domain.jobs import EMPTY_SEAT, Seat
from tensorgrid.domain.openings import show_result
from tensorgrid.domain.traces import Trace
from tensorgrid_worker.auditing.answering import shown
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.plan import Known, Move, Step
from tensorgrid_worker.memory.rows import Result


def opening_of(result: Result) -> AuditOpening:
    """What opens the commitment to a result that has a trace."""
    assert result.mark is not None, "results of audited jobs have a mark"
    mark = result.mark
    return AuditOpening(result.salt, mark.result, result.receipt, mark.trace, mark.done)


def call_of(
    verifier: AuditVerifier, audit: AuditPicture, move: Move, known: Known, trace: Trace | None, result: Result | None
) -> Call:
    """`trace`: of RESPOND to CONTEST. `result`: of BEGIN."""
    terms, held = audit.terms, audit.held
    match move.step:
        case Step.BEGIN:
            assert result is not None
            return verifier.begin(terms, held, opening_of(result))
        case Step.SERVE:
            assert known.served is not None
            return verifier.serve(terms, held, audit.record, known.served.manifest, known.served.checks)
        case Step.DECLINE:
            # Without a comparison, which tells nothing where honest distances are not known: no suspicion.
            suspicion = known.compared is not None and known.compared.suspicious
            return verifier.decline(terms, _own(audit), audit.record, audit.number, suspicion)
        case Step.CONFIRM | Step.ACCUSE:
            return _answer(verifier, audit, move.step, known)
    assert trace is not None and audit.opening is not None and move.claim is not None
    number, which = move.claim
    if move.step is Step.RESPOND_RESULT:
        return verifier.respond_result(terms, held, audit.opening, number, which, show_result(trace))
    make = verifier.respond if move.step is Step.RESPOND else verifier.contest
    return make(terms, held, audit.record, audit.opening, number, which, shown(audit, trace, move.claim))


def _answer(verifier: AuditVerifier, audit: AuditPicture, step: Step, known: Known) -> Call:
    assert known.found is not None
    found, number = known.found, audit.number
    if step is Step.CONFIRM:
        return verifier.confirm(audit.terms, _own(audit), audit.record, number, found.roots)
    return verifier.accuse(audit.terms, _own(audit), audit.record, number, found.roots, found.claims(audit.said))


def _own(audit: AuditPicture) -> tuple[Seat, ...]:
    """Only the caller's own entry is looked at; the others need not be paid for."""
    return (*(EMPTY_SEAT for _ in audit.held[: audit.number - 1]), audit.held[audit.number - 1])

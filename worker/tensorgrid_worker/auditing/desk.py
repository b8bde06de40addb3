"""All audits of one worker, asked by the loop that plans: what is to be sent now, and what is done meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from threading import Event

import structlog

from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.audits import RESULT
from tensorgrid.domain.jobs import JobId
from tensorgrid.parameters.distance import Bounds
from tensorgrid.privacy import Identity
from tensorgrid_worker.auditing.answering import Answering
from tensorgrid_worker.auditing.calls import call_of
from tensorgrid_worker.auditing.checking import Checking
from tensorgrid_worker.auditing.comparing import Comparing
from tensorgrid_worker.auditing.disputes import DISPUTING, move_call, moves, wronged
from tensorgrid_worker.auditing.entrusting import Entrusting
from tensorgrid_worker.auditing.errands import Errands, Work
from tensorgrid_worker.auditing.fetching import Proofs
from tensorgrid_worker.auditing.opened import Opened
from tensorgrid_worker.auditing.owntrace import OwnTraces
from tensorgrid_worker.auditing.picture import WORKER, AuditPicture, ClaimKey
from tensorgrid_worker.auditing.plan import LOCAL, Known, Move, Step, steps
from tensorgrid_worker.auditing.rounds import NONE, Rounds
from tensorgrid_worker.auditing.serving import Serving
from tensorgrid_worker.auditing.snapshots import SnapshotReader
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.auditing.tosend import ToSend
from tensorgrid_worker.auditing.walking import Walking
from tensorgrid_worker.logs import JobLog
from tensorgrid_worker.memory.rows import Result, Status

log = structlog.get_logger()

NO_BOUNDS = Bounds()


class Desk:
    """`identity`: what states are sealed to; `wake`: called when an errand has ended; `bounds`: of honest distances;
    `proofs`: of a drand network's rounds."""

    def __init__(
        self,
        *,
        contracts: Contracts,
        tools: Tools,
        identity: Identity | None,
        wake: Callable[[], None],
        joblog: Callable[[JobId], JobLog],
        bounds: Bounds = NO_BOUNDS,
        proofs: Proofs | None = None,
    ) -> None:
        self._contracts, self._joblog = contracts, joblog
        self.errands = Errands(wake)
        self._traces = OwnTraces(tools)
        self._tools = tools
        self._serving = Serving(contracts, tools, self._traces, bounds)
        opened = Opened(tools, identity)
        self._checking = Checking(tools, opened, SnapshotReader(contracts))
        self._comparing = Comparing(tools, opened, self._checking, bounds)
        self._walking = Walking(tools, self._traces, opened, self._checking)
        self._answering = Answering(tools, self._traces)
        self._entrusting = Entrusting(contracts, tools)
        self._rounds = Rounds(contracts, proofs)
        self._told: set[tuple[JobId, str]] = set()

    def running(self) -> frozenset[JobId]:
        """Jobs of which something is done now, beside the chain."""
        return self.errands.running()

    def forget(self, job: JobId) -> None:
        """It is closed."""
        self.errands.forget(job)
        self._traces.forget(job)
        self._told = {told for told in self._told if told[0] != job}

    def forget_all(self) -> None:
        """After a reorganisation."""
        self._rounds.forget_all()

    def close(self) -> None:
        self.errands.close()

    def step(
        self,
        audits: Sequence[AuditPicture],
        outbox: Mapping[tuple[JobId, str], Status],
        results: Mapping[JobId, Result],
        head: BlockRef,
        seeds: Mapping[int, tuple[JobId, int]] = NONE,
    ) -> list[ToSend]:
        """Begins what is to be done here, and returns what is to be sent. `seeds`: rounds of reopened jobs, as
        `seed_rounds` has them. Raises Unreachable, ChainError."""
        now = head.timestamp
        sending = [
            each
            for each in self._rounds.step(audits, head, seeds)
            if outbox.get((each.job, each.kind), Status.REFUSED) in (Status.REFUSED, Status.DONE)
        ]
        for audit in audits:
            known = self._known(audit, outbox, results)
            for move in (*moves(audit, known, now), *steps(audit, known, now)):
                if move.step in LOCAL:
                    self._begin(audit, move, now)
                else:
                    sending.append(self._call(audit, move, known, results.get(audit.id)))
            self._tell(audit, known, now)
        return sending

    def _known(
        self, audit: AuditPicture, outbox: Mapping[tuple[JobId, str], Status], results: Mapping[JobId, Result]
    ) -> Known:
        ours = {kind: status for (job, kind), status in outbox.items() if job == audit.id}
        result = results.get(audit.id)
        served = self.errands.result(audit.id, _served(audit))
        found = self.errands.result(audit.id, _found(audit))
        walks = {key: self.errands.result(audit.id, _walked(audit, key)) for key in audit.disputes}
        wrapped = {key: self.errands.result(audit.id, _wrapped(audit, key)) for key in audit.disputes}
        upheld = {key: self.errands.result(audit.id, (Step.CHECK, key)) for key in audit.claims}
        return Known(
            can_begin=result is not None and result.mark is not None,
            has_trace=not audit.open_claims() or self._traces.known(audit) is not None,
            served=served,
            found=found,
            upheld={key: value for key, value in upheld.items() if value is not None},
            comparable=audit.cannot_tell and self._comparing.can_compare(audit),
            compared=self.errands.result(audit.id, _compared(audit)),
            walks={key: walk for key, walk in walks.items() if walk is not None},
            wrapped={key: digest for key, digest in wrapped.items() if digest is not None},
            outbox=ours,
        )

    def _call(self, audit: AuditPicture, move: Move, known: Known, result: Result | None) -> ToSend:
        assert self._contracts.audit is not None
        if move.step in DISPUTING:
            return self._dispute(audit, move, known)
        trace = self._traces.known(audit) if move.claim is not None else None
        call = call_of(self._contracts.audit, audit, move, known, trace, result)
        self._joblog(audit.id).say(f"audit.{move.step}", due=move.due)
        return ToSend(audit.id, move.kind, call, move.due)

    def _dispute(self, audit: AuditPicture, move: Move, known: Known) -> ToSend:
        bisection, verifier = self._contracts.bisection, self._contracts.audit
        assert bisection is not None and verifier is not None and move.claim is not None
        call = move_call(bisection, self._contracts.jury, verifier.address, audit, move, known)
        span = audit.disputes[move.claim].span
        self._joblog(audit.id).say(f"audit.{move.step}", low=span.low, high=span.high, due=move.due)
        return ToSend(audit.id, move.kind, call, move.due)

    def _begin(self, audit: AuditPicture, move: Move, now: int) -> None:
        what, work = self._work(audit, move, now)
        if self.errands.start(audit.id, what, work, seconds=move.due - now):
            self._joblog(audit.id).say(f"audit.{move.step}", due=move.due)

    def _work(self, audit: AuditPicture, move: Move, now: int) -> tuple[Hashable, Work]:
        match move.step:
            case Step.PREPARE:
                return _served(audit), lambda stop: self._serving.prepare(audit, stop)
            case Step.REPLAY:
                patient = now < audit.patience_ends
                return _found(audit), lambda stop: self._checking.audit(audit, stop, patient=patient)
            case Step.COMPARE:
                return _compared(audit), lambda stop: self._comparing.compare(audit, stop)
            case Step.RETRACE:
                return (Step.RETRACE, audit.seed), lambda stop: self._retrace(audit, stop)
        key = move.claim
        assert key is not None
        if move.step is Step.WRAP:
            return _wrapped(audit, key), lambda _: self._entrusting.wrap(audit, key)
        if move.step is Step.WALK:
            return _walked(audit, key), lambda stop: self._walking.walk(audit, key, stop)
        return (Step.CHECK, key), lambda stop: self._answering.upheld(audit, key, stop)

    def _retrace(self, audit: AuditPicture, stop: Event) -> bool:
        with self._tools.task(audit, stop, urgent=True) as task:
            self._traces.take(audit, task, stop)
        return True

    # ---------------------------------------------------------------------------------------------------------- saying

    def _tell(self, audit: AuditPicture, known: Known, now: int) -> None:
        """What people should know and the chain does not ask for, once."""
        found = known.found
        if audit.to_answer and found is not None and found.wrong:
            said = ["the result" if place == RESULT else f"position {place}" for place in found.wrong]
            self._say(audit.id, "audit.found_wrong", accused=said, reasons=list(found.reasons))
        if known.compared is not None and known.compared.suspicious:
            self._say(audit.id, "audit.suspicious", reasons=list(known.compared.reasons))
        if audit.to_answer and audit.audit.served and now > audit.audit_by:
            self._say(audit.id, "audit.too_late", todo="nothing: the no-show bond is lost, the stake is not")
        for key, dispute in audit.disputes.items():
            case, walk = dispute.case, known.walks.get(key)
            lost = case is not None and case.appeal_by >= now and walk is not None and wronged(audit, dispute, walk)
            if case is not None and lost and case.free < case.fee:
                todo = f"tensorgrid-worker bond --appeals --deposit {case.fee - case.free} (units of the pay token)"
                self._say(audit.id, f"audit.unappealed.{key[0]}.{key[1]}", until=case.appeal_by, todo=todo)
        if audit.number != WORKER:
            return
        for key, claim in audit.open_claims().items():
            self._say(audit.id, f"audit.accused.{key[0]}.{key[1]}", segment=claim.index)
            if known.upheld.get(key) and audit.free < audit.bond:
                todo = f"tensorgrid-worker bond --deposit {audit.bond - audit.free} (units of the pay token), in time"
                self._say(audit.id, f"audit.uncontested.{key[0]}.{key[1]}", segment=claim.index, todo=todo)
            elif known.upheld.get(key) is False:
                reason = "done again here, it differs too"
                self._say(audit.id, f"audit.was_wrong.{key[0]}.{key[1]}", segment=claim.index, reason=reason)

    def _say(self, job: JobId, event: str, **values: object) -> None:
        if (job, event) not in self._told:
            self._told.add((job, event))
            self._joblog(job).say(event, **values)


def _served(audit: AuditPicture) -> Hashable:
    """For whom a sitting is prepared: other seats, or another draw, are another errand."""
    return Step.PREPARE, audit.audit.sitting, audit.draw, audit.auditors


def _walked(audit: AuditPicture, key: ClaimKey) -> Hashable:
    """A reorganisation may bring another claim under the same key."""
    return Step.WALK, key, audit.disputes[key].match


def _wrapped(audit: AuditPicture, key: ClaimKey) -> Hashable:
    """For whom it is: an appeal has other jurors."""
    case = audit.disputes[key].case
    return Step.WRAP, key, () if case is None else case.jurors


def _found(audit: AuditPicture) -> Hashable:
    return Step.REPLAY, audit.number, audit.manifest, audit.record.seed, audit.record.fresh


def _compared(audit: AuditPicture) -> Hashable:
    return Step.COMPARE, audit.number, audit.manifest

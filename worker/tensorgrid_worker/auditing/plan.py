"""What to do now in the audits that we have a part in. Pure: a picture and what we know in, steps out.

As in loop/planner.py everything is planned from states: a step lost in a crash is planned again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tensorgrid.domain.audits import RESULT, Claim, ClaimState, check_of
from tensorgrid.domain.jobs import ZERO32
from tensorgrid_worker.auditing.findings import Compared, Findings, Served
from tensorgrid_worker.auditing.picture import WORKER, AuditPicture, ClaimKey
from tensorgrid_worker.auditing.segments import Walk
from tensorgrid_worker.memory.rows import Status

UNDER_WAY = frozenset({Status.NEW, Status.SENT})


class Step(StrEnum):
    """PREPARE to COMPARE happen here, on threads; the others are transactions."""

    PREPARE = "prepare"  # seal what the auditors of the sitting need
    REPLAY = "replay"  # our segments, as an auditor
    RETRACE = "retrace"  # the whole job, whose trace is lost
    CHECK = "check"  # the accused segment, once more, as its worker
    WALK = "walk"  # the disputed one, step by step
    WRAP = "wrap"  # the keys of a private job, for the jurors of a case
    COMPARE = "compare"  # our ends with his, as an auditor of another fingerprint
    BEGIN = "begin"
    SERVE = "serve"
    CONFIRM = "confirm"
    ACCUSE = "accuse"
    DECLINE = "decline"
    RESPOND = "respond"
    RESPOND_RESULT = "respond_result"
    CONTEST = "contest"
    SPLIT = "split"
    PICK = "pick"
    TIMEOUT = "timeout"
    APPEAL = "appeal"
    ENTRUST = "entrust"


LOCAL = frozenset({Step.PREPARE, Step.REPLAY, Step.RETRACE, Step.CHECK, Step.WALK, Step.WRAP, Step.COMPARE})


@dataclass(frozen=True, slots=True)
class Move:
    """`due`: chain time by which it must be done, or mined. `claim`: of RESPOND to ENTRUST, CHECK to WRAP. `span`: of
    SPLIT and PICK, first and last step of what is left; of ACCUSE, 2 where it is the second time; of WRAP and ENTRUST,
    1 where it is for an appeal."""

    step: Step
    due: int
    claim: ClaimKey | None = None
    span: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """What the outbox keeps it under: no job has two of one kind under way."""
        return ".".join(map(str, (self.step, *(self.claim or ()), *self.span)))


@dataclass(frozen=True, slots=True)
class Known:
    """What we know beside the chain. `can_begin`: what opens our commitment. `has_trace`: of our own run. `served`: of
    the present sitting's seats. `found`: of our own seat. `upheld`: our own replay of an accused segment ended as the
    trace says, by claim. `comparable`: honest distances of this class are known, or its requester has named a
    tolerance; `compared`: how far his ends are from ours. `walks`: our own replay of disputed segments, by claim.
    `wrapped`: what lies ready for the jurors of a private case as they sit now, by claim. `outbox`: of this job, by
    kind."""

    can_begin: bool = False
    has_trace: bool = True
    served: Served | None = None
    found: Findings | None = None
    upheld: Mapping[ClaimKey, bool] = field(default_factory=dict)
    comparable: bool = False
    compared: Compared | None = None
    walks: Mapping[ClaimKey, Walk] = field(default_factory=dict)
    wrapped: Mapping[ClaimKey, bytes] = field(default_factory=dict)
    outbox: Mapping[str, Status] = field(default_factory=dict)

    def free(self, move: Move) -> bool:
        """Whether it is not on its way, or was not."""
        return self.outbox.get(move.kind, Status.REFUSED) is Status.REFUSED


def steps(audit: AuditPicture, known: Known, now: int) -> list[Move]:
    """In order of urgency. What is past its time is not planned: it would be refused."""
    found = _worker(audit, known, now) if audit.number == WORKER else _auditor(audit, known, now)
    return [move for move in found if now <= move.due and (move.step in LOCAL or known.free(move))]


def _worker(audit: AuditPicture, known: Known, now: int) -> Iterator[Move]:
    if not audit.begun:
        if known.can_begin:
            yield Move(Step.BEGIN, audit.begin_by)
        return
    for key, claim in audit.open_claims().items():
        yield from _accused(audit, known, key, claim)
    if not audit.audit.served and audit.draw != ZERO32 and audit.closed(now):
        ready = known.served is not None and known.served.serves(audit)
        yield Move(Step.SERVE if ready else Step.PREPARE, audit.serve_by)


def _accused(audit: AuditPicture, known: Known, key: ClaimKey, claim: Claim) -> Iterator[Move]:
    due = audit.answer_by(claim)
    if not known.has_trace:
        yield Move(Step.RETRACE, due)
    elif claim.state is ClaimState.OPEN:
        yield Move(Step.RESPOND_RESULT if claim.position == RESULT else Step.RESPOND, due, key)
    elif claim.index and key not in known.upheld:
        yield Move(Step.CHECK, due, key)
    elif claim.index and known.upheld[key] and audit.free >= audit.bond:
        yield Move(Step.CONTEST, due, key)


def _auditor(audit: AuditPicture, known: Known, now: int) -> Iterator[Move]:
    if not audit.audit.served or not (audit.to_answer or audit.may_accuse_again):
        return
    if audit.cannot_tell:
        # The seat is left to one who can, and the no-show bond is kept.
        if known.comparable and known.compared is None and now <= audit.compare_by:
            yield Move(Step.COMPARE, audit.compare_by)
        else:
            yield Move(Step.DECLINE, audit.audit_by)
        return
    found = known.found
    answering = any(known.outbox.get(str(step)) in UNDER_WAY for step in (Step.CONFIRM, Step.ACCUSE))
    if found is None:
        if not answering:
            yield Move(Step.REPLAY, audit.say_by)
    elif audit.may_accuse_again:
        # The worker has shown what we had found, there: what he has not shown is still to be explained.
        if found.claims(audit.said):
            yield Move(Step.ACCUSE, audit.say_by, span=(2,))
    elif found.wrong:
        yield Move(Step.ACCUSE, audit.audit_by)
    elif found.sound and check_of(found.roots) == audit.record.checks[audit.number - 2]:
        yield Move(Step.CONFIRM, audit.audit_by)

"""One audit as the chain shows it now, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tensorgrid.chain.bisection import Clocks, Match, Span, Stage
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.audits import (
    FIRST_AUDITOR,
    Answer,
    Audit,
    AuditOpening,
    AuditRecord,
    Claim,
    ClaimState,
    chairs_of,
    segments_of,
    share_size,
)
from tensorgrid.domain.jobs import ZERO32, JobId, JobTerms, Seat

WORKER = 1
"""Number of the audited worker's seat."""
ClaimKey = tuple[int, int]
"""Seat of the auditor, and which of its two claims."""


@dataclass(frozen=True, slots=True)
class Case:
    """A dispute that is with the jury. draw: the round that draws its seats. unfilled: none is taken yet. appeal_by: 0
    unless the first round is over, we have lost it and nobody has appealed. fee, free: what an appeal takes, and what
    we have deposited for it; units of the job's pay token. jurors: of a private job that is ours, those of the running
    round once its seats are full, the appeal's where `appealed`; they wait for its keys until `hand_by`.
    """

    draw: int
    unfilled: bool = False
    appeal_by: int = 0
    fee: int = 0
    free: int = 0
    jurors: tuple[str, ...] = ()
    appealed: bool = False
    hand_by: int = 0


@dataclass(frozen=True, slots=True)
class Dispute:
    """A contested claim over `segment`: where it stands, as events and clocks have shown it. `case`: once it is with
    the jury."""

    segment: int
    match: Match
    span: Span
    clocks: Clocks
    case: Case | None = None

    @property
    def stage(self) -> Stage:
        """NONE where clocks and events were read at different moments: the next look tells."""
        shown, turn = self.clocks.stage, Stage.DEFENDING if self.span.middle == ZERO32 else Stage.CHALLENGING
        return shown if shown not in (Stage.DEFENDING, Stage.CHALLENGING) or shown is turn else Stage.NONE

    @property
    def narrowed(self) -> bool:
        """Whether one step is left."""
        return self.span.high - self.span.low == 1


@dataclass(frozen=True, slots=True)
class AuditPicture:
    """Of a job that is Committed, since `committed_at`. Times are chain time, hashes 32 bytes.

    held: all seats. number: of our own, 0: none. opening: None before the audit has begun. manifest: sha256 of what the
    present sitting was served, zero until it is; audit_by: until when its auditors answer. seed: of the job. draw: seed
    of the present sitting's draw, zero while its round is not due. free, bond: what the worker has deposited for
    disputes, and what one would take of it; asked only where we are accused. claims: those against us, or our own.
    disputes: the contested ones among them. computes: our registered fingerprint, asked only of an auditor who is to
    answer; zero: not known.
    """

    id: JobId
    terms: JobTerms
    held: tuple[Seat, ...]
    number: int
    committed_at: int
    audit: Audit
    opening: AuditOpening | None = None
    record: AuditRecord = field(default_factory=AuditRecord)
    manifest: bytes = ZERO32
    audit_by: int = 0
    seed: bytes = ZERO32
    draw: bytes = ZERO32
    claims: Mapping[ClaimKey, Claim] = field(default_factory=dict)
    free: int = 0
    bond: int = 0
    disputes: Mapping[ClaimKey, Dispute] = field(default_factory=dict)
    computes: bytes = ZERO32

    @property
    def plan(self) -> AuditTerms:
        return AuditTerms.unpack(self.terms.verifier_params)

    @property
    def begun(self) -> bool:
        return self.audit.sitting > 0

    @property
    def begin_by(self) -> int:
        return self.committed_at + self.plan.respond_time

    @property
    def take_by(self) -> int:
        """Until when seats of the sitting can be taken; not served yet."""
        return self.audit.clock + self.plan.take_time

    @property
    def serve_by(self) -> int:
        """There is time to make every state of the sitting again."""
        size = self.plan.first if self.audit.sitting == 1 else share_size(self.plan, self.audit)
        return self.take_by + self.plan.respond_time + self.plan.turns(size)

    @property
    def chairs(self) -> int:
        """Seats that the sitting has."""
        return chairs_of(self.plan, self.audit.done) if self.audit.sitting == 1 else 1

    @property
    def auditors(self) -> tuple[int, ...]:
        """Numbers of the sitting's seats that were taken."""
        return tuple(range(self.audit.since, len(self.held) + 1)) if self.begun else ()

    def closed(self, now: int) -> bool:
        """Whether nobody can take a seat of the sitting any more, and somebody has."""
        seated = len(self.auditors)
        return seated > 0 and (seated == self.chairs or now > self.take_by)

    def grown(self) -> AuditRecord:
        """The record as serving the sitting makes it, but for the checks. Only where `draw` is known."""
        if self.audit.served:
            return self.record
        fresh = self.draw if self.audit.sitting == 3 else ZERO32
        seed = self.draw if self.record.seed == ZERO32 else self.record.seed
        return replace(self.record, seed=seed, fresh=fresh)

    def segments(self, number: int) -> list[int]:
        """Of an auditor's seat of this sitting, ascending; empty while the draw is not known."""
        return segments_of(self.plan, self.audit, self.grown(), number)

    @property
    def to_answer(self) -> bool:
        """Whether we have a seat of this sitting and have not answered."""
        mine = self.number >= FIRST_AUDITOR and self.number in self.auditors
        return mine and self.audit.answer_of(self.number) is Answer.NONE

    @property
    def cannot_tell(self) -> bool:
        """Whether we audit a worker who computed on other things than we do."""
        return self.to_answer and self.is_foreign(self.computes)

    def is_foreign(self, fingerprint: bytes) -> bool:
        """Whether a machine of this registered fingerprint computes on other things than the worker's."""
        return fingerprint not in (ZERO32, self.record.fingerprint)

    @property
    def may_accuse_again(self) -> bool:
        """Whether all that we have said has fallen, once: until `say_by` we may say something else."""
        mine = self.number >= FIRST_AUDITOR and self.number in self.auditors and bool(self.claims)
        spent = all(claim.state is ClaimState.FALLEN and not claim.again for claim in self.claims.values())
        return mine and spent and self.audit.answer_of(self.number) is Answer.VOID

    @property
    def say_by(self) -> int:
        """Until when we may answer for our seat. Who may accuse again has time of his own from the last answer on."""
        if not self.may_accuse_again:
            return self.audit_by
        fallen = max(claim.answered_at for claim in self.claims.values())
        return max(self.audit_by, fallen + self.plan.respond_time)

    @property
    def said(self) -> frozenset[int]:
        """Positions that we have accused."""
        return frozenset(claim.position for claim in self.claims.values())

    @property
    def patience_ends(self) -> int:
        """After a third of the auditors' time, what a store does not give counts as not opened."""
        return self.audit.clock + (self.audit_by - self.audit.clock) // 3

    @property
    def compare_by(self) -> int:
        """Half of the auditors' time: who cannot tell is to be replaced, and another needs time too."""
        return self.audit.clock + (self.audit_by - self.audit.clock) // 2

    def open_claims(self) -> dict[ClaimKey, Claim]:
        """Those that the worker can still do something about, if their time lets him."""
        live = (ClaimState.OPEN, ClaimState.DIFFERS)
        return {key: claim for key, claim in self.claims.items() if claim.state in live}

    @property
    def stands_by_its_word(self) -> bool:
        """Whether we have accused, and are in a dispute about it, or may still come into one."""
        running = any(dispute.clocks.stage <= Stage.CHALLENGING for dispute in self.disputes.values())
        return self.number >= FIRST_AUDITOR and (running or bool(self.open_claims()))

    def answer_by(self, claim: Claim) -> int:
        """Until when the worker can respond to an open claim, and contest one that he has answered."""
        since = claim.at if claim.state is ClaimState.OPEN else claim.answered_at
        return since + self.plan.answer_time

"""AuditVerifier: a few drawn segments of a training are done again."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgrid.chain.board import seats as seats_abi
from tensorgrid.chain.calls import Call
from tensorgrid.chain.plugins import Verifier
from tensorgrid.domain.audits import Answer, Audit, AuditOpening, AuditRecord, Claim, ClaimState, Shown, ShownResult
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.jobs import JobId, JobTerms, Seat


class AuditVerifier(Verifier):
    """Writers return a Call for someone to send. Errors are those of IAuditVerifier.

    `held`: the job's seats, seat n at index n - 1, as calls to the board take them. `record`: what the audits have
    fixed so far, as AuditBegun and Served have shown it.
    """

    # --------------------------------------------------------------------------------------------------------- reading

    def audit(self, requester: str, nonce: int, *, block: int | str = "latest") -> Audit:
        """`sitting` is 0 before it has begun, and when the lane of this nonce holds another job by now."""
        done, sitting, served, clock, number, answers, replacement, last, clean, reaudit, suspect = self.read(
            "auditOf", requester, nonce, block=block
        )
        given = tuple(Answer(answer) for answer in answers)
        return Audit(done, sitting, served, clock, number, given, replacement, last, clean, reaudit, suspect)

    def claim(self, job_id: JobId, number: int, claim: int, *, block: int | str = "latest") -> Claim:
        """What seat `number` says of one segment, `claim` 0 or 1; state NONE: nothing."""
        index, position, state, *rest = self.read("claimOf", job_id, number, claim, block=block)
        return Claim(index, position, ClaimState(state), *rest)

    def following(self, terms: JobTerms, held: Sequence[Seat], *, block: int | str = "latest") -> tuple[int, bool]:
        """Which sitting `advance` would open now, 2 or 3 (0: none), and whether that is a re-audit."""
        sitting, reaudit = self.read("following", terms.as_tuple(), seats_abi(held), block=block)
        return int(sitting), bool(reaudit)

    def segments(
        self, terms: JobTerms, record: AuditRecord, number: int, *, block: int | str = "latest"
    ) -> tuple[int, ...]:
        """The segments of a seat, ascending; domain.audits.segments_of is the same without asking."""
        return tuple(self.read("segmentsOf", terms.as_tuple(), record.as_tuple(), number, block=block))

    def bond_for(self, terms: JobTerms, *, block: int | str = "latest") -> int:
        """What contesting holds of the worker's free balance under this verifier, in pay-token units."""
        return int(self.read("bondFor", terms.as_tuple(), block=block))

    def bisection(self, *, block: int | str = "latest") -> str:
        return str(self.read("BISECTION", block=block))

    def jury(self, *, block: int | str = "latest") -> str:
        return str(self.read("JURY", block=block))

    # ---------------------------------------------------------------------------------------------------- the worker

    def begin(self, terms: JobTerms, held: Sequence[Seat], opening: AuditOpening) -> Call:
        """By anyone who was given the opening of the worker's commitment, until respondTime after it."""
        return self.build("begin", terms.as_tuple(), seats_abi(held), opening.as_tuple())

    def commit_and_begin(
        self, terms: JobTerms, held: Sequence[Seat], signature: Signature, opening: AuditOpening
    ) -> Call:
        """By anyone: commit with the worker's signature (domain.jobs.seal_digest of `opening.commitment`), and begin.

        `held`: the worker's seat, without commitment.
        """
        signed, opened = signature.as_tuple(), opening.as_tuple()
        return self.build("commitAndBegin", terms.as_tuple(), seats_abi(held), signed, opened)

    def serve(
        self,
        terms: JobTerms,
        held: Sequence[Seat],
        record: AuditRecord,
        manifest_digest: bytes,
        checks: Sequence[bytes],
    ) -> Call:
        """By the worker, once the sitting's seats are taken, or its time to take them is over and one is.

        `manifest_digest`: sha256 in the raw CID of what the auditors need. `checks`: one per taken seat (`check_of`).
        """
        case = (terms.as_tuple(), seats_abi(held), record.as_tuple())
        return self.build("serve", *case, manifest_digest, list(checks))

    def respond(
        self,
        terms: JobTerms,
        held: Sequence[Seat],
        record: AuditRecord,
        opening: AuditOpening,
        number: int,
        claim: int,
        shown: Shown,
    ) -> Call:
        """By anyone, until plan.answer_time after the accusation: show the segment that seat `number` doubts."""
        case = (terms.as_tuple(), seats_abi(held), record.as_tuple(), opening.as_tuple())
        return self.build("respond", *case, number, claim, shown.as_tuple())

    def respond_result(
        self,
        terms: JobTerms,
        held: Sequence[Seat],
        opening: AuditOpening,
        number: int,
        claim: int,
        shown: ShownResult,
    ) -> Call:
        """By anyone, as `respond`, of a claim that the result is not the last state's model."""
        case = (terms.as_tuple(), seats_abi(held), opening.as_tuple())
        return self.build("respondResult", *case, number, claim, shown.as_tuple())

    def contest(
        self,
        terms: JobTerms,
        held: Sequence[Seat],
        record: AuditRecord,
        opening: AuditOpening,
        number: int,
        claim: int,
        shown: Shown,
    ) -> Call:
        """By the worker, with `bond_for` free in the Escrow for this verifier: have the segment bisected."""
        case = (terms.as_tuple(), seats_abi(held), record.as_tuple(), opening.as_tuple())
        return self.build("contest", *case, number, claim, shown.as_tuple())

    # ---------------------------------------------------------------------------------------------------- an auditor

    def confirm(
        self, terms: JobTerms, held: Sequence[Seat], record: AuditRecord, number: int, roots: Sequence[bytes]
    ) -> Call:
        """By the auditor: `roots`, the states at the ends of his segments, ascending, are the worker's."""
        case = (terms.as_tuple(), seats_abi(held), record.as_tuple())
        return self.build("confirm", *case, number, list(roots))

    def decline(self, terms: JobTerms, held: Sequence[Seat], record: AuditRecord, number: int, suspicion: bool) -> Call:
        """By an auditor whose registered fingerprint is not the worker's: he cannot tell. His seat can be replaced.

        `suspicion`: what he found lies further from the trace than machines do from one another.
        """
        case = (terms.as_tuple(), seats_abi(held), record.as_tuple())
        return self.build("decline", *case, number, suspicion)

    def accuse(
        self,
        terms: JobTerms,
        held: Sequence[Seat],
        record: AuditRecord,
        number: int,
        roots: Sequence[bytes],
        positions: Sequence[int],
    ) -> Call:
        """By the auditor: `roots` as he found them; one or two `positions` are wrong, or unproven (RESULT: the result
        is not the last state's model)."""
        case = (terms.as_tuple(), seats_abi(held), record.as_tuple())
        return self.build("accuse", *case, number, list(roots), list(positions))

    # -------------------------------------------------------------------------------------------------------- anyone

    def advance(self, terms: JobTerms, held: Sequence[Seat]) -> Call:
        """Open the next sitting, when `following` names one."""
        return self.build("advance", terms.as_tuple(), seats_abi(held))

    def release_bond(self, job_id: JobId, number: int, claim: int) -> Call:
        """Once a dispute is decided, or its time is over."""
        return self.build("releaseBond", job_id, number, claim)

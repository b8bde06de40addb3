"""An audit as its contract keeps it, and which segments each of its seats replays. The same as IAuditVerifier.sol.

Seat 1 is the worker's, the auditors' are 2 to 5. Hashes are 32 bytes, times Unix seconds of chain time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.draws import first_draw, further_draw, re_audit_draw
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import MAX_SEATS, ZERO32, ExitClass, JobId, commitment
from tensorgrid.domain.results import result_root
from tensorgrid.domain.traces import audit_root

RESULT = 255
"""In place of a position: "the result is not the last state's model"."""
FIRST_AUDITOR = 2


class Answer(IntEnum):
    NONE = 0
    CONFIRMED = 1
    ACCUSED = 2
    VOID = 3
    """Nothing that counts: declined, never served as the round was lost, or all that it said has fallen."""


class ClaimState(IntEnum):
    NONE = 0
    OPEN = 1
    """The worker is to show the segment."""
    FALLEN = 2
    """He has shown what the auditor says he should have."""
    DIFFERS = 3
    """He has shown something else."""
    CONTESTED = 4
    """He says that the auditor is wrong."""


@dataclass(frozen=True, slots=True)
class AuditOpening:
    """What opens an audited worker's commitment. `done`: segments that he has done."""

    salt: bytes
    result_root: bytes
    receipt_digest: bytes
    trace_root: bytes
    done: int

    def as_tuple(self) -> tuple[bytes, bytes, bytes, bytes, int]:
        """In ABI order, for contract calls."""
        return self.salt, self.result_root, self.receipt_digest, self.trace_root, self.done

    def root(self, job: JobId) -> bytes:
        """The audit root: what binds result, trace and number of segments to the job."""
        return audit_root(job, self.result_root, self.trace_root, self.done)

    def counted(self, job: JobId) -> int:
        """Segments that are drawn from, and paid: all, but for one that a limit of time or memory has ended."""
        limits = (ExitClass.WALL_LIMIT, ExitClass.MEMORY_LIMIT)
        return self.done - (self.result_root in {result_root(job, limit) for limit in limits})

    def commitment(self, job: JobId, worker: str) -> bytes:
        """What the board has of it."""
        return commitment(job, worker, self.salt, keccak256(self.root(job)), self.receipt_digest)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What the audits of a job have fixed so far, as AuditBegun and Served have shown it; calls pass it back.

    `seed`: of the first draw, zero until somebody is served. `fresh`: of the last sitting's draw, zero until then.
    `fingerprint`: the worker's when he began. `checks`: seat n at n - 2.
    """

    seed: bytes = ZERO32
    fresh: bytes = ZERO32
    fingerprint: bytes = ZERO32
    checks: tuple[bytes, ...] = ()

    def as_tuple(self) -> tuple[bytes, bytes, bytes, list[bytes]]:
        """In ABI order, for contract calls."""
        return self.seed, self.fresh, self.fingerprint, list(self.checks)

    def served(self, seed: bytes, fresh: bytes, checks: Sequence[bytes]) -> AuditRecord:
        """As it stands after a Served event with these."""
        return AuditRecord(seed, fresh, self.fingerprint, (*self.checks, *checks))


def check_of(states: Sequence[bytes]) -> bytes:
    """What the worker publishes for a seat: the hash of the states at the ends of its segments, ascending."""
    return keccak256(b"".join(states))


UNANSWERABLE = keccak256(b"tensorgrid: no states hash to this check")
"""The check of a seat whose auditor is shown the ends: its text is no row of 32-byte states, so that nobody is paid for
confirming what he was told."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a worker shows of segment i that an auditor doubts. `before`: link i - 2 (i = 1: link 0); `start`, `end`:
    the states there, with the digests of their metrics; the proofs are of link i - 1 (i = 1: empty) and link i;
    `roots`: all that the seat's check was made of."""

    before: bytes
    start: bytes
    start_metrics: bytes
    end: bytes
    metrics: bytes
    start_proof: tuple[bytes, ...]
    end_proof: tuple[bytes, ...]
    roots: tuple[bytes, ...]

    def as_tuple(self) -> tuple[object, ...]:
        """In ABI order, for contract calls."""
        return astuple(self)


@dataclass(frozen=True, slots=True)
class ShownResult:
    """What a worker shows of his last segment n, to prove that his result is its model. `before`: link n - 1;
    `parts`: the four roots of state n, all zero where the user's code failed, and then `state` is state n."""

    before: bytes
    metrics: bytes
    state: bytes
    parts: tuple[bytes, bytes, bytes, bytes]
    proof: tuple[bytes, ...]

    def as_tuple(self) -> tuple[object, ...]:
        """In ABI order, for contract calls."""
        return astuple(self)


@dataclass(frozen=True, slots=True)
class Claim:
    """What an auditor says of one segment. `index` 0: of the result. `position`: among the seat's segments.

    `liable`: the seat that has confirmed this segment before, 0: none. `again`: the seat's second accusation.
    `matched`: the auditor showed every state that the seat's check was made of. `answered_at`: of DIFFERS and FALLEN.
    `mine`: the state he ends with.
    """

    index: int
    position: int
    state: ClaimState
    liable: int
    again: bool
    matched: bool
    at: int
    answered_at: int
    mine: bytes


@dataclass(frozen=True, slots=True)
class Audit:
    """How an audit stands. `done`: segments that count. `sitting`: 1 to 3, 0: not begun. `clock`: when the sitting was
    opened, or served. `round`: draws the sitting; once clean, decides on a re-audit. `answers`: of seats 2 to 5.
    `replacement_seat`, `last_seat`: 0 where none was opened. `clean`: all confirmed; `reaudit`: the last seat is one.
    `suspect`: once clean, it is audited again.
    """

    done: int
    sitting: int
    served: bool
    clock: int
    round: int
    answers: tuple[Answer, ...]
    replacement_seat: int
    last_seat: int
    clean: bool
    reaudit: bool
    suspect: bool = False

    def answer_of(self, number: int) -> Answer:
        """Of the auditor's seat 2 to 5."""
        return self.answers[number - FIRST_AUDITOR]

    @property
    def since(self) -> int:
        """Number of the present sitting's first seat; 0 before the audit has begun."""
        return {0: 0, 1: FIRST_AUDITOR, 2: self.replacement_seat, 3: self.last_seat}[self.sitting]

    def sitting_of(self, number: int) -> int:
        """Which sitting a seat belongs to."""
        if self.last_seat and number >= self.last_seat:
            return 3
        return 2 if self.replacement_seat and number >= self.replacement_seat else 1


def chairs_of(plan: AuditTerms, done: int) -> int:
    """Seats of the first sitting of a trace of `done` segments: no more than segments are drawn."""
    return min(plan.auditors, plan.first, (done + 1) // 2)


def segments_of(plan: AuditTerms, audit: Audit, record: AuditRecord, number: int) -> list[int]:
    """The segments of an auditor's seat (2 to 5), ascending; equal to AuditVerifier.segmentsOf.

    Empty for a seat that no sitting has, and before the draw is known.
    """
    sitting, done = audit.sitting_of(number), audit.done
    if not FIRST_AUDITOR <= number <= MAX_SEATS or record.seed == ZERO32:
        return []
    shares = first_draw(record.seed, done, plan.auditors, plan.drawn)
    drawn = {index for share in shares for index in share}
    if sitting == 3:
        if audit.reaudit:
            return re_audit_draw(record.fresh, done, drawn)
        return further_draw(record.fresh, done, drawn, plan.further)
    if sitting == 1:
        return shares[number - FIRST_AUDITOR] if number - FIRST_AUDITOR < len(shares) else []
    return sorted(index for seat in _missing(plan, audit) for index in shares[seat - FIRST_AUDITOR])


def share_size(plan: AuditTerms, audit: Audit) -> int:
    """How many segments the one seat of a second or third sitting replays."""
    first = min(plan.first, (audit.done + 1) // 2)
    if audit.sitting == 2:
        chairs = chairs_of(plan, audit.done)
        return sum(len(range(number - FIRST_AUDITOR, first, chairs)) for number in _missing(plan, audit))
    return first + min(first, audit.done - first) if audit.reaudit else min(plan.further, audit.done - first)


def confirmer_of(plan: AuditTerms, audit: Audit, record: AuditRecord, index: int) -> int:
    """The seat that has confirmed this segment of the first draw; 0: none, or it is of another draw."""
    for number in range(FIRST_AUDITOR, MAX_SEATS + 1):
        confirmed = audit.sitting_of(number) < 3 and audit.answer_of(number) is Answer.CONFIRMED
        if confirmed and index in segments_of(plan, audit, record, number):
            return number
    return 0


def _missing(plan: AuditTerms, audit: Audit) -> list[int]:
    """Numbers of the first sitting's seats that were never taken, or silent."""
    end = audit.replacement_seat or audit.last_seat
    return [
        number
        for number in range(FIRST_AUDITOR, FIRST_AUDITOR + chairs_of(plan, audit.done))
        if number >= end or audit.answer_of(number) in (Answer.NONE, Answer.VOID)
    ]

"""What the audit tier asks of a job's terms: how much is drawn, what it costs, how long everybody has."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tensorgrid.domain.jobs import BPS_WHOLE

MOST_SEGMENTS = 4096
MOST_FURTHER = 30
"""Segments of the second round, after one seat has found that some differ."""
_BITS = (32, 32, 32, 32, 16, 8, 8, 16, 16, 16, 32, 16)


@dataclass(frozen=True, slots=True)
class AuditTerms:
    """JobTerms.verifier_params of the audit tier, from the lowest bits. Times in seconds.

    respond_time: what the worker has to open, and beside the time of a replay to serve and to answer. take_time: for
    auditors to take seats. audit_time: for one auditor's first share. move_time: each party's clock in a dispute.
    segments: into which the whole job is cut. drawn: segments per auditor. audit_bps: fee per replayed segment, of the
    segment's price. reaudit_bps: share of clean audits that are audited again. steps: per segment. Of a private job,
    else zero: wrap_time: until when after the take the worker is handed its key; share_bps: what he gets of his price
    otherwise.
    """

    respond_time: int
    take_time: int
    audit_time: int
    move_time: int
    segments: int
    drawn: int
    auditors: int
    audit_bps: int
    reaudit_bps: int
    steps: int
    wrap_time: int = 0
    share_bps: int = 0

    def pack(self) -> bytes:
        """32 bytes. Raises OverflowError for a value that does not fit its place."""
        packed = at = 0
        for field, bits in zip(fields(self), _BITS, strict=True):
            value = getattr(self, field.name)
            if not 0 <= value < 1 << bits:
                raise OverflowError(f"{field.name} is {value}: it has {bits} bits")
            packed |= value << at
            at += bits
        return packed.to_bytes(32, "big")

    @classmethod
    def unpack(cls, params: bytes) -> AuditTerms:
        """Inverse of `pack`; what lies above the last field is not looked at."""
        packed, values = int.from_bytes(params, "big"), []
        for bits in _BITS:
            values.append(packed & (1 << bits) - 1)
            packed >>= bits
        return cls(*values)

    @property
    def answer_time(self) -> int:
        """Seconds to say something to a claim: to answer it, and to make the segment's states again."""
        return self.respond_time + self.audit_time

    @property
    def private(self) -> bool:
        return self.wrap_time > 0

    def missed_pay(self, price: int) -> int:
        """What a worker gets who was handed no key, rounded down; units of the pay token."""
        return price * self.share_bps // BPS_WHOLE

    def turns(self, count: int) -> int:
        """Seconds to replay `count` segments."""
        return self.audit_time * -(-count // self.drawn)

    @property
    def first(self) -> int:
        """Segments drawn in the first round of a whole trace."""
        return self.auditors * self.drawn

    @property
    def further(self) -> int:
        """Segments of the second round: so many that they cost the worker at most half his price."""
        return min(MOST_FURTHER, self.segments * BPS_WHOLE // (2 * self.audit_bps))

    def fee(self, price: int, count: int) -> int:
        """What replaying `count` segments of a job of this price earns, rounded up; units of the pay token."""
        return -(-price * count * self.audit_bps // (BPS_WHOLE * self.segments))

    @property
    def reserved(self) -> int:
        """Segments whose replay the reserve pays at most: first seats, a replacement at twice the fee, a re-audit."""
        return self.first + 2 * self.first + 2 * self.first

    def earned(self, price: int, done: int) -> int:
        """The worker's pay for `done` segments, rounded down."""
        return price * min(done, self.segments) // self.segments

"""Bisection: two who found different ends of the same steps narrow their dispute down to one."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from enum import IntEnum

from eth_abi.abi import encode

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ZERO32, JobId


class Outcome(IntEnum):
    """IBisection.Outcome: who has won."""

    NONE = 0
    RUNNING = 1
    DEFENDER = 2
    CHALLENGER = 3
    HUNG = 4


@dataclass(frozen=True, slots=True)
class Match:
    """What a dispute is about, as MatchOpened has shown it; in ABI order. Roots are 32 bytes, `clock` is in seconds."""

    id: JobId
    number: int
    claim: int
    defender: str
    challenger: str
    hardware_class: bytes
    start: bytes
    defended: bytes
    challenged: bytes
    steps: int
    clock: int

    def key(self, verifier: str) -> bytes:
        """By which contracts and events name it; the jury's case id too."""
        kinds = ["address", "bytes32", "uint8", "uint8"]
        return keccak256(encode(kinds, [verifier, self.id, self.number, self.claim]))

    def first_span(self) -> Span:
        return Span(0, self.steps, self.start, self.defended)


@dataclass(frozen=True, slots=True)
class Span:
    """What is left in dispute, as the last event has shown it; in ABI order. `middle` all zero: the defender's turn."""

    low: int
    high: int
    agreed: bytes
    defended: bytes
    middle: bytes = ZERO32

    @property
    def half(self) -> int:
        """After how many steps the middle lies."""
        return self.low + (self.high - self.low) // 2


class Bisection(Contract):
    """Every move passes match and span back; only a hash of them is kept."""

    def outcome_of(
        self, verifier: str, job_id: JobId, number: int, claim: int, *, block: int | str = "latest"
    ) -> Outcome:
        """As it stands, whether or not anybody has said so."""
        return Outcome(self.read("outcomeOf", verifier, job_id, number, claim, block=block))

    def max_time(self, steps: int, clock: int, *, block: int | str = "latest") -> int:
        """Seconds from opening to the latest decision, jury and appeal included."""
        return int(self.read("MAX_TIME", steps, clock, block=block))

    def split(self, key: bytes, match: Match, span: Span, middle: bytes) -> Call:
        """By the defender, in his turn: the root after `span.half` steps."""
        return self.build("split", key, astuple(match), astuple(span), middle)

    def pick(self, key: bytes, match: Match, span: Span, agree: bool) -> Call:
        """By the challenger, in his turn: whether he found the same middle."""
        return self.build("pick", key, astuple(match), astuple(span), agree)

    def timeout(self, key: bytes) -> Call:
        """By anyone, once a clock has run out."""
        return self.build("timeout", key)

    def serve(self, key: bytes, match: Match, span: Span, manifest: bytes) -> Call:
        """By either party: where jurors find the states; the sha256 in the manifest's raw CIDv1."""
        return self.build("serve", key, astuple(match), astuple(span), manifest)

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


class Stage(IntEnum):
    """IBisection.Stage: whose turn it is, or how it ended."""

    NONE = 0
    DEFENDING = 1
    CHALLENGING = 2
    JUDGING = 3
    DEFENDER_WON = 4
    CHALLENGER_WON = 5


@dataclass(frozen=True, slots=True)
class Clocks:
    """IBisection.Clocks. `since`: chain time at which this turn began; what is `left` of each clock is in seconds."""

    stage: Stage
    since: int
    defender_left: int
    challenger_left: int

    @property
    def until(self) -> int:
        """Last second of this turn, where a clock runs."""
        return self.since + (self.defender_left if self.stage is Stage.DEFENDING else self.challenger_left)


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
        return match_key(verifier, self.id, self.number, self.claim)

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


def match_key(verifier: str, job_id: JobId, number: int, claim: int) -> bytes:
    """What a match is named by; 32 bytes."""
    return keccak256(encode(["address", "bytes32", "uint8", "uint8"], [verifier, job_id, number, claim]))


class Bisection(Contract):
    """Every move passes match and span back; only a hash of them is kept."""

    def outcome_of(
        self, verifier: str, job_id: JobId, number: int, claim: int, *, block: int | str = "latest"
    ) -> Outcome:
        """As it stands, whether or not anybody has said so."""
        return Outcome(self.read("outcomeOf", verifier, job_id, number, claim, block=block))

    def clocks(self, key: bytes, *, block: int | str = "latest") -> Clocks:
        """Stage NONE: no such match."""
        stage, since, defender, challenger = self.read("clocksOf", key, block=block)
        return Clocks(Stage(stage), int(since), int(defender), int(challenger))

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

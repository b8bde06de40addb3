"""A bisection as its parties see it: a handle that follows the match's own events."""

from __future__ import annotations

from typing import Any

from eth_abi import encode
from tests.contracts.court import Case, Court
from tests.contracts.world import CPU

from tensorgrid.domain.encoding import keccak256

NONE, RUNNING, DEFENDER, CHALLENGER, HUNG_UP = range(5)
JUDGING = 3
CLOCK = 500
ZERO32 = b"\0" * 32


class Bout:
    """One match. Worker 0 defends, worker 1 challenges, an account that is no contract is the verifier."""

    def __init__(self, court: Court, *, steps: int, number: int = 1, claim: int = 0, **roots: bytes) -> None:
        world = court.world
        self.court = court
        self.id = roots.get("id", b"\x0b" * 31 + bytes([len(court.bouts)]))
        self.number, self.claim = number, claim
        self.defender, self.challenger = world.workers[0], world.workers[1]
        self.start = roots.get("start", b"\1" * 32)
        self.defended = roots.get("defended", b"\2" * 32)
        challenged = roots.get("challenged", b"\3" * 32)
        parties = (self.defender, self.challenger)
        self.match = (self.id, number, claim, *parties, CPU, self.start, self.defended, challenged, steps, CLOCK)
        kinds = ["address", "bytes32", "uint8", "uint8"]
        self.key = keccak256(encode(kinds, [str(world.closer.address), self.id, number, claim]))
        self.span: tuple[int, int, bytes, bytes, bytes] = (0, steps, self.start, self.defended, ZERO32)
        self.receipt: Any = None
        self.opened_at = 0

    def open(self) -> Bout:
        self.receipt = self.court.bisection.open(self.match, sender=self.court.world.closer)
        self.opened_at = int(self.receipt.timestamp)
        return self

    def split(self, middle: bytes, by: Any = None) -> Any:
        return self._follow(
            self.court.bisection.split(self.key, self.match, self.span, middle, sender=by or self.defender)
        )

    def pick(self, agree: bool, by: Any = None) -> Any:
        return self._follow(
            self.court.bisection.pick(self.key, self.match, self.span, agree, sender=by or self.challenger)
        )

    def _follow(self, receipt: Any) -> Any:
        self.receipt = receipt
        for kind in (self.court.bisection.MatchSplit, self.court.bisection.MatchPicked):
            for event in receipt.decode_logs(kind):
                low, high, *rest = event.span
                self.span = (int(low), int(high), *(bytes(root) for root in rest))  # type: ignore[assignment]
        return receipt

    @property
    def clocks(self) -> Any:
        return self.court.bisection.clocksOf(self.key)

    @property
    def referred(self) -> bool:
        return int(self.clocks.stage) == JUDGING

    @property
    def now(self) -> int:
        """When the last move was made."""
        return int(self.receipt.timestamp)

    @property
    def outcome(self) -> int:
        return int(self.court.bisection.outcomeOf(self.court.world.closer, self.id, self.number, self.claim))

    @property
    def case(self) -> Case:
        """What the jury was asked; the last move asked it."""
        return Case(self.court, self.court.bisection, self.key, self.now)


def opened(court: Court, *, steps: int, **changes: Any) -> Bout:
    bout = Bout(court, steps=steps, **changes).open()
    court.bouts.append(bout)
    return bout

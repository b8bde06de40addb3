"""The events of a dispute, in its order. All but the last are Bisection's; `key`: Match.key, 32 bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tensorgrid.chain.bisection import Match, Outcome, Span, Stage
from tensorgrid.chain.history import Event


@dataclass(frozen=True)
class MatchOpened(Event):
    SOURCE = ("Bisection", "MatchOpened")
    key: bytes
    verifier: str
    disputed: Match


@dataclass(frozen=True)
class MatchSplit(Event):
    """`span` has the middle that the defender says."""

    SOURCE = ("Bisection", "MatchSplit")
    key: bytes
    span: Span


@dataclass(frozen=True)
class MatchPicked(Event):
    """`span`: the half that is left."""

    SOURCE = ("Bisection", "MatchPicked")
    key: bytes
    agree: bool
    span: Span


@dataclass(frozen=True)
class MatchReferred(Event):
    """The jury is asked whether the step from `agreed`, after `low` steps of the segment, ends in `defended`."""

    SOURCE = ("Bisection", "MatchReferred")
    key: bytes
    low: int
    agreed: bytes
    defended: bytes
    evidence: bytes


@dataclass(frozen=True)
class MatchTimedOut(Event):
    """`outcome`: Outcome.DEFENDER or CHALLENGER, who has won."""

    SOURCE = ("Bisection", "MatchTimedOut")
    key: bytes
    outcome: int


@dataclass(frozen=True)
class StatesServed(Event):
    """`manifest`: the sha256 in the raw CID of what `party` has stored for jurors."""

    SOURCE = ("Bisection", "StatesServed")
    key: bytes
    party: str
    manifest: bytes


@dataclass(frozen=True)
class CaseOpened(Event):
    """`verifier`: who asks the jury. `id`: a match's key where that is the Bisection."""

    SOURCE = ("Jury", "CaseOpened")
    verifier: str
    id: bytes
    accuser: str
    accused: str
    hardware_class: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """Where a match stands, as its events tell. `moves`: by both. `stage`: a clock that ran out
    shows only once somebody has said so."""

    match: Match
    span: Span
    moves: int = 0
    stage: Stage = Stage.DEFENDING

    @property
    def narrowed(self) -> bool:
        """Whether one step is left: from after `span.low` steps of the segment to after `span.high`."""
        return self.span.high - self.span.low == 1


def position_of(events: Iterable[Event], key: bytes) -> Position | None:
    """The match of that key, from its events in chain order; None when they do not tell of its opening."""
    position: Position | None = None
    for event in events:
        if isinstance(event, MatchOpened) and event.key == key:
            position = Position(event.disputed, event.disputed.first_span())
        elif position is not None:
            position = _after(position, event, key)
    return position


def _after(position: Position, event: Event, key: bytes) -> Position:
    if getattr(event, "key", None) != key:
        return position
    match event:
        case MatchSplit():
            return replace(position, span=event.span, moves=position.moves + 1, stage=Stage.CHALLENGING)
        case MatchPicked():
            return replace(position, span=event.span, moves=position.moves + 1, stage=Stage.DEFENDING)
        case MatchReferred():
            return replace(position, stage=Stage.JUDGING)
        case MatchTimedOut():
            won = Stage.DEFENDER_WON if event.outcome == Outcome.DEFENDER else Stage.CHALLENGER_WON
            return replace(position, stage=won)
    return position

"""The audit of one job, folded out of its events: sittings, what each auditor said, how the worker answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from tensorgrid.chain.audit_history import (
    Accused,
    Answered,
    AuditBegun,
    AuditClean,
    ClaimsFallen,
    Confirmed,
    Declined,
    DisputeBondReleased,
    DisputeOpened,
    Served,
    SittingOpened,
    Snapshot,
)
from tensorgrid.chain.bisection import Stage
from tensorgrid.chain.dispute_history import Position
from tensorgrid.chain.history import Event
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.audits import FIRST_AUDITOR, Answer, Audit, AuditOpening, AuditRecord, ClaimState, segments_of
from tensorgrid.domain.jobs import MAX_SEATS

PURPOSES = {1: "audit", 2: "replacement", 3: "second look"}
AGAIN = "re-audit"


_TURNS = {
    Stage.NONE: "",
    Stage.DEFENDING: "; the worker's turn",
    Stage.CHALLENGING: "; the auditor's turn",
    Stage.JUDGING: "; a jury decides",
    Stage.DEFENDER_WON: "; the auditor ran out of time",
    Stage.CHALLENGER_WON: "; the worker ran out of time",
}


@dataclass(slots=True)
class Doubt:
    """One accusation of seat `number`. `index`: the segment, 0: the result. `mine`: the state that the auditor found.

    `end`: what the worker has shown, None until he answers. `dispute`: where a contested one stands.
    """

    number: int
    claim: int
    index: int
    mine: bytes
    state: ClaimState = ClaimState.OPEN
    end: bytes | None = None
    dispute: Position | None = None

    @property
    def about(self) -> str:
        return f"segment {self.index}" if self.index else "the result"

    @property
    def said(self) -> str:
        """In words, what has become of it."""
        return {
            ClaimState.NONE: "",
            ClaimState.OPEN: "not answered",
            ClaimState.FALLEN: "answered: the worker was right",
            ClaimState.DIFFERS: "answered with another state",
            ClaimState.CONTESTED: f"disputed{self._narrowed}",
        }[self.state]

    @property
    def _narrowed(self) -> str:
        """Of how many of the segment's steps it is still open which is the wrong one."""
        if self.dispute is None:
            return ""
        span, steps = self.dispute.span, self.dispute.match.steps
        left = f"step {span.high}" if self.dispute.narrowed else f"steps {span.low + 1} to {span.high}"
        return f", narrowed to {left} of {steps} in {_many(self.dispute.moves, 'move')}{_TURNS[self.dispute.stage]}"


@dataclass(slots=True)
class Sitting:
    """`first`: number of its first seat; times are chain seconds, `audit_by` None until it is served."""

    number: int
    first: int
    count: int
    take_by: int
    audit_by: int | None = None


@dataclass(slots=True)
class AuditStory:
    """`done`: segments of the worker that count. `seated`: numbers of the auditors' seats that were taken. `reaudit`:
    the last sitting is one. `snapshots`: the worker's own, in chain order."""

    plan: AuditTerms
    opening: AuditOpening | None = None
    done: int = 0
    record: AuditRecord = field(default_factory=AuditRecord)
    sittings: list[Sitting] = field(default_factory=list)
    seated: list[int] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    clean: bool = False
    reaudit: bool = False
    snapshots: list[Snapshot] = field(default_factory=list)

    @property
    def running(self) -> str:
        """How far the worker is, in words, by what he has shown last; empty: he has shown nothing."""
        if not self.snapshots:
            return ""
        last = self.snapshots[-1]
        return f"running: segment {last.up_to} of {self.plan.segments}, snapshot at block {last.log.block}"

    @property
    def sitting(self) -> Sitting | None:
        """The present or last one."""
        return self.sittings[-1] if self.sittings else None

    def apply(self, event: Event) -> None:
        """What one event of the audit's contract adds; others are passed over."""
        if isinstance(event, AuditBegun):
            self.opening, self.record = event.opening, AuditRecord(fingerprint=event.fingerprint)
            self.done = event.opening.counted(event.id)
        elif isinstance(event, SittingOpened):
            self._pass_over(event.from_)
            self.sittings.append(Sitting(event.sitting, event.from_, event.count, event.take_by))
            self.reaudit, self.clean = event.sitting == 3 and not self._uncontested(), False
        elif isinstance(event, Served):
            self.record = self.record.served(event.seed, event.fresh, event.checks)
            if self.sitting is not None:
                self.sitting.audit_by = event.audit_by
        elif isinstance(event, Confirmed):
            self.answers[event.number] = Answer.CONFIRMED
        elif isinstance(event, Declined):
            self.answers[event.number] = Answer.VOID
        elif isinstance(event, AuditClean):
            self.clean = True
        elif isinstance(event, Snapshot):
            self.snapshots.append(event)
        else:
            self._doubt(event)

    def _pass_over(self, end: int) -> None:
        """A sitting that is followed by another and was never served has lost its round: its seats do not count."""
        if self.sitting is not None and self.sitting.audit_by is None:
            self.answers |= dict.fromkeys(range(self.sitting.first, end), Answer.VOID)

    def _uncontested(self) -> bool:
        """Whether the worker let a claim stand: then a last sitting looks further, else at all once more."""
        return any(doubt.state in (ClaimState.OPEN, ClaimState.DIFFERS) for doubt in self.doubts)

    def _doubt(self, event: Event) -> None:
        if isinstance(event, Accused):
            self.answers[event.number] = Answer.ACCUSED
            self.doubts.append(Doubt(event.number, event.claim, event.index, event.mine))
        elif isinstance(event, Answered):
            found = self._found(event.number, event.claim)
            if found is not None:
                found.end, found.state = event.end, ClaimState.FALLEN if event.fallen else ClaimState.DIFFERS
        elif isinstance(event, ClaimsFallen):
            self.answers[event.number] = Answer.CONFIRMED if event.matched else Answer.VOID
        elif isinstance(event, DisputeOpened):
            found = self._found(event.number, event.claim)
            if found is not None:
                found.state = ClaimState.CONTESTED

    def _found(self, number: int, claim: int) -> Doubt | None:
        """The newest of that name: a seat may accuse once more, and then its first claims are gone."""
        return next((d for d in reversed(self.doubts) if (d.number, d.claim) == (number, claim)), None)

    # -------------------------------------------------------------------------------------------------------- reading

    def as_audit(self) -> Audit:
        """As far as events tell it; times are zero."""
        firsts = {sitting.number: sitting.first for sitting in self.sittings}
        numbers = range(FIRST_AUDITOR, MAX_SEATS + 1)
        return Audit(
            done=self.done,
            sitting=len(firsts) and max(firsts),
            served=self.sitting is not None and self.sitting.audit_by is not None,
            clock=0,
            round=0,
            answers=tuple(self.answers.get(number, Answer.NONE) for number in numbers),
            replacement_seat=firsts.get(2, 0),
            last_seat=firsts.get(3, 0),
            clean=self.clean,
            reaudit=self.reaudit,
        )

    def segments(self, number: int) -> list[int]:
        """What an auditor's seat replays; empty while that is not known."""
        audit = self.as_audit()
        if audit.sitting_of(number) == audit.sitting and not audit.served:
            return []
        return segments_of(self.plan, audit, self.record, number)

    def purpose(self, number: int) -> str:
        """Of an auditor's seat, in words."""
        sitting = self.as_audit().sitting_of(number)
        return AGAIN if sitting == 3 and self.reaudit else PURPOSES[sitting]

    def standing(self, number: int) -> list[Doubt]:
        """What a seat says is wrong, and has not been shown to be right."""
        return [d for d in self.doubts if d.number == number and d.state is not ClaimState.FALLEN]

    def said(self, number: int) -> str:
        """What an auditor has said, in a word: nothing yet, confirmed, left undone, withdrawn, accused."""
        answer = self.answers.get(number, Answer.NONE)
        if answer is Answer.VOID:
            return "withdrawn" if any(doubt.number == number for doubt in self.doubts) else "left undone"
        if answer is not Answer.ACCUSED:
            return "confirmed" if answer else "nothing yet"
        return "accused" if self.standing(number) else "withdrawn"

    def covered(self) -> set[int]:
        """Segments that somebody has replayed and found right."""
        confirmed = [number for number, answer in self.answers.items() if answer is Answer.CONFIRMED]
        return {index for number in confirmed for index in self.segments(number)}

    @property
    def phase(self) -> str:
        """What it waits for, in words."""
        sitting = self.sitting
        if sitting is None:
            return "done: waiting for the worker to show the trace"
        if not self.done:
            return "audit: a limit ended the first segment, so nothing is audited or paid"
        name = AGAIN if sitting.number == 3 and self.reaudit else PURPOSES[sitting.number]
        here = [number for number in self.seated if number >= sitting.first]
        doubts = [doubt for number in here for doubt in self.standing(number)]
        if self.clean:
            return "audit: clean; a draw decides whether it is repeated"
        if sitting.audit_by is None and len(here) < sitting.count:
            return f"{name}: {len(here)} of {sitting.count} auditors seated"
        if sitting.audit_by is None:
            return f"{name}: waiting for the worker to show {_many(len(here), 'auditor')} their segments"
        if doubts:
            told = ", ".join(f"{doubt.about} ({doubt.said})" for doubt in doubts)
            return f"{name}: wrong, says an auditor: {told}"
        right = sum(self.said(number) != "nothing yet" for number in here)
        return f"{name}: {right} of {len(here)} auditors have answered"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


EVENTS: tuple[type[Event], ...] = (
    AuditBegun,
    SittingOpened,
    Served,
    Confirmed,
    Declined,
    AuditClean,
    Accused,
    Answered,
    ClaimsFallen,
    DisputeOpened,
    DisputeBondReleased,
    Snapshot,
)
"""What `AuditStory.apply` is given."""

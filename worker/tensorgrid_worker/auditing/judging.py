"""What a juror does in a case about one step, and how he votes. Pure: the case as the chain shows it in, duties out.

A seat is taken only by who knows his answer: he then loses nothing but by silence, and has no reason to be silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tensorgrid.chain.bisection import Match
from tensorgrid.chain.jury import Decision, JuryRound, JuryRules, Phase, vote_commitment
from tensorgrid.domain.jobs import ZERO32
from tensorgrid_worker.auditing.picture import AuditPicture, ClaimKey
from tensorgrid_worker.auditing.segments import Walk
from tensorgrid_worker.memory.rows import Status

STAGGER = 6
"""Seconds of chain time between two jurors who would close a round, so that one does."""


class Duty(StrEnum):
    """JUDGE happens here, on a thread; the others are transactions."""

    JUDGE = "jury_judge"  # replay the segment that the step is in
    TAKE = "jury_take"
    VOTE = "jury_vote"
    SHOW = "jury_show"
    RELEASE = "jury_release"
    RELEASE_BOND = "jury_release_bond"  # the loser's, into the purse
    SHARE = "jury_share"  # what is in the purse
    PAY_APPEAL = "jury_pay_appeal"


@dataclass(frozen=True, slots=True)
class Question:
    """Whether the step of `segment` from `agreed`, after `low` of its steps, ends in `defended`. `key`: the case's."""

    key: bytes
    claim: ClaimKey
    match: Match
    segment: int
    low: int
    agreed: bytes
    defended: bytes

    def answer(self, walk: Walk) -> Decision:
        """By our own replay."""
        right = walk.upholds(self.low, self.agreed, self.defended, self.match.defended)
        return Decision.ACCUSER if right else Decision.ACCUSED


@dataclass(frozen=True, slots=True)
class CasePicture:
    """One round of a case, as the chain shows it now. `audit`: of the job, as a stranger sees it. `number`: our seat's,
    0: none; `sealed`: our commitment, `shown`: our vote is. `hopeful`: our ticket wins before the seats' time is over.
    `owed`: of a case that is decided as we voted, what anybody may do so that we are paid; seen at `owed_since` first.
    """

    audit: AuditPicture
    question: Question
    appeal: bool
    round: JuryRound
    phase: Phase
    rules: JuryRules
    number: int = 0
    sealed: bytes = ZERO32
    shown: bool = False
    hopeful: bool = False
    may_take: bool = False
    owed: frozenset[Duty] = frozenset()
    owed_since: int = 0

    @property
    def take_by(self) -> int:
        return self.round.opened_at + self.rules.take_time

    @property
    def vote_by(self) -> int:
        return self.take_by + self.rules.vote_time

    @property
    def show_by(self) -> int:
        return self.vote_by + self.rules.reveal_time

    @property
    def sits(self) -> bool:
        """Whether a vote of ours is still to come."""
        return bool(self.number) and self.phase is not Phase.OVER and not self.shown

    def kind(self, duty: Duty) -> str:
        """What the outbox keeps it under, beside the job."""
        number, which = self.question.claim
        return f"{duty}.{number}.{which}.{int(self.appeal)}"


def duties(
    case: CasePicture, answer: Decision | None, outbox: Mapping[str, Status], now: int
) -> Iterator[tuple[Duty, int]]:
    """With the chain time by which each is to be done; 0: nothing is lost when it is late. `answer`: ours, None before
    the replay."""
    for duty, due in _duties(case, answer, now):
        free = duty is Duty.JUDGE or outbox.get(case.kind(duty), Status.REFUSED) is Status.REFUSED
        if free and (now <= due or not due):
            yield duty, due


def _duties(case: CasePicture, answer: Decision | None, now: int) -> Iterator[tuple[Duty, int]]:
    if not case.number:
        if case.phase is Phase.FILLING and case.hopeful and answer is None:
            yield Duty.JUDGE, case.take_by
        elif case.phase is Phase.FILLING and case.may_take and answer is not None:
            yield Duty.TAKE, 0
    elif case.phase in (Phase.FILLING, Phase.VOTING) and case.sealed == ZERO32:
        yield Duty.JUDGE if answer is None else Duty.VOTE, case.vote_by
    elif case.phase is Phase.SHOWING and case.sealed != ZERO32 and not case.shown:
        yield Duty.SHOW, case.show_by
    elif case.owed:
        if now >= case.owed_since + STAGGER * (case.number - 1):
            yield from ((duty, 0) for duty in Duty if duty in case.owed)
    elif case.phase is Phase.OVER and not case.round.released and now >= _over_at(case) + STAGGER * case.number:
        yield Duty.RELEASE, 0


def _over_at(case: CasePicture) -> int:
    return case.round.over_at(case.rules)


def sealed_vote(case: CasePicture, bisection: str, me: str, salt: bytes) -> Decision | None:
    """What we have committed to: after a restart nothing is replayed to show it. None: not with this salt."""
    for decision in (Decision.ACCUSED, Decision.ACCUSER):
        if vote_commitment(bisection, case.question.key, case.appeal, me, decision, salt) == case.sealed:
            return decision
    return None

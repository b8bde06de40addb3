"""What a juror does in a case about one step, and how he votes. Pure: the case as the chain shows it in, duties out.

A seat is taken only by who knows his answer: he then loses nothing but by silence, and has no reason to be silent. In
a private case nobody can know it before he sits, as keys are given to jurors alone: a seat is taken by who has time for
the replay, and he has an answer also where he is given none.
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
    """FETCH and JUDGE happen here, on threads; the others are transactions."""

    FETCH = "jury_fetch"  # of a private job, before the seat: what lies sealed
    JUDGE = "jury_judge"  # replay the segment that the step is in
    TAKE = "jury_take"
    VOTE = "jury_vote"
    SHOW = "jury_show"
    RELEASE = "jury_release"
    RELEASE_BOND = "jury_release_bond"  # the loser's, into the purse
    SHARE = "jury_share"  # what is in the purse
    SHARE_SLASH = "jury_share_slash"  # the same, of stake: where the accuser was wrong
    PAY_APPEAL = "jury_pay_appeal"


LOCAL = frozenset({Duty.FETCH, Duty.JUDGE})


@dataclass(frozen=True, slots=True)
class Question:
    """Whether the step of `segment` from `agreed`, after `low` of its steps, ends in `defended`. `key`: the case's,
    `block`: in which it was opened."""

    key: bytes
    claim: ClaimKey
    match: Match
    segment: int
    low: int
    agreed: bytes
    defended: bytes
    block: int = 0

    def answer(self, walk: Walk) -> Decision:
        """By our own replay."""
        right = walk.upholds(self.low, self.agreed, self.defended, self.match.defended)
        return Decision.ACCUSER if right else Decision.ACCUSED


@dataclass(frozen=True, slots=True)
class PrivateCase:
    """Of a private job. served: sha256 of what the accuser's sitting was served. recipients: all keys of the accuser
    that this may have been sealed to; none: that cannot be told. handed: sha256 of what the worker gave to the jurors;
    empty: nothing yet."""

    served: bytes
    recipients: tuple[bytes, ...]
    handed: bytes = b""


@dataclass(frozen=True, slots=True)
class CasePicture:
    """One round of a case, as the chain shows it now. `audit`: of the job, as a stranger sees it. `number`: our seat's,
    0: none; `sealed`: our commitment, `shown`: our vote is. `hopeful`: our ticket wins before the seats' time is over.
    `owed`: of a case that is decided as we voted, what anybody may do so that we are paid; seen at `owed_since` first.
    `private`: None of a public job.
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
    private: PrivateCase | None = None

    @property
    def take_by(self) -> int:
        return self.round.opened_at + self.rules.take_time

    @property
    def vote_by(self) -> int:
        return self.take_by + self.rules.vote_time

    @property
    def hand_by(self) -> int:
        """Until when jurors wait for the keys of a private job."""
        return hand_by(self.round, self.rules)

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


def hand_by(found: JuryRound, rules: JuryRules) -> int:
    """A quarter of the time to vote, however early the seats were taken: the rest is for the replay."""
    return found.opened_at + rules.take_time + rules.vote_time // 4


def duties(
    case: CasePicture, answer: Decision | None, outbox: Mapping[str, Status], now: int, fits: bool | None = None
) -> Iterator[tuple[Duty, int]]:
    """With the chain time by which each is to be done; 0: nothing is lost when it is late. `answer`: ours, None before
    the replay. `fits`: of a private job, whether there is time for the replay; None before that is fetched."""
    for duty, due in _duties(case, answer, now) if case.private is None else _private(case, answer, now, fits):
        free = duty in LOCAL or outbox.get(case.kind(duty), Status.REFUSED) is Status.REFUSED
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


def _private(case: CasePicture, answer: Decision | None, now: int, fits: bool | None) -> Iterator[tuple[Duty, int]]:
    """Until a vote is cast; then all is as in a public case."""
    assert case.private is not None
    if not case.number:
        if case.phase is Phase.FILLING and case.hopeful and fits is None:
            yield Duty.FETCH, case.take_by
        elif case.phase is Phase.FILLING and case.may_take and fits:
            yield Duty.TAKE, 0
    elif case.phase in (Phase.FILLING, Phase.VOTING) and case.sealed == ZERO32:
        # The worker gives keys once all seats are taken: a round with an empty one decides nothing.
        if answer is not None:
            yield Duty.VOTE, case.vote_by
        elif case.phase is Phase.VOTING and (case.private.handed or now > case.hand_by):
            yield Duty.JUDGE, case.vote_by
    else:
        yield from _duties(case, answer, now)


def _over_at(case: CasePicture) -> int:
    return case.round.over_at(case.rules)


def sealed_vote(case: CasePicture, bisection: str, me: str, salt: bytes) -> Decision | None:
    """What we have committed to: after a restart nothing is replayed to show it. None: not with this salt."""
    for decision in (Decision.ACCUSED, Decision.ACCUSER):
        if vote_commitment(bisection, case.question.key, case.appeal, me, decision, salt) == case.sealed:
            return decision
    return None

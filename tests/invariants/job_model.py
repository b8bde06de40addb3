"""A job in plain Python, clocks and all: what each verb may do at a given second, written from the interfaces' words.

`tests/model.py` says who gets what; this says when which call is accepted. Nothing here asks the chain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests import model
from tests.contracts.world import DECISION, EXTRA_TAKE, GRACE, PARAMETERS, REVEAL, WINDOW, WORK

MOST_SEATS = 5
REOPEN = 2 * PARAMETERS.bounds.min_take_time
ENDED = {"settled", "cancelled", "expired"}


@dataclass
class SeatModel:
    worker: int
    price: int  # what the seat costs; at most what the terms offer
    answer: str | None = None  # what it committed to; None: nothing yet
    revealed: bool = False
    covered: bool = False  # of two replicas: the score was worth the job when he revealed


@dataclass
class JobModel:
    """`tier`: "replicate" (three seats, drawn), "pair" (two, drawn; enough where their score covers the job), "accept"
    (one, by an offer) or "told" (two, drawn; judged by a verifier that says what it is told to say).

    `score_needed`: of each in a pair, in points.
    """

    tier: str
    requester: str
    lane: int
    price: int
    bounty: int
    escrow: int
    posted_at: int
    take_by: int
    settle_time: int
    state: str = "posted"
    folded: bool = False  # all seats were given in one call, and have not changed one at a time
    deadline: int = 0
    committed_at: int = 0
    opened_at: int | None = None  # the second round of the replicate tier
    rejected_at: int | None = None  # by the requester, in the accept tier
    decision: str | None = None  # of the jury about that
    bond: int = 0  # of the requester, still held
    score_needed: int = 0
    reopens: int = 0  # how often its seats may be given anew
    lost: list[int] = field(default_factory=list)  # workers who had seats then
    seats: list[SeatModel] = field(default_factory=list)

    # ---- what there is

    @property
    def workers(self) -> int:
        """First-round seats."""
        return {"replicate": 3, "pair": 2, "accept": 1, "told": 2}[self.tier]

    @property
    def replicated(self) -> bool:
        return self.tier in {"replicate", "pair"}

    @property
    def more(self) -> int:
        """Seats of a second round."""
        return MOST_SEATS - self.workers

    @property
    def first(self) -> list[SeatModel]:
        return self.seats[: self.workers]

    @property
    def extra(self) -> list[SeatModel]:
        return self.seats[self.workers :]

    def seat(self, worker: int) -> SeatModel | None:
        return next((seat for seat in self.seats if seat.worker == worker), None)

    @property
    def extra_take_by(self) -> int:
        return (self.opened_at or 0) + EXTRA_TAKE

    @property
    def extra_work_by(self) -> int:
        return self.extra_take_by + WORK

    @property
    def first_reveal_by(self) -> int:
        return self.committed_at + REVEAL + GRACE

    @property
    def extra_reveal_by(self) -> int:
        return self.extra_work_by + REVEAL + GRACE

    # ---- what a call may do at second `now`

    def may_take(self, takers: list[int], now: int) -> bool:
        """All of them, in one call."""
        if len(set(takers)) < len(takers) or any(self.seat(worker) for worker in takers):
            return False
        if set(takers) & set(self.lost):
            return False
        if self.state == "posted":
            return len(self.seats) + len(takers) <= self.workers and now <= self.take_by
        if self.state != "committed" or self.opened_at is None:
            return False
        return len(self.extra) + len(takers) <= self.more and now <= self.extra_take_by

    def may_commit(self, worker: int, now: int) -> bool:
        seat = self.seat(worker)
        if seat is None or seat.answer is not None:
            return False
        if seat in self.extra:
            return self.state == "committed" and now <= self.extra_work_by
        return self.state == "assigned" and now <= self.deadline

    def may_close(self, now: int) -> bool:
        some = any(seat.answer for seat in self.first)
        return self.state == "assigned" and some and self.deadline < now <= self.deadline + self.settle_time

    def may_commit_many(self, workers: list[int], now: int) -> bool:
        """In one call; who has committed already is passed over, but not if nobody else is left."""
        at_work = self.state == "assigned" and now <= self.deadline
        return at_work and any(seat.answer is None for seat in self.seats if seat.worker in workers)

    def may_reveal(self, workers: list[int], now: int) -> bool:
        """In one call; who has revealed already is passed over, but not if nobody else is left. All of one round, the
        first one's."""
        seats = [self.seat(worker) for worker in workers]
        if not self.replicated or self.state != "committed" or not seats:
            return False
        if any(seat is None or seat.answer is None for seat in seats):
            return False
        fresh = [seat for seat in seats if not seat.revealed]
        if seats[0] in self.extra:
            in_time = self.extra_sealed(now) and now <= self.extra_reveal_by
            return in_time and bool(fresh) and all(seat in self.extra for seat in fresh)
        return now <= self.first_reveal_by and bool(fresh) and all(seat in self.first for seat in fresh)

    def may_open(self, now: int) -> bool:
        ends = now + EXTRA_TAKE + WORK + REVEAL + GRACE
        return self.undecided(now) and self.opened_at is None and ends < self.deadline

    def may_reject(self, now: int) -> bool:
        accept = self.tier == "accept" and self.state == "committed"
        return accept and self.rejected_at is None and now <= self.committed_at + WINDOW

    def may_release_bond(self, now: int) -> bool:
        return self.bond > 0 and self.decided_by_jury(now) is not None

    def may_settle(self, now: int) -> bool:
        if self.state != "committed":
            return False
        if self.tier == "told" or now >= self.deadline:
            return True
        if self.tier == "accept":
            if self.rejected_at is None:
                return now > self.committed_at + WINDOW
            return self.decided_by_jury(now) is not None
        if self.opened_at is None:
            return self.first_over(now) and not self.undecided(now)
        all_shown = all(seat.revealed for seat in self.extra if seat.answer)
        return now > self.extra_reveal_by or (self.extra_sealed(now) and all_shown)

    def may_expire(self, now: int) -> bool:
        if self.state == "posted":
            return now > self.take_by
        # What somebody committed to could have been closed and settled for that long.
        late = self.settle_time if any(seat.answer for seat in self.first) else REOPEN if self.reopens else 0
        return self.state == "assigned" and now > self.deadline + late

    def may_reopen(self, now: int) -> bool:
        nobody = not any(seat.answer for seat in self.first)
        in_time = self.deadline < now <= self.deadline + REOPEN
        return self.state == "assigned" and nobody and in_time and self.reopens > 0

    def may_abandon(self, worker: int, now: int) -> bool:
        alone = self.workers == 1 and self.seat(worker) is not None
        return self.state == "assigned" and alone and now <= self.deadline

    # ---- rounds of the replicate tier, and the jury of the accept tier

    def first_over(self, now: int) -> bool:
        everybody = all(seat.revealed for seat in self.first if seat.answer)
        return self.replicated and self.state == "committed" and (everybody or now > self.first_reveal_by)

    def undecided(self, now: int) -> bool:
        return self.first_over(now) and not self.decided

    @property
    def decided(self) -> bool:
        covered = self.tier != "pair" or all(seat.covered for seat in self.first)
        return model.decided([view(seat) for seat in self.first], covered)

    def extra_sealed(self, now: int) -> bool:
        if self.opened_at is None:
            return False
        no_more_takers = len(self.extra) == self.more or now > self.extra_take_by
        return no_more_takers and (all(seat.answer for seat in self.extra) or now > self.extra_work_by)

    def decided_by_jury(self, now: int) -> str | None:
        if self.rejected_at is None:
            return None
        late = now > self.rejected_at + DECISION
        return self.decision or ("hung" if late else None)

    # ---- what a call does

    def take(self, takers: list[int], now: int, prices: list[int] | None = None) -> None:
        self.folded = not self.seats and len(takers) == self.workers
        prices = prices or [self.price] * len(takers)
        self.seats += [SeatModel(worker, price) for worker, price in zip(takers, prices, strict=True)]
        if self.state == "posted" and len(self.seats) == self.workers:
            self.state, self.deadline = "assigned", now + WORK

    def commit(self, worker: int, answer: str, now: int) -> None:
        seat = self.seat(worker)
        assert seat is not None
        seat.answer = answer
        if len(self.seats) > 1:
            self.folded = False
        if self.state == "assigned" and all(seat.answer for seat in self.first):
            self.close(now)

    def commit_many(self, answers: dict[int, str], now: int) -> None:
        """A folded job stays so only if all its seats are sealed by this."""
        for seat in self.seats:
            seat.answer = seat.answer or answers.get(seat.worker)
        if all(seat.answer for seat in self.first):
            self.close(now)
        else:
            self.folded = False

    def close(self, now: int) -> None:
        self.state, self.committed_at, self.deadline = "committed", now, now + self.settle_time

    def reopen(self, now: int) -> None:
        self.lost += [seat.worker for seat in self.seats]
        self.seats, self.folded, self.state = [], False, "posted"
        self.reopens -= 1
        self.posted_at, self.take_by = now, now + REOPEN

    def reveal(self, workers: list[int], now: int, scores: dict[int, int], *, all_shown: bool) -> bool:
        """`all_shown`: the call shows every seat of the job. `scores`: points by worker, as of now. Returns whether it
        settles the job on the way, as a first round that agrees does."""
        for seat in map(self.seat, workers):
            assert seat is not None
            seat.covered |= not seat.revealed and scores[seat.worker] >= self.score_needed
            seat.revealed = True
        # a reveal of the second round, or one that leaves somebody of the first to wait for
        if self.opened_at is not None or not all(seat.revealed for seat in self.first if seat.answer):
            return False
        if self.decided:
            return all_shown
        self.opened_at = now
        return False

    def rulings(self, now: int, told: model.Ruling | None = None) -> list[model.Ruling]:
        """What ends the job at this second; `told`: what the verifier of the told tier says of every seat."""
        if self.state == "posted":
            return [model.Ruling(0) for _ in self.seats]
        if self.state == "assigned":
            return [model.Ruling(0, "none" if seat.answer else "no-show") for seat in self.seats]
        if self.tier == "told":
            assert told is not None
            return [told for _ in self.seats]
        if self.tier == "accept":
            [seat] = self.seats
            return [model.accept(seat.price, seat.answer is not None, self.decided_by_jury(now))]
        return model.judge(self.price, [view(seat) for seat in self.seats])


def view(seat: SeatModel) -> model.Seat:
    return model.Seat(seat.answer is not None, seat.answer if seat.revealed else None, seat.price)

"""A job in plain Python, clocks and all: what each verb may do at a given second, written from the interfaces' words.

`tests/model.py` says who gets what; this says when which call is accepted. Nothing here asks the chain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests import model
from tests.contracts.world import EXTRA_TAKE, GRACE, REVEAL, SETTLE, WORK

FIRST, EXTRA = 3, 2
ENDED = {"settled", "cancelled", "expired"}


@dataclass
class SeatModel:
    worker: int
    answer: str | None = None  # what it committed to; None: nothing yet
    revealed: bool = False


@dataclass
class JobModel:
    price: int
    bounty: int
    escrow: int
    posted_at: int
    take_by: int
    state: str = "posted"
    deadline: int = 0
    committed_at: int = 0
    opened_at: int | None = None
    seats: list[SeatModel] = field(default_factory=list)

    # ---- what there is

    @property
    def first(self) -> list[SeatModel]:
        return self.seats[:FIRST]

    @property
    def extra(self) -> list[SeatModel]:
        return self.seats[FIRST:]

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

    # ---- what a call may do at second `now`

    def may_take(self, worker: int, now: int) -> bool:
        if self.seat(worker):
            return False
        if self.state == "posted":
            return now <= self.take_by
        if self.state != "committed" or self.opened_at is None:
            return False
        return len(self.extra) < EXTRA and now <= self.extra_take_by

    def may_commit(self, worker: int, now: int) -> bool:
        seat = self.seat(worker)
        if seat is None or seat.answer is not None:
            return False
        if seat in self.extra:
            return self.state == "committed" and now <= self.extra_work_by
        return self.state == "assigned" and now <= self.deadline

    def may_close(self, now: int) -> bool:
        some = any(seat.answer for seat in self.first)
        return self.state == "assigned" and some and self.deadline < now <= self.deadline + SETTLE

    def may_reveal(self, worker: int, now: int) -> bool:
        seat = self.seat(worker)
        if self.state != "committed" or seat is None or seat.answer is None or seat.revealed:
            return False
        if seat in self.extra:
            return self.extra_sealed(now) and now <= self.extra_work_by + REVEAL + GRACE
        return now <= self.first_reveal_by

    def may_open(self, now: int) -> bool:
        ends = now + EXTRA_TAKE + WORK + REVEAL + GRACE
        return self.undecided(now) and self.opened_at is None and ends < self.deadline

    def may_settle(self, now: int) -> bool:
        if self.state != "committed":
            return False
        if now >= self.deadline:
            return True
        if self.opened_at is None:
            return self.first_over(now) and not self.undecided(now)
        all_shown = all(seat.revealed for seat in self.extra if seat.answer)
        return now > self.extra_work_by + REVEAL + GRACE or (self.extra_sealed(now) and all_shown)

    def may_expire(self, now: int) -> bool:
        if self.state == "posted":
            return now > self.take_by
        # What somebody committed to could have been closed and settled for that long.
        late = SETTLE if any(seat.answer for seat in self.first) else 0
        return self.state == "assigned" and now > self.deadline + late

    # ---- rounds

    def first_over(self, now: int) -> bool:
        everybody = all(seat.revealed for seat in self.first if seat.answer)
        return self.state == "committed" and (everybody or now > self.first_reveal_by)

    def undecided(self, now: int) -> bool:
        return self.first_over(now) and not model.decided([view(seat) for seat in self.first])

    def extra_sealed(self, now: int) -> bool:
        if self.opened_at is None:
            return False
        no_more_takers = len(self.extra) == EXTRA or now > self.extra_take_by
        return no_more_takers and (all(seat.answer for seat in self.extra) or now > self.extra_work_by)

    # ---- what a call does

    def take(self, worker: int, now: int) -> None:
        self.seats.append(SeatModel(worker))
        if self.state == "posted" and len(self.seats) == FIRST:
            self.state, self.deadline = "assigned", now + WORK

    def commit(self, worker: int, answer: str, now: int) -> None:
        seat = self.seat(worker)
        assert seat is not None
        seat.answer = answer
        if self.state == "assigned" and all(seat.answer for seat in self.first):
            self.close(now)

    def close(self, now: int) -> None:
        self.state, self.committed_at, self.deadline = "committed", now, now + SETTLE

    def reveal(self, worker: int, now: int) -> None:
        seat = self.seat(worker)
        assert seat is not None
        seat.revealed = True
        completes = seat in self.first and all(seat.revealed for seat in self.first if seat.answer)
        if completes and not model.decided([view(seat) for seat in self.first]):
            self.opened_at = now

    def rulings(self) -> list[model.Ruling]:
        if self.state == "posted":
            return [model.Ruling(0) for _ in self.seats]
        if self.state == "assigned":
            return [model.Ruling(0, "none" if seat.answer else "no-show") for seat in self.seats]
        return model.judge(self.price, [view(seat) for seat in self.seats])


def view(seat: SeatModel) -> model.Seat:
    return model.Seat(committed=seat.answer is not None, answer=seat.answer if seat.revealed else None)

"""Settlement in plain arithmetic, written from protocol.md §5 and not from the contracts: a model to disagree with.

Nothing here knows of chains, clocks or storage. `judge`, `accept` and `by_segments` say what each seat gets in a tier,
`settlement` turns it into money, and `Ledger` is a set of purses that the stateful tests keep beside the real ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

LIMITS = {"wall_limit", "memory_limit"}
"""Answers on which machines may honestly differ."""


@dataclass(frozen=True)
class Seat:
    """One seat at the end: whether its holder committed, the answer that he revealed (None: none), and what the seat
    costs (None: as much as the terms offer; an offer may have lowered it, and the surplus is the requester's)."""

    committed: bool
    answer: str | None = None
    price: int | None = None


@dataclass(frozen=True)
class Ruling:
    pay: int
    fault: str = "none"  # "none", "no-show", "slashed" or "abandoned"
    agreed: bool = False
    finder: bool = False  # somebody has found the fault, and has a share in what is lost


def judge(price: int, seats: Sequence[Seat]) -> list[Ruling]:
    """The rows of §5 for the replicate tier, one ruling per seat. `price`: of the terms. In units of the pay token."""
    answers = Counter(seat.answer for seat in seats if seat.answer is not None)
    revealed = sum(answers.values())
    favourite, votes = answers.most_common(1)[0] if answers else (None, 0)
    paid_in_full = votes >= 3 or (votes == 2 and revealed == 2)
    proven = votes == 4
    rulings = []
    for seat in seats:
        cost = price if seat.price is None else seat.price
        if not seat.committed:
            rulings.append(Ruling(0, "no-show"))
        elif seat.answer is None:
            rulings.append(Ruling(0, "slashed"))
        elif not paid_in_full:
            rulings.append(Ruling(half(cost)))
        elif seat.answer == favourite:
            rulings.append(Ruling(cost, agreed=True))
        elif proven and not {seat.answer, favourite} & LIMITS:
            rulings.append(Ruling(0, "slashed"))
        else:
            rulings.append(Ruling(0))
    return rulings


def decided(first: Sequence[Seat], covered: bool = True) -> bool:
    """Whether a first round that is over needs no second one. `covered`: with two seats, the score of each of them is
    worth the job; two who agree without that need others beside them."""
    answers = [seat.answer for seat in first if seat.answer is not None]
    return not answers or (covered and len(answers) >= 2 and len(set(answers)) == 1)


def score_needed(price: int, rate: int) -> int:
    """Points that each of two workers needs; `rate`: points per 1e18 units of price."""
    return ceil(Fraction(price * rate, 10**18))


def decayed(points: int, age: int, half_life: int) -> int:
    """A score after `age` seconds: halved every half-life, straight lines between; what is taken away rounds up."""
    size = abs(points) >> age // half_life
    size -= ceil(Fraction(size * (age % half_life), 2 * half_life))
    return size if points > 0 else -size


def half(price: int) -> int:
    return floor(Fraction(price, 2))


def accept(price: int, committed: bool, decision: str | None = None) -> Ruling:
    """The accept tier: no check, so nothing is ever agreed. `decision`: None where the requester kept silent (or where
    nobody could judge any more); of a jury about a rejection: "worker", "requester" (who was wrong) or "hung"."""
    if not committed:
        return Ruling(0, "no-show")
    if decision == "worker":
        return Ruling(0, "slashed")
    return Ruling(half(price) if decision == "hung" else price)


def bond_goes_to(decision: str) -> str:
    """Who gets the bond of a rejection in the end."""
    return "jury" if decision == "requester" else "requester"


def by_segments(price: int, done: int, total: int) -> Ruling:
    """Pay for the segments that were verified, as an audited job will be paid; never more than the price."""
    return Ruling(min(price, floor(Fraction(price * done, total))), agreed=done > 0)


def fee_on(fee_bps: int, amount: int) -> int:
    return ceil(Fraction(amount * fee_bps, 10_000))


@dataclass(frozen=True)
class Settlement:
    """Where an escrow went, in units of the pay token: paid + fee + bounty + returned is all of it."""

    paid: int
    fee: int
    bounty: int
    returned: int


def escrow(price: int, workers: int, reserve: int, fee_bps: int, bounty: int) -> int:
    most = price * workers + reserve
    return most + fee_on(fee_bps, most) + bounty


def settlement(escrowed: int, fee_bps: int, bounty: int, rulings: Sequence[Ruling]) -> Settlement:
    """The bounty goes to the closer only when nobody is paid; what is left returns to the requester."""
    paid = sum(ruling.pay for ruling in rulings)
    fee = fee_on(fee_bps, paid)
    due = bounty if paid == 0 else 0
    return Settlement(paid, fee, due, escrowed - paid - fee - due)


def loss(fault: str, stake: int, bond: int) -> int:
    """Stake that is burned, in units of the stake token."""
    return {"none": 0, "no-show": bond, "slashed": stake, "abandoned": ceil(Fraction(bond, 2))}[fault]


def finders_share(lost: int) -> int:
    """At least half is burned, and rounding goes to burning."""
    return floor(Fraction(lost, 2))


@dataclass
class Ledger:
    """Free and held money by name, as the Escrow should have it under one controller."""

    free: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    def hold(self, who: str, amount: int) -> bool:
        if self.free[who] < amount:
            return False
        self.free[who] -= amount
        self.held[who] += amount
        return True

    def pass_on(self, payer: str, who: str, amount: int) -> None:
        """From free to free: a relayer's fee, which is held and paid in one breath."""
        self.free[payer] -= amount
        self.free[who] += amount

    def spend(self, payer: str, credits: Sequence[tuple[str, int]], returned: int) -> None:
        self.held[payer] -= sum(amount for _, amount in credits) + returned
        self.free[payer] += returned
        for who, amount in credits:
            self.free[who] += amount

    @property
    def total(self) -> int:
        return self.free.total() + self.held.total()

"""From a budget to terms: what each seat is paid so that the whole escrow stays within what the requester named.

Rounding, each towards the requester: the price per worker rounds down, the fee on it rounds up inside the budget, the
bounty rounds down; the dust that is left is never escrowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import InsufficientFunds, SpecInvalid
from tensorgrid.domain.jobs import BPS_WHOLE, PAIR, fee_on
from tensorgrid.domain.money import Amount, Token
from tensorgrid.ordering.auditing import reserve_bps

BOUNTY_BPS = 100
"""The closer's bounty: one hundredth of the budget. It is paid only where nobody else was."""

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*(s|m|h)", re.ASCII)
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*(B|KiB|MiB|GiB|KB|MB|GB)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}


@dataclass(frozen=True, slots=True)
class Prices:
    """The money part of a job's terms, in units of one payment token. `audit_fees`: of a clean audit's first round."""

    price: int
    reserve: int
    fee_bps: int
    bounty: int
    workers: int
    audit_fees: int = 0

    @property
    def max_pay(self) -> int:
        return self.price * self.workers + self.reserve

    @property
    def max_fee(self) -> int:
        return -(-self.max_pay * self.fee_bps // BPS_WHOLE)

    @property
    def escrow(self) -> int:
        """What posting holds; equal to JobTerms.escrow."""
        return self.max_pay + self.max_fee + self.bounty

    @property
    def likely_cost(self) -> int:
        """What stays spent when the first round agrees: every first seat, the auditors, and the fee on it."""
        paid = self.price * self.workers + self.audit_fees
        return paid - (-paid * self.fee_bps // BPS_WHOLE)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The time part of a job's terms, in seconds of chain time."""

    take: int
    work: int

    def waiting(self, seconds: int, most: int) -> Clocks:
        """So that the work loses nothing by waiting for its key. Raises SpecInvalid above `most` of work time."""
        if self.work + seconds > most:
            raise SpecInvalid(
                f"a work time of {self.work} s and {seconds} s for handing the key are longer than the {most} s that "
                "this network allows; lower wall=… or wrap_within=…"
            )
        return Clocks(self.take, self.work + seconds)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job would hold, and what of it would stay spent. All of one payment token.

    `ceiling` is never exceeded; `likely` is the cost when the first workers agree (or you accept, or the audit is
    clean), `refund_if_agreed` the rest. With two replicas `if_all_asked` is the cost when three more are asked, as they
    are unless both answer the same and each has `score_needed` points; `covering` providers have such a worker. With an
    audit: `audit_fees` go to the auditors, who replay `replayed` of `segments` segments; the reserve is what
    replacements and a second look may cost. Of a private job: `missed_pay` is lost unless you hand the worker the key
    within `hand_seconds` of the take.
    """

    price_per_worker: Amount
    reserve: Amount
    fee_at_most: Amount
    bounty: Amount
    ceiling: Amount
    likely: Amount
    workers: int
    take_seconds: int
    work_seconds: int
    audit_fees: Amount | None = None
    segments: int = 0
    replayed: int = 0
    score_needed: int = 0
    covering: int = 0
    missed_pay: Amount | None = None
    hand_seconds: int = 0
    price_from: Amount | None = None

    @property
    def if_all_asked(self) -> Amount:
        """What stays spent when every seat that the reserve is for is taken and paid."""
        return Amount(self.ceiling.units - self.bounty.units, self.ceiling.token)

    @property
    def refund_if_agreed(self) -> Amount:
        return Amount(self.ceiling.units - self.likely.units, self.ceiling.token)

    @property
    def _at_risk(self) -> str:
        if self.missed_pay is None:
            return ""
        return f"; private: {self.missed_pay} lost unless the key is handed within {self.hand_seconds} s of the take"

    @property
    def _price(self) -> str:
        begin = "" if self.price_from is None else f"{self.price_from} to "
        return f"{begin}{self.price_per_worker}"

    def __str__(self) -> str:
        if self.audit_fees is not None:
            return (
                f"one worker at {self._price}, auditors {self.audit_fees} for {self.replayed} of "
                f"{self.segments} segments; held {self.ceiling}, likely cost {self.likely}, "
                f"back {self.refund_if_agreed} when all is right{self._at_risk}"
            )
        if self.workers == 1:
            return f"one worker at {self._price} at most; held {self.ceiling}, cost {self.likely} at most"
        if self.workers == PAIR:
            return (
                f"two workers at {self.price_per_worker} each; held {self.ceiling}; cost {self.likely} and "
                f"{self.refund_if_agreed} back when both answer the same and have {self.score_needed} points each "
                f"({self.covering} providers have such a worker), else three more are asked: {self.if_all_asked} in all"
            )
        return (
            f"{self.workers} workers at {self.price_per_worker} each; held {self.ceiling}, likely cost {self.likely}, "
            f"back at least {self.refund_if_agreed} when they agree"
        )


def _missed(prices: Prices, token: Token, plan: AuditTerms | None) -> Amount | None:
    return Amount(plan.missed_pay(prices.price), token) if plan is not None and plan.private else None


def prices_for(budget: Amount, *, fee_bps: int, workers: int, extra_seats: int) -> Prices:
    """The highest price per worker whose whole escrow (all seats, the fee on them, the bounty) is within `budget`.

    Raises InsufficientFunds when not even one unit per worker fits.
    """
    bounty = budget.units * BOUNTY_BPS // BPS_WHOLE
    payable = (budget.units - bounty) * BPS_WHOLE // (BPS_WHOLE + fee_bps)
    price = payable // (workers + extra_seats)
    if price <= 0:
        raise InsufficientFunds(
            f"a budget of {budget} leaves nothing for {workers + extra_seats} seats after fee and bounty; "
            "name a higher budget"
        )
    return Prices(price=price, reserve=price * extra_seats, fee_bps=fee_bps, bounty=bounty, workers=workers)


def audited_prices(budget: Amount, *, fee_bps: int, plan: AuditTerms) -> Prices:
    """As `prices_for`, of one worker and his auditors: what they can all earn is within `budget`.

    Raises InsufficientFunds when a price is left that auditors' fees cannot be a part of.
    """
    bounty = budget.units * BOUNTY_BPS // BPS_WHOLE
    payable = (budget.units - bounty) * BPS_WHOLE // (BPS_WHOLE + fee_bps)
    share = reserve_bps(plan)
    price = payable * BPS_WHOLE // (BPS_WHOLE + share)
    while price > 0 and price + fee_on(share, price) > payable:
        price -= 1
    if price < plan.segments:
        raise InsufficientFunds(
            f"a budget of {budget} leaves {max(price, 0)} units for {plan.segments} segments; name a higher budget"
        )
    fees = plan.fee(price, plan.first)
    return Prices(price, fee_on(share, price), fee_bps=fee_bps, bounty=bounty, workers=1, audit_fees=fees)


def estimate_of(prices: Prices, clocks: Clocks, token: Token, plan: AuditTerms | None = None) -> Estimate:
    """The same numbers as amounts, for people."""
    return Estimate(
        price_per_worker=Amount(prices.price, token),
        reserve=Amount(prices.reserve, token),
        fee_at_most=Amount(prices.max_fee, token),
        bounty=Amount(prices.bounty, token),
        ceiling=Amount(prices.escrow, token),
        likely=Amount(prices.likely_cost, token),
        workers=prices.workers,
        take_seconds=clocks.take,
        work_seconds=clocks.work,
        audit_fees=None if plan is None else Amount(prices.audit_fees, token),
        segments=0 if plan is None else plan.segments,
        replayed=0 if plan is None else plan.first,
        missed_pay=_missed(prices, token, plan),
        hand_seconds=0 if plan is None else plan.wrap_time,
    )


def parse_duration(value: str | int) -> int:
    """Seconds, at least 1: "90s", "10m", "1.5h" or an integer of seconds. Raises SpecInvalid."""
    return _parse(value, _DURATION, _SECONDS, 'a duration such as "90s", "10m" or "1.5h"')


def parse_size(value: str | int) -> int:
    """Bytes, at least 1: "512MiB", "2GiB" or an integer of bytes. Raises SpecInvalid."""
    return _parse(value, _SIZE, _BYTES, 'a size such as "512MiB" or "2GiB"')


def _parse(value: str | int, pattern: re.Pattern[str], units: dict[str, int], wanted: str) -> int:
    number = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if isinstance(value, str):
        match = pattern.fullmatch(value.strip())
        if match is None:
            raise SpecInvalid(f"{value!r} is not {wanted}")
        number = int(float(match[1]) * units[match[2]])
    if number < 1:
        raise SpecInvalid(f"{value!r} is not {wanted} of at least one")
    return number

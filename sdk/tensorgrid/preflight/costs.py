"""What an audited job of so many steps takes and costs, by the terms' own formulas, and which tier fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobs import BPS_WHOLE, fee_on
from tensorgrid.ordering.auditing import MOST_OVERHEAD_BPS, reserve_bps
from tensorgrid.preflight.rehearsal import Preflight

MOST_OVERHEAD = MOST_OVERHEAD_BPS / BPS_WHOLE
SHORT_SECONDS = 60
"""Below it three whole runs cost less than the bookkeeping of an audit."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Times in seconds on a machine like this one; money in units of the pay token.

    seconds: of the run, hashing included; audit_seconds: of one auditor's share. steps_per_segment, segments: as the
    terms would say. price: to the worker. audit: fees of the first round; reserve: held for all rounds; ceiling: held
    in all, without bounty; likely: what stays spent when the audit is clean. hash_share: of the run's time; gas_share:
    of the price, None where no gas was named. tier: what fits; why: in words, empty where the audit does.
    """

    seconds: float
    audit_seconds: float
    steps_per_segment: int
    segments: int
    price: int
    audit: int
    reserve: int
    ceiling: int
    likely: int
    hash_share: float
    gas_share: float | None
    tier: str
    why: str


def costs_of(
    done: Preflight, steps: int, price: int, terms: AuditTerms, *, fee_bps: int = 0, gas: int | None = None
) -> Costs:
    """`steps`: calls of tg.checkpoint in all. `terms`: as the network proposes them, its segments the least.
    `price`: to the worker; `gas`: what all transactions of one audited job cost; both in units of the pay token, since
    no oracle tells. `fee_bps`: the protocol's. Raises SpecInvalid.
    """
    if steps < 1 or price < 1 or (gas is not None and gas < 0):
        raise SpecInvalid("steps and price are at least 1, and gas is not negative")
    every = max(1, steps // terms.segments)  # rounded down: at least so many segments
    segments = -(-steps // every)
    plan = replace(terms, segments=segments, steps=every)
    seconds = steps * done.step_seconds + segments * done.record_seconds
    audit_seconds = terms.drawn * (every * done.step_seconds + done.record_seconds)
    audit, reserve = plan.fee(price, plan.first), fee_on(reserve_bps(plan), price)
    again = fee_on(plan.reaudit_bps, plan.fee(price, 2 * plan.first))
    spent = price + audit + again
    hash_share = segments * done.record_seconds / seconds if seconds else 0.0
    gas_share = gas / price if gas is not None else None
    tier, why = _fitting(steps, terms.segments, seconds, hash_share, gas_share)
    return Costs(
        seconds=seconds,
        audit_seconds=audit_seconds,
        steps_per_segment=every,
        segments=segments,
        price=price,
        audit=audit,
        reserve=reserve,
        ceiling=price + reserve + fee_on(fee_bps, price + reserve),
        likely=spent + fee_on(fee_bps, spent),
        hash_share=hash_share,
        gas_share=gas_share,
        tier=tier,
        why=why,
    )


def _fitting(steps: int, least: int, seconds: float, hash_share: float, gas_share: float | None) -> tuple[str, str]:
    if steps < least:
        return "replicate", f"an audit draws among {least} segments at least, and the job has {steps} steps"
    if seconds < SHORT_SECONDS:
        return "replicate", f"{seconds:.0f} s of work are sooner done three times than audited"
    if gas_share is not None and gas_share > MOST_OVERHEAD:
        why = f"gas would be {gas_share:.0%} of the price, above {MOST_OVERHEAD:.0%}"
        return "accept", f"{why}: put more work into one job, or take accept and check the result yourself"
    if hash_share > MOST_OVERHEAD:
        why = f"hashing the state {least} times would be {hash_share:.0%} of the run, above {MOST_OVERHEAD:.0%}"
        return "replicate", f"{why}: take more steps, or name less in tg.State"
    return "audit", ""

"""How a result is checked: what each way of `verify` asks of a job's terms."""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import JobClocks
from tensorgrid.chain.plugins import Verifier
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobs import MAX_SEATS, PAIR, SCORE_RATE_BITS, TRIO, AcceptanceClocks, ReplicationClocks
from tensorgrid.domain.specs import AUDIT
from tensorgrid.ordering.strategies import scheduler_of

REPLICATE, ACCEPT = "replicate", "accept"
TIME_TO_LOOK = 60
"""Seconds to look at a result before silence pays, unless the requester or the network asks for more."""


@dataclass(frozen=True, slots=True)
class Tier:
    """What goes into the terms; `scheduler` is an address. `plan`: of an audit."""

    workers: int
    extra_seats: int
    scheduler: str
    verifier: Verifier
    params: bytes
    plan: AuditTerms | None = None


def tier_of(
    contracts: Contracts,
    name: str,
    clocks: JobClocks,
    *,
    matched: bool = False,
    strategy: str | None = None,
    reject_seconds: int | None = None,
    plan: AuditTerms | None = None,
    replicas: int = TRIO,
    score_weight: int = 0,
) -> Tier:
    """`matched`: the seat is given by an offer, not drawn. `strategy`: as in JobOptions. `plan`: with "audit".
    `replicas`: with "replicate"; for two also `score_weight`, points per 1e18 units of fee in the token that pays.

    Raises SpecInvalid for what this network does not sell.
    """
    check_sold(contracts, name)
    _check_replicas(name, replicas, score_weight)
    if name != ACCEPT and (matched or reject_seconds is not None):
        raise SpecInvalid('offers and reject_within belong to verify="accept"; leave them out, or choose that')
    scheduler = scheduler_of(contracts, strategy, workers=replicas if name == REPLICATE else 1, matched=matched)
    if name == AUDIT:
        assert contracts.audit is not None, "it was offered"
        assert plan is not None, "an audit has a plan"
        return Tier(1, 0, scheduler, contracts.audit, plan.pack(), plan)
    if name == REPLICATE:
        rate = score_weight if replicas == PAIR else 0
        params = ReplicationClocks(clocks.reveal, clocks.grace, clocks.extra_take, rate).pack()
        return Tier(replicas, MAX_SEATS - replicas, scheduler, contracts.replication, params)
    acceptance = contracts.acceptance
    assert acceptance is not None, "it was offered"
    window = max(acceptance.least_window(), TIME_TO_LOOK) if reject_seconds is None else reject_seconds
    return Tier(1, 0, scheduler, acceptance, AcceptanceClocks(window).pack())


def _check_replicas(name: str, replicas: int, score_weight: int) -> None:
    if replicas == TRIO:
        return
    if name != REPLICATE:
        raise SpecInvalid('replicas belongs to verify="replicate"; leave it out, or choose that')
    if replicas != PAIR:
        raise SpecInvalid(f"{replicas!r} replicas are not sold; take {PAIR} or {TRIO}")
    if not 0 < score_weight < 1 << SCORE_RATE_BITS:
        raise SpecInvalid("this network gives no score for jobs paid in this token; take replicas=3, or another token")


def check_sold(contracts: Contracts, name: str) -> None:
    """Raises SpecInvalid for a way of `verify` that this network does not sell."""
    offered = tiers_of(contracts)
    if name not in offered:
        raise SpecInvalid(f"this network sells no verify={name!r}; it sells {', '.join(offered) or 'nothing yet'}")


def tiers_of(contracts: Contracts) -> list[str]:
    """What `verify` may be in new jobs on this network."""
    verifiers: dict[str, Verifier | None] = {
        REPLICATE: contracts.replication,
        ACCEPT: contracts.acceptance,
        AUDIT: contracts.audit,
    }
    return [
        name
        for name, verifier in verifiers.items()
        if verifier is not None and contracts.parameters.verifier_allowed(verifier.address)
    ]

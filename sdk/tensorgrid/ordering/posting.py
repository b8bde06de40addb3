"""From what the requester asked to terms that the board accepts: prices, clocks, class, verifier."""

from __future__ import annotations

from dataclasses import replace

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import AuditProposal, JobClocks
from tensorgrid.chain.records import Bounds
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import InsufficientFunds, SpecInvalid, UnknownToken
from tensorgrid.domain.jobs import TRIO, JobTerms, hardware_class
from tensorgrid.domain.money import Amount
from tensorgrid.domain.specs import JobSpec
from tensorgrid.ordering.auditing import LIKE_THE_NETWORK, Handing, audit_terms_for, proposal_or_cautious, usual_respond
from tensorgrid.ordering.terms import Clocks, Prices, audited_prices, prices_for
from tensorgrid.ordering.tiers import check_sold, tier_of

CPU = "cpu"
GPU_CLASSES: tuple[str, ...] = ()
"""Classes with GPUs that a network may sell, best known first; "any" takes the first one that this network allows."""

START_SECONDS = 30
"""What a worker gets beyond the wall limit: fetching inputs, starting, sealing, committing."""


def resolve_class(contracts: Contracts, gpu: str | None) -> str:
    """The class that `gpu` buys here: None is the CPU, "any" the first GPU class on the allow-list, else the CPU.

    Raises SpecInvalid for a class that this network does not sell.
    """
    wanted = [CPU] if gpu is None else [*GPU_CLASSES, CPU] if gpu == "any" else [gpu]
    for name in wanted:
        if contracts.parameters.class_allowed(hardware_class(name)):
            return name
    sold = [name for name in (*GPU_CLASSES, CPU) if contracts.parameters.class_allowed(hardware_class(name))]
    raise SpecInvalid(f'this network sells no {wanted[0]!r}; it sells {", ".join(sold) or "nothing yet"}, or gpu="any"')


def clocks_for(bounds: Bounds, proposed: JobClocks, wall_seconds: int, take_seconds: int | None) -> Clocks:
    """Durations within the network's bounds: those it proposes, unless `take_seconds` asks otherwise.

    Raises SpecInvalid when wall limit or take time do not fit.
    """
    take = proposed.take if take_seconds is None else take_seconds
    if not bounds.min_take_time <= take <= bounds.max_take_time:
        raise SpecInvalid(
            f"take_within is {take} s; this network allows {bounds.min_take_time} to {bounds.max_take_time} s"
        )
    work = max(wall_seconds + wall_seconds // 4 + START_SECONDS, bounds.min_work_time)
    if work > bounds.max_work_time:
        longest = (bounds.max_work_time - START_SECONDS) * 4 // 5
        raise SpecInvalid(f"a wall limit of {wall_seconds} s is too long for this network; it allows {longest} s")
    return Clocks(take=take, work=work)


def draft_terms(
    contracts: Contracts,
    spec: JobSpec,
    budget: Amount,
    *,
    requester: str,
    class_name: str,
    take_seconds: int | None = None,
    reject_seconds: int | None = None,
    matched: bool = False,
    nonce: int | None = None,
    take_by: int | None = None,
    stake: int | None = None,
    steps: int | None = None,
    replicas: int = TRIO,
    reopens: int | None = None,
    handing: Handing = LIKE_THE_NETWORK,
) -> tuple[JobTerms, Prices, Clocks]:
    """Terms that `post` will accept, whose whole escrow is within `budget`. `stake` in stake-token units per worker.

    `matched`: the seat is given by an offer. `steps`: of a job to be audited. `replicas`: of a replicated one.
    `reopens`: how often a lost seat is given anew; None: as the network is used to.
    `handing`: of a private one. Without `nonce` it is zero, to be replaced by one of a free lane.

    Raises UnknownToken (not accepted for new jobs), InsufficientFunds (budget too small), SpecInvalid (above the
    network's limits), NotAuditable, Unreachable.
    """
    values, bounds = contracts.parameters.values(), contracts.parameters.bounds()
    rule = contracts.parameters.token_rule(budget.token.address)
    if not rule.max_escrow:
        raise UnknownToken(f"{budget.token.symbol} is not accepted for new jobs on this network; use another token")
    if budget.units > rule.max_escrow:
        limit = Amount(rule.max_escrow, budget.token)
        raise SpecInvalid(f"a budget of {budget} is above this network's limit of {limit} per job; split the work")
    proposed = contracts.deployment.clocks or _cautious(bounds)
    plan = plan_of(contracts, spec, steps)
    clocks = clocks_for(bounds, proposed, spec.resources.wall_seconds, take_seconds)
    if plan is not None and spec.private is not None:
        plan = handing.added_to(plan, clocks.work, usual_respond(proposal_of(contracts), bounds.min_take_time))
        clocks = clocks.waiting(plan.wrap_time, bounds.max_work_time)
    tier = tier_of(
        contracts,
        spec.tier,
        proposed,
        matched=matched,
        reject_seconds=reject_seconds,
        plan=plan,
        replicas=replicas,
        score_weight=rule.score_weight,
    )
    if plan is not None:
        prices = audited_prices(budget, fee_bps=values.fee_bps, plan=plan)
    else:
        prices = prices_for(budget, fee_bps=values.fee_bps, workers=tier.workers, extra_seats=tier.extra_seats)
    terms = JobTerms(
        requester=requester,
        nonce=nonce or 0,
        spec_digest=spec.digest,
        price=prices.price,
        reserve=prices.reserve,
        bounty=prices.bounty,
        take_by=take_deadline(contracts, clocks.take) if take_by is None else take_by,
        pay_token=budget.token.address,
        fee_bps=prices.fee_bps,
        no_show_bond=values.min_no_show_bond,
        reopens=_reopens(reopens, bounds.max_reopens, prices.workers, drawn=tier.scheduler != contracts.offers.address),
        workers=prices.workers,
        stake=values.min_stake if stake is None else stake,
        hardware_class=hardware_class(class_name),
        scheduler=tier.scheduler,
        verifier=tier.verifier.address,
        verifier_params=tier.params,
        work_time=clocks.work,
        settle_time=bounds.max_settle_time,
    )
    needs = tier.verifier.needs(terms)
    if needs.settle_time > bounds.max_settle_time:
        raise SpecInvalid(
            f"checking a run of {spec.resources.wall_seconds} s takes up to {needs.settle_time} s and this network "
            f"allows {bounds.max_settle_time}; lower wall=… or reject_within=…"
        )
    if needs.reserve(terms.price) > terms.reserve:
        raise InsufficientFunds(
            f"the verifier asks a reserve of {needs.reserve(terms.price)} units and {budget} leaves {terms.reserve}"
        )
    return replace(terms, settle_time=needs.settle_time), prices, clocks


def _reopens(asked: int | None, most: int, workers: int, *, drawn: bool) -> int:
    """One worker alone is replaced once; of several, the others' answers count, and the verifier asks for more."""
    if asked is None:
        return min(1, most) if drawn and workers == 1 else 0
    most = most if drawn else 0
    if not 0 <= asked <= most:
        why = "this network allows" if drawn else "seats that are given by offers are given once, so it allows"
        raise SpecInvalid(f"reopens={asked} and {why} 0 to {most}; name a number of these, or none")
    return asked


def plan_of(contracts: Contracts, spec: JobSpec, steps: int | None) -> AuditTerms | None:
    """How this network would audit the job; None for one that is not to be audited.

    Raises SpecInvalid, NotAuditable.
    """
    check_sold(contracts, spec.tier)
    if spec.checkpoint is None:
        return None
    wall, least = spec.resources.wall_seconds, contracts.parameters.bounds().min_take_time
    return audit_terms_for(proposal_of(contracts), steps, spec.checkpoint.every, wall, least)


def proposal_of(contracts: Contracts) -> AuditProposal:
    """What this network proposes for audits, or what the tier was designed with."""
    clocks = contracts.deployment.clocks or _cautious(contracts.parameters.bounds())
    return proposal_or_cautious(contracts.deployment.audit, clocks)


def take_deadline(contracts: Contracts, take_seconds: int) -> int:
    """Chain time by which seats must be taken when the posting is sent now: its own way into a block comes on top."""
    head = contracts.connection.latest()
    before = contracts.connection.block(max(head.number - 1, 0))
    spacing = head.timestamp - before.timestamp if before is not None else 0
    with_way = take_seconds + 2 * max(1, min(spacing, 60))
    return head.timestamp + min(with_way, contracts.parameters.bounds().max_take_time)


def _cautious(bounds: Bounds) -> JobClocks:
    """For a network that proposes no clocks: every answer may take as long as the shortest taking may."""
    answer = min(max(bounds.min_take_time, 30), bounds.max_take_time)
    return JobClocks(take=answer, reveal=answer, grace=answer, extra_take=answer)

"""Whose past is worth a job for two: where no two have one, asking three from the start is cheaper."""

from __future__ import annotations

from dataclasses import replace

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import NotCovered
from tensorgrid.domain.jobs import PAIR, JobTerms, ReplicationClocks
from tensorgrid.ordering.depth import staked_workers
from tensorgrid.ordering.terms import Estimate


def with_cover(contracts: Contracts, terms: JobTerms, estimate: Estimate, *, any_score: bool) -> Estimate:
    """With what two workers need for being enough, and how many have it. `any_score`: go on if there are no two.

    Raises NotCovered, Unreachable, ChainError.
    """
    needed = ReplicationClocks.unpack(terms.verifier_params).score_needed(terms.price)
    found = len(covering(contracts, terms, needed))
    if found < PAIR and not any_score:
        raise NotCovered(
            f"two replicas at {estimate.price_per_worker} each are enough only if both workers have {needed} points, "
            f"and {found} providers here have such a worker: three more would be asked; take replicas=3 or a lower "
            "budget, or any_score=True to go on all the same"
        )
    return replace(estimate, score_needed=needed, covering=found)


def covering(contracts: Contracts, terms: JobTerms, needed: int) -> set[str]:
    """Providers who could take a seat with a worker of so many points. A provider has one seat of a job.

    Raises Unreachable, ChainError.
    """
    able = [
        (worker, provider)
        for worker, provider, _ in staked_workers(contracts, terms.hardware_class, terms.stake)
        if terms.requester not in (worker, provider)
    ]
    asked = [(contracts.board.address, worker) for worker, _ in able]
    points = contracts.reputation.read_many("pointsOf", asked)
    return {provider for (_, provider), score in zip(able, points, strict=True) if int(score) >= needed}

"""From a function, a budget and perhaps offers to a job that can be posted; nothing is sent or stored on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import BlobNotFound, SpecInvalid
from tensorgrid.domain.jobs import PAIR, JobTerms
from tensorgrid.domain.money import Amount
from tensorgrid.domain.offers import StandingOffer
from tensorgrid.domain.specs import AUDIT, JobSpec
from tensorgrid.ordering.auditing import AUDITED_JOB_GAS, Handing, check_gas
from tensorgrid.ordering.cover import with_cover
from tensorgrid.ordering.depth import check_depth
from tensorgrid.ordering.matching import serving
from tensorgrid.ordering.options import Buyable, JobOptions
from tensorgrid.ordering.packing import PackedJob, pack
from tensorgrid.ordering.posting import CPU, draft_terms, proposal_of, resolve_class
from tensorgrid.ordering.terms import Estimate, estimate_of, parse_duration
from tensorgrid.ordering.tiers import ACCEPT, REPLICATE
from tensorgrid.storage.base import BlobStore

Work = Callable[..., Any] | Buyable | JobSpec | PackedJob
_OF_TERMS = ("nonce", "reopens", "stake", "take_by")


@dataclass(frozen=True, slots=True)
class Plan:
    """`terms` lack a nonce unless one was named. `offers`: those that could serve them, in the order given."""

    packed: PackedJob
    terms: JobTerms
    estimate: Estimate
    offers: tuple[StandingOffer, ...]


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans for one requester. `recipient`: gives the public key that results are sealed to."""

    contracts: Contracts
    store: BlobStore
    requester: str
    recipient: Callable[[], str]

    def plan(
        self,
        work: Work,
        arguments: dict[str, Any] | None,
        changes: dict[str, Any],
        offers: tuple[StandingOffer, ...] = (),
        *,
        relayed: bool = False,
    ) -> Plan:
        """`changes`: job options over those of the work, and fields of the terms. `relayed`: others will bring offers.

        Raises SpecInvalid, NotCovered, FunctionNotPortable, UnknownToken, InsufficientFunds (budget too small),
        OfferUnusable, BlobNotFound, Unreachable.
        """
        fixed = {name: changes[name] for name in _OF_TERMS if name in changes}
        asked = {name: value for name, value in changes.items() if name not in fixed}
        options = (work.settings if isinstance(work, Buyable) else JobOptions()).changed(**asked)
        if options.budget is None:
            raise SpecInvalid('no budget; say how much it may cost at most, such as budget="5 USDC"')
        budget = options.budget
        if not isinstance(budget, Amount):
            budget = Amount.parse(budget, self.contracts.deployment.tokens)
        class_name = resolve_class(self.contracts, options.gpu)
        packed = self._pack(work, arguments or {}, options, class_name)
        terms, prices, clocks = draft_terms(
            self.contracts,
            packed.spec,
            budget,
            requester=self.requester,
            class_name=class_name,
            take_seconds=_seconds(options.take_within),
            reject_seconds=_seconds(options.reject_within),
            matched=bool(offers) or (relayed and packed.spec.tier == ACCEPT),
            steps=options.steps,
            replicas=options.replicas,
            handing=Handing(_seconds(options.wrap_within), options.missed_share),
            **fixed,
        )
        if packed.spec.tier == AUDIT:
            self._check_auditable(terms, options, budget)
        if offers:
            offers = tuple(serving(self.contracts, offers, terms))
            # nothing is locked beyond what the dearest of them asks
            dearest = max(handed.offer.min_price for handed in offers)
            terms, prices = replace(terms, price=dearest), replace(prices, price=dearest)
        audited = AuditTerms.unpack(terms.verifier_params) if packed.spec.tier == AUDIT else None
        estimate = estimate_of(prices, clocks, budget.token, audited)
        if packed.spec.tier == REPLICATE and terms.workers == PAIR:
            estimate = with_cover(self.contracts, terms, estimate, any_score=options.any_score)
        return Plan(packed, terms, estimate, offers)

    def _check_auditable(self, terms: JobTerms, options: JobOptions, budget: Amount) -> None:
        """Raises NotAuditable when nobody could audit it, or gas would cost too much of what is paid."""
        check_depth(self.contracts, terms.hardware_class, terms.stake, proposal_of(self.contracts).others)
        if options.coin_price is not None:
            coin = options.coin_price
            coin = coin if isinstance(coin, Amount) else Amount.parse(coin, (budget.token,))
            check_gas(AUDITED_JOB_GAS, self.contracts.connection.latest().base_fee, coin.units, terms.price)

    def _pack(self, work: Work, arguments: dict[str, Any], options: JobOptions, class_name: str) -> PackedJob:
        if isinstance(work, PackedJob):
            return work
        if isinstance(work, JobSpec):
            if arguments:
                raise SpecInvalid("a JobSpec carries its own arguments; pass them there")
            named = [work.bundle.cid, *(ref.cid for ref in work.inputs.values())]
            named += [work.private.arguments] if work.private is not None else []
            missing = [cid for cid in named if not self.store.has(cid)]
            if missing:
                raise BlobNotFound(f"the spec names {missing[0]}, which the store does not have; store it first")
            return PackedJob(work, ())
        function = work.function if isinstance(work, Buyable) else work
        recipients = (self.recipient(), *options.recipients)
        return pack(function, arguments, options, gpus=int(class_name != CPU), recipients=recipients)


def _seconds(duration: str | int | None) -> int | None:
    return None if duration is None else parse_duration(duration)

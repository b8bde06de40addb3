"""Workers' offers against a job: which of them could serve it, and why the others cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.signing import signer_of
from tensorgrid.domain.errors import OfferUnusable
from tensorgrid.domain.jobs import JobTerms
from tensorgrid.domain.offers import StandingOffer
from tensorgrid.domain.orders import MAX_OFFERS

HandedOffer = StandingOffer | str
"""An offer, or its JSON text."""


def read_offers(handed: Iterable[HandedOffer]) -> tuple[StandingOffer, ...]:
    """Raises OfferUnusable for what is no offer, and for more than a board is asked about at once."""
    offers = tuple(StandingOffer.from_json(one) if isinstance(one, str) else one for one in handed)
    if len(offers) > MAX_OFFERS:
        raise OfferUnusable(f"{len(offers)} offers; pass at most {MAX_OFFERS}, the best ones first")
    return offers


def serving(
    contracts: Contracts, offers: Sequence[StandingOffer], terms: JobTerms, workers: Sequence[str] = ()
) -> list[StandingOffer]:
    """Those that could serve these terms now, in the order given. `workers`: whom the requester allows; empty: anyone.

    Whether a worker is free at this moment is for the chain to say. Raises OfferUnusable, with every reason, when none
    is left.
    """
    now = contracts.connection.now()
    reasons = [(offer, _against(contracts, offer, terms, workers, now)) for offer in offers]
    found = [offer for offer, reason in reasons if not reason]
    if not found:
        told = "; ".join(f"{offer.worker}: {reason}" for offer, reason in reasons) or "there is none"
        raise OfferUnusable(f"no offer serves this job: {told}. Ask workers for new ones")
    return found


def _against(
    contracts: Contracts, handed: StandingOffer, terms: JobTerms, workers: Sequence[str], now: int
) -> str | None:
    """Why it cannot serve; None when it can."""
    offer, network = handed.offer, (contracts.chain_id, contracts.offers.address)
    checks = [
        ((handed.chain_id, handed.scheduler) != network, "it is for another network"),
        (signer_of(handed.message(), offer.signature) != handed.worker, "the signature is not this worker's"),
        (handed.hardware_class != terms.hardware_class, "it is of other hardware"),
        (handed.pay_token != terms.pay_token, "it asks for another token"),
        (offer.expiry <= now, f"it has expired at {offer.expiry}"),
        (offer.min_price > terms.price, f"it asks {offer.min_price} units and the budget leaves {terms.price}"),
        (offer.max_wall < terms.work_time, f"it works {offer.max_wall} s and the job may need {terms.work_time} s"),
        (offer.max_stake < terms.stake, f"it stakes {offer.max_stake} units and the job asks {terms.stake}"),
        (bool(workers) and handed.worker not in workers, "the order does not allow this worker"),
    ]
    return next((reason for fails, reason in checks if fails), None)

"""Who gives the seats of a job: strategies by name, or any scheduler of the network by its address."""

from __future__ import annotations

import re

from tensorgrid.chain.abi import checksum
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.plugins import PriceScheduler
from tensorgrid.domain.errors import ChainError, SpecInvalid, Unreachable
from tensorgrid.domain.jobs import BPS_WHOLE, PAIR

LOTTERY, REPUTATION, PRICE, OFFERS = "lottery", "reputation", "price", "offers"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_MOST_SEATS = {REPUTATION: PAIR, PRICE: 1}
"""First-round seats that are given by preference; more are drawn by lot, whatever the strategy."""


def strategies_of(contracts: Contracts) -> list[str]:
    """What `strategy` may be in new jobs on this network, by name."""
    known = {name: scheduler.address for name, scheduler in contracts.strategies.items()}
    known[OFFERS] = contracts.offers.address
    return [name for name, address in known.items() if contracts.parameters.scheduler_allowed(address)]


def scheduler_of(contracts: Contracts, strategy: str | None, *, workers: int, matched: bool) -> str:
    """The scheduler's address for the terms. `strategy`: a name, an address, or None for the lottery. `matched`:
    workers' offers are at hand. Raises SpecInvalid, Unreachable."""
    name = _named(contracts, strategy or (OFFERS if matched else LOTTERY))
    if matched != (name == OFFERS):
        raise SpecInvalid(
            f"offers= and strategy={strategy!r} do not go together; leave one of them out"
            if matched
            else 'strategy="offers" needs workers\' offers; pass offers=…, or choose another'
        )
    if _ADDRESS.fullmatch(name):
        return _foreign(contracts, checksum(name))
    if name not in (sold := strategies_of(contracts)):
        raise SpecInvalid(
            f"this network has no strategy={name[:64]!r}; it has {', '.join(sold) or 'none yet'}, or give the address "
            "of a scheduler that it allows"
        )
    if workers > _MOST_SEATS.get(name, workers):
        pair = ", or replicas=2" if name == REPUTATION else ""
        raise SpecInvalid(
            f"{workers} seats that check one another are drawn by lot, so strategy={name!r} would make no difference; "
            f'leave it out, or take verify="audit" or "accept"{pair}'
        )
    return contracts.offers.address if name == OFFERS else contracts.strategies[name].address


def lowest_price(contracts: Contracts, scheduler: str, price: int) -> int:
    """What a seat may cost at the least, in the terms' units: of the price strategy, where its rise begins; of others,
    the price. A third party's is not known and counts as the price. Raises Unreachable."""
    auction = contracts.strategies.get(PRICE)
    if not isinstance(auction, PriceScheduler) or auction.address != scheduler:
        return price
    return -(-price * auction.start_bps() // BPS_WHOLE)


def _named(contracts: Contracts, strategy: str) -> str:
    """Our own by their names, however they were called."""
    ours = {scheduler.address.lower(): name for name, scheduler in contracts.strategies.items()}
    ours[contracts.offers.address.lower()] = OFFERS
    return ours.get(strategy.lower(), strategy)


def _foreign(contracts: Contracts, address: str) -> str:
    if not contracts.parameters.scheduler_allowed(address):
        raise SpecInvalid(
            f"{address} is not on this network's list of schedulers, so no job can name it; it has "
            f"{', '.join(strategies_of(contracts))}"
        )
    try:
        draws = contracts.scheduler(address).draws()
    except Unreachable:
        raise
    except ChainError as error:
        raise SpecInvalid(f"{address} does not answer as a scheduler does ({error}); choose another") from error
    if not draws:
        raise SpecInvalid(f"{address} draws nobody: its seats are given by offers of its own; choose another")
    return address

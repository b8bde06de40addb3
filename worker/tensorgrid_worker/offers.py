"""Standing offers: signed by the worker, matched with a job in the transaction that posts it; and their recall.

Who holds an offer can seat this worker in a job of one seat, at once and without asking, until it expires or the epoch
is raised. The daemon need not be told: it sees its seat on chain and works.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import replace

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.signing import sign
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.errors import Reverted, TensorgridError, Unreachable
from tensorgrid.domain.jobs import ZERO32, hardware_class
from tensorgrid.domain.money import Amount
from tensorgrid.domain.offers import Offer, StandingOffer
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.gate import Gate
from tensorgrid_worker.jobs.schedulers import Schedulers
from tensorgrid_worker.memory.cancelling import ask_to_cancel
from tensorgrid_worker.memory.rows import NO_JOB, RAISE_EPOCH, Row, Status
from tensorgrid_worker.parts import opened
from tensorgrid_worker.standing import Standing
from tensorgrid_worker.start import HomeInUse, lock

UNSIGNED = Signature(ZERO32, ZERO32)
PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.3


class OfferInvalid(TensorgridError):
    """An offer that nobody could use, or that this worker should not make. Says what to change."""


def make_offer(
    config: WorkerConfig, *, price: str, seconds: int, wall: int | None = None, max_stake: int | None = None
) -> StandingOffer:
    """Signed and noted in the journal. `price`: such as "0.5 USDC"; `wall`: the most work time that a job may set.

    Raises OfferInvalid, SpecInvalid, UnknownToken, and what `opened` raises.
    """
    with opened(config) as parts:
        contracts, me = parts.contracts, parts.account.address
        gate = Gate.of(
            config, contracts.deployment, contracts.parameters.values().min_stake, Schedulers(contracts).draws
        )
        amount = Amount.parse(price, contracts.deployment.tokens)
        longest = contracts.offers.max_offer_life()
        _check(gate, contracts, me, amount, seconds, longest)
        offer = Offer(
            min_price=amount.units,
            max_wall=config.max_wall_seconds + config.work_margin_seconds if wall is None else wall,
            max_stake=gate.max_stake if max_stake is None else max_stake,
            expiry=contracts.connection.latest().timestamp + seconds,
            epoch=contracts.offers.epoch_of(me),
            signature=UNSIGNED,
        )
        bare = StandingOffer(
            worker=me,
            chain_id=contracts.chain_id,
            scheduler=contracts.offers.address,
            hardware_class=hardware_class(config.hardware_class),
            pay_token=amount.token.address,
            offer=offer,
        )
        parts.journal.note_offer(offer.expiry)
        return replace(bare, offer=replace(offer, signature=sign(parts.account, bare.message())))


def _check(gate: Gate, contracts: Contracts, me: str, price: Amount, seconds: int, longest: int) -> None:
    if not 1 <= seconds <= longest:
        raise OfferInvalid(f"an offer is good for 1 to {longest} s; {seconds} s is not; sign a new one when it expires")
    if price.token.address not in gate.tokens:
        raise OfferInvalid(f"this worker's accepted_tokens leave out {price.token.symbol}; add it, or ask for another")
    least = max(1, gate.least_price(price.token.address))
    if price.units < least:
        raise OfferInvalid(f"{price} is below this worker's least price of {least} units; ask for more")
    if problem := Standing(contracts, me, gate.class_name).problem():
        raise OfferInvalid(f"nobody could use this worker's offer: it is {problem}")


def cancel_offers(config: WorkerConfig) -> int:
    """Make every offer signed so far worthless; returns the new epoch once that is on chain.

    The daemon owns the key's nonces: when it runs it sends the transaction, otherwise we do. Raises Unreachable when it
    is not mined in time (it will be), Reverted, and what `opened` raises.
    """
    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with opened(config) as parts, contextlib.ExitStack() as stack:
        scheduler, me = parts.contracts.offers, parts.account.address
        old = scheduler.epoch_of(me)
        ask_to_cancel(parts.journal, parts.contracts, old)
        submitter = None
        with contextlib.suppress(HomeInUse):
            stack.enter_context(lock(config.home))
            submitter = parts.submitter(config)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while (epoch := scheduler.epoch_of(me)) == old:
            if submitter is not None:
                submitter.step(parts.contracts.connection.latest().number)
            refused = [row for row in parts.journal.outbox(Status.REFUSED, Status.DEAD) if _raises(row, old)]
            if refused:
                raise Reverted(refused[0].reason, {}, "the epoch could not be raised")
            if time.monotonic() > give_up:
                raise Unreachable("the transaction is not mined yet; see that this key has gas, and ask again later")
            time.sleep(POLL_SECONDS)
        parts.journal.forget_offers()
        return epoch


def _raises(row: Row, epoch: int) -> bool:
    return (row.job, row.kind) == (NO_JOB, f"{RAISE_EPOCH}{epoch}")


def parse_seconds(text: str) -> int:
    """Of "90s", "30m", "1h" or a number of seconds. Raises OfferInvalid."""
    match = re.fullmatch(r"(\d{1,9})([smh]?)", text.strip())
    if match is None:
        raise OfferInvalid(f'{text[:40]!a} is not a time; write one such as "90s", "30m" or "1h"')
    return int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def as_text(offer: StandingOffer, price: str) -> str:
    """For people: what was promised, and the line to hand to requesters."""
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(offer.offer.expiry))
    return "\n".join(
        [
            f"{offer.worker} works for {price} and up, jobs of {offer.offer.max_wall} s at most, until {until}",
            "hand this line to requesters; whoever has it can seat this worker:",
            offer.to_json(),
        ]
    )

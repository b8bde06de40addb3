"""The rounds that draw seats we want, stored on chain once, by one of those whom the draw lets in.

A round's value is known to everybody who has fetched it, so each worker can tell when its own turn comes. Whoever is
let in first brings the round, and takes; who is not has no reason to pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.records import Draw, Quote
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import JobId, job_seed
from tensorgrid_worker.auditing.fetching import Proof, Proofs
from tensorgrid_worker.auditing.tosend import ToSend
from tensorgrid_worker.loop.planner import JobView
from tensorgrid_worker.memory.rows import STORE_ROUND, Status

STORE_SECONDS = 60
"""By then it is to be mined, at whatever fee: a take waits for it."""
BLOCKS_AHEAD = 2
"""The round goes into the next block, the take into the one after."""


def draw_of(view: JobView, value: bytes) -> Draw:
    """The drawing that is open for seats of this job. Pure."""
    seed = job_seed(view.record.id, value)
    if view.extra is not None:
        return Draw(seed, view.extra.opens_at, view.extra.take_by)
    return Draw(seed, view.job.clock, view.record.take_by)


def quote_of(contracts: Contracts, me: str, view: JobView, value: bytes, time: int) -> Quote:
    """What the job's scheduler, whosever it is, says of us at `time`. Raises Reverted, Unreachable, ChainError."""
    scheduler = contracts.scheduler(view.record.terms.scheduler)
    return scheduler.quote(view.record.terms, draw_of(view, value), contracts.board.candidate(me), time)


class Drawing:
    """Asked by the loop that plans. `least`: what we take a seat for at the least, by pay token."""

    def __init__(self, contracts: Contracts, me: str, proofs: Proofs, least: Callable[[str], int]) -> None:
        self._contracts, self._me, self._proofs, self._least = contracts, me, proofs, least

    def step(
        self, views: Sequence[JobView], outbox: Mapping[tuple[JobId, str], Status], head: BlockRef
    ) -> list[ToSend]:
        """`views`: of jobs that we could take now, if we were drawn. Raises Unreachable, ChainError."""
        under_way = {kind for (_, kind), status in outbox.items() if status in (Status.NEW, Status.SENT)}
        sending: dict[str, ToSend] = {}
        for view, proof in self._waiting(views):
            kind = f"{STORE_ROUND}{view.unstored}"
            if kind not in under_way and kind not in sending and self._lets_in(view, proof.value, head):
                call = self._contracts.beacon.store(view.unstored, proof.signature)
                sending[kind] = ToSend(view.record.id, kind, call, head.timestamp + STORE_SECONDS)
        return list(sending.values())

    def _waiting(self, views: Sequence[JobView]) -> Iterator[tuple[JobView, Proof]]:
        for view in views:
            proof = self._proofs.proof(view.unstored) if view.unstored else None
            if proof is not None:
                yield view, proof

    def _lets_in(self, view: JobView, value: bytes, head: BlockRef) -> bool:
        try:
            quote = quote_of(self._contracts, self._me, view, value, head.timestamp + BLOCKS_AHEAD)
        except Reverted:  # a stranger's scheduler
            return False
        return quote.may and quote.price >= self._least(view.record.terms.pay_token)

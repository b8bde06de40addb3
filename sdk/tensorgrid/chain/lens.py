"""NetworkLens: the network read in batches, and what can be seen of the invariants. Views alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tensorgrid.chain.board import seats as seats_abi
from tensorgrid.chain.calls import Contract
from tensorgrid.chain.records import Allocation, Bounds, Draw, Exit, Values
from tensorgrid.domain.jobs import ZERO_ADDRESS, Job, JobState, JobTerms, Seat
from tensorgrid.domain.workers import WorkerProfile

MOST = 200
"""The longest list that the contract takes in one call."""
MOST_READS = 1500
"""The largest scope of one check, as `Scope.reads` counts."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker with all that decides about its seats; field order is the ABI order.

    `since`: registered as it is now. `points`: its score at the board, decayed to now. In stake-token units: `free`,
    deposited and allocated to nobody; `lockable` by the board now; `stake` and `leaving` under the board.
    """

    worker: str
    provider: str
    since: int
    wins: int
    faults: int
    points: int
    free: int
    lockable: int
    stake: Allocation
    leaving: Exit
    profile: WorkerProfile

    @property
    def registered(self) -> bool:
        return self.provider != ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class QuoteView:
    """`fit`: meets what the board asks of every taker; `may`, `price`: the scheduler's word. A taker needs both."""

    worker: str
    fit: bool
    may: bool
    price: int


@dataclass(frozen=True, slots=True)
class NetworkView:
    """`version`: of the parameters, 0 while paused; `listed`: the board hears of new ones. Times in seconds."""

    block: int
    time: int
    version: int
    listed: bool
    values: Values
    bounds: Bounds
    max_life: int
    exit_delay: int
    half_life: int
    next_round: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What a check looks at: each list ascends and names nothing twice (jobs: by their ids). `jobs`: open ones, with
    all their seats."""

    tokens: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    jobs: tuple[tuple[JobTerms, tuple[Seat, ...]], ...] = ()

    @property
    def reads(self) -> int:
        """As NetworkLens.readsOf."""
        tokens, controllers, accounts = len(self.tokens), len(self.controllers), len(self.accounts)
        money = tokens * (controllers * accounts + accounts + 1) + accounts
        return money + len(self.workers) * (2 * controllers + 2) + 2 * len(self.jobs)

    def as_tuple(self) -> tuple[Any, ...]:
        """In ABI order, for contract calls."""
        jobs = [(terms.as_tuple(), seats_abi(held)) for terms, held in self.jobs]
        return list(self.tokens), list(self.controllers), list(self.accounts), list(self.workers), jobs


@dataclass(frozen=True, slots=True)
class Finding:
    """`have` must not exceed `most`. `subject`: 32 bytes, an address or a job's id; `about`: an address or zero."""

    invariant: str
    subject: bytes
    about: bytes
    have: int
    most: int

    @property
    def holds(self) -> bool:
        return self.have <= self.most


class NetworkLens(Contract):
    """Errors are those of INetworkLens. Lists of any length are read in pages; pass one block for all of them, or the
    pages may tell of different moments."""

    def network(self, *, block: int | str = "latest") -> NetworkView:
        number, time, version, listed, values, bounds, *rest = self.read("network", block=block)
        return NetworkView(number, time, version, listed, Values(*values), Bounds(*bounds), *rest)

    def workers(self, workers: Iterable[str], *, block: int | str = "latest") -> list[WorkerView]:
        """In the order asked; those that nobody has registered are not `registered`."""
        return [_worker(one) for page in _pages(workers) for one in self.read("workers", page, block=block)]

    def jobs(self, posted: Iterable[tuple[str, int]], *, block: int | str = "latest") -> list[Job]:
        """As JobBoard.job, of many (requester, nonce)."""
        found = [one for page in _pages(posted) for one in self.read("jobs", page, block=block)]
        return [Job(JobState(state), *rest) for state, *rest in found]

    def quotes(
        self, terms: JobTerms, draw: Draw, workers: Iterable[str], time: int, *, block: int | str = "latest"
    ) -> list[QuoteView]:
        """What each worker would be told if it asked for a seat at `time`. Raises Reverted, as the scheduler does."""
        asked = (draw.seed, draw.opens_at, draw.closes_at)
        return [
            QuoteView(*one)
            for page in _pages(workers)
            for one in self.read("quotes", terms.as_tuple(), asked, page, time, block=block)
        ]

    def check(self, scope: Scope, *, block: int | str = "latest") -> list[Finding]:
        """What can be seen of the invariants within `scope`, one page. Raises Reverted (TooMany, NotAscending)."""
        return [
            Finding(invariant.decode("ascii", "replace"), subject, about, have, most)
            for invariant, subject, about, have, most, _ in self.read("check", scope.as_tuple(), block=block)
        ]


def _pages(items: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(items)
    return iter(lambda: list(islice(left, MOST)), [])


def _worker(found: Sequence[Any]) -> WorkerView:
    plain, (stake, leaving, profile) = found[:-3], found[-3:]
    return WorkerView(*plain, Allocation(*stake), Exit(*leaving), WorkerProfile(*profile))  # type: ignore[call-arg]

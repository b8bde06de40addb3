"""All that a network's events name, cut into scopes that NetworkLens checks in one call each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import (
    Allocated,
    EscrowDeposited,
    Event,
    JobExpired,
    JobSettled,
    JobTaken,
    OrderRelayed,
    Slashed,
    StakeDeposited,
    WorkerRegistered,
)
from tensorgrid.chain.lens import MOST_READS, Scope
from tensorgrid.chain.money import BURN
from tensorgrid.domain.jobs import JobId, JobTerms, Seat

_JOBS_AT_ONCE = 50

T = TypeVar("T")
OpenJob = tuple[JobId, JobTerms, tuple[Seat, ...]]


@dataclass
class Named:
    """Everybody whom events name. No credit is made without one of these events, so sums over them are whole sums."""

    tokens: set[str] = field(default_factory=set)
    money_controllers: set[str] = field(default_factory=set)
    stake_controllers: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    workers: set[str] = field(default_factory=set)


def named_by(contracts: Contracts, events: Iterable[Event]) -> Named:
    """Contracts of the deployment are accounts too: a jury is paid, a verifier holds bonds."""
    found = Named()
    found.accounts |= {BURN, *(ref.address for ref in contracts.deployment.contracts.values())}
    found.tokens |= {token.address for token in contracts.deployment.tokens}
    found.money_controllers.add(contracts.board.address)
    found.stake_controllers.add(contracts.board.address)
    for event in events:
        _name(found, event)
    return found


def _name(found: Named, event: Event) -> None:
    match event:
        case EscrowDeposited():
            found.tokens.add(event.token)
            found.money_controllers.add(event.controller)
            found.accounts.add(event.account)
        case JobTaken():
            found.accounts |= {event.payee, event.provider, event.worker}
        case JobSettled() | JobExpired():
            found.accounts.add(event.closer)
        case OrderRelayed():
            found.accounts.add(event.relayer)
        case Slashed():
            found.accounts.add(event.finder)
        case Allocated():
            found.stake_controllers.add(event.controller)
            found.workers.add(event.worker)
        case WorkerRegistered() | StakeDeposited():
            found.workers.add(event.worker)


def whole_scopes(named: Named) -> Iterator[Scope]:
    """Pages that do not overlap, of accounts (E1, claims of found stake) and of workers (S1): sums may be added up."""
    tokens, controllers = _ascending(named.tokens), _ascending(named.money_controllers)
    each = len(tokens) * (len(controllers) + 1) + 1
    for accounts in _pages(_ascending(named.accounts), (MOST_READS - len(tokens)) // each):
        yield Scope(tokens=tokens, controllers=controllers, accounts=accounts)
    controllers = _ascending(named.stake_controllers)
    for workers in _pages(_ascending(named.workers), MOST_READS // (2 * len(controllers) + 2)):
        yield Scope(controllers=controllers, workers=workers)


def job_scopes(board: str, jobs: Iterable[OpenJob]) -> Iterator[Scope]:
    """Open jobs with those who pay for them (E2) and those who sit in them (S2), which may be in other pages too."""
    for some in _pages(tuple(sorted(jobs, key=lambda job: job[0])), _JOBS_AT_ONCE):
        shown = tuple((terms, held) for _, terms, held in some)
        payers, tokens = ({getattr(terms, name) for terms, _ in shown} for name in ("requester", "pay_token"))
        workers = {seat.worker for _, held in shown for seat in held}
        for payer in _pages(_ascending(payers), _JOBS_AT_ONCE // max(len(tokens), 1)):
            yield Scope(tokens=_ascending(tokens), accounts=payer, jobs=shown)
        for page in _pages(_ascending(workers), 2 * _JOBS_AT_ONCE):
            yield Scope(controllers=(board,), workers=page, jobs=shown)


def _ascending(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(addresses, key=lambda address: int(address, 16)))


def _pages(items: tuple[T, ...], size: int) -> list[tuple[T, ...]]:
    return [items[at : at + size] for at in range(0, len(items), max(size, 1))]

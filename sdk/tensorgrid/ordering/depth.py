"""Who could work on a job, and how many could audit it: providers whose machines replay one another bit for bit."""

from __future__ import annotations

from collections import defaultdict

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.follow import Follower
from tensorgrid.chain.history import WorkerRegistered
from tensorgrid.chain.records import Allocation
from tensorgrid.domain.errors import NotAuditable
from tensorgrid.domain.jobs import ZERO32
from tensorgrid.domain.workers import WorkerProfile


def check_depth(contracts: Contracts, hardware_class: bytes, stake: int, others: int) -> None:
    """`others`: providers that there must be besides the worker's own. Raises NotAuditable, Unreachable."""
    found = depth_of(contracts, hardware_class, stake)
    if found <= others:
        raise NotAuditable(
            f"an audited job needs {others + 1} providers whose machines replay one another bit for bit, and at most "
            f'{found} of them have stake here; choose verify="replicate", another class, or wait until more have joined'
        )


def depth_of(contracts: Contracts, hardware_class: bytes, stake: int) -> int:
    """Providers in the largest group of one fingerprint, each with at least `stake` (units) behind a worker of it.

    A provider may register many workers: he is counted once. Raises Unreachable, ChainError.
    """
    groups: dict[bytes, set[str]] = defaultdict(set)
    for _, provider, profile in staked_workers(contracts, hardware_class, stake):
        if profile.fingerprint != ZERO32:  # zero: it was never taken
            groups[profile.fingerprint].add(provider)
    return max(map(len, groups.values()), default=0)


def staked_workers(contracts: Contracts, hardware_class: bytes, stake: int) -> list[tuple[str, str, WorkerProfile]]:
    """(worker, provider, profile) of those in the class with at least `stake` (units) behind them.

    Raises Unreachable, ChainError.
    """
    providers = _registered(contracts)
    profiles = contracts.registry.read_many("profileOf", [(worker,) for worker in providers])
    fitting: list[tuple[str, str, WorkerProfile]] = []
    for (worker, provider), values in zip(providers.items(), profiles, strict=True):
        profile = WorkerProfile(*values)
        if profile.hardware_class == hardware_class:
            fitting.append((worker, provider, profile))
    asked = [(provider, worker, contracts.board.address) for worker, provider, _ in fitting]
    allocations = contracts.vault.read_many("allocationOf", asked)
    return [one for one, values in zip(fitting, allocations, strict=True) if Allocation(*values).active >= stake]


def _registered(contracts: Contracts) -> dict[str, str]:
    """Every worker's provider. Registered ones stay so: an old event is as good as a new one."""
    follower = Follower(contracts.connection, contracts, names=("WorkerRegistry",))
    found: dict[str, str] = {}
    while True:
        batch = follower.poll()
        found |= {event.worker: event.provider for event in batch.events if isinstance(event, WorkerRegistered)}
        if batch.caught_up:
            return found

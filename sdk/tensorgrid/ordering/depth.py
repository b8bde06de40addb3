"""How many could audit a job: providers with stake whose machines replay one another bit for bit."""

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
    providers = _registered(contracts)
    profiles = contracts.registry.read_many("profileOf", [(worker,) for worker in providers])
    fitting: list[tuple[str, WorkerProfile]] = []
    for worker, values in zip(providers, profiles, strict=True):
        profile = WorkerProfile(*values)
        if profile.hardware_class == hardware_class and profile.fingerprint != ZERO32:  # zero: it was never taken
            fitting.append((worker, profile))
    asked = [(providers[worker], worker, contracts.board.address) for worker, _ in fitting]
    groups: dict[bytes, set[str]] = defaultdict(set)
    for (worker, profile), values in zip(fitting, contracts.vault.read_many("allocationOf", asked), strict=True):
        if Allocation(*values).active >= stake:
            groups[profile.fingerprint].add(providers[worker])
    return max(map(len, groups.values()), default=0)


def _registered(contracts: Contracts) -> dict[str, str]:
    """Every worker's provider. Registered ones stay so: an old event is as good as a new one."""
    follower = Follower(contracts.connection, contracts, names=("WorkerRegistry",))
    found: dict[str, str] = {}
    while True:
        batch = follower.poll()
        found |= {event.worker: event.provider for event in batch.events if isinstance(event, WorkerRegistered)}
        if batch.caught_up:
            return found

"""Who works on a network: one row per worker, a thousand of them in half a dozen questions to the node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import WorkerRegistered
from tensorgrid.chain.lens import WorkerView
from tensorgrid.domain.jobs import hardware_class
from tensorgrid.overview.reading import lens_of, topic_of
from tensorgrid.runs.trail import events_in


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which workers to show; what is None or False asks for nothing. `provider`: an address. `free`: could lock the
    least stake of a job now, and has a place for it."""

    hardware: str | None = None
    provider: str | None = None
    free: bool = False


def registered(contracts: Contracts, block: int) -> list[str]:
    """Every worker that was ever registered up to `block`, oldest first. Raises Unreachable, ChainError."""
    topics = [topic_of(WorkerRegistered)]
    start = contracts.deployment.start_block
    found = events_in(contracts.connection, contracts, ("WorkerRegistry",), topics, start, block)
    return [event.worker for event in found if isinstance(event, WorkerRegistered)]


def workers_of(contracts: Contracts, wanted: Wanted | None = None) -> list[WorkerView]:
    """As of the latest block, those with the most stake first. Raises UnknownDeployment (no lens), Unreachable."""
    head = contracts.connection.latest()
    lens = lens_of(contracts)
    found = lens.workers(registered(contracts, head.number), block=head.number)
    least = lens.network(block=head.number).values.min_stake
    chosen = _chosen(found, wanted or Wanted(), least)
    return sorted(chosen, key=lambda worker: (-worker.stake.active, worker.worker))


def is_free(worker: WorkerView, least_stake: int) -> bool:
    """Whether it could take a job of the least stake now."""
    return worker.lockable >= least_stake and worker.stake.locks < worker.profile.capacity


def _chosen(workers: Iterable[WorkerView], wanted: Wanted, least_stake: int) -> Iterable[WorkerView]:
    for worker in workers:
        if wanted.hardware is not None and worker.profile.hardware_class != hardware_class(wanted.hardware):
            continue
        if wanted.provider is not None and wanted.provider.lower() not in (
            worker.provider.lower(),
            worker.worker.lower(),
        ):
            continue
        if not wanted.free or is_free(worker, least_stake):
            yield worker

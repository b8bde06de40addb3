"""Who is alive: when each worker last did anything that the chain shows. A beat is for those who had nothing to do."""

from __future__ import annotations

from collections.abc import Mapping

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import (
    Event,
    JobProgress,
    JobSealed,
    JobTaken,
    Revealed,
    WorkerBeat,
    WorkerReclassed,
)
from tensorgrid.chain.follow import Cursor, Follower

SIGNS: tuple[type[Event], ...] = (JobTaken, JobSealed, JobProgress, Revealed, WorkerBeat, WorkerReclassed)
"""Sent or signed by the worker's hot key. Its provider's calls (register, update, stake) say nothing of the machine."""


def last_seen(connection: Connection, contracts: Contracts, *, since: int) -> Mapping[str, int]:
    """Worker -> number of the newest block with a sign of it, from block `since` on; who is missing gave none.

    Compare with heartbeat_seconds: a worker that is on shows itself once in that time. Raises Unreachable, ChainError.
    """
    start = connection.block(max(since - 1, 0))
    follower = Follower(
        connection,
        contracts,
        cursor=Cursor(start.number, start.hash) if start is not None and since > 0 else None,
        names=("JobBoard", "ReplicationVerifier", "WorkerRegistry"),
    )
    seen: dict[str, int] = {}
    while True:
        batch = follower.poll()
        if batch.rewound_to is not None:
            seen = {worker: block for worker, block in seen.items() if block <= batch.rewound_to}
        for event in batch.events:
            if isinstance(event, SIGNS):
                seen[event.worker] = event.log.block  # type: ignore[attr-defined]
        if batch.caught_up:
            return seen

"""How long a worker whose home is empty needs to read the network's whole past and write it into its journal."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from load.history import LANES, history
from load.network import network
from tensorgrid.chain.follow import Follower

EVENTS = 10_000


def replay(events: int) -> dict[str, Any]:
    """Make a past of at least `events` events on a real anvil, then start a worker that knows nothing of it.

    Its ready line comes after its first look, which follows everything, folds it and writes it down.
    """
    with network(1, LANES, {}) as net:
        making = time.monotonic()
        history(net, events)
        made = time.monotonic()
        (worker,) = net.workers
        found = count_events(net)
        for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
            (worker.config.parent / name).unlink(missing_ok=True)
        shutil.rmtree(worker.config.parent / "openings", ignore_errors=True)
        started = time.monotonic()
        worker.start()
        worker.await_ready(timeout=300)
        return {
            "replay_10k_events_s": round((time.monotonic() - started) * EVENTS / found, 2),
            "events": found,
            "seconds": round(time.monotonic() - started, 2),
            "making_seconds": round(made - making, 2),
            "journal_bytes": (Path(worker.config.parent) / "journal.sqlite").stat().st_size,
        }


def count_events(net: Any) -> int:
    """Those that a worker follows."""
    follower = Follower(net.connection, net.contracts, names=("JobBoard", "ReplicationVerifier"))
    total, batch = 0, follower.poll()
    while True:
        total += len(batch.events)
        if batch.caught_up:
            return total
        batch = follower.poll()

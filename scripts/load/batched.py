"""Tasks per second of one worker process when they come as one batch: no-op items, one sandbox per slice."""

from __future__ import annotations

import time
from typing import Any

from load.machine import cpu_seconds
from load.network import SILENCE, WALL, await_count, network, noop
from load.report import rate
from tensorgrid.client import Client

SLICES = 4
PATIENCE = 480  # seconds


def batched(tasks: int) -> dict[str, Any]:
    """Post `tasks` items under one root, start the worker, wait until all slices are settled and read every result.

    The clock runs from the first seat taken, since until then the worker waits for the draw, to the last settlement,
    less the one span of silence that the contract makes the last slice wait.
    """
    with network(1, SLICES, {"capacity": SLICES, "max_threads": SLICES}) as net:
        client = Client(net.network_file)
        client.deposit("1000 USDC")
        options = {
            "verify": "accept",
            "reject_within": SILENCE,
            "wall": WALL,
            "memory": "256MiB",
            "take_within": "120s",
        }
        batch = client.map(noop, range(tasks), workers=SLICES, budget="1 USDC", **options)
        (worker,) = net.workers
        worker.start()
        worker.await_ready()
        give_up = time.monotonic() + PATIENCE
        _, taken_at = await_count(net, "JobTaken", 1, give_up)
        sealed, sealed_at = await_count(net, "JobSealed", SLICES, give_up)
        settled, settled_at = await_count(net, "JobSettled", SLICES, give_up)
        done = tasks if settled == SLICES else 0
        return {
            "jobs_per_s_batched": rate(done, settled_at - taken_at - SILENCE),
            "committed_per_s": rate(tasks if sealed == SLICES else 0, sealed_at - taken_at),
            "tasks": tasks,
            "slices": SLICES,
            "right": sum(found == {"x": x} for x, found in enumerate(batch)) if done else 0,
            "seconds": round(settled_at - taken_at, 2),
            "silence_seconds": SILENCE,
            "sandbox": net.sandbox,
            "worker_cpu_ms_per_task": round(1000 * cpu_seconds(worker.pid) / max(done, 1), 3),
        }

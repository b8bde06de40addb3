"""Jobs per second of one worker process: plain-Python no-op jobs, each in a sandbox of its own, settled on chain."""

from __future__ import annotations

import time
from typing import Any

from load.machine import cpu_seconds
from load.network import SILENCE, await_count, logs, network, offers_of, post
from load.report import rate

PARALLEL = 4
PATIENCE = 480  # seconds; the jobs' work time is the bound beyond it


def throughput(jobs: int) -> dict[str, Any]:
    """Post `jobs`, start the worker, wait until all are settled.

    The clock runs from the worker's ready line to the last settlement, less the one span of silence that the contract
    makes the last job wait whatever the worker does.
    """
    with network(1, jobs, {"capacity": PARALLEL, "max_threads": PARALLEL}) as net:
        posting = time.monotonic()
        post(net, offers_of(net), jobs)
        posted = time.monotonic()
        (worker,) = net.workers
        worker.start()
        worker.await_ready()
        started, give_up = time.monotonic(), time.monotonic() + PATIENCE
        sealed, sealed_at = await_count(net, "JobSealed", jobs, give_up)
        settled, settled_at = await_count(net, "JobSettled", jobs, give_up)
        told = [*logs(net, "JobSealed"), *logs(net, "JobSettled")]
        transactions = {log["transactionHash"] for log in told}
        return {
            "jobs": jobs,
            "jobs_per_s": rate(settled, settled_at - started - SILENCE),
            "committed_per_s": rate(sealed, sealed_at - started),
            "settled": settled,
            "seconds": round(settled_at - started, 2),
            "silence_seconds": SILENCE,
            "posting_seconds": round(posted - posting, 2),
            "parallel": PARALLEL,
            "sandbox": net.sandbox,
            "worker_cpu_ms_per_job": round(1000 * cpu_seconds(worker.pid) / max(settled, 1), 1),
            "transactions_per_job": round(len(transactions) / max(settled, 1), 2),
        }

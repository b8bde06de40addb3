"""A thousand jobs in flight at once over ten worker processes: are all of them settled?"""

from __future__ import annotations

import time
from typing import Any

from load.network import await_count, logs, network, offers_of, post
from load.report import rate
from load.throughput import PATIENCE
from tensorgrid.domain.jobs import JobState

WORKERS = 10


def in_flight(jobs: int) -> dict[str, Any]:
    """Seat `jobs` before any worker runs, count them on chain, then start the workers and wait for the settlements."""
    each = jobs // WORKERS
    with network(WORKERS, each, {}) as net:
        runs = post(net, offers_of(net), each)
        board = net.contracts.board
        seated = board.jobs([(run.terms.requester, run.terms.nonce) for run in runs])
        started = time.monotonic()
        for worker in net.workers:
            worker.start()
        settled, settled_at = await_count(net, "JobSettled", len(runs), started + PATIENCE)
        paid = logs(net, "WorkerSettled")
        return {
            "in_flight": sum(job.state is JobState.ASSIGNED for job in seated),
            "jobs_settled": settled,
            "workers": len(net.workers),
            "workers_paid": len(paid),
            "seconds": round(settled_at - started, 2),
            "settled_per_s": rate(settled, settled_at - started),
        }

"""What a job of a minute costs beside its own minute: SDK, chain, worker and sandbox against a plain process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from load.bare import train
from load.network import SILENCE, network, offers_of
from tensorgrid.client import Client

SECONDS = 60


def overhead(seconds: int = SECONDS) -> dict[str, Any]:
    """Wall time from `submit` to `result` over that of the same function in a fresh interpreter; both import torch."""
    plain = bare(seconds)
    with network(1, 5, {}) as net:
        (offer,) = offers_of(net)
        (worker,) = net.workers
        worker.start()
        worker.await_ready()
        client = Client(net.network_file)
        net.pause_mining()  # automine: a block per transaction
        started = time.monotonic()
        run = client.submit(
            train,
            {"seconds": seconds},
            offers=[offer],
            budget="1 USDC",
            wall=f"{seconds + 60}s",
            memory="2GiB",
            verify="accept",
            reject_within=SILENCE,
        )
        result = run.result(timeout=seconds * 3)
        network_seconds = time.monotonic() - started
        return {
            "overhead": round(network_seconds / plain, 4),
            "network_seconds": round(network_seconds, 2),
            "plain_seconds": round(plain, 2),
            "job_seconds": seconds,
            "steps": result["steps"],
            "sandbox": net.sandbox,
        }


def bare(seconds: int) -> float:
    """The function in `python -c`, from start to exit."""
    scripts = str(Path(__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {scripts!r})\nfrom load.bare import train\ntrain({seconds})"
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.monotonic() - started

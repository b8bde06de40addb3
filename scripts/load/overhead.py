"""What a job of a minute costs beside its own minute: SDK, chain, worker and sandbox against a plain process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from load.bare import train
from load.network import SILENCE, network, offers_of
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet

SECONDS = 60
BLOCK_SECONDS = 0.25
FASTER = 4
"""How much faster than ours the chain's clock goes: each block is a second later than the one before."""


def overhead(seconds: int = SECONDS) -> dict[str, Any]:
    """Wall time from `submit` to the opened result over that of the same function in a fresh interpreter.

    Both import torch. The result is opened when it is delivered; the requester's time to reject it is not waited for.
    """
    plain = bare(seconds)
    with network(1, 5, {}) as net:
        (offer,) = offers_of(net)
        (worker,) = net.workers
        worker.start()
        worker.await_ready()
        client = Client(net.network_file)
        wall = f"{FASTER * (seconds + 50)}s"
        options: dict[str, Any] = {"budget": "1 USDC", "wall": wall, "memory": "2GiB", "verify": "accept"}
        client.deposit("2 USDC")  # prepaid, as by anybody who submits more than once
        with automine(net):
            started = time.monotonic()
            run = client.submit(train, {"seconds": seconds}, offers=[offer], reject_within=SILENCE, **options)
            result = run.delivery(timeout=seconds * 3 + 60)
            network_seconds = time.monotonic() - started
        return {
            "overhead": round(network_seconds / plain, 4),
            "network_seconds": round(network_seconds, 2),
            "plain_seconds": round(plain, 2),
            "job_seconds": seconds,
            "steps": result["steps"],
            "sandbox": net.sandbox,
        }


@contextmanager
def automine(net: Devnet) -> Iterator[None]:
    """A block per transaction at once, and some besides: the job's seed is the hash of a block to come."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(BLOCK_SECONDS):
            net.anvil.mine()

    net.pause_mining()
    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield
    finally:
        over.set()
        ticking.join()


def bare(seconds: int) -> float:
    """The function in `python -c`, from start to exit."""
    scripts = str(Path(__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {scripts!r})\nfrom load.bare import train\ntrain({seconds})"
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.monotonic() - started

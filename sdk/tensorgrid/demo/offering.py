"""A worker's offer, as its owner gets it: from the worker's own command, beside the running daemon."""

from __future__ import annotations

import os
import subprocess
import sys

from tensorgrid.demo import DemoFailed
from tensorgrid.devnet import WorkerProcess


def offer_of(worker: WorkerProcess, price: str, seconds: float) -> str:
    """The signed offer's JSON, good for half an hour. seconds: the most to wait. Raises DemoFailed."""
    command = [sys.executable, "-P", "-m", "tensorgrid_worker", "offer", "--config", str(worker.config)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID_WORKER_")}
    done = subprocess.run(
        [*command, "--price", price, "--for", "30m", "--json"],
        env=environment,
        cwd=worker.config.parent,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        raise DemoFailed(f"worker {worker.number} signs no offer: {done.stderr.strip()[-300:]}")
    return done.stdout

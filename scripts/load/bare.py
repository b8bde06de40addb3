"""The job of the overhead figure; importing this imports nothing else, so the plain process pays for nothing else."""

from __future__ import annotations


def train(seconds: int) -> dict[str, int]:
    """Import torch, then multiply matrices for `seconds` of wall time."""
    import time

    import torch

    torch.set_num_threads(1)
    a = torch.eye(256)
    steps, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        a = a @ a
        steps += 1
    return {"steps": steps}

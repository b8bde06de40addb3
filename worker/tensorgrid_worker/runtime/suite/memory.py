"""Memory: how fast it is copied, how much of it is really there, how fast the host reaches the device."""

from __future__ import annotations

import torch

from tensorgrid_worker.runtime.suite.clock import Clock
from tensorgrid_worker.runtime.suite.inputs import Stream

MIB, GIB = 1 << 20, 1 << 30
SAMPLES = 4096
"""Words read back per chunk. A chunk of which a share s is not there passes with (1 - s)^4096."""
RESERVE_BYTES = 512 * MIB
"""Left free on a GPU: the driver and the check need some."""


def bandwidth(nonce: bytes, device: str, budget: float) -> tuple[float, bool]:
    """(bytes read plus written per second in a copy, whether the copy is one)."""
    size = 128 * MIB if device == "cpu" else min(2 * GIB, torch.cuda.mem_get_info()[0] // 8 // MIB * MIB)
    stream = Stream(nonce, "bandwidth", device)
    source = torch.empty(size // 8, dtype=torch.int64, device=device)
    stream.fill(source)
    target = torch.zeros_like(source)
    seconds = Clock(device).seconds_per_step(lambda: target.copy_(source), budget)
    return 2 * size / seconds, _holds(stream, target, device)


def size(nonce: bytes, device: str, fill_bytes: int) -> tuple[float, bool]:
    """(bytes filled, whether all of them were there at once). On a GPU all that is free; on a CPU `fill_bytes`.

    First everything is written, then samples of everything are read: memory that is mapped twice, or that is less than
    it says, has lost what was written first. Chunk k is the first chunk's words, each XORed with word k of another
    stream: one pass over the memory, and no two chunks alike.
    """
    chunk = (64 if device == "cpu" else 256) * MIB
    stream, chunks = Stream(nonce, "size", device), list[torch.Tensor]()
    keys = Stream(nonce, "size keys", device)
    while (room := _room(device, fill_bytes, len(chunks) * chunk)) >= chunk:
        try:
            part = torch.empty(chunk // 8, dtype=torch.int64, device=device)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError):
            break
        if chunks:
            torch.bitwise_xor(chunks[0], _key(keys, len(chunks), device), out=part)
        else:
            stream.fill(part)
        chunks.append(part)
        if room < 2 * chunk:
            break
    good = all(
        _holds(stream, part, device, _key(keys, index, device) if index else None) for index, part in enumerate(chunks)
    )
    return float(len(chunks) * chunk), good and bool(chunks)


def _room(device: str, fill_bytes: int, filled: int) -> int:
    if device == "cpu":
        return fill_bytes - filled
    return int(torch.cuda.mem_get_info()[0]) - RESERVE_BYTES


def transfer(nonce: bytes, budget: float) -> dict[str, tuple[float, bool]]:
    """Pinned host memory to the GPU and back, bytes per second each way."""
    count = 256 * MIB // 8
    stream = Stream(nonce, "transfer", "cpu")
    host, back = (torch.empty(count, dtype=torch.int64, pin_memory=True) for _ in range(2))
    stream.fill(host)
    there = torch.empty(count, dtype=torch.int64, device="cuda")
    clock = Clock("cuda")
    up = clock.seconds_per_step(lambda: there.copy_(host, non_blocking=True), budget / 2)
    down = clock.seconds_per_step(lambda: back.copy_(there, non_blocking=True), budget / 2)
    torch.cuda.synchronize()
    good = _holds(stream, back, "cpu")
    return {"pcie_to_device": (8 * count / up, good), "pcie_to_host": (8 * count / down, good)}


def _key(keys: Stream, index: int, device: str) -> torch.Tensor:
    return keys.at(torch.tensor([index], dtype=torch.int64, device=device))


def _holds(stream: Stream, data: torch.Tensor, device: str, key: torch.Tensor | None = None) -> bool:
    """Whether `data` holds the stream's words, XORed with `key`, at random places and at both ends."""
    places = torch.randint(0, data.numel(), (SAMPLES,)).to(device)
    places[0], places[1] = 0, data.numel() - 1
    words = stream.at(places)
    return bool((data[places] == (words if key is None else words ^ key)).all())

"""One device's turn: every part within its share of the time, each with its own word on whether it came out right."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from tensorgrid_worker.runtime.suite import matmul, memory

Part = tuple[float, bool]
SHARES = {"matmul_fp32": 0.22, "matmul_bf16": 0.22, "matmul_int8": 0.22, "memory_bandwidth": 0.1, "pcie": 0.1}
UNITS = {"memory_size": "B", "memory_bandwidth": "B/s", "pcie_to_device": "B/s", "pcie_to_host": "B/s"}


def run(nonce: str, seconds: float, device: str, fill_bytes: int) -> dict[str, Any]:
    """`nonce`: hex. `device`: "cpu" or "cuda", of which only the assigned one is visible. `fill_bytes`: on a CPU alone.

    {"torch": ..., "parts": {name: {"value": ..., "unit": ..., "ok": ..., "why": ...}}}. What a device cannot do is a
    part that is not ok, with torch's words.
    """
    seed = bytes.fromhex(nonce)
    parts: dict[str, Any] = {}
    for kind in ("fp32", "bf16", "int8"):
        parts |= _attempt(f"matmul_{kind}", partial(_matmul, kind, seed, device, seconds))
    budget = seconds * SHARES["memory_bandwidth"]
    parts |= _attempt("memory_bandwidth", lambda: {"memory_bandwidth": memory.bandwidth(seed, device, budget)})
    parts |= _attempt("memory_size", lambda: {"memory_size": memory.size(seed, device, fill_bytes)})
    if device != "cpu":
        parts |= _attempt("pcie_to_device", lambda: memory.transfer(seed, seconds * SHARES["pcie"]))
    return {"torch": torch.__version__, "parts": parts}


def _matmul(kind: str, seed: bytes, device: str, seconds: float) -> dict[str, Part]:
    name = f"matmul_{kind}"
    return {name: matmul.measure(kind, seed, device, seconds * SHARES[name])}


def _attempt(name: str, measure: Callable[[], dict[str, Part]]) -> dict[str, Any]:
    try:
        found = {part: _told(part, value, ok, "") for part, (value, ok) in measure().items()}
    except Exception as error:  # one kernel that is missing must not hide what the rest can do
        found = {name: _told(name, 0.0, False, f"{type(error).__name__}: {error}"[:200])}
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return found


def _told(name: str, value: float, ok: bool, why: str) -> dict[str, Any]:
    return {
        "value": int(value),
        "unit": UNITS.get(name, "op/s"),
        "ok": ok,
        "why": why or ("" if ok else "wrong result"),
    }

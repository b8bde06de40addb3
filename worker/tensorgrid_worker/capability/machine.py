"""What this machine is made of, as far as a measurement depends on it: names and versions, no secrets."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from tensorgrid_worker.hardware import Gpu, environment


def fingerprint(gpus: Sequence[Gpu], proc: Path = Path("/proc")) -> dict[str, str]:
    """By name of the component. Two that differ: what was measured on one says nothing of the other."""
    found = {
        "kernel": platform.release(),
        "cpu": f"{cpu_name(proc)} x {cores()}",
        "memory": f"{memory_line(proc, 'MemTotal') >> 30} GiB",
        "torch": environment().torch or "none",
        "python": platform.python_version(),
    }
    for gpu in gpus:
        found[f"gpu {gpu.uuid}"] = f"{gpu.name}, {gpu.memory_bytes >> 20} MiB, driver {gpu.driver}"
    return found


def changes(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What differs, in words: "torch: 2.12.0 -> 2.13.0"."""
    names = sorted(before.keys() | now.keys())
    return [
        f"{name}: {before.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def cores() -> int:
    """Those that this process may use, not those that the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name(proc: Path = Path("/proc")) -> str:
    try:
        lines = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def free_memory(proc: Path = Path("/proc")) -> int:
    """Bytes that could be had without pushing others out."""
    return memory_line(proc, "MemAvailable") or (2 << 30)


def memory_line(proc: Path, name: str) -> int:
    """Bytes of one line of /proc/meminfo; 0 where there is none."""
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    found = (line.split() for line in lines if line.startswith(f"{name}:"))
    return next((int(words[1]) << 10 for words in found if len(words) > 1 and words[1].isdigit()), 0)

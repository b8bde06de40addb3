"""How much memory and disk is free now; looked at once a second at most, however many jobs are asked about."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tensorgrid_worker.policy.base import Free

STALE_SECONDS = 1.0
MEMINFO = Path("/proc/meminfo")


class FreeReader:
    """`gpu_memory()`: free bytes of each GPU of this worker. What cannot be read counts as nothing free."""

    def __init__(
        self, folder: Path, gpu_memory: Callable[[], tuple[int, ...]] = tuple, meminfo: Path = MEMINFO
    ) -> None:
        self._folder, self._gpu_memory, self._meminfo = folder, gpu_memory, meminfo
        self._lock = threading.Lock()
        self._read_at, self._found = 0.0, Free(0, 0)

    def __call__(self) -> Free:
        with self._lock:
            now = time.monotonic()
            if not self._read_at or now - self._read_at > STALE_SECONDS:
                self._found = Free(_available(self._meminfo), _disk(self._folder), self._gpu_memory())
                self._read_at = now
            return self._found


def _available(meminfo: Path) -> int:
    """What programs can still get without swapping, bytes."""
    try:
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def _disk(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0

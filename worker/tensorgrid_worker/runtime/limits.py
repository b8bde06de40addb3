"""Limits that the runner puts on itself before it touches the job's code; children inherit them."""

from __future__ import annotations

import resource

SPARE_BYTES = 48 << 20
"""Kept back for reporting that memory ran out."""


def apply(
    *, memory_bytes: int, address_bytes: int, file_bytes: int, cpu_seconds: int, open_files: int, processes: int
) -> None:
    """Soft and hard, except that memory keeps SPARE_BYTES between the two.

    `address_bytes` 0: unlimited (CUDA reserves far more addresses than memory).
    """
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_FSIZE, file_bytes)
    _cap(resource.RLIMIT_NOFILE, open_files)
    _cap(resource.RLIMIT_CPU, cpu_seconds)
    _cap(resource.RLIMIT_NPROC, processes)
    if address_bytes:
        _cap(resource.RLIMIT_AS, address_bytes + SPARE_BYTES, spare=SPARE_BYTES)
    # RLIMIT_DATA counts private writable memory, which is what a process really takes.
    _cap(resource.RLIMIT_DATA, memory_bytes + SPARE_BYTES, spare=SPARE_BYTES)


def release_spare() -> None:
    """After a MemoryError: raise the soft limits to the hard ones, so that there is room to say so."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (hard, hard))


def _cap(kind: int, value: int, spare: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    top = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (max(top - spare, 0), top))

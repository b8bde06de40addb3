"""How fast the disk under the worker's home is: written through to it, read back past the cache, compared."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Mapping
from pathlib import Path

from tensorgrid_worker.capability.measured import Part

BLOCK = 4 << 20
MOST_BYTES = 256 << 20
SPARE_BYTES = 1 << 30
"""A disk that has less free than this is not filled further for the sake of a figure."""


class DiskProbe:
    """Writes one file of at most MOST_BYTES in `folder` and removes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, nonce: bytes, seconds: float) -> Mapping[str, Part]:
        path = self._folder / "capability-disk.tmp"
        try:
            where = os.statvfs(self._folder)
            if where.f_bavail * where.f_frsize < SPARE_BYTES + MOST_BYTES:
                return _failed("the disk is nearly full")
            return _probe(path, nonce, seconds)
        except OSError as error:
            return _failed(error.strerror or "the disk failed")
        finally:
            path.unlink(missing_ok=True)


def _probe(path: Path, nonce: bytes, seconds: float) -> Mapping[str, Part]:
    block = random.Random(nonce).randbytes(BLOCK)  # not compressible, and nobody's cache has it
    written, digest = 0, hashlib.blake2b()
    start = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        while written < MOST_BYTES and (not written or time.perf_counter() - start < seconds / 2):
            piece = written.to_bytes(8, "big") + block[8:]
            file.write(piece)
            digest.update(piece)
            written += BLOCK
        os.fsync(file.fileno())
        write = written / (time.perf_counter() - start)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    back = hashlib.blake2b()
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(BLOCK):
            back.update(piece)
    read = written / (time.perf_counter() - start)
    ok = back.digest() == digest.digest()
    why = "" if ok else "it read other bytes than were written"
    return {"disk_write": Part(int(write), "B/s", ok, why), "disk_read": Part(int(read), "B/s", ok, why)}


def _failed(why: str) -> Mapping[str, Part]:
    return {"disk_write": Part(0, "B/s", False, why), "disk_read": Part(0, "B/s", False, why)}

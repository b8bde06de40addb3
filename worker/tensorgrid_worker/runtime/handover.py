"""What an audited run is told beyond its limits, and the state it goes on from: through the file of its output.

It is taken out before any of the job's code is imported, and the file is empty then, as in every run: neither arguments
nor folders nor environment tell a replay from a run.

    u64 bytes of the plan | u64 bytes of the state, little-endian | plan, as in launch.packed | state file
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
from collections.abc import Mapping
from typing import Any

from tensorgrid_worker.runtime.launch import packed, unpacked

_SIZES = struct.Struct("<QQ")


def hand_over(output: str | os.PathLike[str], plan: Mapping[str, Any], start: str | os.PathLike[str] | None) -> None:
    """As worker, before the sandbox starts. Raises OSError."""
    text = packed(plan).encode()
    with open(output, "wb") as file:
        size = 0 if start is None else os.stat(start).st_size  # noqa: PTH116 - no pathlib in the sandbox
        file.write(_SIZES.pack(len(text), size) + text)
        if start is not None:
            with open(start, "rb") as state:
                shutil.copyfileobj(state, file, 1 << 20)


def take_over(output: str) -> tuple[dict[str, Any], memoryview | None]:
    """As runner: the plan, and the state where there is one. Raises OSError, ValueError."""
    with open(output, "r+b") as file:
        text_bytes, size = _SIZES.unpack(file.read(_SIZES.size))
        plan: dict[str, Any] = unpacked(file.read(text_bytes).decode())
        state = None
        if size:
            # Shared, hence no part of what the job may allocate for itself; gone when the last view of it is.
            state = memoryview(mmap.mmap(-1, size))
            if file.readinto(state) != size:
                raise ValueError("the state to go on from is cut off")
            state = state.toreadonly()
        file.truncate(0)
    return plan, state

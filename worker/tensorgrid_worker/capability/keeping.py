"""What the machine was found to be, kept as a small JSON file in the worker's home."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tensorgrid_worker.capability.measured import CapabilityUnknown
from tensorgrid_worker.memory.whole import write_whole

MOST_BYTES = 1 << 20
_Kept = TypeVar("_Kept")


def save(path: Path, value: Mapping[str, Any]) -> None:
    """At once or not at all. Raises OSError."""
    write_whole(path, json.dumps(value, indent=1).encode())


def load(path: Path, read: Callable[[Any], _Kept], todo: str) -> _Kept | None:
    """What `read` makes of it; None: there is no file. Raises CapabilityUnknown, which ends with `todo`."""
    try:
        with path.open("rb") as file:
            return read(json.loads(file.read(MOST_BYTES)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CapabilityUnknown(f"{path} cannot be read ({type(error).__name__}); {todo}") from error

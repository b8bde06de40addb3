"""What the worker tells the runner: plain values, in the one notation that an interpreter reads without an import.

Marshal, not JSON, whose import is a fifth of a small job's start. It is written by the worker and read by the same
interpreter inside the sandbox, never the other way: nothing that a stranger wrote is read with it.
"""

from __future__ import annotations

import marshal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

CALL = "call"
"""File among the inputs: {"entry", "arguments", "inputs": {name: kind}}."""
ENTRY = "from tensorgrid_worker.runtime.runner import start; start()"
"""What an interpreter is given to run: a module (-m) would have its loader imported first."""


def words(told: Mapping[str, Any], inputs: str, output: str, *, parent: int = 0) -> list[str]:
    """The runner's arguments. `inputs`, `output`: a folder and a file as the runner sees them; `parent`: a process to
    die with, 0 where the sandbox sees to that. Raises ValueError for anything but plain values."""
    return [marshal.dumps(dict(told)).hex(), inputs, output, *([str(parent)] if parent else [])]


def of_words(argv: list[str]) -> tuple[dict[str, Any], str, str, int]:
    """Inverse of `words`."""
    told: dict[str, Any] = marshal.loads(bytes.fromhex(argv[0]))  # noqa: S302 - the worker's own words
    return told, argv[1], argv[2], int(argv[3]) if len(argv) > 3 else 0


def write_call(
    inputs: str | os.PathLike[str], entry: str, arguments: Mapping[str, Any], kinds: Mapping[str, str]
) -> None:
    """Raises ValueError for arguments that are no JSON values, OSError."""
    call = {"entry": entry, "arguments": dict(arguments), "inputs": dict(kinds)}
    with open(f"{os.fspath(inputs)}/{CALL}", "wb") as file:
        file.write(marshal.dumps(call))


def read_call(inputs: str) -> dict[str, Any]:
    """Inverse of `write_call`. Raises OSError."""
    with open(f"{inputs}/{CALL}", "rb") as file:
        found: dict[str, Any] = marshal.loads(file.read())  # noqa: S302 - the worker's own words
    return found

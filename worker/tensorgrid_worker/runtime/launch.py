"""What the worker tells the runner: plain values, in a notation that a runner reads without an import.

Not JSON, whose library draws in half of the interpreter's own: a fifth of a small job's start. One letter for the kind:
n, t, f for nothing, true and false; i and d for numbers, up to a semicolon; s, l and m for texts, lists and maps, with
their length up to a colon.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

CALL = "call"
"""File among the inputs: {"entry", "arguments", "inputs": {name: kind}, "roots": hex, "batch"}. The key of a private
job's roots is told here and not in the runner's arguments, which every process of the machine may read."""
ITEMS = "items.safetensors"
"""File among the inputs of a batch's slice."""
ENTRY = "from tensorgrid_worker.runtime.runner import start; start()"
"""What an interpreter is given to run: a module (-m) would have its loader imported first."""
_FIXED = {"n": None, "t": True, "f": False}


def words(told: Mapping[str, Any], inputs: str, output: str, *, parent: int = 0) -> list[str]:
    """The runner's arguments. `inputs`, `output`: a folder and a file as the runner sees them; `parent`: a process to
    die with, 0 where the sandbox sees to that. Raises ValueError for anything but plain values."""
    return [packed(told), inputs, output, *([str(parent)] if parent else [])]


def of_words(argv: list[str]) -> tuple[dict[str, Any], str, str, int]:
    """Inverse of `words`."""
    return unpacked(argv[0]), argv[1], argv[2], int(argv[3]) if len(argv) > 3 else 0


def write_call(
    inputs: str | os.PathLike[str],
    entry: str,
    arguments: Mapping[str, Any],
    kinds: Mapping[str, str],
    roots: bytes | None = None,
    batch: Mapping[str, Any] | None = None,
) -> None:
    """`roots`: the key of a private job's roots. `batch`: of a slice, as its spec has it. Raises ValueError for
    arguments that are no JSON values, OSError."""
    told = {
        "entry": entry,
        "arguments": arguments,
        "inputs": kinds,
        "roots": None if roots is None else roots.hex(),
        "batch": batch,
    }
    text = packed(told)
    with open(f"{os.fspath(inputs)}/{CALL}", "wb") as file:
        file.write(text.encode("utf-8", "surrogatepass"))


def read_call(inputs: str) -> dict[str, Any]:
    """Inverse of `write_call`. Raises OSError."""
    with open(f"{inputs}/{CALL}", "rb") as file:
        found: dict[str, Any] = unpacked(file.read().decode("utf-8", "surrogatepass"))
    return found


def packed(value: Any) -> str:
    """Raises ValueError for anything but plain values."""
    if value is None or isinstance(value, bool):
        return "n" if value is None else "t" if value else "f"
    if isinstance(value, int):
        return f"i{int(value)};"
    if isinstance(value, float):
        return f"d{float(value)!r};"
    if isinstance(value, str):
        return f"s{len(value)}:{value}"
    if isinstance(value, list | tuple):
        return f"l{len(value)}:" + "".join(map(packed, value))
    if hasattr(value, "items"):
        return f"m{len(value)}:" + "".join(packed(part) for pair in value.items() for part in pair)
    raise ValueError(f"{type(value).__name__} is no plain value")


def unpacked(text: str) -> Any:
    """Inverse of `packed`; a tuple comes back as a list."""
    return _read(text, 0)[0]


def _read(text: str, at: int) -> tuple[Any, int]:
    """The value that begins there, and where the next one does."""
    kind, at = text[at], at + 1
    if kind in _FIXED:
        return _FIXED[kind], at
    end = text.index(";" if kind in "id" else ":", at)
    number, at = text[at:end], end + 1
    if kind in "id":
        return (int if kind == "i" else float)(number), at
    if kind == "s":
        return text[at : at + int(number)], at + int(number)
    items = []
    for _ in range(int(number) * (1 if kind == "l" else 2)):
        item, at = _read(text, at)
        items.append(item)
    return (items if kind == "l" else dict(zip(items[::2], items[1::2], strict=True))), at

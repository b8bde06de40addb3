"""An item of a batch, and what came of it, as bytes: payloads like any result.

An item is the arguments of one call by name; its outcome is the dict that the function returned, or the name of the
exception's type. Messages and tracebacks are left out: they may differ between machines that agree on all else.
Light: the sandbox needs it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorgrid.domain.arrays import Kind, pack_result, result_of
from tensorgrid.domain.errors import ResultRejected
from tensorgrid.domain.payload import Payload, pack_payload

_FAILED = "failed"
MAX_KIND = 128


def pack_item(arguments: Mapping[str, Any]) -> bytes:
    """Equal arguments give equal bytes. Raises SpecInvalid for what cannot travel."""
    return pack_result(arguments)


def item_of(data: bytes | memoryview, kind: Kind) -> dict[str, Any]:
    """The arguments, arrays as `kind`. Raises ResultRejected, ToolMissing."""
    return result_of(data, kind)


def pack_failure(error: BaseException) -> bytes:
    """What stands in place of an output. A list: no function returns one, so nothing can be taken for it."""
    name = type(error).__name__
    return pack_payload({}, [_FAILED, name[:MAX_KIND] if name.isprintable() else "Exception"])


def failure_of(data: bytes | memoryview) -> str | None:
    """The name of the exception's type; None for an output. Raises ResultRejected."""
    payload = Payload.parse(data)
    told = payload.json
    if not isinstance(told, list):
        return None
    if payload.tensors or len(told) != 2 or told[0] != _FAILED or not isinstance(told[1], str):
        raise ResultRejected("an item's outcome is neither an output nor a failure")
    return told[1][:MAX_KIND] if told[1].isprintable() else "Exception"

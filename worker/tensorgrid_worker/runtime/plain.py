"""A result of short texts and numbers as a result file, without the libraries that any other result needs.

The same bytes as `tensorgrid.domain.arrays.pack_result` (a test packs both ways), of what this can do at all: what a
small job returns would otherwise cost as much as its interpreter's start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEEPEST = 8
MOST_BYTES = 64 * 1024
EXACT = 2**53


class _Beyond(Exception):
    """For the SDK to pack, or to refuse."""


def packed(result: Any) -> bytes | None:
    """A result file without tensors; None for what has to be packed by the SDK."""
    if type(result) is not dict:
        return None
    try:
        text = _text(result, DEEPEST)
    except _Beyond:
        return None
    if len(text) > MOST_BYTES:
        return None
    quoted = text.replace('"', '\\"')
    head = f'{{"__metadata__":{{"json":"{quoted}"}}}}'.encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head


def _text(value: Any, depth: int) -> str:
    """RFC 8785."""
    kind = type(value)
    if value is None or kind is bool:
        return "null" if value is None else str(value).lower()
    if kind is int and -EXACT < value < EXACT:
        return str(value)
    if kind is float:
        return _number(value)
    if kind is str:
        return _quoted(value)
    if not depth:
        raise _Beyond
    if kind is list or kind is tuple:
        return "[" + ",".join([_text(item, depth - 1) for item in value]) + "]"
    if kind is dict:
        # by the keys without their quotes: "a" comes before "a b", though a quote comes after a space
        entries = sorted([(_quoted(key), item) for key, item in value.items()], key=lambda entry: entry[0][:-1])
        return "{" + ",".join([f"{key}:{_text(item, depth - 1)}" for key, item in entries]) + "}"
    raise _Beyond


def _number(value: float) -> str:
    """Python and JavaScript write a float with the same digits; with an exponent they differ, as for infinities."""
    text = repr(value)
    if "e" in text or "n" in text:
        raise _Beyond
    return "0" if not value else text.removesuffix(".0")


def _quoted(text: Any) -> str:
    """Only what stands in JSON as it is, and is sorted there as here."""
    if type(text) is not str or not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        raise _Beyond
    return f'"{text}"'

"""Strangers' text on our terminal: no control characters, no direction tricks, no endless lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

_COUNTERS = {"epoch", "step", "iteration", "round", "batch"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: object, limit: int = 200) -> str:
    """One line of at most `limit` characters: whatever could move the cursor, hide or reorder text becomes U+FFFD."""
    cleaned = "".join("\ufffd" if unicodedata.category(char) in _HIDDEN else char for char in str(text)[: limit + 1])
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def plain_lines(text: str, *, limit: int = 64 * 1024, width: int = 2000) -> str:
    """As `plain`, keeping line breaks and tabs (as spaces); the last `limit` characters, where errors stand."""
    tail = text[-limit:]
    return "\n".join(plain(line.expandtabs(4), width) for line in tail.replace("\r\n", "\n").split("\n"))


def point_line(point: Mapping[str, object]) -> str:
    """A point of progress on one line, what counts it first: points come sorted by name, as canonical JSON is."""
    names = sorted(point, key=lambda name: name not in _COUNTERS)
    return "  ".join(f"{plain(name, 64)} {_number(point[name])}" for name in names)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else plain(value, 64)


def short_id(data: bytes | str) -> str:
    """0x1234…abcd of an id, an address or a transaction hash."""
    text = "0x" + data.hex() if isinstance(data, bytes) else data
    return text if len(text) <= 13 else f"{text[:6]}…{text[-4:]}"

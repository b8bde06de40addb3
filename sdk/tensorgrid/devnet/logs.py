"""Logs of children, read with care: what stands in them was partly written by strangers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TAIL_BYTES = 1 << 16


def tail(log: Path, lines: int = 12) -> str:
    """The last lines, without anything a terminal would obey; "(empty)" when there are none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    last = ["".join(char if char.isprintable() else "?" for char in line[:400]) for line in text.splitlines()[-lines:]]
    return "\n".join(f"    {line}" for line in last) or "(empty)"


def find_event(log: Path, name: str, start: int = 0) -> dict[str, Any] | None:
    """The first JSON line from byte `start` on whose "event" is `name`."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            for line in file:
                if name.encode() in line and (record := _record(line)) is not None and record.get("event") == name:
                    return record
    except OSError:
        pass
    return None


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None

"""What comes out of a sandbox while a job runs: its text, capped, and its points, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tensorgrid.domain.encoding import canonical_json, parse_json
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.receipts import MAX_LOG_BYTES, check_point

MAX_LINE_BYTES = 64 * 1024
REMARK_BYTES = 4096
HEAD_BYTES = MAX_LOG_BYTES // 2 - REMARK_BYTES
TAIL_BYTES = MAX_LOG_BYTES // 2 - REMARK_BYTES


class RunLog:
    """Beginning and end of a text of any length: at most MAX_LOG_BYTES together, with the worker's remarks behind."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0
        self._remarks = bytearray()

    def write(self, data: bytes) -> None:
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if (over := len(self._tail) - TAIL_BYTES) > 0:
            del self._tail[:over]
            self._dropped += over

    def remark(self, text: str) -> None:
        line = f"[worker] {text}\n".encode()
        if len(self._remarks) + len(line) <= REMARK_BYTES:
            self._remarks += line

    def tail(self, size: int) -> str:
        """The last `size` bytes as text."""
        return bytes((self._head + self._tail)[-size:]).decode(errors="replace").strip()

    def ended_in_bad_alloc(self) -> bool:
        """C++ code that ran out of memory ends the process with these words."""
        return "terminate called after throwing an instance of 'std::bad_alloc'" in self.tail(2048)

    def to_bytes(self) -> bytes:
        gap = f"\n[worker] {self._dropped} bytes left out\n".encode() if self._dropped else b""
        return bytes(self._head + gap + self._tail + self._remarks)


class PointReader:
    """JSON lines -> points. What is not a point is dropped and counted: a job can only spoil its own progress."""

    def __init__(self, on_point: Callable[[Mapping[str, Any]], None]) -> None:
        self._on_point = on_point
        self._buffer = bytearray()
        self._skipping = False
        self.refused = 0

    def feed(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if not self._skipping:
                self._take(line)
            self._skipping = False
        if len(self._buffer) > MAX_LINE_BYTES:
            self.refused += not self._skipping
            self._skipping = True
            self._buffer.clear()

    def _take(self, line: bytes) -> None:
        try:
            if len(line) > MAX_LINE_BYTES:
                raise SpecInvalid("line too long")
            point = parse_json(line, "a point")
            check_point(point)
            canonical_json(point)  # what cannot be told is dropped here, or no later point could be told either
        except SpecInvalid:
            self.refused += 1
            return
        self._on_point(point)

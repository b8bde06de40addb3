"""Kept states side by side in one file of a fixed greatest size: when it is full, every second one makes room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Extents:
    """Places in the file, by segment. Only segments divisible by `stride` are kept."""

    def __init__(self, most_bytes: int, kept: Iterable[Sequence[int]] = (), stride: int = 1) -> None:
        """kept: (segment, offset, bytes) of what an interrupted run has left in the file."""
        self._most = most_bytes
        self._kept = {segment: (offset, size) for segment, offset, size in kept}
        self._end = self._behind_all()
        self.stride = stride

    @property
    def kept(self) -> dict[int, tuple[int, int]]:
        """(offset, bytes) of each kept segment's end."""
        return dict(self._kept)

    def place(self, segment: int, size: int) -> int | None:
        """Where its state is to be written; None: it is not kept. Raises ValueError for one larger than the file."""
        if size > self._most:
            raise ValueError(f"{size} bytes do not fit into {self._most}")
        while segment % self.stride == 0:
            offset = self._gap(size)
            if offset is not None:
                self._kept[segment] = (offset, size)
                self._end = max(self._end, offset + size)
                return offset
            self.stride *= 2
            self._kept = {index: extent for index, extent in self._kept.items() if index % self.stride == 0}
            self._end = self._behind_all()
        return None

    def _behind_all(self) -> int:
        return max((offset + size for offset, size in self._kept.values()), default=0)

    def _gap(self, size: int) -> int | None:
        if self._most - self._end >= size:  # mostly: thousands of kept states are not sorted for one more
            return self._end
        end = 0
        for offset, length in sorted(self._kept.values()):
            if offset - end >= size:
                return end
            end = offset + length
        return None

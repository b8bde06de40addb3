"""What a slice has done so far, as a state that can be kept and loaded: each output is hashed and described once.

An output is bytes, packed here and out of the job's reach: nothing changes it, and a state with one more differs from
the last in one leaf. A training's tensors change in place; they are hashed anew for every state (capture.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tensorgrid.domain.payload import TensorBytes
from tensorgrid.domain.results import Leaf, Tree

DTYPE = "U8"
PREFIX = "model/"
"""Of their names in a state file."""

COPIED_BYTES = 16 << 20
"""In all, up to which outputs are put together to be written at once; more would take too much of the job's memory."""


def described_at_most(name: str) -> int:
    """Bytes that a tensor of this name takes in a state file beside its own."""
    return 2048 + 2 * len(name.encode())


class Outputs(Mapping[str, TensorBytes]):
    """One tensor of bytes per item, empty until it is done."""

    def __init__(self, names: Sequence[str]) -> None:
        import numpy as np  # now: it is one of the generators of a slice's states, also where the job uses none of it

        self._array_of = np.frombuffer
        self._names = sorted(names, key=str.encode)  # as a part's leaves are
        self._place = {name: place for place, name in enumerate(self._names)}
        self._done = [b""] * len(self._names)
        self._at_most = sum(map(described_at_most, self._names))
        self._tree: Tree | None = None  # made when it is first asked for, with the key of that moment
        self._key: bytes | None = None
        self.described = Described(self._names, self._done)

    def __getitem__(self, name: str) -> TensorBytes:
        data = self._done[self._place[name]]
        return DTYPE, (len(data),), data

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, data: bytes | bytearray | memoryview) -> None:
        """What came of an item; a later one takes its place. Raises KeyError."""
        place, kept = self._place[name], bytes(data)
        self._at_most += len(kept) - len(self._done[place])
        self._done[place] = kept
        self.described.changed(place)
        if self._tree is not None:
            self._tree.put(place, self._leaf(place))

    def state_dict(self) -> dict[str, Any]:
        """Arrays that cannot be written to."""
        return {name: self._array_of(data, "u1") for name, data in zip(self._names, self._done, strict=True)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises KeyError for other items."""
        if state.keys() != self._place.keys():
            raise KeyError("these are outputs of other items")
        for name, array in state.items():
            self.add(name, array.tobytes())

    def root(self, key: bytes | None = None) -> bytes:
        """Of all, as `part_root` finds it, at the cost of those that were added since. `key`: of a private job's
        roots."""
        if self._tree is None or key != self._key:
            self._key = key
            self._tree = Tree([self._leaf(place) for place in range(len(self))])
        return self._tree.root

    @property
    def at_most(self) -> int:
        """Bytes that they cannot exceed in a state file, counted as those of any tensors are."""
        return self._at_most

    def _leaf(self, place: int) -> bytes:
        data = self._done[place]
        return Leaf.of(self._names[place], DTYPE, (len(data),), data, self._key).hash()


class Described:
    """A tensorgrid.domain.payload.Block of outputs: what a header says of those that are done does not change."""

    def __init__(self, names: Sequence[str], done: Sequence[bytes]) -> None:
        self._names, self._done = names, done
        self._told: list[str] = []  # of the first ones, all of them done
        self._begin = self._end = 0  # of these in the file

    def changed(self, place: int) -> None:
        if place < len(self._told):
            self._told, self._end = [], self._begin

    def data(self) -> list[bytes]:
        if sum(map(len, self._done)) > COPIED_BYTES:
            return [*self._done]
        return [b"".join(self._done)]

    def entries(self, begin: int) -> str:
        if begin != self._begin:
            self._told, self._begin, self._end = [], begin, begin
        place = len(self._told)
        while place < len(self._done) and self._done[place]:
            self._end = self._tell(self._told, place, self._end)
            place += 1
        rest: list[str] = []
        if any(self._done[place:]):  # done out of order
            end = self._end
            for later in range(place, len(self._done)):
                end = self._tell(rest, later, end)
        elif place < len(self._done):
            # Nothing of any of these: one text between their names, or each state would cost as much as all its items.
            none = f'":{{"dtype":"{DTYPE}","shape":[0],"data_offsets":[{self._end},{self._end}]}}'
            rest = [f'"{PREFIX}' + f'{none},"{PREFIX}'.join(self._names[place:]) + none]
        return ",".join(self._told + rest)

    def _tell(self, told: list[str], place: int, begin: int) -> int:
        """Where the next one begins."""
        size = len(self._done[place])
        name, offsets = PREFIX + self._names[place], f"[{begin},{begin + size}]"
        told.append(f'"{name}":{{"dtype":"{DTYPE}","shape":[{size}],"data_offsets":{offsets}}}')
        return begin + size

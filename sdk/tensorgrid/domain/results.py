"""Result roots: what workers must agree on.

leaf   = keccak256(0x00 || u32 len(name) || name || u8 len(dtype) || dtype || u8 ndim || u64 dims... || blake3(bytes))
node   = keccak256(0x01 || left || right); leaves ordered by name (bytewise); an odd last node moves up unchanged
root   = keccak256(0x02 || JobId || u8 exit class || merkle root), merkle root zero unless the class is OK
In a private job blake3 is keyed (`key`, 32 bytes), so that nobody without the key can tell what a root stands for.
All integers big-endian. The JSON part of a result is one more leaf, of dtype "json", shape () and the empty name, which
no tensor may bear.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from blake3 import blake3

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ZERO32, ExitClass, JobId

JSON_DTYPE = "json"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One named tensor (or the JSON part): dtype as safetensors spells it, row-major little-endian bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    digest: bytes

    @classmethod
    def of(
        cls, name: str, dtype: str, shape: Sequence[int], data: bytes | memoryview, key: bytes | None = None
    ) -> Leaf:
        return cls(name, dtype, tuple(shape), (blake3(data) if key is None else blake3(data, key=key)).digest())

    def hash(self) -> bytes:
        name, dtype = self.name.encode(), self.dtype.encode()
        return keccak256(
            b"\x00"
            + struct.pack(">I", len(name))
            + name
            + struct.pack(">B", len(dtype))
            + dtype
            + struct.pack(f">B{len(self.shape)}Q", len(self.shape), *self.shape)
            + self.digest
        )


def merkle_root(leaves: Iterable[Leaf]) -> bytes:
    """Of at least one leaf, names distinct. Raises ValueError otherwise."""
    ordered = sorted(leaves, key=lambda leaf: leaf.name.encode())
    names = [leaf.name for leaf in ordered]
    if not ordered or len(set(names)) != len(names):
        raise ValueError("a root needs at least one leaf, and distinct names")
    return Tree([leaf.hash() for leaf in ordered]).root


class Tree:
    """Leaves' hashes and all nodes over them. A leaf set anew costs the nodes above it, not the whole tree.

    levels: the leaves first, the root last. Raises ValueError for no leaf.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise ValueError("a tree needs at least one leaf")
        self.levels = [list(leaves)]
        while len(below := self.levels[-1]) > 1:
            self.levels.append([_above(below, left) for left in range(0, len(below), 2)])

    @property
    def root(self) -> bytes:
        return self.levels[-1][0]

    def put(self, place: int, leaf: bytes) -> None:
        """Raises IndexError where there is no leaf."""
        self.levels[0][place] = leaf
        for below, level in pairwise(self.levels):
            place //= 2
            level[place] = _above(below, 2 * place)


def _above(below: Sequence[bytes], left: int) -> bytes:
    """The node over two neighbours; one that has none moves up unchanged."""
    return keccak256(b"\x01" + below[left] + below[left + 1]) if left + 1 < len(below) else below[left]


def result_root(job: JobId, exit_class: ExitClass, merkle: bytes = ZERO32) -> bytes:
    """Bound to the job, so that equal work in two jobs has unequal roots. `merkle` only with ExitClass.OK."""
    if (exit_class is ExitClass.OK) == (merkle == ZERO32):
        raise ValueError("a Merkle root belongs to OK, and to OK alone")
    return keccak256(b"\x02" + job + bytes([exit_class]) + merkle)

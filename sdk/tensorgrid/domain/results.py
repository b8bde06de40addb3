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
    level = [leaf.hash() for leaf in ordered]
    while len(level) > 1:
        paired = [keccak256(b"\x01" + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def result_root(job: JobId, exit_class: ExitClass, merkle: bytes = ZERO32) -> bytes:
    """Bound to the job, so that equal work in two jobs has unequal roots. `merkle` only with ExitClass.OK."""
    if (exit_class is ExitClass.OK) == (merkle == ZERO32):
        raise ValueError("a Merkle root belongs to OK, and to OK alone")
    return keccak256(b"\x02" + job + bytes([exit_class]) + merkle)

"""A batch: up to ten thousand items under one Merkle root, in slices, each of which is an ordinary job.

leaf   = keccak256(0x07 || u32 index || blake3(item's bytes))
node   = keccak256(0x01 || left || right); leaves in the order of their index; an odd last node moves up unchanged
The bytes of an item are a payload (items.py). A slice's file is a payload too: one tensor U8 per item, named by its
index in eight digits, and as JSON {"proof"}: the neighbours that lead from the slice's leaves to the root. The result
of a slice has the same names: each output is one leaf under the result root, of dtype "U8". Integers are big-endian.
The same bytes as contracts/types/BatchHash.sol.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from tensorgrid.domain import schema
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import ResultRejected, SpecInvalid
from tensorgrid.domain.payload import Payload, pack_payload
from tensorgrid.domain.tolerance import Tolerance

MOST_ITEMS = 10_000
MAX_SLICE_BYTES = 1 << 34
KINDS = ("numpy", "torch")
_KEYS = ("root", "count", "first", "items", "kind", "cid", "bytes")
_TOLERANCE = "tolerance"
"""Left out where there is none, so that a slice without has the bytes that it always had."""
_MOST_PROOF = 2 * MOST_ITEMS.bit_length()


def item_name(index: int) -> str:
    """Of an item's tensor in a slice's file, and of its output in the slice's result."""
    return f"{index:08d}"


def item_leaf(index: int, data: bytes | memoryview) -> bytes:
    """Binds the item's place: the same bytes at two places are two items."""
    return keccak256(b"\x07" + struct.pack(">I", index) + blake3(data).digest())


@dataclass(frozen=True, slots=True)
class BatchSlice:
    """Items `first` to `first` + `items` - 1 of the batch of `count` under `root` (32 bytes), which lie in the file
    `cid` of `size` bytes. kind: whose arrays an item's are, "numpy" or "torch". tolerance: of an audited one alone, by
    how much outputs of unlike machines may differ. Raises SpecInvalid."""

    root: bytes
    count: int
    first: int
    items: int
    kind: str
    cid: Cid
    size: int
    tolerance: Tolerance | None = None

    def __post_init__(self) -> None:
        schema.integer(self.count, 1, MOST_ITEMS, "batch.count")
        schema.integer(self.first, 0, self.count - 1, "batch.first")
        schema.integer(self.items, 1, self.count - self.first, "batch.items")
        schema.integer(self.size, 8, MAX_SLICE_BYTES, "batch.bytes")
        if len(self.root) != 32 or self.kind not in KINDS:
            raise SpecInvalid(f"batch.root has 32 bytes, and batch.kind is one of {', '.join(KINDS)}")

    @property
    def indices(self) -> range:
        return range(self.first, self.first + self.items)

    @property
    def names(self) -> list[str]:
        return [item_name(index) for index in self.indices]

    def to_json(self) -> dict[str, Any]:
        return {
            "root": "0x" + self.root.hex(),
            "count": self.count,
            "first": self.first,
            "items": self.items,
            "kind": self.kind,
            "cid": str(self.cid),
            "bytes": self.size,
            **({} if self.tolerance is None else {_TOLERANCE: self.tolerance.to_json()}),
        }

    @classmethod
    def of_json(cls, value: Any) -> BatchSlice:
        """Raises SpecInvalid."""
        given = isinstance(value, dict) and _TOLERANCE in value
        found = schema.fields(value, (*_KEYS, _TOLERANCE) if given else _KEYS, "batch")
        root, cid = schema.bytes32(found["root"], "batch.root"), schema.cid(found["cid"], "batch.cid")
        tolerance = Tolerance.of_json(found[_TOLERANCE]) if given else None
        return cls(root, found["count"], found["first"], found["items"], found["kind"], cid, found["bytes"], tolerance)


class Stretch:
    """A stretch of a batch's leaves, and all nodes above them up to the root.

    leaves: of the items from `first` on. proof: the neighbours of the stretch on its way up, lowest first, the left one
    before the right one; none for a whole batch. Raises SpecInvalid where there are too few or too many of them.
    """

    def __init__(self, count: int, first: int, leaves: Sequence[bytes], proof: Sequence[bytes] = ()) -> None:
        self._count = count
        self._levels: list[tuple[int, list[bytes]]] = []
        low, width, nodes, left = first, count, list(leaves), list(proof)
        while width > 1:
            low, nodes = _with_neighbours(low, nodes, width, left)
            self._levels.append((low, nodes))
            pairs = [keccak256(b"\x01" + nodes[i] + nodes[i + 1]) for i in range(0, len(nodes) - 1, 2)]
            low, nodes, width = low // 2, pairs + nodes[2 * len(pairs) :], (width + 1) // 2
        if left:
            raise SpecInvalid("the proof of a slice is longer than its place in the batch asks; pack the batch anew")
        self.root: bytes = nodes[0]

    def prove(self, first: int, items: int) -> tuple[bytes, ...]:
        """The neighbours of a part of this stretch."""
        low, high, width, found = first, first + items, self._count, []
        for start, nodes in self._levels:
            if low & 1:
                found.append(nodes[low - 1 - start])
            if high & 1 and high < width:
                found.append(nodes[high - start])
            low, high, width = low // 2, (high + 1) // 2, (width + 1) // 2
        return tuple(found)


def _with_neighbours(low: int, nodes: list[bytes], width: int, proof: list[bytes]) -> tuple[int, list[bytes]]:
    """Widened to whole pairs; takes what it needs from the front of `proof`."""
    before, after = low & 1, (low + len(nodes)) & 1 and low + len(nodes) < width
    if len(proof) < before + after:
        raise SpecInvalid("the proof of a slice is shorter than its place in the batch asks; pack the batch anew")
    left = [proof.pop(0)] if before else []
    right = [proof.pop(0)] if after else []
    return low - before, left + nodes + right


def pack_slice(first: int, items: Sequence[bytes | memoryview], proof: Sequence[bytes]) -> bytes:
    """A slice's file. Raises SpecInvalid for what is too much for one."""
    tensors = {item_name(first + place): ("U8", (len(data),), data) for place, data in enumerate(items)}
    return pack_payload(tensors, {"proof": ["0x" + node.hex() for node in proof]})


def items_in(data: bytes | memoryview, batch: BatchSlice) -> list[memoryview]:
    """The bytes of a slice's items, in order, not yet held against the root. Raises SpecInvalid."""
    return _read(data, batch)[0]


def check_slice(data: bytes | memoryview, batch: BatchSlice) -> Stretch:
    """That a slice's file holds exactly the items that the batch's root names there. Raises SpecInvalid."""
    items, proof = _read(data, batch)
    leaves = [item_leaf(index, item) for index, item in zip(batch.indices, items, strict=True)]
    stretch = Stretch(batch.count, batch.first, leaves, proof)
    if stretch.root != batch.root:
        raise SpecInvalid("the items of this slice are not those under the root of its batch; pack the batch anew")
    return stretch


def outputs_in(payload: Payload, batch: BatchSlice) -> dict[int, memoryview]:
    """The bytes of each item's output in a slice's result, empty ones left out: those are not done.

    Raises ResultRejected for a result of another form.
    """
    found: Mapping[str, Any] = {tensor.name: tensor for tensor in payload.tensors}
    if payload.json_text is not None or sorted(found) != batch.names or not _all_bytes(payload):
        raise ResultRejected("the result of a slice has one tensor of bytes for each item; this one has others")
    return {index: found[item_name(index)].data for index in batch.indices if len(found[item_name(index)].data)}


def _read(data: bytes | memoryview, batch: BatchSlice) -> tuple[list[memoryview], list[bytes]]:
    try:
        payload = Payload.parse(data)
    except ResultRejected as error:
        raise SpecInvalid(f"the items of a batch cannot be read: {error}") from error
    if [tensor.name for tensor in payload.tensors] != batch.names or not _all_bytes(payload):
        raise SpecInvalid(
            f"a slice of {batch.items} items has one tensor of bytes for each, from {item_name(batch.first)} on; "
            "this file holds others"
        )
    told = schema.fields(payload.json, ("proof",), "a slice's JSON")
    proof = [schema.bytes32(node, "proof") for node in schema.listed(told["proof"], _MOST_PROOF, "proof")]
    return [tensor.data for tensor in payload.tensors], proof


def _all_bytes(payload: Payload) -> bool:
    return all(tensor.dtype == "U8" and len(tensor.shape) == 1 for tensor in payload.tensors)

"""What contracts/periphery/Batches.sol is told: a batch by its slices, and proofs of what came of its items.

Hashes are 32 bytes; items, slices and leaves are counted from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorgrid.domain.encoding import keccak256, word
from tensorgrid.domain.jobs import ZERO32


@dataclass(frozen=True, slots=True)
class SliceRef:
    """Items that lie beside one another. `spec_digest`: of the jobs that may do them, as JobTerms have it."""

    spec_digest: bytes
    items: int

    def as_tuple(self) -> tuple[bytes, int]:
        """In ABI order, for contract calls."""
        return self.spec_digest, self.items


@dataclass(frozen=True, slots=True)
class OpenedBatch:
    """As BatchOpened has shown it; calls pass it back. `lane`: of the requester, at the contract Batches."""

    requester: str
    lane: int
    root: bytes
    slices: tuple[SliceRef, ...]

    def as_tuple(self) -> tuple[Any, ...]:
        """In ABI order, for contract calls."""
        return self.requester, self.lane, self.root, [each.as_tuple() for each in self.slices]

    @property
    def id(self) -> bytes:
        """What events and proofs name it by: the same in every lane."""
        slices = b"".join(each.spec_digest + word(each.items) for each in self.slices)
        return keccak256(word(self.requester) + self.root + word(96) + word(len(self.slices)) + slices)

    @property
    def count(self) -> int:
        """All items."""
        return sum(each.items for each in self.slices)

    def first_of(self, number: int) -> int:
        """At which item slice `number` begins."""
        return sum(each.items for each in self.slices[:number])


@dataclass(frozen=True, slots=True)
class SliceOpening:
    """What a slice's worker has bound beside his result. The last two only in the audit tier."""

    salt: bytes
    receipt_digest: bytes
    trace_root: bytes = ZERO32
    done: int = 0

    def as_tuple(self) -> tuple[bytes, bytes, bytes, int]:
        """In ABI order, for contract calls."""
        return self.salt, self.receipt_digest, self.trace_root, self.done


@dataclass(frozen=True, slots=True)
class ItemProof:
    """Of items that lie beside one another in one slice, `first` being the first of them.

    outputs: size in bytes and BLAKE3 digest of each packed output. nodes: what is left and right of them on the way up
    to the Merkle root of the slice's result, from below, the left one first.
    """

    slice: int
    first: int
    outputs: tuple[tuple[int, bytes], ...]
    nodes: tuple[bytes, ...]

    def as_tuple(self) -> tuple[Any, ...]:
        """In ABI order, for contract calls."""
        return self.slice, self.first, list(self.outputs), list(self.nodes)

"""Batches: many items under one root, and proofs of what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tensorgrid.chain.board import seats as seats_abi
from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.history import Event
from tensorgrid.domain.batch_proofs import ItemProof, OpenedBatch, SliceOpening, SliceRef
from tensorgrid.domain.jobs import JobTerms, Seat


class Batches(Contract):
    """Writers return a Call for someone to send. Errors are those of IBatches.

    `held`: the seats of the slice's job, seat n at index n - 1; the first one is needed.
    """

    def batch_of(self, requester: str, lane: int, *, block: int | str = "latest") -> bytes:
        """Id of the batch that the lane holds now; 32 zero bytes: none."""
        return bytes(self.read("batchOf", requester, lane, block=block))

    def is_proven(self, batch: bytes, index: int, *, block: int | str = "latest") -> bool:
        return bool(self.read("isProven", batch, index, block=block))

    def is_item(
        self,
        root: bytes,
        count: int,
        index: int,
        digest: bytes,
        nodes: Sequence[bytes],
        *,
        block: int | str = "latest",
    ) -> bool:
        """Whether the arguments with this BLAKE3 digest are item `index` of the `count` ones under `root`."""
        return bool(self.read("isItem", root, count, index, digest, list(nodes), block=block))

    def open(self, lane: int, root: bytes, slices: Sequence[SliceRef]) -> Call:
        """By the requester. A lane that was used before is cheaper, and ends the proofs of its last batch."""
        return self.build("open", lane, root, [each.as_tuple() for each in slices])

    def prove(
        self, batch: OpenedBatch, terms: JobTerms, held: Sequence[Seat], opening: SliceOpening, proof: ItemProof
    ) -> Call:
        """By anyone, once the slice's job has settled and its worker has earned his price."""
        return self.build("prove", *_case(batch, terms, held, opening, proof))

    def check(
        self,
        batch: OpenedBatch,
        terms: JobTerms,
        held: Sequence[Seat],
        opening: SliceOpening,
        proof: ItemProof,
        *,
        block: int | str = "latest",
    ) -> bytes:
        """Id of the batch. Raises what `prove` would be refused for, but that all of it was proven before."""
        return bytes(self.read("check", *_case(batch, terms, held, opening, proof), block=block))


@dataclass(frozen=True)
class BatchOpened(Event):
    """`batch`: its id."""

    SOURCE = ("Batches", "BatchOpened")
    batch: bytes
    requester: str
    lane: int
    root: bytes
    count: int
    slices: tuple[SliceRef, ...]

    @property
    def opened(self) -> OpenedBatch:
        """As calls take it."""
        return OpenedBatch(self.requester, self.lane, self.root, self.slices)


@dataclass(frozen=True)
class ItemProven(Event):
    """`size`: of the packed output in bytes. `digest`: BLAKE3 of it."""

    SOURCE = ("Batches", "ItemProven")
    batch: bytes
    index: int
    size: int
    digest: bytes


def _case(
    batch: OpenedBatch, terms: JobTerms, held: Sequence[Seat], opening: SliceOpening, proof: ItemProof
) -> tuple[object, ...]:
    return batch.as_tuple(), terms.as_tuple(), seats_abi(held), opening.as_tuple(), proof.as_tuple()

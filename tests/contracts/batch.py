"""A batch as its parties see it: slices that are jobs of the accept tier, or audited ones, and proofs of their items.

Roots and proofs are made here a second time, from whole trees, so that two ways of writing them down are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3
from tests.contracts.job import Job
from tests.contracts.world import LEAST_PRICE, WINDOW, World

from tensorgrid.domain.batch_proofs import ItemProof, OpenedBatch, SliceOpening, SliceRef
from tensorgrid.domain.encoding import keccak256, sha256
from tensorgrid.domain.jobs import commitment
from tensorgrid.domain.results import Leaf

SALT, RECEIPT = keccak256(b"salt"), keccak256(b"receipt")


def item_digest(index: int) -> bytes:
    return blake3(b"item %d" % index).digest()


def item_leaf(index: int, digest: bytes | None = None) -> bytes:
    return keccak256(b"\x07" + index.to_bytes(4, "big") + (digest or item_digest(index)))


def output(index: int, kind: str = "output") -> bytes:
    """What came of an item; of a length of its own."""
    return (b"%s %d " % (kind.encode(), index)) * (1 + index % 5)


def output_of(data: bytes) -> tuple[int, bytes]:
    return len(data), blake3(data).digest()


def output_leaf(index: int, data: bytes) -> bytes:
    """As the worker's result has it."""
    return Leaf.of(f"{index:08d}", "U8", (len(data),), data).hash()


@dataclass(frozen=True)
class Tree:
    """All nodes over some leaves."""

    leaves: tuple[bytes, ...]

    @property
    def levels(self) -> list[list[bytes]]:
        found = [list(self.leaves)]
        while len(below := found[-1]) > 1:
            pairs = [below[i : i + 2] for i in range(0, len(below), 2)]
            found.append([keccak256(b"\x01" + b"".join(pair)) if len(pair) == 2 else pair[0] for pair in pairs])
        return found

    @property
    def root(self) -> bytes:
        return self.levels[-1][0]

    def nodes(self, first: int, count: int = 1) -> tuple[bytes, ...]:
        """Left and right of a stretch, from below: whatever is under no node of it and beside one."""
        low, high, found = first, first + count - 1, []
        for level in self.levels[:-1]:
            found += [level[low - 1]] if low % 2 else []
            found += [level[high + 1]] if high % 2 == 0 and high + 1 < len(level) else []
            low, high = low // 2, high // 2
        return tuple(found)


@dataclass
class Sliced:
    """A batch of `sizes`; slice n is done by worker n, whose outputs are `outputs` of it."""

    world: World
    contract: Any
    sizes: Sequence[int]
    lane: int = 7
    kinds: dict[int, str] = field(default_factory=dict)  # of the outputs of an item, where they are not the usual ones
    jobs: dict[int, Job] = field(default_factory=dict)
    trees: dict[int, Tree] = field(default_factory=dict)

    @property
    def batch(self) -> OpenedBatch:
        root = Tree(tuple(item_leaf(i) for i in range(sum(self.sizes)))).root
        slices = tuple(SliceRef(self.spec(n), size) for n, size in enumerate(self.sizes))
        return OpenedBatch(str(self.world.requester.address), self.lane, root, slices)

    def spec(self, number: int) -> bytes:
        return sha256(b"slice %d of %d" % (number, sum(self.sizes)))

    def open(self, by: Any = None) -> Any:
        batch = self.batch
        slices = [each.as_tuple() for each in batch.slices]
        return self.contract.open(batch.lane, batch.root, slices, sender=by or self.world.requester)

    # ---- slices

    def post(self, number: int, **changes: Any) -> Job:
        terms = self.world.accept_terms(**{"spec_digest": self.spec(number), **changes})
        offer = self.world.offer(number, terms, min_price=LEAST_PRICE)
        self.jobs[number] = self.world.post_with_offers(terms, [offer])
        return self.jobs[number]

    def outputs(self, number: int) -> dict[int, bytes]:
        first = self.batch.first_of(number)
        return {i: output(i, self.kinds.get(i, "output")) for i in range(first, first + self.sizes[number])}

    def commit(self, number: int, tree: Tree | None = None) -> Job:
        """The worker of the slice, to his outputs or to whatever `tree` holds."""
        job, worker = self.jobs[number], self.world.workers[number]
        leaves = tuple(output_leaf(index, data) for index, data in self.outputs(number).items())
        self.trees[number] = tree or Tree(leaves)
        root = keccak256(b"\x02" + job.id + b"\x00" + self.trees[number].root)  # of a good end, whatever the tree
        job.commit_as(worker, commitment(job.id, str(worker.address), SALT, keccak256(root), RECEIPT))
        return job

    def done(self, number: int, tree: Tree | None = None, **changes: Any) -> Job:
        """Posted, committed, and paid by silence."""
        self.post(number, **changes)
        job = self.commit(number, tree)
        self.world.at(job.committed_at + WINDOW + 1)
        job.settle()
        return job

    # ---- proofs

    def proof(self, number: int, *indexes: int) -> ItemProof:
        """Of these items, which lie beside one another."""
        outputs = self.outputs(number)
        shown = tuple(output_of(outputs[index]) for index in indexes)
        nodes = self.trees[number].nodes(indexes[0] - self.batch.first_of(number), len(indexes))
        return ItemProof(number, indexes[0], shown, nodes)

    def case(self, number: int, proof: ItemProof, **changes: Any) -> tuple[Any, ...]:
        job = changes.get("job", self.jobs[number])
        opening = changes.get("opening", SliceOpening(SALT, RECEIPT))
        batch = changes.get("batch", self.batch)
        held = changes.get("held", job.held)
        return batch.as_tuple(), job.terms.as_tuple(), held, opening.as_tuple(), proof.as_tuple()

    def prove(self, number: int, *indexes: int, proof: ItemProof | None = None, by: Any = None, **changes: Any) -> Any:
        proof = proof or self.proof(number, *indexes)
        return self.contract.prove(*self.case(number, proof, **changes), sender=by or self.world.stranger)

    def proven(self) -> set[int]:
        count = range(sum(self.sizes))
        return {i for i in count if self.contract.isProven(self.batch.id, i, sender=self.world.stranger)}


def deployed(world: World) -> Any:
    """The contract, with the world's audit tier."""
    return world.deploy_double("Batches", world.board, world.audit)

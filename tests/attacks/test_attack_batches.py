"""Attacks on batches, each by name, and what stops it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.contracts.batch import SALT, Sliced, Tree, deployed, output, output_leaf, output_of
from tests.contracts.world import World, refused

from tensorgrid.domain.batch_proofs import ItemProof, SliceOpening, SliceRef
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ZERO32

EMPTY = keccak256(b"no leaves")


@pytest.fixture
def contract(world: World) -> Any:
    return deployed(world)


@pytest.fixture
def batch(world: World, contract: Any) -> Sliced:
    """Eight items in two slices, open."""
    sliced = Sliced(world, contract, (4, 4))
    sliced.open()
    return sliced


def own(index: int, kind: str = "output") -> bytes:
    return output_leaf(index, output(index, kind))


# ---- the worker


def test_attack_duplicated_leaf(batch: Sliced) -> None:
    """The worker puts item 1 into his result twice, to show whichever output suits him: only its own place counts."""
    batch.done(0, Tree((own(0), own(1), own(1, "other"), own(3))))
    shown = output_of(output(1, "other"))
    for nodes in (batch.trees[0].nodes(2), batch.trees[0].nodes(1)):
        with refused("LeafMismatch"):
            batch.prove(0, proof=ItemProof(0, 1, (shown,), nodes))
    batch.prove(0, 1)
    assert batch.proven() == {1}


def test_attack_duplicated_leaf__beyond_the_slice(batch: Sliced) -> None:
    """A larger tree than the slice has items has other places: nothing of it can be shown."""
    batch.done(0, Tree((own(0), own(1), own(2), own(3), own(1, "other"))))
    for shown, nodes in ((output(1), batch.trees[0].nodes(1)), (output(1, "other"), batch.trees[0].nodes(4))):
        with refused("LeafMismatch"):
            batch.prove(0, proof=ItemProof(0, 1, (output_of(shown),), nodes))


def test_attack_proof_of_another_leaf(batch: Sliced) -> None:
    """The output of item 2, with all that proves it, given for item 1."""
    batch.done(0)
    right = batch.proof(0, 2)
    with refused("LeafMismatch", first=1):
        batch.prove(0, proof=replace(right, first=1))
    with refused("LeafMismatch", first=2):
        batch.prove(0, proof=replace(right, outputs=(output_of(b"made up"),)))


def test_attack_node_shown_as_a_leaf(batch: Sliced) -> None:
    """A node of the tree is no output: what is hashed for a leaf begins with another byte and holds the index."""
    batch.done(0)
    nodes = batch.trees[0].levels[1]
    with refused("LeafMismatch"):
        batch.prove(0, proof=ItemProof(0, 0, ((64, nodes[0]),), (nodes[1],)))


@pytest.mark.parametrize("change", ["fewer", "more", "none"])
def test_attack_root_without_leaves(batch: Sliced, change: str) -> None:
    """The worker commits to a root of nothing. What leads to no root must not be taken for it."""
    batch.done(0, Tree((ZERO32,)))
    nodes = {"fewer": (EMPTY,), "more": (EMPTY,) * 3, "none": ()}[change]
    with refused("LeafMismatch"):
        batch.prove(0, proof=ItemProof(0, 1, (output_of(b"anything"),), nodes))


def test_attack_item_that_was_not_done_proven_as_empty(batch: Sliced) -> None:
    leaves = (own(0), output_leaf(1, b""), own(2), own(3))
    batch.done(0, Tree(leaves))
    with refused("ItemUndone", index=1):
        batch.prove(0, proof=ItemProof(0, 1, (output_of(b""),), batch.trees[0].nodes(1)))
    batch.prove(0, 2)


def test_attack_worker_opens_with_another_salt_or_trace(batch: Sliced) -> None:
    batch.done(0)
    others = {"LeafMismatch": SliceOpening(keccak256(b"x"), SALT), "ItemUndone": SliceOpening(SALT, SALT, EMPTY, 4)}
    for name, opening in others.items():  # of a job that has no trace, no item of one can be done
        with refused(name):
            batch.prove(0, 1, opening=opening)


# ---- claiming twice, claiming what is another's


def test_attack_task_claimed_twice(batch: Sliced) -> None:
    """The slice is posted again, and a second worker does it otherwise: the first proof stands."""
    batch.done(0)
    batch.prove(0, 1)
    batch.kinds[1] = "other"
    batch.done(0)
    with refused("ItemsAlreadyProven", first=1):
        batch.prove(0, 1)
    assert batch.proven() == {1}


def test_attack_items_of_another_slice_claimed(batch: Sliced) -> None:
    """The worker of slice 0 has put outputs of slice 1 into his result, and passes his job for its."""
    batch.done(0, Tree(tuple(own(index) for index in range(4, 8))))
    stolen = ItemProof(1, 5, (output_of(output(5)),), batch.trees[0].nodes(1))
    with refused("WrongSlice", slice=1, first=5):
        batch.prove(0, proof=stolen)
    with refused("WrongSlice", slice=0, first=5):
        batch.prove(0, proof=replace(stolen, slice=0))
    with refused("WrongSlice", slice=0, first=3):
        batch.prove(0, proof=replace(stolen, slice=0, first=3, outputs=stolen.outputs * 2))
    with refused("WrongSlice", slice=2):
        batch.prove(0, proof=replace(stolen, slice=2))
    with refused("WrongSlice"):
        batch.prove(0, proof=replace(stolen, outputs=()))


def test_attack_one_job_for_two_slices(world: World, contract: Any) -> None:
    """The requester names the same spec twice. One result has one leaf per place: it can prove one of the two only."""
    sliced = Sliced(world, contract, (4, 4))
    twice = replace(sliced.batch, slices=(SliceRef(sliced.spec(0), 4),) * 2)
    contract.open(twice.lane, twice.root, [each.as_tuple() for each in twice.slices], sender=world.requester)
    sliced.done(0)
    sliced.prove(0, 1, batch=twice)
    with refused("LeafMismatch"):
        sliced.prove(0, batch=twice, proof=replace(sliced.proof(0, 1), slice=1, first=5))


def test_attack_strangers_batch_over_my_jobs(batch: Sliced) -> None:
    """A stranger opens a batch of his own over the same specs: the jobs are not his."""
    batch.open(by=batch.world.stranger)
    batch.done(0)
    theirs = replace(batch.batch, requester=str(batch.world.stranger.address))
    with refused("WrongSlice"):
        batch.prove(0, 1, batch=theirs)


def test_attack_batch_that_was_never_opened(world: World, contract: Any) -> None:
    sliced = Sliced(world, contract, (4, 4))
    sliced.done(0)
    with refused("BatchUnknown", batch=sliced.batch.id):
        sliced.prove(0, 1)
    sliced.open(by=world.stranger)
    with refused("BatchUnknown"):
        sliced.prove(0, 1)


def test_attack_slices_cut_otherwise_than_opened(batch: Sliced) -> None:
    """The same items, but item 4 is said to be of slice 0."""
    batch.done(0, Tree(tuple(own(index) for index in range(5))))
    other = replace(batch.batch, slices=(SliceRef(batch.spec(0), 5), SliceRef(batch.spec(1), 3)))
    with refused("BatchUnknown"):
        batch.prove(0, batch=other, proof=ItemProof(0, 4, (output_of(output(4)),), batch.trees[0].nodes(4)))


def test_attack_seat_made_up(batch: Sliced) -> None:
    """Another commitment in the worker's seat, as the caller would like it."""
    job = batch.done(0)
    made_up = job.held[0]._replace(commitment=keccak256(b"made up"))
    with refused("WrongSeats"):
        batch.prove(0, 1, held=[made_up])
    with refused("WrongSeats"):
        batch.prove(0, 1, held=[])


# ---- holding others up


def test_attack_first_item_of_many_proven_by_somebody_else(batch: Sliced) -> None:
    """Who copies one proof out of a waiting transaction does not make the rest fail."""
    batch.done(0)
    batch.prove(0, 3)
    batch.prove(0, 0, 1, 2, 3)
    assert batch.proven() == {0, 1, 2, 3}

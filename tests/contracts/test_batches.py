"""Batches: what is opened, what can be proven of it, by whom and until when. Attacks are in tests/attacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.contracts.audit import PLAN, RECEIPT, SALT, Audited, audit_terms, sealed
from tests.contracts.batch import Sliced, Tree, deployed, item_digest, item_leaf, output, output_leaf, output_of
from tests.contracts.world import World, refused

from tensorgrid.chain.batches import BatchOpened
from tensorgrid.chain.events import decode
from tensorgrid.domain.batch_proofs import OpenedBatch, SliceOpening, SliceRef
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ZERO32
from tensorgrid.domain.results import Leaf, merkle_root

MOST = 10_000
ROOT = keccak256(b"root")


@pytest.fixture
def contract(world: World) -> Any:
    return deployed(world)


@pytest.fixture
def batch(world: World, contract: Any) -> Sliced:
    """Eleven items in three slices, open; nothing is posted."""
    sliced = Sliced(world, contract, (4, 5, 2))
    sliced.open()
    return sliced


def slices(*sizes: int) -> list[tuple[bytes, int]]:
    return [(keccak256(b"%d" % number), size) for number, size in enumerate(sizes)]


# ---- opening


def test_open__tells_all_that_proofs_need(world: World, contract: Any) -> None:
    sliced = Sliced(world, contract, (4, 5, 2))
    receipt = sliced.open()
    (log,) = receipt.logs
    event = decode(
        {
            "address": str(contract.address),
            "topics": ["0x" + bytes(topic).hex() for topic in log["topics"]],
            "data": "0x" + bytes(log["data"]).hex(),
            "blockNumber": "0x1",
            "logIndex": "0x0",
            "blockHash": "0x" + "0" * 64,
            "transactionHash": "0x" + "0" * 64,
        }
    )
    assert isinstance(event, BatchOpened)
    assert event.opened == sliced.batch
    assert (event.batch, event.count) == (sliced.batch.id, 11)
    assert bytes(contract.idOf(sliced.batch.as_tuple(), sender=world.stranger)) == sliced.batch.id
    assert bytes(contract.batchOf(world.requester, sliced.lane, sender=world.stranger)) == sliced.batch.id


def test_open__most_items__is_allowed_and_one_more_refused(world: World, contract: Any) -> None:
    contract.open(1, ROOT, slices(MOST - 1, 1), sender=world.requester)
    with refused("ItemCountOutOfRange", count=MOST + 1, most=MOST):
        contract.open(1, ROOT, slices(MOST, 1), sender=world.requester)


def test_open__no_slice_at_all__is_refused(world: World, contract: Any) -> None:
    with refused("ItemCountOutOfRange", count=0):
        contract.open(1, ROOT, [], sender=world.requester)


def test_open__a_slice_without_items__is_refused(world: World, contract: Any) -> None:
    with refused("SliceEmpty", slice=1):
        contract.open(1, ROOT, slices(3, 0, 3), sender=world.requester)


def test_open__in_a_lane_that_was_used__takes_the_place_of_its_batch(batch: Sliced) -> None:
    batch.done(0)
    batch.contract.open(batch.lane, ROOT, slices(1), sender=batch.world.requester)
    with refused("BatchUnknown", batch=batch.batch.id):
        batch.prove(0, 1)


def test_open__the_same_batch_in_another_lane__is_the_same_batch(batch: Sliced) -> None:
    batch.done(0)
    batch.prove(0, 1)
    other = replace(batch.batch, lane=8)
    assert other.id == batch.batch.id
    batch.contract.open(8, other.root, [each.as_tuple() for each in other.slices], sender=batch.world.requester)
    with refused("ItemsAlreadyProven"):
        batch.prove(0, 1, batch=other)


# ---- proving


def test_prove__one_item__is_remembered_and_told(batch: Sliced) -> None:
    batch.done(1)
    receipt = batch.prove(1, 6)
    (event,) = receipt.decode_logs(batch.contract.ItemProven)
    assert (event.index, event.size, bytes(event.digest)) == (6, *output_of(output(6)))
    assert batch.proven() == {6}


@pytest.mark.parametrize("first", range(5), ids=[f"from-{i}" for i in range(5)])
def test_prove__every_stretch_of_a_slice(batch: Sliced, first: int) -> None:
    batch.done(1)
    for count in range(1, 6 - first):
        proof = batch.proof(1, *range(4 + first, 4 + first + count))
        found = batch.contract.check(*batch.case(1, proof), sender=batch.world.stranger)
        assert bytes(found) == batch.batch.id


def test_prove__a_whole_slice__needs_no_neighbours(batch: Sliced) -> None:
    batch.done(0)
    assert batch.proof(0, 0, 1, 2, 3).nodes == ()
    batch.prove(0, 0, 1, 2, 3)
    assert batch.proven() == {0, 1, 2, 3}


def test_prove__all_slices__proves_all_items(batch: Sliced) -> None:
    for number in range(3):
        batch.done(number)
        batch.prove(number, *batch.outputs(number))
    assert batch.proven() == set(range(11))


def test_prove__some_are_proven_already__proves_the_others(batch: Sliced) -> None:
    batch.done(0)
    batch.prove(0, 1)
    receipt = batch.prove(0, 0, 1, 2)
    assert [event.index for event in receipt.decode_logs(batch.contract.ItemProven)] == [0, 2]


def test_prove__beyond_the_first_word_of_bits(world: World, contract: Any) -> None:
    sliced = Sliced(world, contract, (250, 30))
    sliced.open()
    sliced.done(1)
    sliced.prove(1, *range(252, 260))
    assert sliced.proven() == set(range(252, 260))


def test_prove__slice_posted_again_after_a_no_show__needs_no_other_batch(batch: Sliced) -> None:
    lost = batch.post(1)
    batch.world.at(lost.deadline + 1)
    lost.expire()
    batch.world.at(batch.world.now + lost.terms.work_time + 1)  # who lost the seat has rested
    batch.done(1)
    batch.prove(1, 4)
    assert batch.proven() == {4}


def test_prove__before_it_is_settled__is_refused(batch: Sliced) -> None:
    batch.post(0)
    job = batch.commit(0)
    with refused("SliceUnpaid", id=job.id):
        batch.prove(0, 1)


def test_prove__rejected_and_upheld_by_the_jury__counts(batch: Sliced) -> None:
    assert _judged(batch, ACCUSER).proven() == {1}


@pytest.mark.parametrize("decision", ["accused", "hung"])
def test_prove__rejected_and_not_upheld__is_refused(batch: Sliced, decision: str) -> None:
    with refused("SliceUnpaid"):
        _judged(batch, {"accused": ACCUSED, "hung": HUNG}[decision])


def test_prove__the_jobs_lane_is_used_again__is_too_late(batch: Sliced) -> None:
    batch.done(0, lane=900)
    world = batch.world
    later = world.accept_terms(lane=900)
    world.post_with_offers(later, [world.offer(0, later)])
    with refused("UnknownJob"):
        batch.prove(0, 1)


def test_prove__several_seats__is_refused(world: World, batch: Sliced) -> None:
    job = world.committed(["a", "a", "a"], spec_digest=batch.spec(0))
    batch.jobs[0], batch.trees[0] = job, Tree((ROOT,) * 4)
    with refused("WrongSeats"):
        batch.prove(0, 1)


# ---- audited slices


def test_prove__audited_and_confirmed__counts(world: World, batch: Sliced) -> None:
    audited, opening = _audited(batch)
    with refused("SliceUnpaid"):
        batch.prove(0, 2, opening=opening)
    audited.confirm(2, 3)
    world.mine(3)
    audited.job.settle()
    batch.prove(0, 2, opening=opening)
    assert batch.proven() == {2}


def test_prove__audited_and_one_seat_silent__is_refused_though_he_is_paid(world: World, batch: Sliced) -> None:
    audited, opening = _audited(batch)
    audited.confirm(2)
    world.at(audited.job.deadline)
    audited.job.settle()
    with refused("SliceUnpaid"):
        batch.prove(0, 2, opening=opening)


def test_prove__audited_and_ended_early__outputs_behind_the_last_segment_are_nothing(
    world: World, batch: Sliced
) -> None:
    """The worker was paid for two of four items and audited on these; his result has something for all four."""
    audited, opening = _sealed_slice(batch, done=2)
    audited.commit_and_begin()
    audited.take(1).serve()
    audited.confirm(2)
    world.mine(3)
    audited.job.settle()
    for first, *others in ((2,), (3,), (0, 1, 2), (0, 1, 2, 3)):
        with refused("ItemUndone", index=max(first, 2)):
            batch.prove(0, first, *others, opening=opening)
    batch.prove(0, 0, 1, opening=opening)
    assert batch.proven() == {0, 1}


# ---- the same bytes as in Python


def test_is_item__every_item_and_no_other(batch: Sliced) -> None:
    tree, contract = Tree(tuple(item_leaf(i) for i in range(11))), batch.contract
    for index in range(11):
        nodes = tree.nodes(index)
        at = batch.world.stranger
        assert contract.isItem(tree.root, 11, index, item_digest(index), nodes, sender=at)
        assert not contract.isItem(tree.root, 11, (index + 1) % 11, item_digest(index), nodes, sender=at)
        assert not contract.isItem(tree.root, 11, index, item_digest(index + 1), nodes, sender=at)
        assert not contract.isItem(tree.root, 12, index + 11, item_digest(index), nodes, sender=at)
        assert not contract.isItem(tree.root, 11, index, item_digest(index), [*nodes, ROOT], sender=at)


def test_output_leaf__of_the_reference__is_what_results_have() -> None:
    leaves = [Leaf.of(f"{i:08d}", "U8", (len(output(i)),), output(i)) for i in range(4)]
    assert merkle_root(leaves) == Tree(tuple(output_leaf(i, output(i)) for i in range(4))).root


def test_id__of_python__counts_every_field() -> None:
    batch = OpenedBatch("0x" + "11" * 20, 0, ROOT, (SliceRef(ROOT, 3), SliceRef(ZERO32, 2)))
    others = [
        replace(batch, requester="0x" + "12" * 20),
        replace(batch, root=ZERO32),
        replace(batch, slices=batch.slices[::-1]),
        replace(batch, slices=batch.slices[:1]),
        replace(batch, slices=(SliceRef(ROOT, 2), SliceRef(ZERO32, 3))),
    ]
    assert len({each.id for each in (batch, *others)}) == 6
    assert (batch.count, batch.first_of(1)) == (5, 3)


# ---- helpers

ACCUSED, ACCUSER, HUNG = 1, 2, 3


def _judged(batch: Sliced, decision: int) -> Sliced:
    """Slice 0 was rejected, a jury has decided, and somebody tries to prove item 1."""
    world = batch.world
    batch.post(0)
    job = batch.commit(0)
    world.fund(world.requester, 1_000_000, world.acceptance)
    job.reject()
    world.jury.decide(world.acceptance, job.id, decision, sender=world.stranger)
    job.settle()
    batch.prove(0, 1)
    return batch


def _sealed_slice(batch: Sliced, done: int) -> tuple[Audited, SliceOpening]:
    """The worker of slice 0 has done as many items, each of them a segment; nothing is committed."""
    batch.trees[0] = Tree(tuple(output_leaf(index, data) for index, data in batch.outputs(0).items()))
    plan = replace(PLAN, segments=4, steps=1)
    terms = audit_terms(batch.world, plan, spec_digest=batch.spec(0))
    audited = sealed(batch.world, done=done, plan=plan, terms=terms, other_model=batch.trees[0].root)
    batch.jobs[0] = audited.job
    return audited, SliceOpening(SALT, RECEIPT, audited.trace.root, audited.trace.done)


def _audited(batch: Sliced) -> tuple[Any, SliceOpening]:
    """Slice 0, served to two auditors."""
    audited, opening = _sealed_slice(batch, done=4)
    audited.commit_and_begin()
    audited.take(1, 2).serve()
    return audited, opening

"""Batches as bytes: leaves, stretches of them, slices' files, items and what came of them."""

from dataclasses import replace

import numpy as np
import pytest

from tensorgrid.domain.batches import (
    BatchSlice,
    Stretch,
    check_slice,
    item_leaf,
    items_in,
    outputs_in,
    pack_slice,
)
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import ResultRejected, SpecInvalid
from tensorgrid.domain.items import failure_of, item_of, pack_failure, pack_item
from tensorgrid.domain.payload import Payload, pack_payload
from tensorgrid.domain.results import Leaf, merkle_root
from tensorgrid.domain.specs import BundleRef, Checkpoint, JobSpec, Resources
from tensorgrid.domain.tolerance import Tolerance
from tensorgrid.privacy import Identity
from tensorgrid.storage.cid import cid_of_bytes

ITEMS = [pack_item({"x": value}) for value in range(13)]


def leaves(items=ITEMS):
    return [item_leaf(index, data) for index, data in enumerate(items)]


def tree():
    return Stretch(len(ITEMS), 0, leaves())


def slice_of(first, items, *, root=None, proof=None, data=None):
    """(BatchSlice, its file)."""
    blob = pack_slice(
        first, data or ITEMS[first : first + items], tree().prove(first, items) if proof is None else proof
    )
    return BatchSlice(root or tree().root, len(ITEMS), first, items, "numpy", cid_of_bytes(blob), len(blob)), blob


def spec_of(batch, **changes):
    source = b"def job(x): return {}"
    return JobSpec(
        bundle=BundleRef(cid_of_bytes(source), "job", len(source)),
        resources=Resources(memory_bytes=1 << 30, wall_seconds=60, output_bytes=1 << 20),
        recipients=(Identity.from_seed(b"r" * 32).recipient,),
        batch=batch,
        **changes,
    )


def test_leaf__as_the_contract_computes_it():
    from blake3 import blake3

    assert item_leaf(258, b"item") == keccak256(b"\x07\x00\x00\x01\x02" + blake3(b"item").digest())
    assert item_leaf(0, b"item") != item_leaf(1, b"item"), "the same bytes at two places are two items"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 13])
def test_stretch__every_part_of_every_batch__is_proven_and_proves_its_own_parts(count):
    whole = Stretch(count, 0, leaves()[:count])
    for first in range(count):
        for items in range(1, count - first + 1):
            part = Stretch(count, first, leaves()[first : first + items], whole.prove(first, items))
            assert part.root == whole.root
            assert part.prove(first + items - 1, 1) == whole.prove(first + items - 1, 1)


def test_stretch__root_by_hand():
    a, b, c = leaves()[:3]
    pair = keccak256(b"\x01" + a + b)
    assert Stretch(3, 0, [a, b, c]).root == keccak256(b"\x01" + pair + c)
    assert Stretch(3, 0, [a, b, c]).prove(2, 1) == (pair,)


def test_slice__its_file__gives_the_items_back_and_is_under_the_root():
    for first, items in ((0, 13), (0, 4), (4, 4), (8, 5), (12, 1)):
        batch, blob = slice_of(first, items)
        assert check_slice(blob, batch).root == batch.root
        assert [bytes(item) for item in items_in(blob, batch)] == ITEMS[first : first + items]


def test_attack_slice_of_other_items__refused():
    batch, blob = slice_of(4, 4, data=[pack_item({"x": 99}), *ITEMS[5:8]])
    with pytest.raises(SpecInvalid, match="not those under the root"):
        check_slice(blob, batch)


def test_attack_items_of_another_place__refused():
    batch, blob = slice_of(4, 4, data=ITEMS[5:9])
    with pytest.raises(SpecInvalid, match="not those under the root"):
        check_slice(blob, batch)


@pytest.mark.parametrize("change", [lambda proof: proof[1:], lambda proof: (*proof, b"\x07" * 32)])
def test_attack_proof_too_short_or_long__refused(change):
    batch, blob = slice_of(4, 4, proof=change(tree().prove(4, 4)))
    with pytest.raises(SpecInvalid, match="proof of a slice"):
        check_slice(blob, batch)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\xff" * 100,
        pack_payload({"00000004": ("U8", (4,), b"item")}, {"proof": []}),
        pack_payload({f"0000000{n}": ("I8", (4,), b"item") for n in range(4, 8)}, {"proof": []}),
        pack_payload({f"0000000{n}": ("U8", (2, 2), b"item") for n in range(4, 8)}, {"proof": []}),
        pack_payload({f"0000000{n}": ("U8", (4,), b"item") for n in range(4, 8)}, {"proof": ["0x"]}),
        pack_payload({f"0000000{n}": ("U8", (4,), b"item") for n in range(4, 8)}, {"proof": ["0x" + "00" * 32] * 99}),
        pack_payload({f"0000000{n}": ("U8", (4,), b"item") for n in range(4, 8)}),
    ],
)
def test_attack_malformed_slice__refused(blob):
    batch, _ = slice_of(4, 4)
    with pytest.raises(SpecInvalid):
        check_slice(blob, batch)


@pytest.mark.parametrize(
    ("field", "value"), [("count", 0), ("count", 10_001), ("first", 13), ("items", 0), ("items", 10), ("kind", "jax")]
)
def test_slice__of_no_batch__refused(field, value):
    batch, _ = slice_of(4, 4)
    with pytest.raises(SpecInvalid, match="batch"):
        BatchSlice.of_json(batch.to_json() | {field: value})


def test_spec__with_a_slice__has_one_form_and_comes_back():
    batch, _ = slice_of(4, 4)
    spec = spec_of(batch)
    assert JobSpec.from_bytes(spec.to_bytes()) == spec
    assert spec.input_bytes == batch.size
    assert b'"batch"' not in spec_of(None).to_bytes(), "a spec without one has the bytes that it always had"


AUDITED = {"tier": "audit", "checkpoint": Checkpoint(1, 1 << 20)}


def test_tolerance__is_read_back__and_where_there_is_none_no_byte_tells():
    batch, _ = slice_of(2, 4)
    tolerant = spec_of(replace(batch, tolerance=Tolerance(1e-3, 0)), **AUDITED)
    assert JobSpec.from_bytes(tolerant.to_bytes()) == tolerant
    assert tolerant.tolerance == Tolerance(1e-3, 0) and b'"tolerance":{"atol":0,"rtol":0.001}' in tolerant.to_bytes()
    assert b"tolerance" not in spec_of(batch, **AUDITED).to_bytes() and spec_of(None).tolerance is None


def test_tolerance__where_nobody_audits__refused():
    batch, _ = slice_of(2, 4)
    with pytest.raises(SpecInvalid, match=r"batch.tolerance belongs to the tier .*; leave it out"):
        spec_of(replace(batch, tolerance=Tolerance(1e-3, 0)))


@pytest.mark.parametrize("value", [None, {}, 1e-3, {"atol": -1, "rtol": 0}, {"atol": 0, "rtol": 0, "more": 0}], ids=str)
def test_tolerance__of_strangers_bytes__anything_else_refused(value):
    batch, _ = slice_of(2, 4)
    with pytest.raises(SpecInvalid, match="tolerance"):
        BatchSlice.of_json(batch.to_json() | {"tolerance": value})


def test_item__json_and_arrays__come_back():
    item = {"x": np.arange(3, dtype=np.float32), "deep": {"a": [1, None, "é"]}}
    found = item_of(pack_item(item), "numpy")
    assert found["x"].tolist() == [0, 1, 2] and found["deep"] == {"a": [1, None, "é"]}


def test_failure__names_the_type_alone__and_no_output_looks_like_one():
    packed = pack_failure(ValueError("a secret"))
    assert failure_of(packed) == "ValueError" and b"secret" not in packed
    assert failure_of(pack_item({"failed": "ValueError"})) is None
    with pytest.raises(ResultRejected):
        failure_of(pack_payload({}, ["failed", 5]))


def test_outputs__one_leaf_each__empty_ones_are_not_done():
    batch, _ = slice_of(4, 4)
    outputs = [pack_item({"y": n}) for n in range(3)] + [b""]
    payload = pack_payload({name: ("U8", (len(d),), d) for name, d in zip(batch.names, outputs, strict=True)})
    found = outputs_in(Payload.parse(payload), batch)
    assert {index: bytes(data) for index, data in found.items()} == {4: outputs[0], 5: outputs[1], 6: outputs[2]}
    by_hand = [Leaf.of(f"0000000{n + 4}", "U8", (len(data),), data) for n, data in enumerate(outputs)]
    assert merkle_root(Payload.parse(payload).leaves()) == merkle_root(by_hand)


def test_outputs__of_other_items__refused():
    batch, _ = slice_of(4, 4)
    with pytest.raises(ResultRejected):
        outputs_in(Payload.parse(pack_payload({"00000004": ("U8", (1,), b"x")})), batch)


def test_spec__private_or_gone_on_from__no_batch():
    from tensorgrid.domain.specs import SealedParts

    batch, _ = slice_of(4, 4)
    private = SealedParts(cid_of_bytes(b"sealed"), 100, b"k" * 100, bytes(32))
    with pytest.raises(SpecInvalid, match="neither private nor"):
        spec_of(batch, tier="audit", checkpoint=Checkpoint(1, 1 << 20), private=private)

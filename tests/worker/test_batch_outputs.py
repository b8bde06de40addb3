"""Outputs of a slice: what is remembered of them gives the bytes and the roots that hashing all of them anew gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrid as tg
from tensorgrid.domain.payload import payload_root
from tensorgrid.domain.results import Leaf, Tree, merkle_root
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.traces import part_root
from tensorgrid_worker.runtime.capture import Captured, capture, restore
from tensorgrid_worker.runtime.generators import Generators
from tensorgrid_worker.runtime.keeping import Extents
from tensorgrid_worker.runtime.outputs import Outputs

NAMES = [f"{index:08d}" for index in range(3, 14)]
DONE = st.tuples(st.sampled_from(NAMES), st.binary(max_size=40))
KEYS = st.none() | st.just(bytes(range(32)))


def captured_of(outputs: Outputs, key: bytes | None = None) -> Captured:
    return capture(tg.State(model=outputs), 1, Generators(), key)


def anew(outputs: Outputs, key: bytes | None = None) -> bytes:
    """The root of what they hold, nothing remembered."""
    return part_root((Leaf.of(name, *raw, key) for name, raw in outputs.items()), None, key)


@settings(max_examples=150, deadline=None)
@given(st.lists(DONE | st.just(None), max_size=30), KEYS)
def test_added_replaced_asked_in_any_order__the_root_is_that_of_hashing_anew(steps: list, key: bytes | None) -> None:
    outputs = Outputs(NAMES)
    for step in steps:
        if step is None:
            assert outputs.root(key) == anew(outputs, key)
        else:
            outputs.add(*step)
    assert captured_of(outputs, key).roots().model == anew(outputs, key)


@settings(max_examples=60, deadline=None)
@given(st.lists(DONE, max_size=30), st.integers(0, len(NAMES)))
def test_state_file__in_order_or_not__holds_them_under_the_same_roots(steps: list, first: int) -> None:
    outputs = Outputs(NAMES)
    for name in NAMES[:first]:
        outputs.add(name, name.encode())
        b"".join(captured_of(outputs).pieces)  # something to remember
    for name, data in steps:
        outputs.add(name, data)
    captured = captured_of(outputs)
    data = b"".join(captured.pieces)
    file = StateFile.parse(data)
    assert file.roots() == captured.roots() and len(data) <= captured.at_most
    assert {name: bytes(tensor.data) for name, tensor in file.parts["model"].tensors.items()} == {
        name: raw[2] for name, raw in outputs.items()
    }
    assert payload_root(captured.result()) == captured.roots().model
    fresh = Outputs(NAMES)
    restore(tg.State(model=fresh), file, Generators())
    assert dict(fresh) == dict(outputs) and fresh.root() == outputs.root()


def test_large_outputs__are_not_copied_to_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = Outputs(NAMES)
    for name in NAMES:
        outputs.add(name, name.encode() * 10)
    together = captured_of(outputs).pieces
    monkeypatch.setattr("tensorgrid_worker.runtime.outputs.COPIED_BYTES", 100)
    apart = captured_of(outputs).pieces
    assert b"".join(apart) == b"".join(together) and len(apart) > len(together)
    assert all(any(piece is raw[2] for piece in apart) for raw in outputs.values())


def test_attack_output_changed_in_place_after_it_was_added__neither_root_nor_file_changes() -> None:
    outputs, mine = Outputs(NAMES), bytearray(b"honest")
    outputs.add(NAMES[0], mine)
    before = outputs.root()
    mine[:] = b"forged"
    with pytest.raises(ValueError, match="read-only"):
        outputs.state_dict()[NAMES[0]][:] = 0
    assert outputs.root() == anew(outputs) == before and outputs[NAMES[0]][2] == b"honest"


def test_outputs_of_other_items__do_not_load() -> None:
    with pytest.raises(KeyError, match="other items"):
        Outputs(NAMES).load_state_dict(Outputs(NAMES[1:]).state_dict())


def test_bytes_counted_for_the_limit__are_those_that_any_tensors_are_counted_with() -> None:
    outputs = Outputs(NAMES)
    outputs.add(NAMES[4], b"x" * 333)
    counted = captured_of(outputs)
    plain = Captured({**counted.tensors, "model": dict(outputs)}, counted.plain)
    assert counted.at_most == plain.at_most


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 11])
def test_tree__a_leaf_put_anew__is_the_tree_of_the_new_leaves(count: int) -> None:
    leaves = [Leaf.of(f"{place:02d}", "U8", (0,), b"") for place in range(count)]
    tree = Tree([leaf.hash() for leaf in leaves])
    for place in range(count):
        leaves[place] = Leaf.of(f"{place:02d}", "U8", (1,), bytes([place]))
        tree.put(place, leaves[place].hash())
        assert tree.root == merkle_root(leaves)


class TestCost:
    """Counted in hashes, which no machine's speed changes."""

    @pytest.fixture
    def hashes(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        from tensorgrid.domain import results

        counted: list[int] = []
        hashed = results.keccak256
        monkeypatch.setattr(results, "keccak256", lambda data: counted.append(1) or hashed(data))
        return counted

    def test_one_more_output__hashes_its_own_way_to_the_root(self, hashes: list[int]) -> None:
        outputs = Outputs([f"{index:08d}" for index in range(1000)])
        outputs.root()
        hashes.clear()
        outputs.add("00000500", b"done")
        outputs.root()
        assert len(hashes) == 11


def test_kept_states__that_fit__lie_one_behind_the_other() -> None:
    extents = Extents(1000)
    assert [extents.place(segment, 100) for segment in range(1, 4)] == [0, 100, 200]

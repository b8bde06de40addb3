"""States between memory and file: nothing is lost, nothing that a stranger wrote gets past the hashes."""

from __future__ import annotations

import random
import struct
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorgrid as tg
from tensorgrid.domain.encoding import canonical_json
from tensorgrid.domain.errors import SpecInvalid, StateRejected
from tensorgrid.domain.payload import Payload, pack_payload, payload_root
from tensorgrid.domain.states import StateFile
from tensorgrid_worker.runtime.capture import capture, restore
from tensorgrid_worker.runtime.generators import Generators
from tensorgrid_worker.runtime.keeping import Extents
from tensorgrid_worker.runtime.trees import canonical, flatten, unflatten

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="ascii"))
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("abc.", max_size=3) | st.integers(-9, 9), inner, max_size=3)
    ),
    max_leaves=10,
)


def file_of(state: tg.State, step: int, generators: Generators) -> bytes:
    return b"".join(capture(state, step, generators).pieces)


def same(left: Any, right: Any) -> bool:
    """Equal in value and type, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right) and str(left) == str(right)


class TestTrees:
    @settings(max_examples=300, deadline=None)
    @given(st.dictionaries(st.text("abc", min_size=1, max_size=3), TREES, max_size=4))
    def test_flatten_and_back(self, tree: dict[str, Any]) -> None:
        tensors, plain = flatten(tree)
        assert canonical(plain) == canonical_json(plain)
        assert not tensors and same(unflatten({}, plain), tree)

    def test_tensors_of_both_libraries_come_back_where_they_were(self) -> None:
        tree = {"w": torch.ones(2), "deep": {0: {"m": torch.zeros(1), "n": np.arange(3)}, "t": (torch.ones(1), 1.0)}}
        tensors, plain = flatten(tree)
        assert set(tensors) == {"w", "deep.0.m", "deep.0.n", "deep.t.0"}
        back = unflatten(tensors, plain)
        assert back["deep"][0]["n"] is tree["deep"][0]["n"] and isinstance(back["deep"]["t"], tuple)
        assert back["w"] is tree["w"]

    @pytest.mark.parametrize("nan", [float("nan"), float("inf"), -0.0, 1e-320])
    def test_floats_that_json_has_not(self, nan: float) -> None:
        back = unflatten({}, flatten({"x": nan})[1])["x"]
        assert struct.pack("d", back) == struct.pack("d", nan)

    @pytest.mark.parametrize(
        "tree",
        [{1: 2}, {"x": object()}, {"x": b"bytes"}, {"x": {1, 2}}, {"x": {(1, 2): 3}}, {"x": {2**60: 1}}],
        ids=range(6),
    )
    def test_what_has_no_plain_form__refused(self, tree: Any) -> None:
        with pytest.raises(SpecInvalid):
            flatten(tree)

    def test_two_tensors_of_one_name__refused(self) -> None:
        with pytest.raises(SpecInvalid, match="two tensors"):
            flatten({"a": {"b": {"c": torch.ones(1)}, "b.c": torch.ones(1)}})

    @pytest.mark.parametrize(
        "plain",
        [[], {"a": {"x": "absent"}}, {"a": {"z": 1}}, {"a": {"f": 1}}, {"a": {"d": [[1]]}}, {"a": 1.5}, {"a": {}}],
        ids=range(7),
    )
    def test_attack_json_that_no_state_writes__refused(self, plain: Any) -> None:
        with pytest.raises(StateRejected):
            unflatten({}, plain)


def trained(steps: int) -> tuple[tg.State, torch.nn.Module]:
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    state = tg.State(
        model=model, optimizer=optimizer, scheduler=scheduler, mean=torch.zeros(2), table=np.ones(2), best=0.0
    )
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.randn(16, 4)).square().mean().backward()
        optimizer.step()
        scheduler.step()
        state.mean.add_(step)
        state.table[:] += step
        state.best = float("inf") if step % 2 else 1
    return state, model


class TestFiles:
    def test_capture_restore_capture__the_same_bytes(self) -> None:
        state, _ = trained(7)
        generators = Generators()
        random.gauss(0, 1)
        data = file_of(state, 7, generators)
        fresh, _ = trained(0)
        torch.rand(10), np.random.randn(3), random.random()  # noqa: NPY002
        restore(fresh, StateFile.parse(data), generators)
        assert file_of(fresh, 7, generators) == data
        assert fresh.best == 1 and type(fresh.best) is int

    def test_roots__of_memory_and_of_the_file__are_one(self) -> None:
        state, model = trained(3)
        generators = Generators()
        captured = capture(state, 3, generators)
        file = StateFile.parse(b"".join(captured.pieces))
        assert file.roots() == captured.roots() and file.step == 3
        assert payload_root(captured.result()) == captured.roots().model
        names = {tensor.name for tensor in Payload.parse(captured.result()).tensors}
        assert names == set(model.state_dict())

    def test_views__are_of_the_living_memory(self) -> None:
        state, model = trained(1)
        captured = capture(state, 1, Generators())
        before = captured.root_of("model")
        with torch.no_grad():
            model[0].weight.zero_()
        assert captured.root_of("model") != before

    @pytest.mark.parametrize(
        "tensor",
        [
            torch.arange(24).reshape(2, 3, 4).transpose(0, 2),
            torch.ones(3, dtype=torch.bfloat16),
            torch.tensor([True, False]),
            torch.tensor(3.5),
            torch.empty(0, 4),
            torch.ones(2, dtype=torch.complex64).conj(),
            np.arange(6, dtype=">i4").reshape(2, 3).T,
            np.array(2.5),
        ],
        ids=range(8),
    )
    def test_every_kind_of_tensor__comes_back(self, tensor: Any) -> None:
        state, generators = tg.State(model=tensor), Generators()
        file = StateFile.parse(file_of(state, 0, generators))
        blank = torch.zeros_like(tensor) if isinstance(tensor, torch.Tensor) else np.zeros_like(tensor)
        fresh = tg.State(model=blank)
        restore(fresh, file, generators)
        assert bool((fresh.model == tensor).all()) and capture(fresh, 0, generators).roots() == file.roots()

    @pytest.mark.parametrize(
        "tensor", [torch.ones(2).to_sparse(), torch.ones(2, dtype=torch.complex128), torch.ones(2, device="meta")]
    )
    def test_tensors_without_plain_bytes__refused(self, tensor: torch.Tensor) -> None:
        with pytest.raises(SpecInvalid, match="convert"):
            capture(tg.State(model=tensor), 0, Generators())

    @pytest.mark.parametrize("other", ["wider", "other optimiser", "other names"])
    def test_attack_state_that_does_not_load__typed(self, other: str) -> None:
        state, _ = trained(2)
        generators = Generators()
        file = StateFile.parse(file_of(state, 2, generators))
        model = torch.nn.Sequential(
            torch.nn.Linear(4, 9 if other == "wider" else 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2)
        )
        kind = torch.optim.SGD if other == "other optimiser" else torch.optim.AdamW
        optimizer = kind([model[0].weight] if other == "other optimiser" else model.parameters(), lr=1.0)
        more = {"mean": torch.zeros(2)} if other == "other names" else {}
        with pytest.raises(StateRejected, match=r"does not load|other values"):
            restore(tg.State(model=model, optimizer=optimizer, **more), file, generators)

    @pytest.mark.parametrize(
        ("tensors", "plain"),
        [
            ({}, None),
            ({}, {"model": None, "optimizer": None, "rng": None}),
            ({}, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": -1}}),
            ({}, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": True}}),
            ({}, {"model": None, "optimizer": None, "rng": None, "cursor": None}),
            ({"model": ("U8", (1,), b"0")}, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": 1}}),
            ({"other/w": ("U8", (1,), b"0")}, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": 1}}),
        ],
        ids=range(7),
    )
    def test_attack_malformed_file__typed(self, tensors: Any, plain: Any) -> None:
        with pytest.raises(StateRejected):
            StateFile.parse(pack_payload(tensors, plain or {}))

    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_attack_any_byte_changed__refused_or_another_root(self, data: st.DataObject) -> None:
        whole = file_of(tg.State(model={"w": np.arange(4)}), 1, Generators())
        place = data.draw(st.integers(0, len(whole) - 1))
        changed = bytearray(whole)
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
        try:
            found = StateFile.parse(bytes(changed)).roots()
        except StateRejected:
            return
        assert found != StateFile.parse(whole).roots() or _only_layout(whole, place)

    def test_metadata__reaches_a_modules_loading(self) -> None:
        seen: list[Any] = []

        class Careful(torch.nn.Linear):
            def _load_from_state_dict(self, state_dict: Any, prefix: str, local: Any, *rest: Any) -> None:
                seen.append(local.get("version"))
                super()._load_from_state_dict(state_dict, prefix, local, *rest)

        state, generators = tg.State(model=Careful(2, 2)), Generators()
        assert isinstance(state.model.state_dict(), OrderedDict)
        restore(state, StateFile.parse(file_of(state, 0, generators)), generators)
        assert seen == [1]


def _only_layout(whole: bytes, place: int) -> bool:
    """Spaces in the header mean nothing."""
    return place < 8 + int.from_bytes(whole[:8], "little")


class TestExtents:
    @settings(max_examples=200, deadline=None)
    @given(st.integers(1, 60), st.lists(st.integers(1, 20), min_size=1, max_size=80))
    def test_never_beyond_the_cap__never_one_over_another(self, most: int, sizes: list[int]) -> None:
        extents = Extents(most)
        for segment, size in enumerate(sizes, 1):
            if size > most:
                with pytest.raises(ValueError, match="do not fit"):
                    extents.place(segment, size)
                continue
            extents.place(segment, size)
            kept = sorted(extents.kept.values())
            assert all(offset + length <= most for offset, length in kept)
            assert all(kept[i][0] + kept[i][1] <= kept[i + 1][0] for i in range(len(kept) - 1))
            assert all(
                index % extents.stride == 0 and extents.kept[index][1] == sizes[index - 1] for index in extents.kept
            )

    def test_full__every_second_goes(self) -> None:
        extents = Extents(40)
        for segment in range(1, 9):
            extents.place(segment, 10)
        assert sorted(extents.kept) == [2, 4, 6, 8] and extents.stride == 2

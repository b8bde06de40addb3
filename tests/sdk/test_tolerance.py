"""How near two outputs of one item are: what a requester may ask for, what an auditor makes of a stranger's bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrid.domain.arrays import pack_result
from tensorgrid.domain.distance import Verdict
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.items import pack_failure
from tensorgrid.domain.likeness import of_outputs, of_states
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.tolerance import MOST_ATOL, MOST_RTOL, Tolerance

NEAR = Tolerance.of(1e-3)
NAN, INF = math.nan, math.inf


def verdict(mine: Mapping[str, Any], his: Mapping[str, Any], tolerance: Tolerance = NEAR) -> Verdict:
    return of_outputs(pack_result(mine), pack_result(his), tolerance)[0]


def of_raw(dtype: str, mine: bytes, his: bytes) -> Verdict:
    def packed(data: bytes, size: int = {"BF16": 2}.get(dtype, 1)) -> bytes:
        return pack_payload({"y": (dtype, (len(data) // size,), data)})

    return of_outputs(packed(mine), packed(his), NEAR)[0]


class TestAsking:
    def test_one_number__stands_for_both(self) -> None:
        assert Tolerance.of(1e-3) == Tolerance(rtol=1e-3, atol=1e-3)

    def test_by_name__what_is_left_out_is_nothing(self) -> None:
        assert Tolerance.of({"rtol": 1e-2}) == Tolerance(1e-2, 0)
        assert Tolerance.of({"atol": 5}) == Tolerance(0, 5)

    @pytest.mark.parametrize("value", [Tolerance(0, 0), Tolerance(1e-7, 1), Tolerance(MOST_RTOL, MOST_ATOL)], ids=str)
    def test_canonical_json__comes_back_as_it_was(self, value: Tolerance) -> None:
        data = canonical_json(value.to_json())
        again = Tolerance.of_json(parse_canonical_json(data, "it"))
        assert again == value and canonical_json(again.to_json()) == data

    @pytest.mark.parametrize(
        "value",
        [
            *(NAN, INF, -INF, -1e-9, MOST_RTOL * 1.01, 10**400, True, "1e-3", None, [1e-3]),
            *({}, {"rtol": NAN}, {"rtol": 1e-3, "tol": 1}, {"atol": MOST_ATOL * 1.01}, {1: 1}),
        ],
        ids=lambda value: str(value)[:24],
    )
    def test_anything_else__refused(self, value: Any) -> None:
        with pytest.raises(SpecInvalid, match="such as tolerance="):
            Tolerance.of(value)

    @pytest.mark.parametrize(
        "value", [1e-3, {}, {"rtol": 0.1}, {"rtol": "0.1", "atol": 0}, {"rtol": 0, "atol": 10**99}]
    )
    def test_of_strangers_json__anything_else_refused(self, value: Any) -> None:
        with pytest.raises(SpecInvalid):
            Tolerance.of_json(value)


class TestPlainValues:
    @pytest.mark.parametrize(
        ("mine", "his"),
        [
            ({"y": 1.5}, {"y": 1.5}),
            ({"y": 1.5}, {"y": 1.5014}),
            ({"y": 1.5}, {"y": 1.4986}),
            ({"y": 1e-9}, {"y": -1e-9}),
            ({"y": 1.0}, {"y": 1.0001}),  # JSON writes the first one as 1
            ({"y": {"a": [0.1, "x", None, True]}}, {"y": {"a": [0.1004, "x", None, True]}}),
            ({}, {}),
        ],
        ids=str,
    )
    def test_within(self, mine: dict[str, Any], his: dict[str, Any]) -> None:
        assert verdict(mine, his) is Verdict.WITHIN

    @pytest.mark.parametrize(
        ("mine", "his"),
        [
            ({"y": 1.5}, {"y": 1.503}),
            ({"y": 7}, {"y": 8}),
            ({"y": 5000}, {"y": 5001}),  # as near as floats may be, but it may be a label
            ({"y": 1e308}, {"y": -1e308}),
            ({"y": 0}, {"y": 1e308}),
            ({"y": "a"}, {"y": "b"}),
            ({"y": True}, {"y": 1}),
            ({"y": True}, {"y": False}),
            ({"y": None}, {"y": 0}),
            ({"y": 1.5}, {"y": "1.5"}),
            ({"y": 1.5}, {"y": [1.5]}),
            ({"y": [1.5, 2.5]}, {"y": [1.5]}),
            ({"y": 1.5}, {"z": 1.5}),
            ({"y": 1.5}, {"y": 1.5, "z": 1}),
            ({"y": 1.5}, {"y": np.float32([1.5])}),
            ({"y": 1.5}, {}),
        ],
        ids=str,
    )
    def test_unlike(self, mine: dict[str, Any], his: dict[str, Any]) -> None:
        assert verdict(mine, his) is verdict(his, mine) is Verdict.SUSPICIOUS

    def test_failures__as_the_exceptions_are_called(self) -> None:
        failed, other = pack_failure(ValueError("on my machine")), pack_failure(KeyError())
        assert of_outputs(failed, pack_failure(ValueError("on his")), NEAR)[0] is Verdict.WITHIN
        assert of_outputs(failed, other, NEAR)[0] is Verdict.SUSPICIOUS
        assert of_outputs(failed, pack_result({"y": 1}), NEAR)[0] is Verdict.SUSPICIOUS

    def test_zero__floats_are_equal_too(self) -> None:
        exact = Tolerance.of(0)
        assert verdict({"y": 0.1}, {"y": 0.1}, exact) is Verdict.WITHIN
        assert verdict({"y": 0.1}, {"y": math.nextafter(0.1, 1)}, exact) is Verdict.SUSPICIOUS


class TestArrays:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
    def test_floats__each_element_within(self, dtype: str) -> None:
        mine = np.array([0, 1, -100, NAN, INF, -INF], dtype)
        off = np.array([1e-4, 1.001, -100.05, NAN, INF, -INF], dtype)
        far = np.array([1e-4, 1.01, -100.05, NAN, INF, -INF], dtype)
        assert verdict({"y": mine}, {"y": off}) is Verdict.WITHIN
        assert verdict({"y": mine}, {"y": far}) is Verdict.SUSPICIOUS

    def test_bf16(self) -> None:
        one, next_one, nan, other_nan = b"\x80\x3f", b"\x81\x3f", b"\xc0\x7f", b"\xc1\xff"
        assert of_raw("BF16", one + nan, one + other_nan) is Verdict.WITHIN
        assert of_raw("BF16", one, next_one) is Verdict.SUSPICIOUS  # 1.0078

    def test_floats_of_eight_bits__nothing_is_said(self) -> None:
        assert of_raw("F8_E4M3", b"\1", b"\1") is Verdict.WITHIN
        assert of_raw("F8_E4M3", b"\1", b"\x70") is Verdict.INCONCLUSIVE

    @pytest.mark.parametrize(
        ("mine", "his"),
        [
            (np.float32([1, 2]), np.float32([1, NAN])),
            (np.float32([1, 2]), np.float32([1, INF])),
            (np.float32([INF]), np.float32([1])),
            (np.float32([INF]), np.float32([-INF])),
            (np.float64([1e308]), np.float64([-1e308])),
            (np.complex64([1 + 1j]), np.complex64([1 + 1.1j])),
            (np.int64([1, 2]), np.int64([1, 3])),
            (np.array([True]), np.array([False])),
            (np.float32([1]), np.float64([1])),
            (np.float32([1, 2]), np.float32([[1, 2]])),
            (np.float32([1, 2]), np.float32([1])),
            (np.uint8([1]), np.int8([1])),
        ],
        ids=str,
    )
    def test_unlike(self, mine: Any, his: Any) -> None:
        assert verdict({"y": mine}, {"y": his}) is verdict({"y": his}, {"y": mine}) is Verdict.SUSPICIOUS

    def test_attack_huge_numbers_of_his__make_no_room_for_themselves(self) -> None:
        assert verdict({"y": np.float32([1])}, {"y": np.float32([3e38])}, Tolerance(0.5, 0)) is Verdict.SUSPICIOUS
        assert verdict({"y": 1.5}, {"y": 2.9}, Tolerance(0.5, 0)) is Verdict.SUSPICIOUS  # though 1.4 <= 0.5 * 2.9

    def test_the_last_element_of_a_long_one__is_looked_at(self) -> None:
        mine = np.zeros(300_001, np.float32)
        his = mine.copy()
        his[-1] = 1
        assert verdict({"y": mine}, {"y": mine + np.float32(1e-4)}) is Verdict.WITHIN
        assert verdict({"y": mine}, {"y": his}) is Verdict.SUSPICIOUS

    def test_the_worst_of_several__counts__and_is_named(self) -> None:
        mine = {"a": np.float32([1]), "b": np.float32([1]), "c": 1}
        told = of_outputs(pack_result(mine), pack_result(mine | {"b": np.float32([2])}), NEAR)
        assert told == (Verdict.SUSPICIOUS, "array 'b'")

    def test_empty_ones__within(self) -> None:
        assert verdict({"y": np.zeros((0, 3), np.float32)}, {"y": np.zeros((0, 3), np.float32)}) is Verdict.WITHIN


class TestHostileBytes:
    @settings(max_examples=100, deadline=None)
    @given(data=st.binary(max_size=400))
    def test_no_function_returns_them__unlike__never_a_crash(self, data: bytes) -> None:
        assert of_outputs(pack_result({"y": 0.5}), data, NEAR)[0] is Verdict.SUSPICIOUS

    @settings(max_examples=150, deadline=None)
    @given(place=st.integers(0, 10_000), byte=st.integers(1, 255))
    def test_one_byte_changed__never_a_crash(self, place: int, byte: int) -> None:
        mine = pack_result({"y": np.float32([1, 2]), "z": [0.5, "text"]})
        his = bytearray(mine)
        his[place % len(his)] ^= byte
        of_outputs(mine, bytes(his), NEAR)

    @pytest.mark.parametrize("text", ["1" * 1_000_000, "1e999", "NaN", "[" * 5_000 + "]" * 5_000, '{"a":1,"a":2}'])
    def test_attack_json_to_choke_on__unlike(self, text: str) -> None:
        head = b'{"__metadata__":{"json":"%s"}}' % text.replace('"', '\\"').encode()
        assert of_outputs(pack_result({"y": 1}), len(head).to_bytes(8, "little") + head, NEAR)[0] is Verdict.SUSPICIOUS

    def test_ours_unreadable__nothing_is_said(self) -> None:
        assert of_outputs(b"", pack_result({"y": 1}), NEAR)[0] is Verdict.INCONCLUSIVE


def slice_state(outputs: Mapping[str, bytes], step: int = 2, more: Mapping[str, Any] | None = None) -> StateFile:
    tensors = {f"model/{name}": ("U8", (len(data),), data) for name, data in outputs.items()} | dict(more or {})
    return StateFile.parse(
        pack_payload(tensors, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": step}})
    )


FIRST, DRAWN, LATER = "00000000", "00000001", "00000002"
MINE = {FIRST: pack_result({"y": 0.1}), DRAWN: pack_result({"y": 0.2}), LATER: b""}


class TestStates:
    """Behind item 00000001 of three, which has just been computed."""

    def told(self, his: StateFile) -> Verdict:
        return of_states(slice_state(MINE), his, [DRAWN], NEAR)[0]

    @pytest.mark.parametrize(("value", "expected"), [(0.2001, Verdict.WITHIN), (0.3, Verdict.SUSPICIOUS)])
    def test_drawn_item__by_its_output(self, value: float, expected: Verdict) -> None:
        assert self.told(slice_state(MINE | {DRAWN: pack_result({"y": value})})) is expected

    def test_attack_drawn_item_left_out__unlike(self) -> None:
        assert self.told(slice_state(MINE | {DRAWN: b""})) is Verdict.SUSPICIOUS

    @pytest.mark.parametrize("name", [FIRST, LATER])
    def test_attack_another_item_written_in_this_step__unlike_however_near(self, name: str) -> None:
        changed = slice_state(MINE | {name: pack_result({"y": 0.10001})})
        assert self.told(changed) is Verdict.SUSPICIOUS
        assert "changed behind its own step" in of_states(slice_state(MINE), changed, [DRAWN], NEAR)[1]

    @pytest.mark.parametrize(
        "his",
        [
            slice_state({name: data for name, data in MINE.items() if name != LATER}),
            slice_state(MINE | {"00000003": b""}),
            slice_state(MINE, step=3),
            slice_state({FIRST: MINE[FIRST], LATER: b""}, more={"model/00000001": ("F32", (1,), bytes(4))}),
            slice_state({FIRST: MINE[FIRST], LATER: b""}, more={"model/00000001": ("U8", (1, 1), b"1")}),
        ],
        ids=["an item less", "an item more", "another step", "no bytes", "no row of bytes"],
    )
    def test_state_of_another_form__unlike(self, his: StateFile) -> None:
        assert self.told(his) is Verdict.SUSPICIOUS

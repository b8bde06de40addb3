"""Result files: what is packed comes back, what is hostile is refused, what is accepted means the same elsewhere."""

from __future__ import annotations

import json
import struct

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrid.domain import payload as module
from tensorgrid.domain.errors import ResultRejected, SpecInvalid
from tensorgrid.domain.payload import (
    ITEM_BYTES,
    MAX_DIMENSIONS,
    MAX_NAME_BYTES,
    Payload,
    json_of_payload,
    leaves_of_payload,
    pack_payload,
    payload_root,
)
from tensorgrid.domain.results import Leaf, merkle_root

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@st.composite
def tensors(draw: st.DrawFn) -> dict:
    found = {}
    for name in draw(st.lists(NAMES, max_size=5, unique=True)):
        dtype = draw(st.sampled_from(sorted(ITEM_BYTES)))
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        size = ITEM_BYTES[dtype]
        for length in shape:
            size *= length
        data = draw(st.binary(min_size=size, max_size=size))
        found[name] = (dtype, shape, bytes(b & 1 for b in data) if dtype == "BOOL" else data)
    return found


def file_of(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype: str = "U8", shape: object = (2,), offsets: object = (0, 2), **more: object) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


class TestPacking:
    @given(
        tensors(),
        st.none() | st.dictionaries(st.text(max_size=5).filter(str.isprintable), st.integers(0, 9), max_size=3),
    )
    def test_what_is_packed_comes_back(self, packed: dict, value: object) -> None:
        data = pack_payload(packed, value)
        payload = Payload.parse(data)
        assert {t.name: (t.dtype, list(t.shape), bytes(t.data)) for t in payload.tensors} == packed
        assert payload.json == json_of_payload(data) == value
        assert pack_payload(dict(reversed(packed.items())), value) == data
        assert {name: bytes(v["data"]) for name, v in safetensors.deserialize(data)} == {
            n: p[2] for n, p in packed.items()
        }

    def test_leaves_and_root(self) -> None:
        data = pack_payload({"w": ("F32", (1, 2), bytes(8)), "a": ("I64", (), b"\1" + bytes(7))}, {"loss": 0.5})
        expected = [
            Leaf.of("w", "F32", (1, 2), bytes(8)),
            Leaf.of("a", "I64", (), b"\1" + bytes(7)),
            Leaf.of("", "json", (), b'{"loss":0.5}'),
        ]
        assert sorted(leaves_of_payload(data), key=lambda leaf: leaf.name) == sorted(
            expected, key=lambda leaf: leaf.name
        )
        assert payload_root(data) == merkle_root(expected)

    def test_root_depends_on_meaning_not_on_layout(self) -> None:
        one = file_of({"a": entry(offsets=(0, 2)), "b": entry(offsets=(2, 4))}, b"aabb")
        other = file_of({"b": entry(offsets=(0, 2)), "a": entry(offsets=(2, 4))}, b"bbaa")
        assert (
            payload_root(one)
            == payload_root(other)
            == payload_root(pack_payload({"a": ("U8", [2], b"aa"), "b": ("U8", [2], b"bb")}))
        )

    def test_every_tensor_is_aligned_to_its_element(self) -> None:
        data = pack_payload({f"t{i}": (dtype, [1], bytes(size)) for i, (dtype, size) in enumerate(ITEM_BYTES.items())})
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        assert start % 8 == 0
        assert all(e["data_offsets"][0] % ITEM_BYTES[e["dtype"]] == 0 for e in header.values())

    @pytest.mark.parametrize(
        ("packed", "value"),
        [
            ({"": ("U8", [1], b"x")}, None),
            ({"__metadata__": ("U8", [1], b"x")}, None),
            ({"a\x1b[2J": ("U8", [1], b"x")}, None),
            ({"n" * (MAX_NAME_BYTES + 1): ("U8", [1], b"x")}, None),
            ({"a": ("F4", [2], b"x")}, None),
            ({"a": ("C128", [1], bytes(16))}, None),
            ({"a": ("F32", [1], b"xyz")}, None),
            ({"a": ("F32", [-1], b"")}, None),
            ({"a": ("U8", [1] * (MAX_DIMENSIONS + 1), b"x")}, None),
            ({}, {"x": float("nan")}),
            ({}, {"x": object()}),
            ({}, "x" * (module.MAX_JSON_BYTES + 1)),
        ],
        ids=range(12),
    )
    def test_what_cannot_travel(self, packed: dict, value: object) -> None:
        with pytest.raises(SpecInvalid):
            pack_payload(packed, value)

    def test_deep_json_is_refused_where_it_is_packed(self) -> None:
        deep: list = []
        for _ in range(100):
            deep = [deep]
        with pytest.raises(SpecInvalid, match="deep"):
            pack_payload({}, deep)


HOSTILE = {
    "nothing": b"",
    "short": b"\1\2\3",
    "huge header": struct.pack("<Q", 2**63) + b"{}",
    "header beyond the end": struct.pack("<Q", 100) + b"{}",
    "header over the cap": struct.pack("<Q", module.MAX_HEADER_BYTES + 1) + bytes(64),
    "no object": file_of([]),
    "leading space": file_of(b" {}"),
    "utf-16": file_of("{}".encode("utf-16-le")),
    "not utf-8": file_of(b'{"\xff":1}'),
    "deep": file_of(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "unclosed": file_of(b'{"a":' * 100_000),
    "same name twice": file_of(b'{"a":%s,"a":%s}' % ((json.dumps(entry()).encode(),) * 2), b"xx"),
    "same key twice": file_of(b'{"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"xx"),
    "unknown key": file_of({"a": entry(strides=[1])}, b"xx"),
    "missing key": file_of({"a": {"dtype": "U8", "shape": [2]}}, b"xx"),
    "entry is no object": file_of({"a": [1]}),
    "overlap": file_of({"a": entry(offsets=(0, 2)), "b": entry(offsets=(1, 3))}, b"xxx"),
    "same bytes twice": file_of({"a": entry(), "b": entry()}, b"xx"),
    "gap": file_of({"a": entry(offsets=(1, 3))}, b"xxx"),
    "trailing bytes": file_of({"a": entry()}, b"xxx"),
    "beyond the end": file_of({"a": entry(shape=(9,), offsets=(0, 9))}, b"xx"),
    "ten gigabytes claimed": file_of({"a": entry(shape=(10 << 30,), offsets=(0, 10 << 30))}, b"xx"),
    "backwards": file_of({"a": entry(offsets=(2, 0))}, b"xx"),
    "negative": file_of({"a": entry(shape=(-2,), offsets=(0, -2))}, b"xx"),
    "floats": file_of({"a": entry(shape=(2.0,), offsets=(0, 2.0))}, b"xx"),
    "booleans as numbers": file_of({"a": entry(shape=(True,), offsets=(False, True))}, b"x"),
    "numbers beyond 64 bits": file_of({"a": entry(shape=(2**70, 0), offsets=(0, 0))}),
    "absurd number": file_of(b'{"a":{"dtype":"U8","shape":[%s],"data_offsets":[0,0]}}' % (b"1" * 10_000)),
    "wrong size": file_of({"a": entry(dtype="F32")}, b"xx"),
    "unknown dtype": file_of({"a": entry(dtype="F128")}, b"xx"),
    "packed dtype": file_of({"a": entry(dtype="F4", shape=(4,))}, b"xx"),
    "dtype is no text": file_of({"a": entry(dtype=["U8"])}, b"xx"),
    "shape is no list": file_of({"a": entry(shape={"0": 2})}, b"xx"),
    "many dimensions": file_of({"a": entry(shape=[1] * 65 + [2])}, b"xx"),
    "empty name": file_of({"": entry()}, b"xx"),
    "long name": file_of({"n" * 600: entry()}, b"xx"),
    "steering name": file_of({"\x1b[2J": entry()}, b"xx"),
    "lone surrogate": file_of(b'{"\\ud800":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"xx"),
    "boolean of 2": file_of({"a": entry(dtype="BOOL")}, b"\1\2"),
    "metadata is no object": file_of({"__metadata__": 1}),
    "foreign metadata": file_of({"__metadata__": {"format": "pt"}}),
    "json is no text": file_of({"__metadata__": {"json": {}}}),
    "json is null": file_of({"__metadata__": {"json": None}}),
    "json not canonical": file_of({"__metadata__": {"json": '{"b": 1}'}}),
    "json is nonsense": file_of({"__metadata__": {"json": "{"}}),
    "json is NaN": file_of({"__metadata__": {"json": "NaN"}}),
    "json is deep": file_of({"__metadata__": {"json": "[" * 90_000 + "]" * 90_000}}),
    "json with a lone surrogate": file_of(b'{"__metadata__":{"json":"\\"\\ud800\\""}}'),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_attack_hostile_result_file(data: bytes) -> None:
    for read in (Payload.parse, leaves_of_payload, json_of_payload, payload_root):
        with pytest.raises(ResultRejected):
            read(data)


def test_an_empty_file_has_no_root() -> None:
    assert leaves_of_payload(file_of({})) == []
    with pytest.raises(ResultRejected, match="neither"):
        payload_root(file_of({}))


def test_more_tensors_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack_payload({f"t{i}": ("U8", [0], b"") for i in range(11)})
    monkeypatch.setattr(module, "MAX_TENSORS", 10)
    with pytest.raises(ResultRejected, match="11 tensors"):
        Payload.parse(data)


def accepted_alike(data: bytes) -> None:
    """Refused with the one error, or accepted and meaning the same to the safetensors library."""
    try:
        payload = Payload.parse(data)
    except ResultRejected:
        return
    theirs = {name: (v["dtype"], tuple(v["shape"]), bytes(v["data"])) for name, v in safetensors.deserialize(data)}
    assert {t.name: (t.dtype, t.shape, bytes(t.data)) for t in payload.tensors} == theirs
    assert all(isinstance(leaf.hash(), bytes) for leaf in payload.leaves())


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=120))
def test_no_bytes_crash_the_parser(noise: bytes) -> None:
    accepted_alike(noise)
    accepted_alike(file_of(noise))
    accepted_alike(file_of(b"{" + noise))


@settings(max_examples=500, deadline=None)
@given(
    st.dictionaries(
        NAMES | st.just("__metadata__"),
        st.fixed_dictionaries(
            {
                "dtype": st.sampled_from([*ITEM_BYTES, "F4", "x"]) | st.integers(),
                "shape": st.lists(st.integers(-1, 4), max_size=3),
                "data_offsets": st.lists(st.integers(-1, 12), min_size=2, max_size=2),
            }
        )
        | st.dictionaries(st.just("json"), st.text(max_size=4)),
        max_size=3,
    ),
    st.binary(max_size=12),
)
def test_no_header_crashes_the_parser(header: dict, body: bytes) -> None:
    accepted_alike(file_of(header, body))


SAMPLE = pack_payload({"w": ("F32", (2, 2), bytes(range(16))), "b": ("BOOL", (3,), b"\1\0\1")}, {"a": [1, {"b": None}]})


@settings(max_examples=750, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 40),
)
def test_no_damage_crashes_the_parser_or_keeps_the_root(damage: list, cut: int) -> None:
    data = bytearray(SAMPLE)
    for place, value in damage:
        data[place] = value
    accepted_alike(bytes(data))
    accepted_alike(bytes(data[: len(data) - cut]))
    if bytes(data) != SAMPLE:
        try:
            damaged = Payload.parse(bytes(data))
        except ResultRejected:
            return
        same = {t.name: (t.dtype, t.shape, bytes(t.data)) for t in damaged.tensors}
        whole = {t.name: (t.dtype, t.shape, bytes(t.data)) for t in Payload.parse(SAMPLE).tensors}
        if (same, damaged.json_text) != (whole, Payload.parse(SAMPLE).json_text):
            assert payload_root(bytes(data)) != payload_root(SAMPLE)

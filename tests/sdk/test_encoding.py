from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.domain.encoding import canonical_json, keccak256, parse_canonical_json, word
from tensorgrid.domain.errors import SpecInvalid

EXACT = 2**53 - 1
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-EXACT, EXACT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_keccak_is_ethereums() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(JSON.filter(lambda value: "\\ud" not in json.dumps(value)))
def test_canonical_bytes_parse_to_themselves(value: object) -> None:
    data = canonical_json(value)
    again = parse_canonical_json(data, "it")
    assert canonical_json(again) == data
    assert again == value


@pytest.mark.parametrize("number", [1e20, 2.0**53, -(2.0**60), 1e21, 5e-324, 0.1, 1e16])
def test_floats_without_exponent_come_back(number: float) -> None:
    assert parse_canonical_json(canonical_json([number]), "it") == [number]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b'{"b":1,"a":1}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b"1.0",
        b"-0",
        b"1e2",
        b"NaN",
        b"Infinity",
        b"9007199254740993",
        b"1" * 5000,
        b'"\\ud800"',
        b'"\\u0041"',
        b"[" * 100_000,
        '{"a":1}'.encode("utf-16"),
    ],
    ids=lambda data: repr(data)[:60],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SpecInvalid):
        parse_canonical_json(data, "it")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, {1: 2}, b"x", {"a": object()}, "\ud800"])
def test_values_without_canonical_form(value: object) -> None:
    with pytest.raises(SpecInvalid):
        canonical_json(value)


def test_words() -> None:
    assert word(1) == bytes(31) + b"\1"
    assert word(b"\1") == b"\1" + bytes(31)
    assert word("0x" + "ab" * 20) == bytes(12) + b"\xab" * 20
    with pytest.raises(ValueError):
        word(bytes(33))

"""What the runner packs without the SDK has the SDK's bytes; what it cannot, it leaves to the SDK."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.domain.arrays import pack_result
from tensorgrid_worker.runtime import plain

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["a/b", "\\"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=5))
def test_packed__generated_values__the_sdks_bytes_or_left_to_it(result: dict[str, Any]) -> None:
    found = plain.packed(result)
    if found is None:
        return
    assert found == pack_result(result)


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"x": 7, "b": True, "none": None, "a": [1, -2, [3.5, ()]], "text": "two words/&<>"},
        {"loss": 0.1, "whole": 2.0, "minus": -0.0, "small": 0.0001, "large": 123456789012.5},
        {"B": {"z": 1, "a": 2}, "a": 2**53 - 1, "__metadata__": "x"},
    ],
)
def test_packed__short_texts_and_numbers__the_sdks_bytes(result: dict[str, Any]) -> None:
    assert plain.packed(result) == pack_result(result)


class Number(int):
    def __repr__(self) -> str:
        return "8"

    __str__ = __repr__


@pytest.mark.parametrize(
    "result",
    [
        [1],
        {1: 2},
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": 1e300},
        {"x": 2**53},
        {"x": 'a "word"'},
        {"x": "line\n"},
        {"x": "é"},
        {"é": 1},
        {"x": b"bytes"},
        {"x": {1, 2}},
        {"x": Number(7)},
        {"x": "y" * 100_000},
    ],
)
def test_packed__anything_else__left_to_the_sdk(result: Any) -> None:
    assert plain.packed(result) is None


def test_packed__a_list_inside_itself__left_to_the_sdk() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert plain.packed({"x": endless}) is None


def test_runner__a_plain_job__imports_none_of_the_large_modules() -> None:
    """Every job pays for what stands here: a fifth of its start for each of the first three."""
    large = ("json", "dataclasses", "typing", "re", "contextlib", "random", "tensorgrid", "pathlib", "subprocess")
    code = f"import sys; from tensorgrid_worker.runtime import runner; print([m for m in {large} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-S", "-c", _with_path(code)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _with_path(code: str) -> str:
    """Without site, whose .pth files may import anything."""
    return f"import sys; sys.path[:] = {sys.path!r}\n{code}"

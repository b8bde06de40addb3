"""Arrays and tensors there and back, and what has no plain bytes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrid.domain.arrays import input_of, kind_of, pack_input, pack_result, result_of
from tensorgrid.domain.errors import ResultRejected, SpecInvalid, ToolMissing
from tensorgrid.domain.payload import pack_payload, payload_root

NUMPY = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "float16",
    "uint32",
    "int32",
    "float32",
    "uint64",
    "int64",
    "float64",
]
TORCH = [*NUMPY, "bfloat16", "complex64", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"]


@pytest.mark.parametrize("dtype", [*NUMPY, "complex64"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)])
def test_numpy_there_and_back(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape)), dtype="int64").reshape(shape).astype(dtype)
    data, kind = pack_input(array)
    again = input_of(data, kind)
    assert kind == "numpy"
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert np.array_equal(again, array)
    assert again.flags.writeable


@pytest.mark.parametrize("dtype", TORCH)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3)])
def test_torch_there_and_back(dtype: str, shape: tuple[int, ...]) -> None:
    tensor = torch.ones(shape).to(getattr(torch, dtype))
    data, kind = pack_input(tensor)
    again = input_of(data, kind)
    assert kind == "torch"
    assert (again.dtype, again.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(again.to(torch.complex64), tensor.to(torch.complex64))


def test_layout_does_not_matter() -> None:
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    assert pack_input(array)[0] == pack_input(np.ascontiguousarray(array.astype("<i4")))[0]
    tensor = torch.arange(6.0).reshape(2, 3).T.requires_grad_()
    assert pack_input(tensor)[0] == pack_input(tensor.detach().contiguous())[0]
    conjugate = torch.tensor([1 + 2j], dtype=torch.complex64).conj()
    assert input_of(pack_input(conjugate)[0], "torch").tolist() == [1 - 2j]


def test_same_values_as_array_and_as_tensor_are_one_result() -> None:
    assert payload_root(pack_result({"w": np.ones(3, "float32")})) == payload_root(pack_result({"w": torch.ones(3)}))


def test_a_result_is_tensors_and_json() -> None:
    result = {
        "w": torch.ones(2, 2),
        "b": np.arange(3),
        "acc": np.float32(0.5),
        "n": [1, {"x": None}],
        "t": (1, 2),
        "big": 1e20,
    }
    again = result_of(pack_result(result))
    assert torch.equal(again.pop("w"), torch.ones(2, 2))
    assert again.pop("b").tolist() == [0, 1, 2]
    assert again == {"acc": 0.5, "n": [1, {"x": None}], "t": [1, 2], "big": 1e20}
    assert isinstance(result_of(pack_result(result), "numpy")["w"], np.ndarray)
    assert result_of(pack_result({})) == {}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "returns a dict"),
        ([1], "returns a dict"),
        (torch.ones(1), "returns a dict"),
        ({1: 2}, "name each value"),
        ({"x": {"deep": torch.ones(1)}}, "values of the dict itself"),
        ({"x": {1, 2}}, "plain JSON"),
        ({"x": float("nan")}, "plain JSON"),
        ({"x": 2**60}, "plain JSON"),
        ({"x": np.array(["text"])}, "does not travel"),
        ({"x": np.array([object()])}, "does not travel"),
        ({"x": np.array(["2020"], "datetime64[D]")}, "does not travel"),
        ({"x": torch.ones(2).to_sparse()}, "no plain bytes"),
        ({"x": torch.ones(2, dtype=torch.complex128)}, "no plain bytes"),
        ({"x": torch.ones(2, device="meta")}, "no plain bytes"),
        ({"": torch.ones(1)}, "cannot name a tensor"),
    ],
    ids=range(15),
)
def test_what_cannot_travel(result: object, words: str) -> None:
    with pytest.raises(SpecInvalid, match=words):
        pack_result(result)


@pytest.mark.parametrize(
    "data",
    [
        pack_payload({"other": ("U8", [1], b"x")}),
        pack_payload({"value": ("U8", [1], b"x")}, {"and": 1}),
        pack_payload({"value": ("U8", [1], b"x"), "more": ("U8", [1], b"x")}),
        pack_payload({}, {}),
        b"\x80\x04pickle",
    ],
    ids=range(5),
)
def test_an_input_file_holds_one_value(data: bytes) -> None:
    with pytest.raises(ResultRejected):
        input_of(data, "numpy")


def test_a_result_of_another_shape() -> None:
    with pytest.raises(ResultRejected, match="no object"):
        result_of(pack_payload({}, [1]))
    with pytest.raises(ResultRejected, match="as a tensor and as JSON"):
        result_of(pack_payload({"x": ("U8", [1], b"x")}, {"x": 1}))


def test_numpy_cannot_hold_bfloat16() -> None:
    data, _ = pack_input(torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(ToolMissing, match="pip install torch"):
        input_of(data, "numpy")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64))
def test_plain_values_are_no_arrays(data: bytes) -> None:
    assert kind_of(data) is None
    with pytest.raises(SpecInvalid, match="no array"):
        pack_input(data)


def test_importing_and_packing_json_imports_neither_numpy_nor_torch() -> None:
    program = (
        "import sys; from tensorgrid.domain.arrays import pack_result, result_of\n"
        "assert result_of(pack_result({'a': 1})) == {'a': 1}\n"
        "sys.exit(bool({'numpy', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

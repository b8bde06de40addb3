"""Arrays and tensors to safetensors and back, importing neither numpy nor torch before a value needs it.

A result is a dict: its numpy arrays and torch tensors become tensors, the rest one JSON object. An input is a file with
the one tensor "value". No pickle anywhere.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
from collections.abc import Mapping
from typing import Any, Literal

from tensorgrid.domain.errors import ResultRejected, SpecInvalid, ToolMissing
from tensorgrid.domain.payload import Payload, TensorBytes, TensorView, pack_payload

Kind = Literal["numpy", "torch"]
INPUT_NAME = "value"

_NUMPY = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "F16": "float16",
    "U32": "uint32",
    "I32": "int32",
    "F32": "float32",
    "U64": "uint64",
    "I64": "int64",
    "F64": "float64",
    "C64": "complex64",
}
_TORCH = _NUMPY | {
    "BF16": "bfloat16",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu",
}
_OF_NUMPY = {name: dtype for dtype, name in _NUMPY.items()}
_OF_TORCH = {name: dtype for dtype, name in _TORCH.items()}


def kind_of(value: Any) -> Kind | None:
    """Whose value it is: "numpy" for an array, "torch" for a tensor, None for anything else."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        return "torch"
    if numpy is not None and isinstance(value, numpy.ndarray):
        return "numpy"
    return None


def pack_result(result: Any) -> bytes:
    """The result file of what a function returned: a dict of tensors, arrays and JSON values. Raises SpecInvalid."""
    if not isinstance(result, Mapping):
        raise SpecInvalid(f"a job returns a dict of tensors and JSON values, not {type(result).__name__}")
    tensors: dict[str, TensorBytes] = {}
    plain: dict[str, Any] = {}
    for name, value in result.items():
        if not isinstance(name, str):
            raise SpecInvalid(f"the keys of a result are text, not {type(name).__name__}; name each value")
        if kind_of(value) is None:
            plain[name] = _plain(value, name)
        else:
            tensors[name] = tensor_bytes(value, name)
    return pack_payload(tensors, plain if plain or not tensors else None)


def result_of(data: bytes | memoryview, kind: Kind | None = None) -> dict[str, Any]:
    """What the function returned, from its result file: tensors as `kind`, else torch where importable, else numpy.

    Tensors are writable copies on the CPU, shapes as in the file. Raises ResultRejected, ToolMissing.
    """
    payload = Payload.parse(data)
    plain = {} if payload.json_text is None else payload.json
    if not isinstance(plain, dict):
        raise ResultRejected("the JSON part of a result is no object")
    chosen = kind or ("torch" if importlib.util.find_spec("torch") else "numpy")
    result = {tensor.name: array_of(tensor, chosen) for tensor in payload.tensors}
    if both := sorted(result.keys() & plain.keys()):
        raise ResultRejected(f"a result names {both[0]!r} as a tensor and as JSON")
    return result | plain


def pack_input(value: Any) -> tuple[bytes, Kind]:
    """An array argument as a file with the one tensor "value". Raises SpecInvalid."""
    kind = kind_of(value)
    if kind is None:
        raise SpecInvalid(f"{type(value).__name__} is no array; pass a numpy array or a torch tensor")
    return pack_payload({INPUT_NAME: tensor_bytes(value, INPUT_NAME)}), kind


def input_of(data: bytes | memoryview, kind: Kind) -> Any:
    """The array in an input file, as `kind`. Raises ResultRejected for a file of another shape, ToolMissing."""
    payload = Payload.parse(data)
    if payload.json_text is not None or [tensor.name for tensor in payload.tensors] != [INPUT_NAME]:
        raise ResultRejected(f"an input file holds the one tensor {INPUT_NAME!r} and nothing else")
    return array_of(payload.tensors[0], kind)


def tensor_bytes(value: Any, name: str) -> TensorBytes:
    """dtype, shape and row-major little-endian bytes of an array or tensor. Raises SpecInvalid for what has none."""
    return _of_torch(value, name) if kind_of(value) == "torch" else _of_numpy(value, name)


def array_of(tensor: TensorView, kind: Kind) -> Any:
    """A writable copy. Raises ToolMissing where `kind` is not installed or lacks the dtype, ResultRejected for a shape
    that it cannot hold."""
    return array_over(bytearray(tensor.data), tensor, kind)


def array_over(data: bytearray | memoryview, tensor: TensorView, kind: Kind) -> Any:
    """As `array_of`, but over these bytes, the tensor's, in place: writable where they are."""
    names = _TORCH if kind == "torch" else _NUMPY
    if tensor.dtype not in names:
        raise ToolMissing(f"numpy has no {tensor.dtype}, which tensor {tensor.name!r} is; pip install torch")
    library = _imported(kind)
    dtype = getattr(library, "bool_" if (kind, tensor.dtype) == ("numpy", "BOOL") else names[tensor.dtype])
    try:
        if math.prod(tensor.shape) == 0:
            return library.zeros(tensor.shape, dtype=dtype)
        return library.frombuffer(data, dtype=dtype).reshape(tensor.shape)
    except (ValueError, RuntimeError) as error:  # too many dimensions, or lengths that overflow beside a zero
        raise ResultRejected(
            f"{kind} cannot hold tensor {tensor.name!r}, {len(tensor.shape)} dimensions: {str(error)[:200]}"
        ) from error


def dtype_name(value: Any, name: str) -> str:
    """As safetensors spells the dtype of an array or tensor. Raises SpecInvalid for what has no plain bytes."""
    if kind_of(value) == "numpy":
        dtype = _OF_NUMPY.get(value.dtype.name)
        if dtype is None:
            raise SpecInvalid(
                f"array {name!r} has dtype {value.dtype}, which does not travel; convert it, e.g. to float32"
            )
        return dtype
    dtype = _OF_TORCH.get(str(value.dtype).removeprefix("torch."))
    strided = value.layout == sys.modules["torch"].strided
    if dtype is None or not strided or value.is_quantized or value.device.type == "meta":
        raise SpecInvalid(f"tensor {name!r} ({value.dtype}, {value.layout}) has no plain bytes; convert it to float32")
    return dtype


def _of_torch(value: Any, name: str) -> TensorBytes:
    torch, dtype = sys.modules["torch"], dtype_name(value, name)
    dense = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
    data = dense.reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b""
    return dtype, tuple(dense.shape), data


def _of_numpy(value: Any, name: str) -> TensorBytes:
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return dtype_name(value, name), tuple(value.shape), little.tobytes(order="C")


def _plain(value: Any, name: str) -> Any:
    """JSON values, with numpy scalars as the numbers they are."""
    if isinstance(value, Mapping):
        return {key: _plain(item, name) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if kind_of(value) is not None:
        raise SpecInvalid(f"{name!r} holds a tensor inside another value; return tensors as values of the dict itself")
    numpy = sys.modules.get("numpy")
    return value.item() if numpy is not None and isinstance(value, numpy.generic) else value


def _imported(kind: Kind) -> Any:
    try:
        return importlib.import_module(kind)
    except ImportError as error:
        raise ToolMissing(f"{kind} is needed to load these tensors; pip install {kind}") from error

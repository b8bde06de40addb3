"""What a job returned -> the payload's bytes."""

from __future__ import annotations

import sys
from typing import Any

from tensorgrid.domain.payload import pack_payload

Packed = tuple[str, tuple[int, ...], bytes]

_DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
}


class WrongReturn(TypeError):
    """The function returned what cannot travel. Says which value, and what would do."""


def payload_of(returned: Any) -> bytes:
    """A dict of torch tensors, numpy arrays and JSON values -> one safetensors file.

    Raises WrongReturn for anything else, SpecInvalid for JSON without a canonical form (NaN, huge integers).
    """
    if not isinstance(returned, dict):
        raise WrongReturn(f"a job returns a dict, not {type(returned).__name__}; return {{'value': ...}}")
    tensors: dict[str, Packed] = {}
    rest: dict[str, Any] = {}
    for name, value in returned.items():
        if not isinstance(name, str) or not name:
            raise WrongReturn(f"names of results are non-empty strings, not {name!r}")
        packed = _tensor(name, value)
        if packed is not None:
            tensors[name] = packed
        else:
            rest[name] = _plain(name, value)
    if rest or not tensors:  # an empty dict is a result too: the JSON {}
        return pack_payload(tensors, rest)
    return pack_payload(tensors, None)


def _tensor(name: str, value: Any) -> Packed | None:
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        return _of_torch(name, value, torch)
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _of_numpy(name, value, numpy)
    return None


def _of_torch(name: str, value: Any, torch: Any) -> Packed:
    dtype = _DTYPES.get(str(value.dtype).removeprefix("torch."))
    if dtype is None or value.layout is not torch.strided:
        raise WrongReturn(
            f"result {name!r} is a {value.layout} tensor of {value.dtype}; return a dense one of a common type"
        )
    dense = value.detach().cpu().contiguous()
    return dtype, tuple(dense.shape), dense.reshape(-1).view(torch.uint8).numpy().tobytes()


def _of_numpy(name: str, value: Any, numpy: Any) -> Packed:
    dtype = _DTYPES.get(value.dtype.name)
    if dtype is None:
        raise WrongReturn(f"result {name!r} is an array of {value.dtype}; return a numeric one")
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return dtype, tuple(value.shape), numpy.ascontiguousarray(little).tobytes()


def _plain(name: str, value: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, dict) and any(_tensor(name, inner) is not None for inner in value.values()):
        raise WrongReturn(f"result {name!r} is a dict of tensors; return them at the top: {{**{name}, ...}}")
    return value

"""state_dicts as tensors by name and one JSON value, and back, without a bit lost.

A tensor on the top level keeps its name, and needs no JSON. Below that, JSON holds {"x": name} for torch's tensors and
{"y": name} for numpy's, {"d": [[key, value]...]} for dicts, {"t": [...]} for tuples, {"f": hex} for floats, which
JSON's own numbers would not always bring back, and {"i": hex} for large integers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tensorgrid.domain.arrays import kind_of
from tensorgrid.domain.encoding import canonical_json
from tensorgrid.domain.errors import SpecInvalid, StateRejected

_EXACT = 2**53


def flatten(tree: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Tensors by name, and the JSON value of the rest, None for nothing. Raises SpecInvalid for other values."""
    tensors: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, value in tree.items():
        if not isinstance(name, str):
            raise SpecInvalid(f"a state names its values with text, not {type(name).__name__}; rename {name!r}")
        if kind_of(value):
            _add(tensors, name, value)
        else:
            plain[name] = _encoded(value, name, tensors)
    return tensors, plain or None


def unflatten(tensors: Mapping[str, Any], plain: Any) -> dict[str, Any]:
    """Inverse of `flatten`, dicts sorted. Raises StateRejected for JSON that `flatten` does not write."""
    if plain is not None and not isinstance(plain, dict):
        raise StateRejected("the JSON part of a state is no object")
    left = dict(tensors)
    below = {name: _decoded(value, tensors, left) for name, value in (plain or {}).items()}
    return left | below


def canonical(plain: Any) -> bytes:
    """The canonical JSON of a value without floats, as `flatten` writes it. Raises SpecInvalid as canonical_json does.

    There the standard library's fast writer differs from RFC 8785 in the order of some keys alone, none of them ASCII.
    """
    try:
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        text = "\xff"
    return text.encode() if text.isascii() else canonical_json(plain)


def _add(tensors: dict[str, Any], name: str, value: Any) -> None:
    if name in tensors:
        raise SpecInvalid(f"two tensors of the state are called {name!r}; rename one")
    tensors[name] = value


def _encoded(value: Any, path: str, tensors: dict[str, Any]) -> Any:
    kind = kind_of(value)
    if kind is not None:
        _add(tensors, path, value)
        return {"x" if kind == "torch" else "y": path}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -_EXACT < value < _EXACT else {"i": hex(value)}
    if isinstance(value, float):
        return {"f": value.hex()}
    if isinstance(value, list):
        return [_encoded(item, f"{path}.{place}", tensors) for place, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"t": [_encoded(item, f"{path}.{place}", tensors) for place, item in enumerate(value)]}
    if isinstance(value, Mapping):
        # In order of the keys: where an object was restored, its dicts may have grown in another order.
        entries = sorted(value.items(), key=lambda entry: (type(entry[0]).__name__, entry[0]))
        return {"d": [[_key(key), _encoded(item, f"{path}.{key}", tensors)] for key, item in entries]}
    raise SpecInvalid(f"the state holds {type(value).__name__} at {path}, which has no plain form; leave it out")


def _key(key: Any) -> str | int:
    if isinstance(key, bool) or not isinstance(key, str | int) or (isinstance(key, int) and abs(key) >= _EXACT):
        raise SpecInvalid(f"a dict of the state has the key {str(key)[:64]!r}; use text or whole numbers")
    return key


def _decoded(node: Any, tensors: Mapping[str, Any], left: dict[str, Any]) -> Any:
    if node is None or isinstance(node, bool | str | int):
        return node
    if isinstance(node, list):
        return [_decoded(item, tensors, left) for item in node]
    if isinstance(node, dict) and len(node) == 1:
        ((tag, inner),) = node.items()
        match tag, inner:
            case ("x" | "y", str()) if inner in tensors:
                left.pop(inner, None)
                return _in_library(tensors[inner], tag)
            case "f", str() if len(inner) < 64:
                return float.fromhex(inner)
            case "i", str() if len(inner) < 1 << 20:
                return int(inner, 16)
            case "t", list():
                return tuple(_decoded(item, tensors, left) for item in inner)
            case "d", list() if all(isinstance(e, list) and len(e) == 2 and isinstance(e[0], str | int) for e in inner):
                return {key: _decoded(item, tensors, left) for key, item in inner}
    raise StateRejected("the JSON part of a state holds what no state writes")


def _in_library(tensor: Any, tag: str) -> Any:
    return tensor.numpy() if tag == "y" and kind_of(tensor) == "torch" else tensor

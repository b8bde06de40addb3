"""A training state between memory and file: seen in place, hashed, written, and put back.

Tensors are looked at where they lie; only what lies on a GPU, or with gaps, is copied. Nothing is pickled.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tensorgrid.domain.arrays import array_of, dtype_name, kind_of
from tensorgrid.domain.errors import SpecInvalid, StateRejected
from tensorgrid.domain.payload import TensorBytes, pack_payload, payload_pieces
from tensorgrid.domain.results import Leaf
from tensorgrid.domain.states import Part, StateFile
from tensorgrid.domain.traces import PARTS, StateRoots, part_root
from tensorgrid.training.state import SCALARS, State, loadable
from tensorgrid_worker.runtime.generators import Generators
from tensorgrid_worker.runtime.outputs import Outputs, described_at_most
from tensorgrid_worker.runtime.trees import canonical, flatten, unflatten

ONE = "value"
"""Name of a model that is a single tensor."""


@dataclass(frozen=True)
class Captured:
    """Buffers of the four parts, by name; they change when training goes on."""

    tensors: Mapping[str, Mapping[str, TensorBytes]]
    plain: Mapping[str, Any]
    key: bytes | None = None  # of a private job's roots

    @cached_property
    def pieces(self) -> list[bytes | memoryview]:
        """The state file, in pieces to be written one after another. Raises SpecInvalid."""
        model = self.tensors["model"]
        block = model.described if isinstance(model, Outputs) else None
        parts = [part for part in PARTS if part != "model" or block is None]
        named = {f"{part}/{name}": raw for part in parts for name, raw in self.tensors[part].items()}
        texts = [b'"%s":%s' % (part.encode(), self.texts[part] or b"null") for part in sorted(PARTS)]
        return payload_pieces(named, b"{" + b",".join(texts) + b"}", block)

    @cached_property
    def texts(self) -> dict[str, bytes | None]:
        """Canonical JSON of each part's value."""
        return {part: None if plain is None else canonical(plain) for part, plain in self.plain.items()}

    @property
    def at_most(self) -> int:
        """Bytes that the state file cannot exceed, known without making it: the texts and names there are escaped."""
        size = 1024 + sum(2 * len(text) for text in self.texts.values() if text is not None)
        for tensors in self.tensors.values():
            if isinstance(tensors, Outputs):
                size += tensors.at_most
            else:
                size += sum(memoryview(raw[2]).nbytes + described_at_most(name) for name, raw in tensors.items())
        return size

    def roots(self) -> StateRoots:
        return StateRoots(*(self.root_of(part) for part in PARTS))

    def root_of(self, part: str) -> bytes:
        tensors = self.tensors[part]
        if isinstance(tensors, Outputs):
            return tensors.root(self.key)
        leaves = (Leaf.of(name, *raw, self.key) for name, raw in tensors.items())
        return part_root(leaves, self.texts[part], self.key)

    def result(self) -> bytes:
        """The model part as a result file. Raises SpecInvalid."""
        return pack_payload(self.tensors["model"], self.plain["model"])


def capture(state: State, step: int, generators: Generators, key: bytes | None = None) -> Captured:
    """What `state` holds now. `key`: of a private job's roots. Raises SpecInvalid for what has no plain bytes."""
    model, model_plain = _model(state.model)
    rest, rest_plain = flatten({name: _tree(value) for name, value in state.values.items() if name != "model"})
    drawn, drawn_plain = generators.capture()
    return Captured(
        {"model": model, "optimizer": _viewed(rest), "rng": drawn, "cursor": {}},
        {"model": model_plain, "optimizer": rest_plain, "rng": drawn_plain, "cursor": {"step": step}},
        key,
    )


def restore(state: State, file: StateFile, generators: Generators) -> None:
    """Put a kept state back into the living objects. Raises StateRejected when one does not take it."""
    try:
        model = _tree_of(file.parts["model"], _model_tree(state.model))
        _put(state.model, model[ONE] if kind_of(state.model) else model)
        living = {name: value for name, value in state.values.items() if name != "model"}
        rest = _tree_of(file.parts["optimizer"], living)
        if rest.keys() != living.keys():
            raise StateRejected("it names other values than tg.State(...)")
        for name, value in rest.items():
            if isinstance(state.values[name], SCALARS):
                setattr(state, name, value)
            else:
                _put(state.values[name], value)
        generators.restore(file.parts["rng"])
    except MemoryError:
        raise
    except Exception as error:  # load_state_dict of anybody's class, on anybody's bytes
        raise StateRejected(f"the state does not load: {type(error).__name__}: {str(error)[:200]}") from error


def _model(model: Any) -> tuple[Mapping[str, TensorBytes], dict[str, Any] | None]:
    if isinstance(model, Outputs):
        return model, None
    tensors, plain = flatten(_model_tree(model))
    return _viewed(tensors), plain


def _model_tree(model: Any) -> Any:
    return {ONE: model} if kind_of(model) else _tree(model)


def _tree(value: Any) -> Any:
    return value.state_dict() if loadable(value) else value


def _tree_of(part: Part, living: Mapping[str, Any]) -> dict[str, Any]:
    """As `_tree` gave it, with tensors of the libraries that the living objects use."""
    torch = "torch" if "torch" in sys.modules else "numpy"
    arrays = {
        name: array_of(tensor, kind_of(living.get(name)) or torch)  # type: ignore[arg-type]
        for name, tensor in part.tensors.items()
    }
    tree = unflatten(arrays, part.plain)
    if hasattr(living, "_metadata"):  # versions of a module's parts, which its load_state_dict asks for
        from collections import OrderedDict

        tree = OrderedDict(tree)
        setattr(tree, "_metadata", getattr(living, "_metadata"))  # noqa: B009, B010
    return tree


def _put(target: Any, value: Any) -> None:
    if loadable(target):
        target.load_state_dict(value)
    elif isinstance(target, Mapping):
        if target.keys() != value.keys():
            raise StateRejected("it holds other tensors than tg.State(...)")
        for name in target:
            _put(target[name], value[name])
    elif kind_of(target) == "torch":
        with sys.modules["torch"].no_grad():
            target.copy_(value)
    else:
        target[...] = value


def _viewed(tensors: Mapping[str, Any]) -> dict[str, TensorBytes]:
    return {name: _view(value, name) for name, value in tensors.items()}


def _view(value: Any, name: str) -> TensorBytes:
    """dtype, shape and bytes, in place where they can be seen. Raises SpecInvalid."""
    if kind_of(value) == "numpy":
        little = value.astype(value.dtype.newbyteorder("<"), copy=False)
        flat = sys.modules["numpy"].ascontiguousarray(little).reshape(-1).view("u1")
        return dtype_name(value, name), tuple(value.shape), _bytes_of(flat, little.size)
    dtype = dtype_name(value, name)
    dense = value.detach()
    if dense.is_complex() or dense.is_neg() or dense.device.type != "cpu" or not dense.is_contiguous():
        dense = dense.resolve_conj().resolve_neg().cpu().contiguous()
    flat = dense.reshape(-1).view(sys.modules["torch"].uint8).numpy() if dense.numel() else None
    return dtype, tuple(dense.shape), _bytes_of(flat, dense.numel())


def _bytes_of(flat: Any, count: int) -> bytes | memoryview:
    return memoryview(flat) if count else b""


def check_model(captured: Captured) -> None:
    """Raises SpecInvalid for a model with nothing in it."""
    if not captured.tensors["model"] and captured.plain["model"] is None:
        raise SpecInvalid(
            "the model of tg.State(...) holds nothing, and would leave no result; pass the trained module"
        )

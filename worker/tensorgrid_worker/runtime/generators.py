"""The random generators that a step can draw from: Python's, numpy's and torch's on every device.

Which there are is settled once, where the loop begins: a library that a later step happens to import is seeded all the
same, but a replay that starts behind that step would not have it.
"""

from __future__ import annotations

import random
import struct
import sys
from typing import Any

from tensorgrid.domain import schema
from tensorgrid.domain.errors import StateRejected
from tensorgrid.domain.payload import TensorBytes
from tensorgrid.domain.states import Part

_WORDS = 625
_NUMPY_WORDS = 624


class Generators:
    """Those in use now."""

    def __init__(self) -> None:
        self._numpy = sys.modules.get("numpy")
        self._torch = sys.modules.get("torch")
        cuda = self._torch is not None and self._torch.cuda.is_initialized()
        self._devices = range(self._torch.cuda.device_count()) if cuda and self._torch is not None else range(0)

    def capture(self) -> tuple[dict[str, TensorBytes], dict[str, Any]]:
        """Their states as tensors, and what is no tensor."""
        _, words, gauss = random.getstate()
        tensors: dict[str, TensorBytes] = {"python": ("U32", (_WORDS,), struct.pack(f"<{_WORDS}I", *words))}
        plain: dict[str, Any] = {"python": _hex(gauss)}
        if self._numpy is not None:
            state = self._numpy.random.get_state(legacy=False)
            tensors["numpy"] = ("U32", (_NUMPY_WORDS,), state["state"]["key"].astype("<u4").tobytes())
            plain["numpy"] = [int(state["state"]["pos"]), int(state["has_gauss"]), float(state["gauss"]).hex()]
        if self._torch is not None:
            tensors["torch"] = _bytes(self._torch.get_rng_state())
            for device in self._devices:
                tensors[f"cuda.{device}"] = _bytes(self._torch.cuda.get_rng_state(device))
        return tensors, plain

    def restore(self, part: Part) -> None:
        """Raises StateRejected where the file has others, ValueError or TypeError for malformed ones."""
        expected = {"python", *(["numpy"] if self._numpy else []), *(["torch"] if self._torch else [])}
        if part.tensors.keys() != expected | {f"cuda.{device}" for device in self._devices}:
            raise StateRejected(f"it has the generators {', '.join(sorted(part.tensors))[:80]}, here are others")
        plain = schema.fields(part.plain, expected - {"torch"}, "the rng part")
        words = struct.unpack(f"<{_WORDS}I", part.tensors["python"].data)
        random.setstate((3, words, None if plain["python"] is None else float.fromhex(plain["python"])))
        if self._numpy is not None:
            position, has_gauss, gauss = plain["numpy"]
            key = self._numpy.frombuffer(part.tensors["numpy"].data, "<u4")
            self._numpy.random.set_state(("MT19937", key, position, has_gauss, float.fromhex(gauss)))
        if self._torch is not None:
            self._torch.set_rng_state(self._read(part, "torch"))
            for device in self._devices:
                self._torch.cuda.set_rng_state(self._read(part, f"cuda.{device}"), device)

    def _read(self, part: Part, name: str) -> Any:
        assert self._torch is not None
        return self._torch.frombuffer(bytearray(part.tensors[name].data), dtype=self._torch.uint8)


def _hex(value: float | None) -> str | None:
    return None if value is None else float(value).hex()


def _bytes(tensor: Any) -> TensorBytes:
    data = tensor.numpy().tobytes()
    return "U8", (len(data),), data

"""The arguments that all items of a slice share: read once, and given to each call as if they were its own.

A large array is a private view of its file: what a call writes there, copies the page, and goes with the view. A view
holds an open file, and a job has a thousand of those: what is small, or finds none left, is copied.
"""

from __future__ import annotations

import copy
import errno
import mmap
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from tensorgrid.domain.arrays import Kind, array_over
from tensorgrid.domain.errors import ResultRejected
from tensorgrid.domain.payload import Payload, TensorView

COPIED_BYTES = 1 << 20


class Shared:
    """Called: all of them by name, sharing nothing with those that were given before."""

    def __init__(self, inputs: str, call: Mapping[str, Any]) -> None:
        """`inputs`: the folder; `call`: as launch.read_call gives it. Opens nothing, and imports no library of arrays:
        which are there is settled where the loop begins."""
        self._plain = call["arguments"]
        self._arrays = {
            name: _Array(f"{inputs}/inputs/{name}.safetensors", kind) for name, kind in call["inputs"].items()
        }

    def __call__(self) -> dict[str, Any]:
        """Raises OSError, ResultRejected, ToolMissing."""
        plain: dict[str, Any] = copy.deepcopy(self._plain)
        return plain | {name: array.own() for name, array in self._arrays.items()}


class _Array:
    def __init__(self, path: str, kind: Kind) -> None:
        self._path, self._kind = path, kind

    def own(self) -> Any:
        """A writable one, whose changes nobody else sees."""
        return array_over(self._own_bytes(), self._tensor, self._kind)

    def _own_bytes(self) -> bytearray | memoryview:
        size = len(self._tensor.data)
        if size > COPIED_BYTES:
            try:
                return self._mapped(mmap.ACCESS_COPY)[-size:]
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE):
                    raise
        return bytearray(self._tensor.data)

    @cached_property
    def _tensor(self) -> TensorView:
        """As it lies at its file's end: read once."""
        payload = Payload.parse(self._mapped(mmap.ACCESS_READ))
        if len(payload.tensors) != 1:
            raise ResultRejected(f"{self._path} holds {len(payload.tensors)} tensors, an input is one; pack it anew")
        (tensor,) = payload.tensors
        return tensor

    def _mapped(self, access: int) -> memoryview:
        with open(self._path, "rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=access))

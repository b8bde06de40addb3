"""A training state as a file: model, optimiser, random generators and cursor in one safetensors file.

Tensors are named "<part>/<name>"; the JSON part is {"model", "optimizer", "rng", "cursor"}, each a JSON value or null.
The cursor's is {"step": calls of tg.checkpoint so far}. Pure Python: who checks a stranger's state needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tensorgrid.domain import schema
from tensorgrid.domain.encoding import canonical_json
from tensorgrid.domain.errors import ResultRejected, SpecInvalid, StateRejected
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.payload import Payload, TensorView
from tensorgrid.domain.results import Leaf
from tensorgrid.domain.traces import PARTS, StateRoots, part_root

MOST_CALLS = 2**40


@dataclass(frozen=True, slots=True)
class SavedState:
    """Model, optimiser, random generators and position behind segment `segment` of `job`, `step` calls of tg.checkpoint
    after the training's beginning. root: 32 bytes, under the job's trace root. data: the state file itself."""

    job: JobId
    segment: int
    step: int
    root: bytes
    data: bytes

    def __repr__(self) -> str:
        return f"SavedState(0x{self.job.hex()[:8]}, segment {self.segment}, step {self.step}, {len(self.data)} bytes)"


@dataclass(frozen=True, slots=True)
class Part:
    """Tensors by their name within the part, and the JSON value (None where there is none)."""

    tensors: dict[str, TensorView]
    plain: Any

    def root(self, key: bytes | None = None) -> bytes:
        leaves = (Leaf.of(name, t.dtype, t.shape, t.data, key) for name, t in self.tensors.items())
        return part_root(leaves, None if self.plain is None else canonical_json(self.plain), key)


@dataclass(frozen=True, slots=True)
class StateFile:
    """A checked state file; `parts` in the order of PARTS, views into its bytes."""

    parts: dict[str, Part]
    step: int

    @classmethod
    def parse(cls, data: bytes | memoryview) -> StateFile:
        """A stranger's bytes. Raises StateRejected."""
        try:
            payload = Payload.parse(data)
            plain = schema.fields(payload.json, PARTS, "the JSON part of a state")
            cursor = schema.fields(plain["cursor"], ("step",), "the cursor of a state")
            step = schema.integer(cursor["step"], 0, MOST_CALLS, "the cursor's step")
        except (ResultRejected, SpecInvalid) as error:
            raise StateRejected(f"a state file is malformed: {error}; ask its worker for the state again") from error
        parts = {name: Part({}, plain[name]) for name in PARTS}
        for tensor in payload.tensors:
            part, slash, name = tensor.name.partition("/")
            if part not in parts or not slash or not name:
                raise StateRejected(f"a state file is malformed: {tensor.name[:64]!a} names no part of a state")
            parts[part].tensors[name] = tensor
        return cls(parts, step)

    def roots(self, key: bytes | None = None) -> StateRoots:
        """Reads all of it. `key`: of a private job's roots."""
        return StateRoots(*(self.parts[name].root(key) for name in PARTS))

"""A slice of a batch between two machines that compute unlike: TwoMachines, whose segments are items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.worker.audits import PLAN
from tests.worker.batches import sliced
from tests.worker.foreign import DONE, Machine, TwoMachines

from tensorgrid.domain.arrays import pack_result
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.tolerance import Tolerance
from tensorgrid.parameters.distance import Bounds

FIRST = 5
"""The slice's first item, in the batch."""
SLICE = sliced([{"x": number} for number in range(FIRST + DONE)], FIRST, DONE)[0]
Outputs = dict[str, bytes]
Does = Callable[[Outputs, int], None]
"""What one step does with the outputs so far; its item is that of this place in the slice."""
NONE = Bounds()


def writes(output: Callable[[int], dict[str, Any]]) -> Does:
    """A machine whose calls return that."""

    def step(outputs: Outputs, place: int) -> None:
        outputs[SLICE.names[place]] = pack_result(output(place))

    return step


def off_by(share: float) -> Does:
    return writes(lambda place: {"score": (place + 0.5) * (1 + share), "label": place})


HONEST = off_by(0)
NEAR = Tolerance(1e-3, 0)


def state_of(outputs: Outputs, step: int) -> bytes:
    """As runtime/batch.py leaves it."""
    tensors = {f"model/{name}": ("U8", (len(data),), data) for name, data in outputs.items()}
    return pack_payload(tensors, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": step}})


class TwoSliceMachines(TwoMachines):
    """`works`: the worker; `learns`: the auditor. No class is calibrated."""

    plan = replace(PLAN, steps=1)
    served_bounds = NONE

    def __init__(
        self,
        folder: Path,
        works: Does = HONEST,
        learns: Does = HONEST,
        tolerance: Tolerance | None = NEAR,
    ) -> None:
        outputs = dict.fromkeys(SLICE.names, b"")
        files = {0: state_of(outputs, 0)}
        for place in range(DONE):
            works(outputs, place)
            files[place + 1] = state_of(outputs, place + 1)

        def after(start: StateFile, step: int) -> bytes:
            found = {name: bytes(tensor.data) for name, tensor in start.parts["model"].tensors.items()}
            learns(found, step - 1)
            return state_of(found, step)

        batch = replace(SLICE, tolerance=tolerance)
        self._set_up(folder, files, Machine(after), NONE, batch=batch, tolerance=tolerance)

"""A slice of a batch, inside the sandbox: the job's function is called once per item, and its failures are results.

Every call is seeded from the job's seed and the item's index, and gets arguments of its own, those too that all items
share: what a function changes in place, the next call must not find, or an auditor who computes one item alone would
accuse its honest worker. In an audited job each item is one step: the state is
the outputs so far, and a replay of one step computes that item again.
"""

from __future__ import annotations

import mmap
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tensorgrid.domain.arrays import pack_result
from tensorgrid.domain.items import item_of, pack_failure
from tensorgrid.domain.payload import Payload, pack_payload
from tensorgrid.training.steps import reseed
from tensorgrid_worker.runtime import launch, plain
from tensorgrid_worker.runtime.shared import Shared

if TYPE_CHECKING:
    from tensorgrid_worker.runtime.trace import Tracer

Entry = Callable[..., Any]


def run(entry: Entry, shared: Shared, batch: Mapping[str, Any], inputs: str, tracer: Tracer | None) -> bytes:
    """The result of a slice: one tensor of bytes per item, named as the item is. `batch`: as the spec has it; that its
    items are those of the root was seen before the job was taken."""
    items = _items(f"{inputs}/{launch.ITEMS}")
    kind, first = batch["kind"], batch["first"]
    calls = [_Call(entry, shared, data, kind, first + place) for place, data in enumerate(items.values())]
    if tracer is not None:
        return _audited(calls, list(items), tracer)
    outputs = [call() for call in calls]
    return pack_payload({name: ("U8", (len(data),), data) for name, data in zip(items, outputs, strict=True)})


class _Call:
    """Of one item."""

    def __init__(self, entry: Entry, shared: Shared, data: memoryview, kind: Any, index: int) -> None:
        self._entry, self._shared, self._data, self._kind, self._index = entry, shared, data, kind, index

    def __call__(self) -> bytes:
        """Its outcome's bytes. Lets out what says that the machine, and not the item, is at its end."""
        shared = self._shared()  # none of the item's doing: what goes wrong here ends the job
        reseed(self._index)
        try:
            returned = self._entry(**shared, **item_of(self._data, self._kind))
            packed = plain.packed(returned)
            return pack_result(returned) if packed is None else packed
        except (Exception, SystemExit) as error:
            from tensorgrid_worker.runtime.runner import is_memory

            if is_memory(error):
                raise
            print(f"item {self._index}:", file=sys.stderr)
            traceback.print_exception(error)
            return pack_failure(error)


def _audited(calls: list[_Call], names: list[str], tracer: Tracer) -> bytes:
    from tensorgrid.training.recording import checkpoint, resume
    from tensorgrid.training.state import State
    from tensorgrid_worker.runtime.outputs import Outputs

    outputs = Outputs(names)
    state = State(model=outputs)
    for place in range(resume(state), len(calls)):
        outputs.add(names[place], calls[place]())
        checkpoint(state)
    return tracer.finish()


def _items(path: str) -> dict[str, memoryview]:
    with open(path, "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {tensor.name: tensor.data for tensor in Payload.parse(memoryview(mapped)).tensors}

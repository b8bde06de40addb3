"""Slices for the worker's tests: a task whose function is called once per item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.worker.conftest import MIB, MakeTask

from tensorgrid.domain.batches import BatchSlice, Stretch, item_leaf, pack_slice
from tensorgrid.domain.items import pack_item
from tensorgrid.domain.specs import Checkpoint
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.runtime.launch import ITEMS

MakeSlice = Callable[..., Task]


def sliced(calls: Sequence[dict[str, Any]], first: int, items: int, kind: str = "numpy") -> tuple[BatchSlice, bytes]:
    """Of the batch of these calls."""
    packed = [pack_item(call) for call in calls]
    tree = Stretch(len(calls), 0, [item_leaf(index, data) for index, data in enumerate(packed)])
    blob = pack_slice(first, packed[first : first + items], tree.prove(first, items))
    return BatchSlice(tree.root, len(calls), first, items, kind, cid_of_bytes(blob), len(blob)), blob


def slice_task(
    make_task: MakeTask,
    source: str,
    calls: Sequence[dict[str, Any]],
    *,
    first: int = 0,
    items: int | None = None,
    kind: str = "numpy",
    audited: bool = False,
    **changes: Any,
) -> Task:
    """changes: as of make_task."""
    batch, blob = sliced(calls, first, len(calls) - first if items is None else items, kind)
    task = make_task(source, **changes)
    tier = {"tier": "audit", "checkpoint": Checkpoint(1, 8 * MIB)} if audited else {}
    spec = replace(task.spec, batch=batch, **tier)  # type: ignore[arg-type]
    (task.folder / "in" / "spec.json").write_bytes(spec.to_bytes())
    (task.folder / "in" / ITEMS).write_bytes(blob)
    return replace(task, spec=spec)

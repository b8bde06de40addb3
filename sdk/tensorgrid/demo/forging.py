"""What cheats in audited jobs are built from: a run that says what its worker wants it to. For demo and tests alone.

Whoever cheats leaves the trace that he has made up where the honest daemon looks for it; all else of the daemon works
on from there as it always does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorgrid.domain.encoding import canonical_json
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import TensorBytes, pack_payload
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.traces import StateRoots, part_root
from tensorgrid_worker.jobs.executor import Run, Task
from tensorgrid_worker.jobs.traces import LINES, load
from tensorgrid_worker.runtime.trace import STATES
from tensorgrid_worker.runtime.tracelines import Began, SegmentEnded, written

Ends = Sequence[tuple[StateRoots, bytes]]
"""Per segment: the state behind it, and the digest of its metrics."""


def forged(
    task: Task, start: StateRoots, ends: Ends, payload: bytes, *, kept: Mapping[int, bytes] | None = None
) -> Run:
    """A run that ended well with this trace and this result. Writes both into the task's folder, and the state files
    `kept` after some segments, for auditors."""
    assert task.spec.checkpoint is not None, "only audited jobs have a trace"
    every = task.spec.checkpoint.every
    out = task.folder / "out"
    out.mkdir(parents=True, exist_ok=True)
    lines = [written(Began(0, start))]
    with (out / STATES).open("wb") as states:
        for index, (state, metrics) in enumerate(ends, 1):
            file = (kept or {}).get(index)
            extent = None if file is None else (states.tell(), len(file))
            states.write(file or b"")
            lines.append(written(SegmentEnded(index, index * every, state, metrics, extent, 1)))
    (out / LINES).write_bytes(b"".join(lines))
    return Run(ExitClass.OK, payload, b"", 0.0, load(task.spec, task.seed, out))


def model_of(state: bytes) -> bytes:
    """The result whose root is the model part of a state file."""
    part = StateFile.parse(state).parts["model"]
    tensors: dict[str, TensorBytes] = {name: (t.dtype, t.shape, bytes(t.data)) for name, t in part.tensors.items()}
    return pack_payload(tensors, part.plain)


def moved(state: bytes, steps: int) -> bytes:
    """The same state file, said to be the one after so many steps."""
    parts = StateFile.parse(state).parts
    tensors: dict[str, TensorBytes] = {
        f"{part}/{name}": (t.dtype, t.shape, t.data) for part, has in parts.items() for name, t in has.tensors.items()
    }
    return pack_payload(tensors, {part: has.plain for part, has in parts.items()} | {"cursor": {"step": steps}})


def cursor_root(steps: int) -> bytes:
    """Of the cursor part after so many steps: what everybody can compute without having done them."""
    return part_root((), canonical_json({"step": steps}))

"""Where a worker left the truth: his own trace, held against the chain, beside one that this machine makes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid.domain.specs import JobSpec
from tensorgrid.domain.traces import Trace
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.jobs.traces import LINES, load
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.choose import sandbox_of

TMP_BYTES, PROCESSES = 64 << 20, 256


@dataclass(frozen=True, slots=True)
class Departure:
    """`segment`: the first whose end no honest run has. `said`: the state he says, `true`: the one found here."""

    segment: int
    said: bytes
    true: bytes


def keep(job_folder: Path, target: Path) -> None:
    """A copy of what a worker has of a job, before he throws it away."""
    shutil.copytree(job_folder / "in", target / "in")
    (target / "out").mkdir()
    shutil.copyfile(job_folder / "out" / LINES, target / "out" / LINES)


def said_in(kept: Path, seed: bytes) -> Trace | None:
    """The trace in such a copy. Raises OSError."""
    told = load(_spec(kept), seed, kept / "out")
    return None if told is None else told.trace


def done_here(kept: Path, seed: bytes) -> Trace | None:
    """The whole job, done on this machine; None when it failed. Raises RunFailed, OSError."""
    executor = Executor(_wall(), tmp_bytes=TMP_BYTES, processes=PROCESSES)
    run = executor.run(Task(_spec(kept), seed, kept), on_point=lambda _: None, stop=Event(), anew=True)
    return None if run.payload is None or run.traced is None else run.traced.trace


def departure(said: Trace, true: Trace) -> Departure | None:
    """None: he did not leave it."""
    for his, ours in zip(said.segments, true.segments, strict=False):
        if his.state != ours.state:
            return Departure(his.index, his.state, ours.state)
    return None


def _spec(kept: Path) -> JobSpec:
    return JobSpec.from_bytes((kept / "in" / "spec.json").read_bytes())


def _wall() -> Sandbox:
    """As strong as there is here: the code is the demo's own."""
    try:
        return sandbox_of("auto")
    except SandboxUnavailable:
        return sandbox_of("none")

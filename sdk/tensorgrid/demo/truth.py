"""Where a worker left the truth: his own trace, held against the chain, beside one that this machine makes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid.domain.specs import JobSpec
from tensorgrid.domain.traces import StateRoots, Trace
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.jobs.replays import Replay, ReplayEnd
from tensorgrid_worker.jobs.traces import LINES, load
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.choose import sandbox_of

TMP_BYTES, PROCESSES = 64 << 20, 256


@dataclass(frozen=True, slots=True)
class Departure:
    """`segment`: the first whose end no honest run has. `said`: the state he says, `true`: the one found here.

    `stood_at`: the step after which the true run has the very model and optimiser that he says the segment ends with:
    he did nothing from there on. None: no step of it has them, and what he made them from cannot be told.
    """

    segment: int
    said: bytes
    true: bytes
    stood_at: int | None


def keep(job_folder: Path, target: Path) -> None:
    """A copy of what a worker has of a job, before he throws it away."""
    shutil.copytree(job_folder / "in", target / "in")
    (target / "out").mkdir()
    shutil.copyfile(job_folder / "out" / LINES, target / "out" / LINES)


def said_in(kept: Path, seed: bytes) -> Trace | None:
    """The trace in such a copy. Raises OSError."""
    told = load(_spec(kept), seed, kept / "out")
    return None if told is None else told.trace


def done_here(kept: Path, seed: bytes, steps: int) -> Mapping[int, StateRoots] | None:
    """The whole job, done on this machine: the state after each step. None: it failed. Raises RunFailed, OSError."""
    executor = Executor(_wall(), tmp_bytes=TMP_BYTES, processes=PROCESSES)
    done = executor.replay(Task(_spec(kept), seed, kept), Replay(last=steps, step_roots=True), stop=Event())
    if done.end is not ReplayEnd.DONE or done.began is None:
        return None
    return {0: done.began, **done.states}


def departure(said: Trace, true: Mapping[int, StateRoots]) -> Departure | None:
    """None: he did not leave it."""
    for his in said.segments:
        end = min(his.index * said.every, max(true))
        if his.state != true[end].root():
            begin = (his.index - 1) * said.every
            stood = [step for step in range(begin, end) if _same_work(his.roots, true[step])]
            return Departure(his.index, his.state, true[end].root(), stood[0] if stood else None)
    return None


def _same_work(his: StateRoots | None, true: StateRoots) -> bool:
    return his is not None and (his.model, his.optimizer) == (true.model, true.optimizer)


def _spec(kept: Path) -> JobSpec:
    return JobSpec.from_bytes((kept / "in" / "spec.json").read_bytes())


def _wall() -> Sandbox:
    """As strong as there is here: the code is the demo's own."""
    try:
        return sandbox_of("auto")
    except SandboxUnavailable:
        return sandbox_of("none")

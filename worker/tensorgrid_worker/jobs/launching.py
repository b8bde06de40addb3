"""From a task to what the sandbox is asked for: limits, environment, devices, and what an audited job has besides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from tensorgrid.domain.encoding import parse_json
from tensorgrid.domain.specs import JobSpec
from tensorgrid_worker.hardware import Gpu, gpu_variables
from tensorgrid_worker.jobs.watching import START_SECONDS, Pipes
from tensorgrid_worker.runtime import determinism, runner
from tensorgrid_worker.runtime.handover import hand_over
from tensorgrid_worker.runtime.launch import write_call
from tensorgrid_worker.runtime.tracelines import TRACE_FD
from tensorgrid_worker.sandbox.base import Launch
from tensorgrid_worker.sandbox.cgroups import GroupLimits

PROGRESS_FD = "TENSORGRID_PROGRESS_FD"
ARGUMENTS_FILE = "arguments.json"
"""Among the inputs of a private job."""
TMP = "/tmp"  # noqa: S108 - the sandbox's own
OVERHEAD_BYTES = 2 << 30
"""Addresses (not memory) that the interpreter and torch's libraries map."""
SHARED_BYTES = 256 << 20
"""Memory that a job's group may hold beside its own: the interpreter, pages of libraries, the sandbox."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to run. `folder` holds in/ as inputs.py left it; `seed` is jobSeed.

    Of a private job: `roots`, the key of its roots, and `broken`, why what was sealed did not open; empty: it did.
    """

    spec: JobSpec
    seed: bytes
    folder: Path
    gpus: tuple[Gpu, ...] = ()
    roots: bytes | None = None
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Tracing:
    """What an audited job's launch has besides. plan: of runtime.trace.Plan; feed: takes what its pipe carries. states:
    the file for them, which a replay has too and leaves empty. room: bytes that this worker gives a job's kept states.
    start: the state to go on from. All that shows inside is the same for runs and replays."""

    plan: dict[str, object]
    feed: Callable[[bytes], None]
    states: Path
    room: int = 0
    start: Path | None = None

    def hand_over(self, task: Task, output: Path) -> None:
        """Raises OSError."""
        checkpoint = task.spec.checkpoint
        assert checkpoint is not None
        plan = {"every": checkpoint.every, "keep_bytes": checkpoint.keep_bytes, "origin": task.spec.origin}
        hand_over(output, plan | self.plan, self.start)

    def added_to(self, launch: Launch, task: Task, pipes: Pipes) -> Launch:
        checkpoint = task.spec.checkpoint
        assert checkpoint is not None and pipes.trace is not None
        limits = dict(cast("dict[str, int]", launch.runner["limits"]))
        limits["file_bytes"] = max(limits["file_bytes"], checkpoint.keep_bytes, self.room)
        if limits["address_bytes"]:
            limits["address_bytes"] += checkpoint.keep_bytes
        whole = launch.whole
        if self.start is not None and whole.memory_bytes:
            whole = replace(whole, memory_bytes=whole.memory_bytes + self.start.stat().st_size)
        return replace(
            launch,
            runner=launch.runner | {"limits": limits, "trace": True},
            whole=whole,
            environment=launch.environment | {TRACE_FD: str(pipes.trace.far)},
            pass_fds=(*launch.pass_fds, pipes.trace.far),
            states=self.states,
        )


def launch_of(
    task: Task, output: Path, pipes: Pipes, *, tmp_bytes: int, processes: int, tracing: Tracing | None = None
) -> Launch:
    """What the sandbox is asked for. `tmp_bytes`: private /tmp; `processes`: most a job may start."""
    resources = task.spec.resources
    on_gpu = bool(task.gpus)
    limits = {
        "memory_bytes": resources.memory_bytes,
        "address_bytes": 0 if on_gpu else resources.memory_bytes + OVERHEAD_BYTES + task.spec.input_bytes,
        "file_bytes": max(resources.output_bytes, tmp_bytes),
        "cpu_seconds": (resources.wall_seconds + START_SECONDS) * (resources.threads + 1),
        "open_files": 1024,
        "processes": processes,
    }
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": TMP,
        "TMPDIR": TMP,
        "USER": "job",
        "LOGNAME": "job",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        PROGRESS_FD: str(pipes.progress.far),
        runner.CONTROL_FD: str(pipes.control.far),
        runner.SEED: "0x" + task.seed.hex(),
    }
    environment |= determinism.environment(task.seed, resources.threads) | gpu_variables(list(task.gpus))
    launch = Launch(
        inputs=task.folder / "in",
        output=output,
        runner={"output_bytes": resources.output_bytes, "threads": resources.threads, "limits": limits},
        environment=environment,
        pass_fds=(pipes.progress.far, pipes.control.far),
        tmp_bytes=tmp_bytes,
        devices=tuple(dict.fromkeys(node for gpu in task.gpus for node in gpu.nodes)),
        log_fd=pipes.log.far,
        whole=GroupLimits(
            # What lies in its private folders is memory too.
            memory_bytes=resources.memory_bytes + 2 * tmp_bytes + SHARED_BYTES + task.spec.input_bytes,
            processes=processes,
            threads=resources.threads + 1,
        ),
    )
    return launch if tracing is None else tracing.added_to(launch, task, pipes)


def tell_call(inputs: Path, roots: bytes | None = None) -> None:
    """From the spec as it lies there, whose every value is JSON's: a list stays a list, and 1.0 is 1.

    Of a private job the arguments lie in a file of their own, and the key of its roots is told along.
    """
    spec = parse_json((inputs / "spec.json").read_bytes(), "the spec")
    kinds = {name: ref["kind"] for name, ref in spec["inputs"].items()}
    arguments = spec["arguments"]
    if "private" in spec:
        arguments = parse_json((inputs / ARGUMENTS_FILE).read_bytes(), "the arguments")
    write_call(inputs, spec["bundle"]["entry"], arguments, kinds, roots, spec.get("batch"))

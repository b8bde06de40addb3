"""The jobs of this bench as tasks in the sandbox, without a network."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from tensorgrid.domain.arrays import pack_input
from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid.domain.specs import AUDIT, BundleRef, Checkpoint, InputRef, JobSpec, Resources
from tensorgrid.privacy import Identity
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid_worker.jobs.executor import Executor, Point, Run, Task
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.choose import sandbox_of

MIB = 1 << 20
SOURCE = (Path(__file__).parent / "jobs.py").read_bytes()
WALL_SECONDS = 3600
READER = Identity.from_seed(b"bench" + bytes(27)).recipient


def sandbox() -> Sandbox:
    """The strongest wall of this machine, or none; the report says which."""
    try:
        return sandbox_of("auto")
    except SandboxUnavailable:
        return sandbox_of("none")


def executor(wall: Sandbox) -> Executor:
    return Executor(wall, tmp_bytes=64 * MIB, processes=256)


def text() -> Any:
    """English of Python's own manual, about 700 kB, as a tensor of bytes."""
    from pydoc_data.topics import topics

    import torch

    return torch.frombuffer(bytearray("\n".join(topics[name] for name in sorted(topics)).encode()), dtype=torch.uint8)


@contextmanager
def task(
    entry: str, seed: bytes, checkpoint: Checkpoint | None, /, threads: int = 1, **arguments: Any
) -> Iterator[Task]:
    """A task with its folder; `checkpoint`: audited, None: not. Tensors among the arguments travel as inputs."""
    plain = {name: value for name, value in arguments.items() if isinstance(value, int | float | str)}
    packed = {name: pack_input(value) for name, value in arguments.items() if name not in plain}
    spec = JobSpec(
        bundle=BundleRef(cid_of_bytes(SOURCE), entry, len(SOURCE)),
        resources=Resources(
            memory_bytes=2048 * MIB, wall_seconds=WALL_SECONDS, output_bytes=256 * MIB, threads=threads
        ),
        recipients=(READER,),
        arguments=plain,
        inputs={name: InputRef(cid_of_bytes(data), len(data), kind) for name, (data, kind) in packed.items()},
        tier="replicate" if checkpoint is None else AUDIT,
        checkpoint=checkpoint,
    )
    folder = Path(tempfile.mkdtemp(prefix="tensorgrid-bench-"))
    try:
        (folder / "in" / "inputs").mkdir(parents=True)
        (folder / "in" / "spec.json").write_bytes(spec.to_bytes())
        (folder / "in" / "bundle.py").write_bytes(SOURCE)
        for name, (data, _) in packed.items():
            (folder / "in" / "inputs" / f"{name}.safetensors").write_bytes(data)
        yield Task(spec, seed, folder)
    finally:
        shutil.rmtree(folder)


def run(wall: Sandbox, found: Task, on_point: Callable[[Point], None] = lambda _: None) -> Run:
    """Raises SystemExit when it did not end well."""
    ended = executor(wall).run(found, on_point=on_point, stop=Event())
    if ended.payload is None:
        raise SystemExit(f"bench-audit: {found.spec.bundle.entry} {ended.exit.name}: {ended.log.decode()[-800:]}")
    return ended

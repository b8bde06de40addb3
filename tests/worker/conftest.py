"""Builders for the worker's tests: a job's folder as inputs.py leaves it, and both sandboxes."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid.domain.specs import BundleRef, InputRef, JobSpec, Resources
from tensorgrid.privacy import Identity
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid_worker.jobs.executor import Executor, Run, Task
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap
from tensorgrid_worker.sandbox.container import Container
from tensorgrid_worker.sandbox.plain import Plain

SEED = bytes(range(32))
MIB = 1 << 20
READER = Identity.from_seed(b"r" * 32)

MakeTask = Callable[..., Task]
RunCode = Callable[..., Run]


def make_spec(
    source: bytes, *, entry: str = "job", inputs: Mapping[str, tuple[str, bytes]] | None = None, **changes: Any
) -> JobSpec:
    """A valid spec for `source`; `changes` go to Resources, or are arguments=, recipients=, progress_seconds=."""
    outer = {name: changes.pop(name) for name in ("arguments", "progress_seconds") if name in changes}
    resources = {"memory_bytes": 1024 * MIB, "wall_seconds": 60, "output_bytes": 16 * MIB} | changes
    refs = {name: InputRef(cid_of_bytes(data), len(data), kind) for name, (kind, data) in (inputs or {}).items()}  # type: ignore[arg-type]
    return JobSpec(
        bundle=BundleRef(cid_of_bytes(source), entry, len(source)),
        resources=Resources(**resources),
        recipients=(READER.recipient,),
        inputs=refs,
        **outer,
    )


@pytest.fixture
def make_task(tmp_path: Path) -> MakeTask:
    """make_task(source, arguments=..., inputs={name: (kind, bytes)}, **resources) -> Task with its folder filled."""
    count = 0

    def make(
        source: str, *, seed: bytes = SEED, inputs: Mapping[str, tuple[str, bytes]] | None = None, **changes: Any
    ) -> Task:
        nonlocal count
        count += 1
        code = textwrap.dedent(source).encode()
        spec = make_spec(code, inputs=inputs, **changes)
        folder = tmp_path / f"job{count}"
        (folder / "in" / "inputs").mkdir(parents=True)
        (folder / "in" / "spec.json").write_bytes(spec.to_bytes())
        (folder / "in" / "bundle.py").write_bytes(code)
        for name, (_, data) in (inputs or {}).items():
            (folder / "in" / "inputs" / f"{name}.safetensors").write_bytes(data)
        return Task(spec, seed, folder)

    return make


def bubblewrap_or_skip(*hidden: Path) -> Bubblewrap:
    sandbox = Bubblewrap(hidden=hidden)
    try:
        sandbox.check()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    return sandbox


@functools.cache
def container_problem() -> str:
    """Why no container can be started here; asked once."""
    try:
        Container().check()
    except SandboxUnavailable as error:
        return str(error)
    return ""


def container_or_skip() -> Container:
    if container_problem():
        pytest.skip(container_problem())
    return Container()


@pytest.fixture(params=["bubblewrap", "none"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """The sandbox of most machines, and none."""
    return Plain() if request.param == "none" else bubblewrap_or_skip()


@pytest.fixture(params=["bubblewrap", "container"])
def wall(request: pytest.FixtureRequest) -> Sandbox:
    """Each sandbox that is one: what test_sandbox_conformance.py asks of all."""
    return bubblewrap_or_skip() if request.param == "bubblewrap" else container_or_skip()


@pytest.fixture
def run_code(make_task: MakeTask) -> RunCode:
    """run_code(sandbox, source, **changes) -> Run; points are collected in `points=[]` when given."""

    def run(sandbox: Sandbox, source: str, *, points: list[Any] | None = None, **changes: Any) -> Run:
        executor = Executor(sandbox, tmp_bytes=64 * MIB, processes=256)
        sink = points.append if points is not None else lambda _: None
        return executor.run(make_task(source, **changes), on_point=sink, stop=Event())

    return run

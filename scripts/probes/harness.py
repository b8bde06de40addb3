"""Tries every probe outside, then inside, and says what happened. Never counts what was not really tried."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Event
from typing import Any, Literal

from probes.arena import Arena
from probes.base import Probe
from probes.power import KERNEL, MEANS, OUTPUTS
from probes.reach import FILES, NETWORK, PROCESSES
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import json_of_payload
from tensorgrid.domain.specs import BundleRef, JobSpec, Resources
from tensorgrid.privacy import Identity
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid_worker.jobs.executor import Executor, Run, RunFailed, Task
from tensorgrid_worker.sandbox.base import Sandbox

PROBES = (*NETWORK, *FILES, *PROCESSES, *KERNEL, *MEANS, *OUTPUTS)
MIB = 1 << 20
TMP_BYTES, MEMORY_BYTES, PROCESSES_ALLOWED = 16 * MIB, 256 * MIB, 64
CONTROL_SECONDS, JOB_SECONDS = 60, 30
FAULTS = ("NameError", "SyntaxError", "AttributeError", "TypeError", "ImportError", "ModuleNotFoundError", "KeyError")
"""A probe that fails so was not refused: it is broken."""
SECRET_VARIABLE = "TENSORGRID_WORKER_PROBE_SECRET"  # noqa: S105

Status = Literal["denied", "escaped", "skipped", "broken"]


@dataclass(frozen=True, slots=True)
class Row:
    """`outside`: what the control got. `inside`: how it was refused, or what it got."""

    name: str
    kind: str
    status: Status
    outside: str
    inside: str


@dataclass(frozen=True, slots=True)
class Report:
    sandbox: str
    rows: tuple[Row, ...]

    def named(self, status: Status) -> list[Row]:
        return [row for row in self.rows if row.status == status]

    def to_json(self) -> dict[str, Any]:
        """`tried` counts what succeeded outside and was then tried inside; nothing else counts."""
        tried = [row for row in self.rows if row.status != "skipped"]
        return {
            "sandbox": self.sandbox,
            "user": "root" if os.geteuid() == 0 else "ordinary",
            "tried": len(tried),
            "control_succeeded": sum(1 for row in tried if row.outside),
            "skipped": [{"name": row.name, "reason": row.inside} for row in self.named("skipped")],
            "escaped": len(self.named("escaped")),
            "broken": [row.name for row in self.named("broken")],
            "probes": [asdict(row) for row in self.rows],
        }


def attack(sandbox: Sandbox, probes: Sequence[Probe] = PROBES) -> Report:
    """Every probe against a sandbox that answers check(). Leaves nothing behind."""
    with Arena() as arena, _exposed(arena):
        rows = tuple(_try(probe, arena, sandbox) for probe in probes)
    return Report(sandbox.describe(), rows)


def _try(probe: Probe, arena: Arena, sandbox: Sandbox) -> Row:
    missing = probe.needs(arena)
    if missing:
        return Row(probe.name, probe.kind, "skipped", "", missing)
    got, refused = _outside(probe, arena)
    if not got:
        return Row(probe.name, probe.kind, "skipped", "", f"does not succeed outside either: {refused}")
    missing = probe.inside_needs(arena)
    if missing:
        return Row(probe.name, probe.kind, "skipped", got, missing)
    status, said = _inside(probe, arena, sandbox)
    return Row(probe.name, probe.kind, status, got, said)


def _outside(probe: Probe, arena: Arena) -> tuple[str, str]:
    """(what it got, how it was refused)."""
    shutil.rmtree(arena.inputs, ignore_errors=True)
    arena.inputs.mkdir()
    (arena.inputs / "spec.json").write_text("{}")
    arena.fresh_output()
    code = f"{probe.source()}\nimport json\nprint('\\n' + json.dumps(job(**json.loads(sys.argv[1]))))"
    command = [sys.executable, "-I", "-S", "-c", code, json.dumps(probe.arguments(arena))]
    try:
        done = subprocess.run(command, capture_output=True, close_fds=False, timeout=CONTROL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "", f"no answer in {CONTROL_SECONDS} s"
    said: dict[str, str] = {}
    if done.stdout.strip():
        said = json.loads(done.stdout.splitlines()[-1])
    elif done.returncode:
        return "", done.stderr.decode(errors="replace")[-200:]
    if probe.shown is not None:
        return ("seen by the host", "") if probe.shown(arena) else ("", said.get("denied", "the host saw nothing"))
    return said.get("got", ""), said.get("denied", "no answer")


def _inside(probe: Probe, arena: Arena, sandbox: Sandbox) -> tuple[Status, str]:
    folder = arena.home / "job"
    arena.inputs, arena.output = folder / "in", folder / "out" / "payload.safetensors"
    try:
        task = _task(probe, arena)
        executor = Executor(sandbox, tmp_bytes=TMP_BYTES, processes=PROCESSES_ALLOWED)
        try:
            run = executor.run(task, on_point=lambda _: None, stop=Event())
        except RunFailed as error:
            return "broken", str(error)
        return _verdict(probe, arena, run)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        arena.inputs, arena.output = arena.home / "in", arena.home / "out.safetensors"


def _verdict(probe: Probe, arena: Arena, run: Run) -> tuple[Status, str]:
    if run.payload is not None and arena.token.encode() in run.payload:
        return "escaped", "the collected output holds the secret"
    said = json_of_payload(run.payload) if run.payload is not None else {}
    if probe.shown is not None and probe.shown(arena):
        return "escaped", "seen by the host"
    if run.exit is ExitClass.MEMORY_LIMIT:
        return "denied", "killed at the memory limit"
    if run.exit is not ExitClass.OK and not (probe.shown and b"no payload" in run.log):
        return "broken", run.log.decode(errors="replace")[-300:]
    if "got" in said and probe.shown is None:
        return "escaped", str(said["got"])
    refused = str(said.get("denied", "no trace of it outside"))
    return ("broken" if refused.startswith(FAULTS) else "denied"), refused


def _task(probe: Probe, arena: Arena) -> Task:
    source = probe.source().encode()
    spec = JobSpec(
        bundle=BundleRef(cid_of_bytes(source), "job", len(source)),
        resources=Resources(memory_bytes=MEMORY_BYTES, wall_seconds=JOB_SECONDS, output_bytes=MIB),
        recipients=(Identity.from_seed(b"p" * 32).recipient,),
        inputs={},
        arguments=probe.arguments(arena),
    )
    inside = arena.inputs
    (inside / "inputs").mkdir(parents=True)
    (inside / "spec.json").write_bytes(spec.to_bytes())
    (inside / "bundle.py").write_bytes(source)
    return Task(spec, bytes(32), inside.parent)


@contextmanager
def _exposed(arena: Arena) -> Iterator[None]:
    """Our own process carelessly holds the secret in its environment and in a descriptor that children inherit."""
    descriptor = os.open(arena.key, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    os.environ[SECRET_VARIABLE] = arena.token
    try:
        yield
    finally:
        del os.environ[SECRET_VARIABLE]
        os.close(descriptor)

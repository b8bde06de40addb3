"""Runs the suite on each device, in the sandbox, as a job would run; what needs no accelerator is measured here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import json_of_payload
from tensorgrid.domain.specs import BundleRef, JobSpec, Resources
from tensorgrid.privacy import Identity
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid_worker.capability.classes import class_of
from tensorgrid_worker.capability.machine import cores, cpu_name, free_memory
from tensorgrid_worker.capability.measured import CapabilityUnknown, Measured, Part
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.executor import Executor, Run, Task
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.plain import Plain

SECONDS = 20.0
BUNDLE = b"from tensorgrid_worker.runtime.suite.main import run\n"
MIB, GIB = 1 << 20, 1 << 30
SLACK_SECONDS = 120
"""Beside the measuring itself: imports, filling memory, checks, a machine that is busy with other things."""

Probe = Callable[[bytes, float], Mapping[str, Part]]
"""Parts that belong to the machine, not to a device: (nonce, seconds) -> parts. It raises nothing."""


def measure(
    gpus: Sequence[Gpu],
    *,
    seconds: float,
    nonce: bytes,
    sandbox: Sandbox | None,
    probes: Sequence[Probe] = (),
    stop: Event | None = None,
) -> list[Measured]:
    """One entry per GPU, one after the other; the CPU's alone where `gpus` is empty.

    `seconds`: about how long each device takes. `nonce`: what the inputs grow from; a block's hash, or any bytes that
    nobody knew before. `sandbox` None: a plain child process, since the code is ours. `probes`: see disk.py, links.py;
    their parts stand with every device. Raises CapabilityUnknown, RunFailed, RunStopped (when `stop` was set).
    """
    if seconds <= 0 or not nonce:
        raise CapabilityUnknown("a measurement needs a time above 0 s and a nonce; try --seconds 20")
    shared = {name: part for probe in probes for name, part in probe(nonce, seconds / 10).items()}
    executor = Executor(sandbox or Plain(), tmp_bytes=256 * MIB, processes=1024)
    devices: list[Gpu | None] = [*gpus] or [None]
    return [_measure(executor, gpu, seconds, nonce, shared, stop or Event()) for gpu in devices]


def _measure(
    executor: Executor, gpu: Gpu | None, seconds: float, nonce: bytes, shared: Mapping[str, Part], stop: Event
) -> Measured:
    with tempfile.TemporaryDirectory(prefix="tensorgrid-bench-") as folder:
        task = _task(Path(folder), gpu, seconds, nonce)
        run = executor.run(task, on_point=lambda _: None, stop=stop)
    parts = dict(_parts(run)) | dict(shared)
    found = class_of(gpu)
    return Measured(
        class_name=found.name if found else "",
        score=found.score(parts) if found else 0,
        parts=parts,
        device=gpu.uuid if gpu else "cpu",
        device_name=gpu.name if gpu else cpu_name(),
    )


def _task(folder: Path, gpu: Gpu | None, seconds: float, nonce: bytes) -> Task:
    """The suite as a job: the same walls, the same limits, the same switches for repeatable results."""
    (folder / "in" / "inputs").mkdir(parents=True)
    memory = max(1 * GIB, min(free_memory() // 2, 16 * GIB))
    spec = JobSpec(
        bundle=BundleRef(cid_of_bytes(BUNDLE), "run", len(BUNDLE)),
        resources=Resources(
            memory_bytes=memory,
            wall_seconds=int(seconds * 4) + SLACK_SECONDS,
            output_bytes=MIB,
            gpus=1 if gpu else 0,
            threads=cores(),
        ),
        recipients=(Identity.generate().recipient,),
        arguments={
            "nonce": nonce.hex(),
            "seconds": seconds,
            "device": "cuda" if gpu else "cpu",
            "fill_bytes": min(memory // 2, 2 * GIB, max(512 * MIB, int(seconds * 128) * MIB)),
        },
    )
    (folder / "in" / "spec.json").write_bytes(spec.to_bytes())
    (folder / "in" / "bundle.py").write_bytes(BUNDLE)
    return Task(spec, nonce.ljust(32, b"\0")[:32], folder, (gpu,) if gpu else ())


def _parts(run: Run) -> Mapping[str, Part]:
    if run.exit is not ExitClass.OK or run.payload is None:
        log = run.log.decode(errors="replace").strip()[-400:]
        raise CapabilityUnknown(f"the benchmark ended with {run.exit.name.lower()}: {log}; is torch installed for it?")
    try:
        told: Any = json_of_payload(run.payload)
        return {str(name): Part.of(part) for name, part in told["parts"].items()}
    except (TensorgridError, KeyError, TypeError, AttributeError) as error:
        raise CapabilityUnknown(f"the benchmark's answer cannot be read ({error}); measure again") from error

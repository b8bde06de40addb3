"""The worker's fingerprint: taken in the sandbox, as a job would see the machine, and kept in the worker's home.

Auditors and replicas of one fingerprint get the same bits; what is in it and what is not: runtime/fingerprint.py.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import json_of_payload
from tensorgrid.domain.specs import BundleRef, JobSpec, Resources
from tensorgrid.privacy import Identity
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid_worker.capability import keeping, machine
from tensorgrid_worker.capability.classes import gpus_of
from tensorgrid_worker.capability.measured import CapabilityUnknown
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.hardware import Gpu, chosen
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.runtime.fingerprint import digest
from tensorgrid_worker.sandbox.base import Sandbox

FILE = "fingerprint.json"
BUNDLE = b"from tensorgrid_worker.runtime.fingerprint import run\n"
MIB = 1 << 20
_MAX_BYTES = 1 << 20
_SECONDS = 120
_SEED = b"\0" * 32


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`parts`: what replays, by name. `machine`: what it was taken on, cheap to ask again. `at`: unix seconds."""

    parts: Mapping[str, str]
    machine: Mapping[str, str]
    at: int

    @property
    def digest(self) -> bytes:
        """32 bytes, as registered."""
        return digest(self.parts)

    def stale(self, gpus: Sequence[Gpu]) -> list[str]:
        """What of the machine has changed since, in words; empty: it still holds."""
        return machine.changes(dict(self.machine), machine.fingerprint(gpus))

    def to_json(self) -> dict[str, Any]:
        return {
            "digest": "0x" + self.digest.hex(),
            "parts": dict(self.parts),
            "machine": dict(self.machine),
            "at": self.at,
        }

    def save(self, home: Path) -> None:
        """At once or not at all."""
        keeping.save(home / FILE, self.to_json())


def load(home: Path) -> Fingerprint | None:
    """None: never taken. Raises CapabilityUnknown for a file that cannot be read."""
    return keeping.load(home / FILE, _read, "delete it, and register")


def _read(value: Any) -> Fingerprint:
    named = [{str(name): str(text) for name, text in value[part].items()} for part in ("parts", "machine")]
    return Fingerprint(named[0], named[1], int(value["at"]))


def kept(home: Path) -> bytes | None:
    """The digest as it was taken last; None: never, or it cannot be read."""
    try:
        found = load(home)
    except CapabilityUnknown:
        return None
    return None if found is None else found.digest


def devices_of(config: WorkerConfig, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Those whose kernels this worker's jobs run on; none where it sells its CPU. Raises GpuMissing."""
    return gpus_of(config.hardware_class, chosen(list(gpus), config.gpu))


def of_worker(
    config: WorkerConfig, gpus: Sequence[Gpu], sandbox: Sandbox, *, say: Callable[[str], None] = lambda _: None
) -> Fingerprint:
    """The kept one where the machine is still the same, else a new one, kept. `gpus`: all that this machine has.

    Raises CapabilityUnknown, RunFailed, GpuMissing.
    """
    ours = devices_of(config, gpus)
    kept = load(config.home)
    if kept is not None and not kept.stale(ours):
        return kept
    say("taking the fingerprint: what replays bit for bit here")
    found = take(ours, sandbox)
    found.save(config.home)
    return found


def take(gpus: Sequence[Gpu], sandbox: Sandbox) -> Fingerprint:
    """Asks the sandbox's interpreter; seconds, since it imports torch. Raises CapabilityUnknown, RunFailed."""
    executor = Executor(sandbox, tmp_bytes=64 * MIB, processes=256)
    with tempfile.TemporaryDirectory(prefix="tensorgrid-fingerprint-") as folder:
        run = executor.run(_task(Path(folder), gpus), on_point=lambda _: None, stop=Event())
    if run.exit is not ExitClass.OK or run.payload is None:
        log = run.log.decode(errors="replace").strip()[-400:]
        raise CapabilityUnknown(f"the fingerprint ended with {run.exit.name.lower()}: {log}; is torch there for it?")
    try:
        told: Any = json_of_payload(run.payload)
        parts = {str(name): str(text) for name, text in told["parts"].items()}
    except (TensorgridError, KeyError, TypeError, AttributeError) as error:
        raise CapabilityUnknown(f"the fingerprint cannot be read ({error}); take it again") from error
    return Fingerprint(parts, machine.fingerprint(gpus), int(time.time()))


def _task(folder: Path, gpus: Sequence[Gpu]) -> Task:
    """As a job: behind the same walls, under the same switches."""
    (folder / "in" / "inputs").mkdir(parents=True)
    spec = JobSpec(
        bundle=BundleRef(cid_of_bytes(BUNDLE), "run", len(BUNDLE)),
        resources=Resources(
            memory_bytes=2048 * MIB, wall_seconds=_SECONDS, output_bytes=MIB, gpus=len(gpus), threads=1
        ),
        recipients=(Identity.generate().recipient,),
        arguments={"driver": gpus[0].driver if gpus else ""},
    )
    (folder / "in" / "spec.json").write_bytes(spec.to_bytes())
    (folder / "in" / "bundle.py").write_bytes(BUNDLE)
    return Task(spec, _SEED, folder, tuple(gpus))

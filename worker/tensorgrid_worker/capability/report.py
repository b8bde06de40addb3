"""`tensorgrid-worker bench`: measure now, keep it, and say it in words. And what `doctor` has to say about it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from tensorgrid_worker.capability import record as records
from tensorgrid_worker.capability.bench import measure
from tensorgrid_worker.capability.classes import GOOD_SCORE, gpus_of, table
from tensorgrid_worker.capability.disk import DiskProbe
from tensorgrid_worker.capability.machine import changes, fingerprint
from tensorgrid_worker.capability.measured import CapabilityUnknown, Measured, Part
from tensorgrid_worker.capability.record import Record
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.hardware import Gpu, chosen, gpus
from tensorgrid_worker.sandbox.base import Sandbox

UNITS = {"op/s": 1e9, "B/s": 1e9, "B": 2**30, "s": 1e-3}
SHOWN = {"op/s": "Gop/s", "B/s": "GB/s", "B": "GiB", "s": "ms"}


def bench(config: WorkerConfig, sandbox: Sandbox, *, seconds: float, nonce: bytes = b"") -> Record:
    """Measures the devices of the configured class and its store, and keeps the record in the worker's home.

    Not while the daemon runs: take the home's lock first. Raises CapabilityUnknown, RunFailed, StorageError.
    """
    from tensorgrid.storage.open import open_store
    from tensorgrid_worker.capability.links import StoreProbe

    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    devices, nonce = gpus_of(config.hardware_class, chosen(gpus(), config.gpu)), nonce or secrets.token_bytes(32)
    probes = (DiskProbe(config.home), StoreProbe(open_store(config.store)))
    found = measure(devices, seconds=seconds, nonce=nonce, sandbox=sandbox, probes=probes)
    record = Record(tuple(found), int(time.time()), nonce.hex(), fingerprint(devices))
    record.save(config.home)
    return record


def parse_nonce(text: str) -> bytes:
    """Of hex, with or without 0x; empty: none was given. Raises CapabilityUnknown."""
    try:
        nonce = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError as error:
        raise CapabilityUnknown(f"{text[:40]!a} is no nonce; give hex such as a block's hash, or nothing") from error
    if len(nonce) > 64:
        raise CapabilityUnknown("a nonce has 64 bytes at most; a block's hash has 32")
    return nonce


def as_table(record: Record, class_name: str) -> str:
    """For people: every part of every device, and what it comes to."""
    lines = []
    for found in record.measured:
        lines.append(f"{found.device_name} ({found.device}): {_class_words(found)}")
        lines += [f"  {name:18} {_shown(part)}" for name, part in found.parts.items()]
    wanted = table().get(class_name)
    if wanted is None:
        lines.append(f"class {class_name!r} has no references here: its score is for you to judge")
    else:
        score = record.score(wanted)
        lines.append(f"class {class_name}: {score} of 1000" + ("" if score >= GOOD_SCORE else f", below {GOOD_SCORE}"))
    return "\n".join(lines)


def advice(config: WorkerConfig, devices: Sequence[Gpu]) -> str:
    """What a provider should do about this worker's capability, in words; empty when all is well. For `doctor`."""
    try:
        last = records.load(config.home)
    except CapabilityUnknown as error:
        return str(error)
    if last is None:
        return "never measured: run `tensorgrid-worker bench`"
    wanted = table().get(config.hardware_class)
    if wanted is None:
        return f"class {config.hardware_class!r} has no references in this release: nothing warns you when it gets slow"
    if changed := changes(dict(last.fingerprint), fingerprint(gpus_of(config.hardware_class, devices))):
        return f"measured on another machine ({'; '.join(changed)}): run `tensorgrid-worker bench`"
    if last.score(wanted) < GOOD_SCORE:
        short = records.weakest(last.measured, wanted)
        return f"{short}, {GOOD_SCORE} is the least: mend it and measure again; only its provider moves it back up"
    return ""


def _class_words(found: Measured) -> str:
    if not found.class_name:
        return "a model that the table of classes lacks"
    return f"class {found.class_name}, {found.score} of 1000"


def _shown(part: Part) -> str:
    if not part.ok:
        return f"failed: {part.why}"
    return f"{part.value / UNITS.get(part.unit, 1):12,.2f} {SHOWN.get(part.unit, part.unit)}"

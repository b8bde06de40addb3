"""The last measurement, in the worker's home: what was measured, on which machine, and whether it was acted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorgrid_worker.capability import keeping
from tensorgrid_worker.capability.classes import HardwareClass
from tensorgrid_worker.capability.measured import CapabilityUnknown, Measured

FILE = "capability.json"
VERSION = 1
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """`at`: unix seconds. `judged`: its consequence is in the outbox, or there is none."""

    measured: tuple[Measured, ...]
    at: int
    nonce: str
    fingerprint: Mapping[str, str]
    judged: bool = False

    def score(self, wanted: HardwareClass) -> int:
        """Of the weakest device; thousandths."""
        return min((wanted.score(found.parts) for found in self.measured), default=0)

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "at": self.at,
            "nonce": self.nonce,
            "judged": self.judged,
            "machine": dict(self.fingerprint),
            "devices": [found.to_json() for found in self.measured],
        }

    def save(self, home: Path) -> None:
        """At once or not at all."""
        keeping.save(home / FILE, self.to_json())


def load(home: Path) -> Record | None:
    """None: never measured. Raises CapabilityUnknown for a file that cannot be read."""
    return keeping.load(home / FILE, _read, "measure again: bench")


def _read(value: Any) -> Record:
    if value["version"] != VERSION:
        raise CapabilityUnknown(f"{FILE} is of another version; measure again: bench")
    machine = {str(name): str(text) for name, text in value["machine"].items()}
    measured = tuple(Measured.of_json(found) for found in value["devices"])
    return Record(measured, int(value["at"]), str(value["nonce"]), machine, bool(value["judged"]))


def weakest(measured: Sequence[Measured], wanted: HardwareClass) -> str:
    """Where it falls short, in words: "GPU-1 matmul_bf16 at 512 of 1000"."""
    worst = min(measured, key=lambda found: wanted.score(found.parts))
    part = wanted.weakest(worst.parts)
    return f"{worst.device_name} {part} at {wanted.score(worst.parts)} of 1000"

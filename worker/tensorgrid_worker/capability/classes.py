"""The table of hardware classes: which one a device is of by its name, and how a measurement compares with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from tensorgrid_worker.capability.measured import Part
from tensorgrid_worker.hardware import Gpu

GOOD_SCORE = 900
"""Thousandths: below it a device does not do what its class promises."""


@dataclass(frozen=True, slots=True)
class HardwareClass:
    """`references`: part -> what a healthy device reaches; these parts decide, others are told. `family`: classes of
    one family are the same silicon, whose results repeat bit for bit. `calibrated`: the references were measured.
    """

    name: str
    family: str
    device: str  # "cpu" or "cuda"
    references: Mapping[str, int]
    calibrated: bool
    match: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def fits(self, device_name: str) -> bool:
        """Whether NVML's name is of this model; whole words, whatever their case."""
        return bool(self.match) and _has(device_name, self.match, all) and not _has(device_name, self.without, any)

    def score(self, parts: Mapping[str, Part]) -> int:
        """Thousandths of the reference, rounded down, by the weakest part; 0 when a part is missing or wrong."""
        scores = [_thousandths(parts.get(name), reference) for name, reference in self.references.items()]
        return min(scores, default=0)

    def weakest(self, parts: Mapping[str, Part]) -> str:
        """The part that decided."""
        return min(self.references, key=lambda name: _thousandths(parts.get(name), self.references[name]))


@lru_cache(maxsize=1)
def table() -> Mapping[str, HardwareClass]:
    """All classes that ship, by name, in the order of the file."""
    source = tomllib.loads(files(__package__).joinpath("classes.toml").read_text(encoding="utf-8"))
    return of_toml(source)


def of_toml(source: Mapping[str, Any]) -> Mapping[str, HardwareClass]:
    """As classes.toml is laid out; every model gets a rung NAME-reduced at 600, unless the file has it."""
    defaults, found = source["defaults"]["attainable"], dict[str, HardwareClass]()
    for name, entry in source["classes"].items():
        if "of" in entry:
            found[name] = _rung(found[entry["of"]], name, entry["share"])
            continue
        shares = defaults | entry.get("attainable", {})
        found[name] = HardwareClass(
            name=name,
            family=name,
            device=entry.get("device", "cuda"),
            references={part: int(peak) * shares[part] // 1000 for part, peak in entry["peak"].items()},
            calibrated=entry.get("calibrated", False),
            match=tuple(entry.get("match", ())),
            without=tuple(entry.get("not", ())),
        )
    for model in list(found.values()):
        reduced = f"{model.name}-reduced"
        if model.match and reduced not in found:
            found[reduced] = _rung(model, reduced, 600)
    return found


def class_of(gpu: Gpu | None) -> HardwareClass | None:
    """The class of a device by its name; None: a model that the table lacks. No GPU: the CPU's."""
    if gpu is None:
        return table()["cpu"]
    return next((found for found in table().values() if found.fits(gpu.name)), None)


def gpus_of(class_name: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """The devices that a worker of this class is judged by: none of its GPUs where it sells its CPU."""
    found = table().get(class_name)
    return [] if found is not None and found.device == "cpu" else list(gpus)


def _rung(model: HardwareClass, name: str, share: int) -> HardwareClass:
    references = {
        # memory does not get slower: a device without its memory is of no rung
        part: reference if part == "memory_size" else reference * share // 1000
        for part, reference in model.references.items()
    }
    return HardwareClass(name, model.family, model.device, references, model.calibrated)


def _thousandths(part: Part | None, reference: int) -> int:
    return int(part.value) * 1000 // reference if part is not None and part.ok else 0


def _has(text: str, words: tuple[str, ...], how: Any) -> bool:
    return bool(
        how(re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", text, re.IGNORECASE) for word in words)
    )

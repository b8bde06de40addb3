"""Bounds of honest distances by hardware class, as data: the file that ships, or an operator's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from tensorgrid.domain.distance import FAMILIES, LEAST_BOUND, Bound
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobs import hardware_class

_KEYS = {"bound", "runs", "worst", "steps"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """By hardware class as it stands in a job's terms (32 bytes), then by family."""

    by_class: Mapping[bytes, Mapping[str, Bound]] = field(default_factory=dict)

    def of(self, hardware_class: bytes, steps: int) -> dict[str, Bound]:
        """Those that hold for segments of so many steps; empty: not calibrated."""
        found = self.by_class.get(hardware_class, {})
        return {family: bound for family, bound in found.items() if steps <= bound.steps}


def load_bounds(path: Path | None = None) -> Bounds:
    """`path`: None for the file that ships. Raises SpecInvalid."""
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path is not None
            else files(__package__).joinpath("distance.toml").read_text(encoding="utf-8")
        )
        source = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecInvalid(
            f"no bounds of distances can be read from {path}: {error}; see docs/determinism.md"
        ) from error
    return Bounds({hardware_class(name): _class(name, entry) for name, entry in source.items()})


def _class(name: str, entry: Any) -> dict[str, Bound]:
    families = set(FAMILIES.values())
    if not isinstance(entry, dict) or not entry.keys() <= families:
        raise SpecInvalid(
            f"bounds of {name[:64]!a} are tables of {', '.join(sorted(families))}; see docs/determinism.md"
        )
    return {family: _bound(f"{name}.{family}", values) for family, values in entry.items()}


def _bound(name: str, values: Any) -> Bound:
    if not isinstance(values, dict) or values.keys() != _KEYS:
        raise SpecInvalid(f"[{name[:64]}] needs {', '.join(sorted(_KEYS))} and nothing else; see docs/determinism.md")
    try:
        found = Bound(**values)
    except SpecInvalid as error:
        raise SpecInvalid(f"[{name[:64]}]: {error}") from error
    least = LEAST_BOUND[name.rpartition(".")[2]]
    if found.bound < least:
        raise SpecInvalid(f"[{name[:64]}]: a bound is at least {least}; see docs/determinism.md")
    return found

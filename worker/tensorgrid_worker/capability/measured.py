"""What one device was seen to do. Plain values, and their JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorgrid.domain.errors import TensorgridError


class CapabilityUnknown(TensorgridError):
    """A measurement that did not happen, or a record of one that cannot be read. Says what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """`unit`: op/s, B/s, B or s. `ok`: measured, and what was computed is right; `why` says what was not."""

    value: int | float
    unit: str
    ok: bool
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value, "unit": self.unit, "ok": self.ok} | ({"why": self.why} if self.why else {})

    @classmethod
    def of(cls, value: Any) -> Part:
        """Of JSON that the sandbox or a file brought. Raises CapabilityUnknown."""
        good = (
            isinstance(value, dict)
            and isinstance(value.get("value"), int | float)
            and not isinstance(value["value"], bool)
            and math.isfinite(value["value"])
            and value["value"] >= 0
            and isinstance(value.get("unit"), str)
            and isinstance(value.get("ok"), bool)
        )
        if not good:
            raise CapabilityUnknown("a part of the measurement is not as it should be; measure again: bench")
        return cls(value["value"], value["unit"][:8], value["ok"], str(value.get("why", ""))[:200])


@dataclass(frozen=True, slots=True)
class Measured:
    """One device. `class_name`: the class its name says it is of, empty for a model that the table lacks.

    `score`: thousandths of that class's reference, rounded down, by its weakest part; 0 when any decisive part failed.
    `device`: "cpu", or the GPU's UUID.
    """

    class_name: str
    score: int
    parts: Mapping[str, Part]
    device: str
    device_name: str

    def to_json(self) -> dict[str, Any]:
        """For files and for `--json`."""
        return {
            "class": self.class_name,
            "score": self.score,
            "device": self.device,
            "device_name": self.device_name,
            "parts": {name: part.to_json() for name, part in self.parts.items()},
        }

    @classmethod
    def of_json(cls, value: Any) -> Measured:
        """Raises CapabilityUnknown on anything that `to_json` has not written."""
        try:
            parts = {str(name): Part.of(part) for name, part in value["parts"].items()}
            score = value["score"]
            if not isinstance(score, int) or isinstance(score, bool) or score < 0:
                raise CapabilityUnknown("the recorded score is no whole number; measure again: bench")
            return cls(str(value["class"]), score, parts, str(value["device"]), str(value["device_name"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise CapabilityUnknown("the record of the measurement is damaged; measure again: bench") from error

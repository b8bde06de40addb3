"""How far an item's output may lie from what an auditor finds whose machine computes unlike, before it is suspicious.

The requester names it, since only he knows what his numbers mean. Light: whoever posts a batch needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorgrid.domain import schema
from tensorgrid.domain.errors import SpecInvalid

MOST_RTOL = 0.5
"""Beyond it zero would be near to everything."""
MOST_ATOL = 1e6


@dataclass(frozen=True, slots=True)
class Tolerance:
    """|his - mine| <= atol + rtol * |mine| of every float; all else is equal. 0, 0: floats, too. Raises SpecInvalid."""

    rtol: float
    atol: float

    def __post_init__(self) -> None:
        for name, most in (("rtol", MOST_RTOL), ("atol", MOST_ATOL)):
            value = getattr(self, name)
            # Compared as it is: a whole number may be too large for any float, and no number compares with NaN.
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise SpecInvalid(
                    f"tolerance: {name} must be a number from 0 to {most:g}, not {schema.shown(value)}; "
                    "such as tolerance=1e-3"
                )
            object.__setattr__(self, name, float(value))  # JSON's own 0.0 comes back as 0

    @classmethod
    def of(cls, value: float | Mapping[str, float]) -> Tolerance:
        """As `map` takes it: one number for both, or {"rtol", "atol"}, of which one may be left out for 0."""
        if not isinstance(value, Mapping):
            return cls(value, value)
        if not value or not value.keys() <= cls.__dataclass_fields__.keys():
            raise SpecInvalid('tolerance: name "rtol", "atol" or both; such as tolerance={"rtol": 1e-3}')
        return cls(value.get("rtol", 0), value.get("atol", 0))

    def to_json(self) -> dict[str, float]:
        return {"rtol": self.rtol, "atol": self.atol}

    @classmethod
    def of_json(cls, value: Any) -> Tolerance:
        """Raises SpecInvalid."""
        return cls(**schema.fields(value, cls.__dataclass_fields__, "batch.tolerance"))

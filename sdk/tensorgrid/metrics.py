"""tg.report(...): the one call that a job's own code makes. Light, because it is imported inside the sandbox."""

from __future__ import annotations

import json
import math
import os

from tensorgrid.domain.errors import SpecInvalid

Scalar = str | int | float | bool | None

PROGRESS_FD = "TENSORGRID_PROGRESS_FD"
MAX_FIELDS = 64
MAX_TEXT = 256
MAX_NAME = 64
_EXACT = 2**53


def report(**scalars: object) -> None:
    """Report one point of progress, e.g. `tg.report(epoch=3, loss=0.21)`. Outside a job it does nothing.

    Values are JSON scalars or zero-dimensional tensors; what JSON cannot say (NaN, infinities) is reported as null,
    since a diverging loss must not end the run. Raises SpecInvalid for anything else, in every replica alike.
    """
    point = point_of(scalars)
    target = os.environ.get(PROGRESS_FD)
    if target is None:
        return
    line = json.dumps(point, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    try:
        while line:
            line = line[os.write(int(target), line) :]
    except (OSError, ValueError):
        # nobody listens any more; progress is a courtesy and never a reason to fail the work
        return


def point_of(scalars: dict[str, object]) -> dict[str, Scalar]:
    """The point as plain JSON scalars. Raises SpecInvalid."""
    if not scalars or len(scalars) > MAX_FIELDS:
        raise SpecInvalid(f"report() takes 1 to {MAX_FIELDS} named values, got {len(scalars)}")
    if long := [name for name in scalars if not name.isascii() or len(name) > MAX_NAME]:
        raise SpecInvalid(f"report({long[0][:MAX_NAME]}=…): a name has at most {MAX_NAME} ASCII characters")
    return {name: _scalar(name, value) for name, value in scalars.items()}


def _scalar(name: str, value: object) -> Scalar:
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str) and len(value) <= MAX_TEXT:
        return value
    raise SpecInvalid(
        f"report({name}=…) takes a number, a short text or a zero-dimensional tensor, not {type(value).__name__}"
    )

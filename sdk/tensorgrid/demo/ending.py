"""How a demo ends: its numbers in a file, and a failure where anything did not hold."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tensorgrid.demo import DemoFailed


def finish(
    console: Console, report: Path, numbers: dict[str, Any], *, began: float, wrong: Sequence[str], left: Sequence[int]
) -> None:
    """Write `numbers` with how long it took since `began` (monotonic). Raises DemoFailed for what is `wrong`, and for
    processes that were `left` behind."""
    numbers = numbers | {"seconds": round(time.monotonic() - began, 1)}
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(numbers, indent=2) + "\n")
    console.print(f"{numbers['seconds']} s; numbers in {report}")
    if found := [*wrong, *([f"processes were left behind: {list(left)}"] if left else [])]:
        raise DemoFailed("; ".join(found))

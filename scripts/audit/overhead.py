"""What the trace costs the worker: one training job with and without it, in turns, in the same sandbox."""

from __future__ import annotations

import math
import statistics
from typing import Any

from audit import harness
from audit.notes import Notes
from tensorgrid.domain.specs import Checkpoint
from tensorgrid_worker.sandbox.base import Sandbox

SECONDS = 66
"""Of one run, about: above the minute that the target speaks of, on a machine whose pace changes."""
PAIRS = 5
SEGMENTS = 100
"""As the shipped terms ask for at least."""
KEEP_BYTES = 256 << 20
SHAPE = {"width": 160, "depth": 3, "context": 128, "batch": 16}
SEED = b"\x07" * 32
FEW, MORE, LOOKS = 20, 80, 2


def commit_overhead(seconds: int = SECONDS, pairs: int = PAIRS) -> dict[str, Any]:
    """A byte-level GPT on real text: CPU-seconds and wall seconds with the trace over those without, medians of pairs.

    Both sides include the interpreter's start and torch's import. CPU-seconds are those until the job's function
    returns: the last of the hundred states, and packing the result, come after. The order changes from pair to pair.
    """
    wall, text = harness.sandbox(), harness.text()
    notes = Notes("overhead", pairs + 1, {"seconds": seconds, "pairs": pairs, "shape": SHAPE, "sandbox": wall.name})
    if notes.get("steps") is None:
        notes.put("steps", _steps_for(seconds, wall, text), "how many steps that takes")
    steps: int = notes.get("steps")
    every = max(1, steps // SEGMENTS)
    for number in range(pairs):
        if notes.get(number) is None:
            pair = _pair(number, wall, text, steps, every)
            notes.put(number, pair, f"{pair['cpu']:.4f} of the CPU-seconds, {pair['wall']:.4f} of the time")
    found = [notes.get(number) for number in range(pairs)]
    notes.forget()
    return {
        "commit_overhead": round(statistics.median(pair["cpu"] for pair in found), 4),
        "commit_overhead_wall": round(statistics.median(pair["wall"] for pair in found), 4),
        "steps": steps,
        "every": every,
        "shape": SHAPE,
        "sandbox": wall.name,
        "pairs": [{name: _rounded(value) for name, value in pair.items()} for pair in found],
    }


def _pair(number: int, wall: Sandbox, text: Any, steps: int, every: int) -> dict[str, Any]:
    sides = [Checkpoint(every, KEEP_BYTES), None]
    took = {side: _measured(wall, text, steps, side) for side in (sides if number % 2 else reversed(sides))}
    traced, plain = took[sides[0]], took[None]
    shares = {"cpu": traced["cpu"] / plain["cpu"], "wall": traced["wall"] / plain["wall"]}
    return {**shares, **traced["trace"], "traced": traced["seconds"], "plain": plain["seconds"]}


def _steps_for(seconds: int, wall: Sandbox, text: Any) -> int:
    """A multiple of the segments; the least of two looks at the pace: another program's work can only slow it down."""
    few, more = (min(_measured(wall, text, steps, None)["wall"] for _ in range(LOOKS)) for steps in (FEW, MORE))
    pace = max((more - few) / (MORE - FEW), 1e-4)
    per_segment: int = math.ceil((seconds - few) / pace / SEGMENTS)
    return max(1, per_segment) * SEGMENTS


def _measured(wall: Sandbox, text: Any, steps: int, checkpoint: Checkpoint | None) -> dict[str, Any]:
    with harness.task("gpt", SEED, checkpoint, text=text, steps=steps, **SHAPE) as task:
        points: list[Any] = []
        ended = harness.run(wall, task, points.append)
    (cpu,) = [float(point["cpu"]) for point in points if "cpu" in point]
    trace = {} if ended.traced is None else {"segments": len(ended.traced.trace.segments)}
    return {"cpu": cpu, "wall": ended.seconds, "seconds": [round(cpu, 2), round(ended.seconds, 2)], "trace": trace}


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value

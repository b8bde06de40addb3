"""The first steps of a requester's own job, in a process as a worker would start it, without a wall around it.

    python -m tensorgrid_worker.jobs.rehearsing FOLDER STEPS SEED

FOLDER holds in/ as a worker's does; SEED is hex. Prints one JSON object: how it ended, the roots after each step, what
runtime/rehearsal.py saw. `tensorgrid preflight` starts it, twice.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from threading import Event
from typing import Any

from tensorgrid.domain.specs import JobSpec
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.jobs.replays import Replay
from tensorgrid_worker.runtime import rehearsal
from tensorgrid_worker.sandbox.plain import Plain

MIB = 1 << 20
LOG_BYTES = 4000


def rehearse(folder: Path, steps: int, seed: bytes) -> dict[str, Any]:
    """Raises RunFailed, SpecInvalid, OSError."""
    spec = JobSpec.from_bytes((folder / "in" / "spec.json").read_bytes())
    executor = Executor(Plain(), tmp_bytes=1024 * MIB, processes=256)
    done = executor.replay(Task(spec, seed, folder), Replay(last=steps, step_roots=True), stop=Event())
    return {
        "end": done.end.value,
        "reason": done.reason,
        "exit": done.exit.name.lower() if done.exit is not None else None,
        "log": done.log.decode(errors="replace")[-LOG_BYTES:],
        "began": [part.hex() for part in done.began.parts] if done.began is not None else None,
        "states": {str(step): [part.hex() for part in state.parts] for step, state in sorted(done.states.items())},
        "seen": _seen(folder / "out" / "tmp" / rehearsal.FILE),
    }


def _seen(file: Path) -> list[Any]:
    try:
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []  # it ended before the loop, which `end` says


def main(argv: list[str]) -> int:
    folder, steps, seed = argv
    print(json.dumps(rehearse(Path(folder), int(steps), bytes.fromhex(seed))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

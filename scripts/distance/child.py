"""One process that trains on one setting: `python -m distance.child KIND FOLDER SEGMENTS EVERY [CHEAT]`.

Without states in FOLDER/start it runs from the beginning and leaves them there; with them it does each segment from the
state that it began in. Ends go to FOLDER/CHEAT, or FOLDER/end. Its variables are its parent's business.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from distance.kinds import HALF, SLEEP, cheat, train
from tensorgrid.domain.states import StateFile
from tensorgrid.training import steps
from tensorgrid.training.recording import record_with
from tensorgrid_worker.runtime import determinism
from tensorgrid_worker.runtime.capture import capture, restore
from tensorgrid_worker.runtime.generators import Generators


class Done(BaseException):
    """As far as was asked; no code of a job catches it."""


class Ends:
    """A Recorder that keeps states as files: `ends` by steps done; goes on from `start`, a file, or from nothing."""

    def __init__(self, ends: dict[int, Path], start: Path | None = None, *, says: int = 0) -> None:
        """`says`: steps that a state claims, where that is not what was done."""
        self._ends, self._start, self._says, self._step = ends, start, says, 0
        self._generators: Any = None

    def resume(self, state: Any) -> int:
        self._generators = Generators()
        if self._start is not None:
            file = StateFile.parse(self._start.read_bytes())
            restore(state, file, self._generators)
            self._step = file.step
        self._keep(state)
        return self._step

    def checkpoint(self, state: Any, _: Any) -> int:
        self._step += 1
        self._keep(state)
        return self._step

    def _keep(self, state: Any) -> None:
        path = self._ends.pop(self._step, None)
        if path is not None:
            path.write_bytes(b"".join(capture(state, self._says or self._step, self._generators).pieces))
        if not self._ends:
            raise Done


def main() -> None:
    kind, folder, segments, every, *named = sys.argv[1:]
    determinism.apply(steps.job_seed(), int(os.environ["OMP_NUM_THREADS"]))
    count, length, name = int(segments), int(every), named[0] if named else ""
    starts, ends = Path(folder, "start"), Path(folder, name or "end")
    ends.mkdir(parents=True)
    cheat(name)
    if not starts.exists():
        starts.mkdir()
        _do(kind, count * length, Ends({index * length: starts / str(index) for index in range(count + 1)}))
    for index in range(1, count):
        begun, done = index * length, (index + 1) * length
        stop = {HALF: begun + length // 2, SLEEP: begun}.get(name, done)
        recorder = Ends({stop: ends / str(index)}, starts / str(index), says=done)
        _do(kind, count * length, recorder)


def _do(kind: str, count: int, recorder: Ends) -> None:
    record_with(recorder)
    seed = steps.job_seed()
    for name, settle in (("random", steps.seed_random), ("numpy", steps.seed_numpy), ("torch", steps.seed_torch)):
        settle(importlib.import_module(name), seed)  # as each job finds them
    try:
        train(kind, count)
    except Done:
        return
    raise SystemExit(f"bench-distance: {kind} ended before it was stopped")


if __name__ == "__main__":
    main()

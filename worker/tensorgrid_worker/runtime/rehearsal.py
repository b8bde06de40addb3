"""Stands beside the recorder when a requester tries his job out: times each step, and lints the module it sees.

What it finds goes line by line, as JSON, to a file in the job's private folder. The code that runs is the requester's.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from tensorgrid.lint.modules import lint_module
from tensorgrid.metrics import Scalar
from tensorgrid.training import recording
from tensorgrid.training.state import State

FILE = "rehearsal.jsonl"


def watch() -> None:
    """From now on, in this process; called by the last lines of the bundle."""
    recording.record_with(_Watching(recording._recorder))  # noqa: SLF001 - the one that the runner has set


class _Watching:
    """A tensorgrid.training.recording.Recorder around the real one."""

    def __init__(self, inner: recording.Recorder) -> None:
        self._inner = inner
        self._file = open(f"{os.environ['TMPDIR']}/{FILE}", "a", encoding="utf-8")  # noqa: SIM115 - as long as we live
        self._from = time.perf_counter()

    def resume(self, state: State) -> int:
        model, optimizer = state.values["model"], state.values["optimizer"]
        if hasattr(model, "named_modules"):
            on_gpu = any(tensor.is_cuda for tensor in model.parameters())
            self._say(findings=[found.to_json() for found in lint_module(model, optimizer, gpu=on_gpu)])
        step = self._inner.resume(state)
        self._from = time.perf_counter()
        return step

    def checkpoint(self, state: State, metrics: dict[str, Scalar]) -> int:
        _finish_gpu()
        ended = time.perf_counter()
        self._say(step_seconds=ended - self._from)
        step = self._inner.checkpoint(state, metrics)  # the last one does not come back
        self._from = time.perf_counter()
        self._say(record_seconds=self._from - ended)
        return step

    def _say(self, **said: Any) -> None:
        self._file.write(json.dumps(said) + "\n")
        self._file.flush()


def _finish_gpu() -> None:
    """Kernels run on behind Python's back: what they still do belongs to the step."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()

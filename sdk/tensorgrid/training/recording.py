"""tg.resume and tg.checkpoint: where a training loop begins and where each of its steps ends.

In an audited job the worker records what passes here; anywhere else the loop simply runs.
"""

from __future__ import annotations

from typing import Protocol

from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.metrics import Scalar, point_of
from tensorgrid.training.settings import Settings
from tensorgrid.training.state import State
from tensorgrid.training.steps import reseed


class Recorder(Protocol):
    """Both return the number of steps done so far: the step that comes next."""

    def resume(self, state: State) -> int: ...

    def checkpoint(self, state: State, metrics: dict[str, Scalar]) -> int: ...


class Counter:
    """Outside an audited job: nothing is recorded, and every loop begins at step 0."""

    def __init__(self) -> None:
        self._step = 0

    def resume(self, _: State) -> int:
        self._step = 0
        return 0

    def checkpoint(self, _: State, __: dict[str, Scalar]) -> int:
        self._step += 1
        return self._step


_recorder: Recorder = Counter()
_settings: Settings | None = None
_done = 0


def record_with(recorder: Recorder) -> None:
    """For the worker: from now on `recorder` is told."""
    global _recorder  # noqa: PLW0603 - a process runs one job
    _recorder = recorder


def resume(state: State) -> int:
    """The step to begin with: 0, or where a kept state that is now restored into `state` left off.

        state = tg.State(model=model, optimizer=optimizer)
        for step in range(tg.resume(state), steps):
            ...
            tg.checkpoint(state, {"loss": loss})

    Call it once, when everything in `state` is built. Raises SpecInvalid.
    """
    global _settings, _done  # noqa: PLW0603 - a process runs one job
    _settings = Settings(_state(state))
    _done = _recorder.resume(state)
    _settings.put_back(_done)
    reseed(_done)
    return _done


def checkpoint(state: State, metrics: dict[str, object] | None = None) -> None:
    """A step has ended, and `state` is whole: call it once per step, gradients used and counters set.

    `metrics` are as for tg.report. Afterwards random, numpy's and torch's generators start anew, and optimisers are set
    as the code made them, or as their schedulers in `state` have it by now. Raises SpecInvalid.
    """
    global _done  # noqa: PLW0603
    known = _state(state)
    if _settings is not None:
        _settings.check(_done + 1)
    _done = _recorder.checkpoint(known, point_of(metrics) if metrics else {})
    if _settings is not None:
        _settings.put_back(_done)
    reseed(_done)


def _state(state: object) -> State:
    if not isinstance(state, State):
        raise SpecInvalid(f"{type(state).__name__} is no state; pass what tg.State(...) made")
    return state

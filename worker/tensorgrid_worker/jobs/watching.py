"""A job's process seen from outside: its pipes, its clock, and how it ends without a result."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, Self

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker.jobs.runlog import PointReader, RunLog
from tensorgrid_worker.sandbox.base import Child

START_SECONDS = 120
"""For the sandbox and the interpreter to start; not the job's time."""
TICK_SECONDS = 0.2

Point = Mapping[str, Any]


class RunFailed(TensorgridError):
    """The sandbox did not get as far as the job: this machine's fault, nothing to commit to. `output`: its text."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class RunKilled(RunFailed):
    """Something on this machine killed the job, which had not reached a limit: it is not the job's fault."""


class RunStopped(TensorgridError):
    """The worker was told to stop; the job can be run again."""


class Pipe:
    def __init__(self) -> None:
        self.near, self.far = os.pipe()
        os.set_blocking(self.near, False)


class Pipes:
    """The ways out of the sandbox: log (stdout, stderr), progress (points), control (one word: started), and an audited
    job's trace."""

    def __init__(self, *, traced: bool = False) -> None:
        self.log, self.progress, self.control = Pipe(), Pipe(), Pipe()
        self.trace = Pipe() if traced else None
        self._all = [pipe for pipe in (self.log, self.progress, self.control, self.trace) if pipe is not None]
        self._far_open = True

    def __enter__(self) -> Self:
        return self

    def close_far_ends(self) -> None:
        if self._far_open:
            self._far_open = False
            for pipe in self._all:
                os.close(pipe.far)

    def __exit__(self, *_: object) -> None:
        self.close_far_ends()
        for pipe in self._all:
            os.close(pipe.near)


class Watch:
    """Follows one child: reads its pipes, keeps its clock."""

    def __init__(
        self,
        child: Child,
        pipes: Pipes,
        wall_seconds: int,
        on_point: Callable[[Point], None],
        stop: Event,
        on_trace: Callable[[bytes], None] | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """`enough`: whether what the job has done by now is all that is wanted of it."""
        self.log = RunLog()
        self.started: float | None = None
        self.ended: float = 0.0
        self.wall_reached = self.left = False
        self._child, self._wall, self._stop = child, wall_seconds, stop
        self._points, self._enough = PointReader(on_point), enough
        self._sinks: dict[int, Callable[[bytes], None]] = {
            pipes.log.near: self.log.write,
            pipes.progress.near: self._points.feed,
            pipes.control.near: self._control,
        }
        if pipes.trace is not None and on_trace is not None:
            self._sinks[pipes.trace.near] = on_trace

    @property
    def memory_ran_out(self) -> bool:
        return self._child.memory_ran_out

    def follow(self) -> int:
        """Its exit status. Raises RunFailed, RunStopped."""
        born = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for descriptor in self._sinks:
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                if selector.get_map():
                    self._read(selector, TICK_SECONDS)
                status = self._child.wait(0 if selector.get_map() else TICK_SECONDS)
                if status is not None:
                    self._read(selector, 0)
                    self.ended = time.monotonic()
                    return status
                self._check_clocks(born)
                self.left = self.left or self._enough()
                if self.left or self.wall_reached or self._child.starved():
                    self._child.kill()

    def _read(self, selector: selectors.BaseSelector, timeout: float) -> None:
        for key, _ in selector.select(timeout):
            for _ in range(64):  # at most 4 MiB of each at a time: a job that shouts does not stop the clock
                try:
                    data = os.read(key.fd, 65536)
                except BlockingIOError:
                    break
                if not data:
                    selector.unregister(key.fileobj)
                    break
                self._sinks[key.fd](data)

    def _control(self, _: bytes) -> None:
        if self.started is None:
            self.started = time.monotonic()

    def _check_clocks(self, born: float) -> None:
        now = time.monotonic()
        if self._stop.is_set():
            raise RunStopped("the worker stops; the job will be run again")
        if self.started is None:
            if now - born > START_SECONDS:
                raise RunFailed(f"the sandbox did not start in {START_SECONDS} s; is this machine overloaded?")
        elif now - self.started > self._wall:
            self.wall_reached = True

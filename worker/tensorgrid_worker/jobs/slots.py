"""Which machine parts are free for a run: processor threads and GPUs, each GPU to one job at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.executor import RunStopped

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """What one run may take of the machine: `wall` seconds of so many threads and GPUs."""

    wall: int
    threads: int
    gpus: int


def crowded(new: Load, others: Iterable[Load], *, threads: int, gpus: int, seconds: int) -> str:
    """Why `new` could end too late behind `others`, all at their worst; empty when it ends within `seconds`."""
    loads = [new, *others]
    for name, most, needed in (
        ("threads", threads, sum(load.wall * min(load.threads, threads) for load in loads)),
        ("GPUs", gpus, sum(load.wall * load.gpus for load in loads)),
    ):
        if needed > most * seconds:
            return f"its result would come too late: the jobs taken before it may need all {name} until then"
    return ""


@dataclass(eq=False, slots=True)
class _Wish:
    threads: int
    gpus: int
    urgent: bool


class Slots:
    """Granted in the order of asking, but a job that needs no GPU passes those that wait for one.

    A job that asks for more threads than there are gets its turn when nothing else runs.

    What is urgent has a lane of its own: one at a time, beside all others and whatever threads those use; where it
    needs GPUs it waits for them to be free, before all others that do.
    """

    def __init__(self, threads: int, gpus: Sequence[Gpu]) -> None:
        self.threads, self.gpus = threads, len(gpus)
        self._threads, self._gpus = threads, list(gpus)
        self._used = 0
        self._runs = 0
        self._lane = False  # whether something urgent runs
        self._waiting: list[_Wish] = []
        self._changed = threading.Condition()

    @contextmanager
    def of(self, threads: int, gpus: int, stop: threading.Event, *, urgent: bool = False) -> Iterator[tuple[Gpu, ...]]:
        """Blocks until `threads` and `gpus` are free; gives the GPUs. Raises RunStopped once `stop` is set."""
        wish = _Wish(threads, gpus, urgent)
        given = self._await(wish, stop)
        try:
            yield given
        finally:
            with self._changed:
                if urgent:
                    self._lane = False
                else:
                    self._used -= threads
                    self._runs -= 1
                self._gpus += given
                self._changed.notify_all()

    def _await(self, wish: _Wish, stop: threading.Event) -> tuple[Gpu, ...]:
        with self._changed:
            self._waiting.append(wish)
            try:
                while not self._is_next(wish):
                    if stop.is_set():
                        raise RunStopped("the job ended before its turn came")
                    self._changed.wait(LOOK_SECONDS)
            finally:
                self._waiting.remove(wish)
                self._changed.notify_all()
            given, self._gpus = tuple(self._gpus[: wish.gpus]), self._gpus[wish.gpus :]
            if wish.urgent:
                self._lane = True
            else:
                self._used += wish.threads
                self._runs += 1
            return given

    def _is_next(self, wish: _Wish) -> bool:
        hurried = [one for one in self._waiting if one.urgent]
        if wish.urgent:
            return hurried[0] is wish and not self._lane and wish.gpus <= len(self._gpus)
        if wish.gpus and not self._lane and any(one.gpus for one in hurried[:1]):
            return False
        for first in self._waiting:
            if first.urgent:
                continue
            if first is wish:
                return self._fits(wish)
            if first.gpus <= len(self._gpus):
                return False  # it waits for threads, as we do, and was here first
        return False

    def _fits(self, wish: _Wish) -> bool:
        room = not self._runs or self._used + wish.threads <= self._threads
        return room and wish.gpus <= len(self._gpus)

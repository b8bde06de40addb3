"""How long a step takes on a device: warmed up, many steps per look at the clock, the median of many looks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

LEAST_BLOCKS = 5
"""The median of five at least: one disturbance, or one lucky moment of cool silicon, does not decide."""
CPU_BLOCK_SECONDS, GPU_BLOCK_SECONDS = 0.02, 0.1
"""A GPU's block is long enough that launching it and waiting for its end do not show."""
TRIES = 8

Step = Callable[[], object]


class Clock:
    """On CUDA, events in the stream: the queue is kept full, and nothing waits between two steps."""

    def __init__(self, device: str) -> None:
        self._cuda = device != "cpu"

    def seconds_per_step(self, step: Step, budget: float) -> float:
        """The median over as many short blocks as fit into about `budget` seconds, LEAST_BLOCKS at least.

        Short blocks, since what disturbs a machine comes in bursts: most blocks then see none of it.
        """
        once = self.first(step)
        if self._cuda:  # clocks rise under load, and cuBLAS chooses its kernel in the first call
            once = self._block(step, max(1, min(1000, int(budget / 10 / once))))
        count = max(1, min(10_000, int((GPU_BLOCK_SECONDS if self._cuda else CPU_BLOCK_SECONDS) / once)))
        took, give_up = list[float](), time.perf_counter() + budget
        while len(took) < LEAST_BLOCKS or time.perf_counter() < give_up:
            took.append(self._block(step, count))
        return statistics.median(took)

    def first(self, step: Step) -> float:
        """Seconds of the second call: the first one pays for what is made once."""
        step()
        return self._block(step, 1)

    def least(self, step: Step, budget: float) -> float:
        """The least of a few calls: on a busy machine a short step is often held up, a long one seldom."""
        best, give_up = self.first(step), time.perf_counter() + budget
        for _ in range(TRIES):
            if time.perf_counter() > give_up:
                break
            best = min(best, self._block(step, 1))
        return best

    def _block(self, step: Step, count: int) -> float:
        if self._cuda:
            return self._events(step, count)
        start = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - start) / count

    @staticmethod
    def _events(step: Step, count: int) -> float:
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        begin.record()
        for _ in range(count):
            step()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1000 / count

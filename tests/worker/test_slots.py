"""Threads and GPUs of one machine, shared by its runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.executor import RunStopped
from tensorgrid_worker.jobs.slots import Load, Slots, crowded

PATIENCE = 10.0


def gpu(index: int) -> Gpu:
    return Gpu(index, index, f"GPU-{index}", "test", 1 << 30, "1", ())


class Run(threading.Thread):
    """One that holds its slot until `end`."""

    def __init__(self, slots: Slots, threads: int, gpus: int = 0, *, urgent: bool = False) -> None:
        super().__init__(daemon=True)
        self._slots, self._wants, self._urgent = slots, (threads, gpus), urgent
        self.stop, self.began, self.over = threading.Event(), threading.Event(), threading.Event()
        self.gpus: tuple[Gpu, ...] = ()
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            with self._slots.of(*self._wants, self.stop, urgent=self._urgent) as self.gpus:
                self.began.set()
                self.over.wait(PATIENCE)
        except RunStopped as error:
            self.error = error

    def end(self) -> None:
        self.over.set()
        self.join(PATIENCE)


@contextmanager
def running(slots: Slots, threads: int, gpus: int = 0) -> Iterator[Run]:
    run = Run(slots, threads, gpus)
    try:
        assert run.began.wait(PATIENCE)
        yield run
    finally:
        run.end()


def waits(run: Run) -> bool:
    return not run.began.wait(0.1)


def test_threads__all_in_use__the_next_waits_until_one_ends() -> None:
    slots = Slots(2, [])
    with ExitStack() as stack:
        first = stack.enter_context(running(slots, 1))
        stack.enter_context(running(slots, 1))
        third = Run(slots, 1)
        assert waits(third)
        first.end()
        assert third.began.wait(PATIENCE)
        third.end()


def test_gpu__one_job_at_a_time__each_its_own() -> None:
    slots = Slots(8, [gpu(0), gpu(1)])
    with running(slots, 1, 1) as first, running(slots, 1, 1) as second:
        assert first.gpus != second.gpus
        third = Run(slots, 1, 1)
        assert waits(third)
        second.end()
        assert third.began.wait(PATIENCE)
        assert third.gpus == second.gpus
        third.end()


def test_cpu_job__behind_one_that_waits_for_a_gpu__passes_it() -> None:
    slots = Slots(8, [gpu(0)])
    with running(slots, 1, 1):
        waiting = Run(slots, 1, 1)
        assert waits(waiting)
        with running(slots, 1):
            assert not waiting.began.is_set()
        waiting.stop.set()
        waiting.join(PATIENCE)


def test_small_job__behind_a_large_one__does_not_starve_it() -> None:
    slots = Slots(2, [])
    with running(slots, 1) as first:
        large = Run(slots, 2)
        assert waits(large)
        small = Run(slots, 1)
        assert waits(small)
        first.end()
        assert large.began.wait(PATIENCE)
        assert waits(small)
        large.end()
        assert small.began.wait(PATIENCE)
        small.end()


def test_more_threads_than_there_are__alone__runs() -> None:
    with running(Slots(2, []), 16):
        pass


def test_stop__while_waiting__gives_up_its_place() -> None:
    slots = Slots(1, [])
    with running(slots, 1) as first:
        second = Run(slots, 1)
        assert waits(second)
        second.stop.set()
        second.join(PATIENCE)
        assert isinstance(second.error, RunStopped)
        first.end()
        with running(slots, 1):
            pass


LONG = Load(wall=50, threads=1, gpus=1)


def test_crowded__alone__has_time() -> None:
    assert crowded(LONG, [], threads=1, gpus=1, seconds=50) == ""


def test_attack_two_long_jobs_for_one_gpu__the_second_is_not_taken() -> None:
    """Each fits, both at their worst do not: the second would miss its deadline and cost the bond."""
    assert "GPUs" in crowded(LONG, [LONG], threads=8, gpus=1, seconds=60)
    assert crowded(LONG, [LONG], threads=8, gpus=2, seconds=60) == ""


def test_crowded__more_threads_than_there_are__count_as_all_of_them() -> None:
    wide = Load(wall=20, threads=64, gpus=0)
    assert crowded(wide, [wide], threads=4, gpus=0, seconds=40) == ""
    assert "threads" in crowded(wide, [wide, wide], threads=4, gpus=0, seconds=40)


def test_own_audit__beside_paid_jobs_that_use_all_threads__one_at_a_time() -> None:
    slots = Slots(1, [])
    with running(slots, 1) as paid:
        waiting = Run(slots, 1)
        assert waits(waiting)
        urgent = Run(slots, 4, urgent=True)
        assert urgent.began.wait(PATIENCE)
        second = Run(slots, 1, urgent=True)
        assert waits(second)
        urgent.end()
        assert second.began.wait(PATIENCE)
        second.end()
        assert waits(waiting)  # and it has taken nobody's place
        paid.end()
        assert waiting.began.wait(PATIENCE)
        waiting.end()


def test_own_audit__that_needs_the_gpu__gets_it_before_those_that_wait_for_it() -> None:
    slots = Slots(8, [gpu(0)])
    with running(slots, 1, 1) as paid:
        waiting = Run(slots, 1, 1)
        assert waits(waiting)
        urgent = Run(slots, 1, 1, urgent=True)
        assert waits(urgent)
        paid.end()
        assert urgent.began.wait(PATIENCE)
        assert waits(waiting)
        urgent.end()
        assert waiting.began.wait(PATIENCE)
        waiting.end()


def test_own_audit__stopped_while_it_waits__leaves_the_lane_free() -> None:
    slots = Slots(1, [])
    first = Run(slots, 1, urgent=True)
    assert first.began.wait(PATIENCE)
    second = Run(slots, 1, urgent=True)
    assert waits(second)
    second.stop.set()
    second.join(PATIENCE)
    first.end()
    third = Run(slots, 1, urgent=True)
    assert third.began.wait(PATIENCE)
    third.end()

"""A worker's own trace: from the job's folder after any crash, else by doing the job once more, else it is lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest
from tests.worker.audits import make_picture
from tests.worker.jobs import JOB, SEED
from tests.worker.test_audit_checking import DONE, STATES, Spec, honest_trace

from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.results import result_root
from tensorgrid_worker.auditing.owntrace import OwnTraces, TraceLost
from tensorgrid_worker.jobs.executor import Run, Task
from tensorgrid_worker.jobs.traces import LINES, KeptStates, Traced
from tensorgrid_worker.runtime.tracelines import Began, SegmentEnded, written


def lines(count: int = DONE) -> bytes:
    """As a run of so many segments leaves them."""
    told = [Began(0, STATES[0])]
    segments = honest_trace().segments[:count]
    told += [SegmentEnded(one.index, 2 * one.index, one.roots, one.metrics, None, 1) for one in segments]
    return b"".join(written(line) for line in told)


@dataclass
class World:
    folder: Path
    runs: list = field(default_factory=list)
    found: object = None

    def spec(self, job, terms):
        return Spec()

    def run(self, task, *, on_point, stop, anew):
        self.runs.append(task)
        return Run(ExitClass.OK, b"", b"", 0.0, self.found)

    @property
    def inputs(self):
        return self

    @property
    def executor(self):
        return self


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.folder = lambda job: tmp_path
    (tmp_path / "out").mkdir()
    return world


def picture(trace=None, *, failed=None):
    trace = trace or honest_trace()
    result = result_root(JOB, failed) if failed else result_root(JOB, ExitClass.OK, STATES[DONE].model)
    opening = replace(make_picture().opening, result_root=result, trace_root=trace.root(), done=len(trace.segments))
    return make_picture(opening=opening)


def take(world, tmp_path, audit):
    return OwnTraces(world).take(audit, Task(Spec(), SEED, tmp_path), Event())


def test_trace__in_the_folder__read_and_nothing_is_run(world, tmp_path):
    (tmp_path / "out" / LINES).write_bytes(lines())
    trace, traced = take(world, tmp_path, picture())
    assert (trace.root(), traced.kept.segments, world.runs) == (honest_trace().root(), [], [])


def test_trace_of_a_run_that_failed__its_end_is_found_in_the_result(world, tmp_path):
    (tmp_path / "out" / LINES).write_bytes(lines(3))
    failed = honest_trace()
    del failed.segments[3:]
    failed.fail(JOB, ExitClass.MEMORY_LIMIT)
    trace, _ = take(world, tmp_path, picture(failed, failed=ExitClass.MEMORY_LIMIT))
    assert trace.segments[-1].state == result_root(JOB, ExitClass.MEMORY_LIMIT)


@pytest.mark.parametrize("left", [None, b"", b"nonsense\n", lines()[:-40], lines(5)])
def test_trace__lost_or_damaged__the_job_is_done_once_more(world, tmp_path, left):
    if left is not None:
        (tmp_path / "out" / LINES).write_bytes(left)
    trace = honest_trace()
    world.found = Traced(trace, KeptStates(tmp_path / "states", {}, trace))
    assert OwnTraces(world).known(picture()) is None
    assert take(world, tmp_path, picture())[0].root() == trace.root()
    assert len(world.runs) == 1


def test_trace__lost_and_the_machine_computes_otherwise_now__said(world, tmp_path):
    with pytest.raises(TraceLost, match="cannot be made again"):
        take(world, tmp_path, picture())


def test_states__kept_or_not__is_known_before_anything_is_run(world, tmp_path):
    traces = OwnTraces(world)
    assert not traces.keeps(picture(), set())  # no trace at all
    (tmp_path / "out" / LINES).write_bytes(lines())
    assert traces.keeps(picture(), set())
    assert not traces.keeps(picture(), {1})  # its state was not kept
    assert world.runs == []

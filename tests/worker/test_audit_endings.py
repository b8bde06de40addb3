"""How an audited run ends: every run has a trace that the contract takes, 1 to N segments, whatever the job did."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.worker.jobs import JOB, SEED

from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.results import result_root
from tensorgrid.domain.traces import NO_METRICS, StateRoots, Trace
from tensorgrid_worker.jobs.endings import ended

EVERY, MOST = 2, 5


@dataclass
class _Checkpoint:
    every: int = EVERY


@dataclass
class _Spec:
    digest: bytes = b"\x09" * 32
    checkpoint: _Checkpoint = None


@dataclass
class _Traced:
    trace: Trace


SPEC = _Spec(checkpoint=_Checkpoint())


def roots(number):
    return StateRoots(*(bytes([number, part]) * 16 for part in range(4)))


def traced(*lengths):
    trace = Trace(SPEC.digest, SEED, EVERY, roots(0))
    for number, steps in enumerate(lengths, 1):
        trace.add(steps, roots(number), NO_METRICS)
    return _Traced(trace)


@pytest.mark.parametrize(
    ("lengths", "exit_class", "segments", "paid_as"),
    [
        ((2, 2, 2), ExitClass.OK, 3, ExitClass.OK),
        ((2, 2, 1), ExitClass.OK, 3, ExitClass.OK),
        ((2,) * MOST, ExitClass.OK, MOST, ExitClass.OK),
        ((2,) * (MOST + 1), ExitClass.OK, MOST, ExitClass.RAISED),
        ((2,) * (MOST + 3), ExitClass.WALL_LIMIT, MOST, ExitClass.RAISED),
        ((2,) * MOST, ExitClass.RAISED, MOST, ExitClass.RAISED),
        ((2, 2), ExitClass.MEMORY_LIMIT, 3, ExitClass.MEMORY_LIMIT),
        ((2, 1), ExitClass.OUTPUT_TOO_LARGE, 2, ExitClass.OUTPUT_TOO_LARGE),
        ((), ExitClass.RAISED, 1, ExitClass.RAISED),
        ((), ExitClass.OK, 1, ExitClass.RAISED),
    ],
)
def test_ending__any_run__one_to_n_segments(lengths, exit_class, segments, paid_as):
    trace, found = ended(traced(*lengths), SPEC, SEED, JOB, exit_class, MOST)
    assert (len(trace.segments), found) == (segments, paid_as)
    last = trace.segments[-1]
    if paid_as is ExitClass.OK:
        assert last.roots == roots(segments)
    else:
        assert (last.roots, last.state) == (None, result_root(JOB, paid_as))
    trace.root()


def test_ending__the_loop_never_began__one_failed_segment():
    trace, found = ended(None, SPEC, SEED, JOB, ExitClass.MEMORY_LIMIT, MOST)
    assert found is ExitClass.MEMORY_LIMIT
    assert [segment.state for segment in trace.segments] == [result_root(JOB, ExitClass.MEMORY_LIMIT)]

"""A run of an audited job that was cut off: how far its files bring it, and how it goes on from there, bit for bit."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from tensorgrid.domain.errors import StateRejected, TraceInvalid
from tensorgrid_worker.hardware import environment
from tensorgrid_worker.jobs.launching import Task
from tensorgrid_worker.jobs.traces import LINES, Traced, load, replace_lines
from tensorgrid_worker.runtime.tracelines import SegmentEnded, read, written

log = structlog.get_logger()

BOUND, START = "trace.of", "resume-start"
"""Files beside the trace: whose it is; and, for a while, the state to go on from."""
MOST_PLACES = 1024
"""Of kept states that a run is told of as it goes on: they travel as one argument, which has 128 KiB."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """segments: whole ones whose last state is whole too. start: that state's file; the caller deletes it. lines: of
    the trace up to there. kept, stride: the states that lie in the file, for runtime.trace.Plan."""

    segments: int
    start: Path
    lines: bytes
    kept: list[list[int]]
    stride: int


def bind(task: Task) -> None:
    """From now on what lies in the task's out/ is this run's. Raises OSError."""
    path = task.folder / "out" / BOUND
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_bound(task))


def interrupted(task: Task) -> Interrupted | None:
    """What an earlier run of this very task has left; None: nothing that could be gone on from. Raises OSError."""
    out = task.folder / "out"
    try:
        if (out / BOUND).read_text() != _bound(task):
            return None
        traced, lines = load(task.spec, task.seed, out, task.roots), _lines(out / LINES)
    except (OSError, UnicodeDecodeError):
        return None
    if traced is None:
        return None
    every = traced.trace.every
    segment = traced.kept.nearest(sum(one.steps == every for one in traced.trace.segments))
    while segment:
        try:
            start = traced.kept.take(segment, out / START)
        except StateRejected as error:
            log.warning("state.damaged", segment=segment, reason=str(error))
            segment = traced.kept.nearest(segment - 1)
            continue
        try:
            return _up_to(segment, start, lines, traced)
        except TraceInvalid as error:
            log.warning("trace.damaged", segment=segment, reason=str(error))
            start.unlink(missing_ok=True)
            return None
    return None


def cut_off(task: Task, found: Interrupted) -> Traced:
    """The trace ends there: what lies on disk says so from now on. Raises OSError, TraceInvalid."""
    out = task.folder / "out"
    replace_lines(out, found.lines)
    traced = load(task.spec, task.seed, out, task.roots)
    if traced is None or len(traced.trace.segments) != found.segments:
        raise TraceInvalid("the trace on disk does not read as it was written; is the disk full?")
    return traced


def _lines(path: Path) -> list[bytes]:
    """As LineReader cuts them: the job's code writes to the pipe too, and a carriage return ends no line there."""
    return path.read_bytes().split(b"\n")


def _up_to(segment: int, start: Path, lines: list[bytes], traced: Traced) -> Interrupted:
    """The first line is where the run began, the others are one per segment. Raises TraceInvalid."""
    last, newest = read(lines[segment]), read(lines[len(traced.trace.segments)])
    assert isinstance(last, SegmentEnded) and isinstance(newest, SegmentEnded), "as the trace was read from them"
    places, stride = [index for index in traced.kept.segments if index <= segment], newest.stride
    while len(places) > MOST_PLACES:
        stride *= 2
        places = [index for index in places if index % stride == 0]
    # What was thinned out since then must not count as kept.
    told = [*lines[:segment], written(replace(last, stride=stride)).rstrip(b"\n")]
    kept = [[index, *traced.kept.extents[index]] for index in places]
    return Interrupted(segment, start, b"\n".join(told) + b"\n", kept, stride)


def _bound(task: Task) -> str:
    """Another seed, spec, library or device would go on with other bits."""
    here = environment()
    gpus = [gpu.name for gpu in task.gpus]
    return json.dumps([task.spec.digest.hex(), task.seed.hex(), here.python, here.torch, here.platform, gpus])

"""Whether an honest worker is ever accused: run, then replay drawn segments from the kept states, and compare."""

from __future__ import annotations

import hashlib
from threading import Event
from typing import Any

from audit import harness
from tensorgrid.domain.draws import first_draw
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.specs import Checkpoint
from tensorgrid_worker.jobs.executor import Run, Task
from tensorgrid_worker.jobs.replays import Replay
from tensorgrid_worker.sandbox.base import Sandbox

RUNS = 200
KINDS = ("mlp", "cnn", "rnn", "gpt")
SEGMENTS, EVERY = 20, 3
AUDITORS, DRAWN = 2, 2
KEEP_BYTES = 64 << 20
JOB = JobId(bytes(32))


def false_slash(runs: int = RUNS) -> dict[str, Any]:
    """`runs` honest jobs of four kinds, each of a seed of its own, every drawn segment replayed as by the shipped draw.

    `false_slash` counts runs in which any replay came out otherwise; what differed is named.
    """
    wall, differing = harness.sandbox(), []
    replayed = 0
    for number in range(runs):
        entry = KINDS[number % len(KINDS)]
        seed = hashlib.sha256(b"honest %d" % number).digest()
        arguments: dict[str, Any] = {"text": harness.text()[:20_000]} if entry == "gpt" else {}
        with harness.task(entry, seed, Checkpoint(EVERY, KEEP_BYTES), steps=SEGMENTS * EVERY, **arguments) as task:
            run = harness.run(wall, task)
            drawn = sorted(index for seat in first_draw(seed, SEGMENTS, AUDITORS, DRAWN) for index in seat)
            wrong = [index for index in drawn if not _equal(wall, task, run, index)]
        replayed += len(drawn)
        if wrong:
            differing.append({"run": number, "kind": entry, "seed": seed.hex(), "segments": wrong})
    return {
        "false_slash": len(differing),
        "false_slash_runs": runs,
        "false_slash_replays": replayed,
        "kinds": {kind: len(range(place, runs, len(KINDS))) for place, kind in enumerate(KINDS)},
        "differing": differing,
        "sandbox": wall.name,
    }


def _equal(wall: Sandbox, task: Task, run: Run, index: int) -> bool:
    assert run.traced is not None
    trace = run.traced.trace
    start = None if index == 1 else run.traced.kept.take(index - 1, task.folder / "start")
    wanted = Replay.of_segment(index, trace.every, start, final=index == len(trace.segments))
    found = harness.executor(wall).replay(task, wanted, stop=Event())
    segment = trace.segments[index - 1]
    return (
        found.state_of(JOB, index) == segment.state
        and found.segments[index].metrics == segment.metrics
        and found.began is not None
        and found.began.root() == trace.state_before(index)
    )

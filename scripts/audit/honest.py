"""Whether an honest worker is ever accused: run, then replay drawn segments from the kept states, and compare."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from audit import harness
from audit.notes import Notes
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
    """`runs` honest jobs of four kinds, each of a seed of its own, in the sandbox without a network: the segments of
    one auditor's seat are replayed, as the shipped draw has them, the first and the second seat in turns.

    `false_slash` counts runs in which any replay came out otherwise, though one alone slashes nobody; what differed is
    named. As many at once as there are cores.
    """
    wall = harness.sandbox()
    notes = Notes("honest", runs, {"runs": runs, "segments": SEGMENTS, "every": EVERY, "sandbox": wall.name})
    left = [number for number in range(runs) if notes.get(number) is None]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for number, found in pool.map(lambda number: (number, _one(wall, number)), left):
            notes.put(number, found, f"{found['kind']}, {'differs' if found['wrong'] else 'equal'}")
    made = [notes.get(number) for number in range(runs)]
    notes.forget()
    differing = [{"run": number, **each} for number, each in enumerate(made) if each["wrong"]]
    return {
        "false_slash": len(differing),
        "false_slash_runs": runs,
        "false_slash_replays": sum(len(each["drawn"]) for each in made),
        "kinds": {kind: sum(each["kind"] == kind for each in made) for kind in KINDS},
        "differing": differing,
        "sandbox": wall.name,
    }


def _one(wall: Sandbox, number: int) -> dict[str, Any]:
    """One run, and the segments of it that came out otherwise."""
    entry = KINDS[number % len(KINDS)]
    seed = hashlib.sha256(b"honest %d" % number).digest()
    arguments: dict[str, Any] = {"text": harness.text()[:20_000]} if entry == "gpt" else {}
    with harness.task(entry, seed, Checkpoint(EVERY, KEEP_BYTES), steps=SEGMENTS * EVERY, **arguments) as task:
        run = harness.run(wall, task)
        drawn = sorted(first_draw(seed, SEGMENTS, AUDITORS, DRAWN)[number // len(KINDS) % AUDITORS])
        wrong = [index for index in drawn if not _equal(wall, task, run, index)]
    return {"kind": entry, "seed": seed.hex(), "drawn": drawn, "wrong": wrong}


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

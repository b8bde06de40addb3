"""Cheats that change one number of the training: from each of their own states the job's code comes somewhere else."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from tests.worker.conftest import MIB, MakeTask

from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.specs import Checkpoint
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.jobs.replays import Replay, ReplayEnd
from tensorgrid_worker.sandbox.plain import Plain

pytestmark = pytest.mark.slow

EVERY, STEPS = 3, 9
JOB = JobId(bytes(32))
SOURCE = """
import torch
import tensorgrid as tg

def job(steps):
    x = torch.randn(64, 8)
    y = (x[:, 0] > 0).long()
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    state = tg.State(model=model, optimizer=optimizer)
    for step in range(tg.resume(state), steps):
        rows = tg.batch_indices(step, 16, 64)
        loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tg.checkpoint(state, {"loss": loss})
"""
COSINE = SOURCE.replace(
    "    state = tg.State(model=model, optimizer=optimizer)",
    "    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)\n"
    "    state = tg.State(model=model, optimizer=optimizer, scheduler=scheduler)",
).replace("optimizer.step()", "optimizer.step(); scheduler.step()")
BY_HAND = SOURCE.replace(
    "        optimizer.step()", "        optimizer.param_groups[0]['lr'] = 0.1 / (1 + step)\n        optimizer.step()"
)
CHEATS = {
    "rate": (SOURCE, "lr=0.1", "lr=0.05"),
    "order of the data": (SOURCE, "(step, 16, 64)", "(step + 1, 16, 64)"),
    "dropout": (SOURCE, "Dropout(0.2)", "Dropout(0.1)"),
    "rate under a scheduler": (COSINE, "lr=0.1", "lr=0.05"),
    "the scheduler's own": (COSINE, "(optimizer, 20)", "(optimizer, 30)"),
    "schedule by hand": (BY_HAND, "(1 + step)", "(2 + step)"),
}


def task_of(make_task: MakeTask, source: str) -> Task:
    task = make_task(source, arguments={"steps": STEPS})
    spec = replace(task.spec, tier="audit", checkpoint=Checkpoint(EVERY, 8 * MIB))
    (task.folder / "in" / "spec.json").write_bytes(spec.to_bytes())
    return replace(task, spec=spec)


FEW = ("rate",)
"""Tried with each change; the others with `make test-stories`."""


def executor() -> Executor:
    return Executor(Plain(), tmp_bytes=64 * MIB, processes=256)


def differing(job: Task, done_by: Task) -> list[int]:
    """Segments of the second's trace that end otherwise where the first's code replays them from its states."""
    made = executor().run(done_by, on_point=lambda _: None, stop=Event()).traced
    assert made is not None and len(made.trace.segments) == STEPS // EVERY
    found: list[int] = []
    for segment in made.trace.segments[1:]:
        start = made.kept.take(segment.index - 1, job.folder / "start")
        replayed: Any = executor().replay(job, Replay.of_segment(segment.index, EVERY, start), stop=Event())
        assert replayed.end in (ReplayEnd.DONE, ReplayEnd.FAILED), replayed.reason + replayed.log.decode()
        assert replayed.began.root() == made.trace.state_before(segment.index)
        if replayed.state_of(JOB, segment.index) != segment.state:
            found.append(segment.index)
        start.unlink()
    return found


@pytest.mark.parametrize(
    "cheat", [name if name in FEW else pytest.param(name, marks=pytest.mark.stories) for name in CHEATS]
)
def test_attack_another_setting__differs_in_every_segment(make_task: MakeTask, cheat: str) -> None:
    source, true, other = CHEATS[cheat]
    assert true in source
    assert differing(task_of(make_task, source), task_of(make_task, source.replace(true, other))) == [2, 3]


@pytest.mark.parametrize(
    "source", [COSINE, pytest.param(BY_HAND, marks=pytest.mark.stories)], ids=["scheduler", "by hand"]
)
def test_honest_schedule__differs_in_none(make_task: MakeTask, source: str) -> None:
    assert differing(task_of(make_task, source), task_of(make_task, source)) == []

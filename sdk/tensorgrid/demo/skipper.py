"""A worker that skips items of batches: the ordinary daemon, which gives every third item the answer of the one before.

`python -m tensorgrid.demo.skipper run --config worker.toml` takes the arguments of `tensorgrid-worker`. For demo and
tests alone. All that is no batch he does honestly, the audits of others too.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

from tensorgrid_worker import cli
from tensorgrid_worker.jobs.executor import Executor, Run, Task
from tensorgrid_worker.jobs.traces import load

EVERY = 3
SKIPPING = """
_honest, _last, _calls = {entry}, None, 0

def {entry}(*args, **named):
    global _last, _calls
    _calls += 1
    if _last is None or _calls % {every}:
        _last = _honest(*args, **named)
    return _last
"""


def skip(run: Any, executor: Executor, task: Task, **hooks: Any) -> Run:
    """The slice with other code; what it leaves is put where the honest run would have left it."""
    other = task.folder / "elsewhere"
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(task.folder / "in", other / "in")
    with (other / "in" / "bundle.py").open("a", encoding="utf-8") as file:
        file.write(SKIPPING.format(entry=task.spec.bundle.entry, every=EVERY))
    made: Run = run(executor, replace(task, folder=other), **hooks)
    shutil.copytree(other / "out", task.folder / "out", dirs_exist_ok=True)
    if made.traced is None:
        return made
    return replace(made, traced=load(task.spec, task.seed, task.folder / "out"))


def main() -> None:
    """Run the worker's own command line with the run of slices replaced."""
    honest = Executor.run

    def run(self: Executor, task: Task, **hooks: Any) -> Run:
        return honest(self, task, **hooks) if task.spec.batch is None else skip(honest, self, task, **hooks)

    setattr(Executor, "run", run)  # noqa: B010 - as whoever cheats would
    cli.main()


if __name__ == "__main__":
    main()

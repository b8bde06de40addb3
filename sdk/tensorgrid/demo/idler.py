"""A worker that stops working: the ordinary daemon, which trains a part of an audited job and makes up the rest.

`python -m tensorgrid.demo.idler run --config worker.toml` takes the arguments of `tensorgrid-worker`. For demo and
tests alone. Up to a segment that he draws himself he does what he is paid for. From then on model and optimiser stand
still, and only the step that he says he is at goes on: he saves the work, and asks for all of the pay.
"""

from __future__ import annotations

from threading import Event
from typing import Any

from tensorgrid.demo.forging import forged, model_of, moved
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.states import StateFile
from tensorgrid_worker import cli
from tensorgrid_worker.jobs.executor import Executor, Run, Task
from tensorgrid_worker.jobs.replays import Replay


def stops_after(seed: bytes, segments: int) -> int:
    """How many segments he does: a tenth to three tenths, as the job's seed has it."""
    tenth = max(1, segments // 10)
    return min(segments - 1, tenth + int.from_bytes(keccak256(b"idler" + seed), "big") % (2 * tenth + 1))


def idle(executor: Executor, task: Task, stop: Event) -> Run:
    """The run as he tells it. Raises what Executor.replay raises."""
    assert task.spec.checkpoint is not None
    every, steps = task.spec.checkpoint.every, task.spec.arguments["steps"]
    assert isinstance(steps, int), "the demo's trainings are told their steps"
    segments = steps // every
    last = stops_after(task.seed, segments)
    target = task.folder / "stopped"
    done = executor.replay(task, Replay(None, 0, last * every, export=target), stop=stop)
    assert done.began is not None, f"the part that he does goes well: {done.reason}"
    stopped = target.read_bytes()
    ends = [(done.segments[index].state, done.segments[index].metrics or b"") for index in range(1, last + 1)]
    kept = {last: stopped}
    for index in range(last + 1, segments + 1):
        kept[index] = moved(stopped, index * every)
        ends.append((StateFile.parse(kept[index]).roots(), ends[last - 1][1]))
    return forged(task, done.began, ends, model_of(stopped), kept=kept)


def main() -> None:
    """Run the worker's own command line with the run of audited jobs replaced."""
    honest = Executor.run

    def run(self: Executor, task: Task, *, stop: Event, **hooks: Any) -> Run:
        if task.spec.checkpoint is None:
            return honest(self, task, stop=stop, **hooks)
        return idle(self, task, stop)

    setattr(Executor, "run", run)  # noqa: B010 - as whoever cheats would
    cli.main()


if __name__ == "__main__":
    main()

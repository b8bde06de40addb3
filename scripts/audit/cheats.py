"""A worker that cheats as it is told, per job: the ordinary daemon with the honest step replaced. For tests and bench.

`python -m scripts.audit.cheats run --config worker.toml`, started in the worker's folder. Beside that `cheats/<job id>`
names the cheat of a job, one of CHEATS: whoever has the seat does it. In all that a cheat does not name he is honest.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from tensorgrid.demo.forging import Ends, cursor_root, forged, model_of, moved
from tensorgrid.demo.idler import idle
from tensorgrid.domain.audits import FIRST_AUDITOR
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.payload import TensorBytes, pack_payload
from tensorgrid.domain.specs import JobSpec
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.traces import NO_METRICS, Trace
from tensorgrid_worker import cli
from tensorgrid_worker.auditing import checking, owntrace, plan, serving
from tensorgrid_worker.auditing.findings import Findings
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.sources import Source
from tensorgrid_worker.jobs import endings, receipts
from tensorgrid_worker.jobs.executor import Executor, Run, Task
from tensorgrid_worker.jobs.replays import Replay, Replayed
from tensorgrid_worker.jobs.traces import Traced, load

FOLDER = Path("../cheats")
HONEST = "honest"
OTHER_LABELS = 32
PATIENCE = 20
"""Seconds until a job that nobody has named a cheat of is done honestly."""

_run = Executor.run
_ended = endings.ended
_prepare = serving.Serving.prepare
_audit = checking.Checking.audit
Cheat = Callable[[Executor, Task, Event], Run]


def told(job: bytes) -> str:
    """Which cheat this job is for."""
    path, give_up = FOLDER / job.hex(), time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < give_up:
        time.sleep(0.05)
    return path.read_text() if path.exists() else HONEST


# ------------------------------------------------------------------------------------------------------ as the worker


def random_weights(executor: Executor, task: Task, stop: Event) -> Run:
    """No training at all: noise of the right shape, at every segment another."""
    done, state = _replayed(executor, task, _every(task), stop)
    assert done.began is not None
    kept = {index: _noise(state, task, index) for index in range(1, _segments(task) + 1)}
    return forged(task, done.began, _ends_of(kept), model_of(kept[_segments(task)]), kept=kept)


def stale_weights(executor: Executor, task: Task, stop: Event) -> Run:
    """What the same training came to in an earlier job, under that job's seed, from the first segment on."""
    done, _ = _replayed(executor, task, _every(task), stop)
    earlier = replace(task, seed=_earlier(task.seed))
    _, state = _replayed(executor, earlier, _segments(task) * _every(task), stop)
    assert done.began is not None
    kept = {index: moved(state, index * _every(task)) for index in range(1, _segments(task) + 1)}
    return forged(task, done.began, _ends_of(kept), model_of(state), kept=kept)


def other_data(executor: Executor, task: Task, stop: Event) -> Run:
    """The job's own code on other inputs: half of the labels are another's."""

    def spoil(inside: Path) -> None:
        path = inside / "inputs" / "y.safetensors"
        data = bytearray(path.read_bytes())
        for place in range(len(data) - 8 * OTHER_LABELS, len(data), 8):  # int64, 0 or 1
            data[place] ^= 1
        path.write_bytes(data)

    return _elsewhere(executor, task, stop, spoil)


def other_rate(executor: Executor, task: Task, stop: Event) -> Run:
    """The job's own data with half the learning rate."""

    def spoil(inside: Path) -> None:
        path = inside / "bundle.py"
        source = path.read_text()
        assert "lr=0.1" in source
        path.write_text(source.replace("lr=0.1", "lr=0.05"))

    return _elsewhere(executor, task, stop, spoil)


def fewer_steps(executor: Executor, task: Task, stop: Event) -> Run:
    """One step for each whole segment, all of them done as they should be."""
    every, segments = _every(task), _segments(task)
    done, state = _replayed(executor, task, segments, stop, step_roots=True)
    assert done.began is not None
    ends = [
        (replace(done.states[index], cursor=cursor_root(index * every)), NO_METRICS) for index in range(1, segments + 1)
    ]
    return forged(task, done.began, ends, model_of(state))


def curve_of_another(executor: Executor, task: Task, stop: Event) -> Run:
    """The metrics are those of the real training; the weights under them are noise."""
    done, state = _replayed(executor, task, _segments(task) * _every(task), stop)
    assert done.began is not None
    kept = {index: _noise(state, task, index) for index in range(1, _segments(task) + 1)}
    metrics = [done.segments[index].metrics or NO_METRICS for index in kept]
    ends = [(root, curve) for (root, _), curve in zip(_ends_of(kept), metrics, strict=True)]
    return forged(task, done.began, ends, model_of(kept[_segments(task)]), kept=kept)


def copied(executor: Executor, task: Task, stop: Event) -> Run:
    """The commitment is an earlier job's, trace and result; it is `ended` that gives it out."""
    return _run(executor, replace(task, seed=_earlier(task.seed)), on_point=lambda _: None, stop=stop)


AS_WORKER: dict[str, Cheat] = {
    "random_weights": random_weights,
    "stale_weights": stale_weights,
    "other_data": other_data,
    "other_rate": other_rate,
    "fewer_steps": fewer_steps,
    "right_until_k": idle,
    "curve_of_another": curve_of_another,
    "copied_commitment": copied,
    "withheld_opening": random_weights,
    "garbage_ciphertext": idle,
}
AS_AUDITOR = "lazy_auditor"
CHEATS = (*AS_WORKER, AS_AUDITOR)


def run(self: Executor, task: Task, *, stop: Event, **hooks: Any) -> Run:
    """In place of Executor.run."""
    cheat = AS_WORKER.get(told(bytes.fromhex(task.folder.name))) if task.spec.checkpoint is not None else None
    return _run(self, task, stop=stop, **hooks) if cheat is None else cheat(self, task, stop)


def ended(
    traced: Traced | None, spec: JobSpec, seed: bytes, job: JobId, exit_class: ExitClass, most: int
) -> tuple[Trace, ExitClass]:
    """In place of endings.ended."""
    shown = _earlier(seed) if told(job) == "copied_commitment" else seed
    return _ended(traced, spec, shown, job, exit_class, most)


def prepare(self: serving.Serving, audit: AuditPicture, stop: Event) -> Any:
    """In place of Serving.prepare: a silent worker prepares until nobody waits any more."""
    if told(audit.id) == "withheld_opening":
        stop.wait(600)
    return _prepare(self, audit, stop)


def seal_garbage(source: Source, segment: int) -> bytes:
    """In place of Source.state_after."""
    honest = _state_after(source, segment)
    if told(source._audit.id) != "garbage_ciphertext":  # noqa: SLF001 - a cheat knows no privacy
        return honest
    return bytes(byte ^ 0x55 for byte in honest)


_state_after = Source.state_after


# ----------------------------------------------------------------------------------------------------- as the auditor


def audit_lazily(self: checking.Checking, audit: AuditPicture, stop: Event, *, patient: bool) -> Findings:
    """In place of Checking.audit: states that he makes up, and says he has found."""
    if not _lazy(audit):
        return _audit(self, audit, stop, patient=patient)
    return Findings(tuple(keccak256(audit.id + bytes([index])) for index in audit.segments(audit.number)))


def confirms(audit: AuditPicture, known: plan.Known, now: int) -> Any:
    """In place of plan._auditor: he sends what an honest daemon would see to be refused."""
    if not _lazy(audit) or known.found is None or not audit.to_answer:
        yield from _auditor(audit, known, now)
        return
    yield plan.Move(plan.Step.CONFIRM, audit.audit_by)


def _lazy(audit: AuditPicture) -> bool:
    """The first auditor alone: the others judge the work."""
    return audit.number == FIRST_AUDITOR and told(audit.id) == AS_AUDITOR


_auditor = plan._auditor  # noqa: SLF001


# ------------------------------------------------------------------------------------------------------------- helpers


def _replayed(
    executor: Executor, task: Task, last: int, stop: Event, *, step_roots: bool = False
) -> tuple[Replayed, bytes]:
    """The first `last` steps as they should be, and the state file behind them."""
    target = task.folder / "exported"
    done = executor.replay(task, Replay(None, 0, last, step_roots=step_roots, export=target), stop=stop)
    return done, target.read_bytes()


def _elsewhere(executor: Executor, task: Task, stop: Event, spoil: Callable[[Path], None]) -> Run:
    """Run with spoilt inputs; what it leaves is put where the honest run would have left it."""
    other = task.folder / "elsewhere"
    shutil.copytree(task.folder / "in", other / "in")
    spoil(other / "in")
    made = _run(executor, replace(task, folder=other), on_point=lambda _: None, stop=stop)
    shutil.copytree(other / "out", task.folder / "out", dirs_exist_ok=True)
    return replace(made, traced=load(task.spec, task.seed, task.folder / "out"))


def _noise(state: bytes, task: Task, index: int) -> bytes:
    """The state file with other weights, and the step of segment `index`."""
    random_bytes = random.Random(task.seed + bytes([index]))
    parts = StateFile.parse(state).parts
    tensors: dict[str, TensorBytes] = {}
    for part, has in parts.items():
        for name, t in has.tensors.items():
            data = bytes(t.data)
            if part == "model" and t.dtype == "F32":
                data = b"".join(random_bytes.randbytes(3) + b"\x3c" for _ in range(len(data) // 4))
            tensors[f"{part}/{name}"] = (t.dtype, t.shape, data)
    plain = {part: has.plain for part, has in parts.items()} | {"cursor": {"step": index * _every(task)}}
    return pack_payload(tensors, plain)


def _ends_of(kept: dict[int, bytes]) -> Ends:
    return [(StateFile.parse(kept[index]).roots(), NO_METRICS) for index in sorted(kept)]


def _earlier(seed: bytes) -> bytes:
    return keccak256(b"an earlier job" + seed)


def _every(task: Task) -> int:
    assert task.spec.checkpoint is not None
    return task.spec.checkpoint.every


def _segments(task: Task) -> int:
    steps = task.spec.arguments["steps"]
    assert isinstance(steps, int)
    return steps // _every(task)


def main() -> None:
    """Run the worker's own command line with what an honest one does replaced."""
    for place, name, cheat in (
        (Executor, "run", run),
        (receipts, "ended", ended),
        (owntrace, "ended", ended),
        (serving.Serving, "prepare", prepare),
        (Source, "state_after", seal_garbage),
        (checking.Checking, "audit", audit_lazily),
        (plan, "_auditor", confirms),
    ):
        setattr(place, name, cheat)
    cli.main()


if __name__ == "__main__":
    main()

"""Runs one job in the sandbox and says how it ended. Knows nothing of chains, stores or keys."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from tensorgrid.domain.errors import ResultRejected
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import payload_root
from tensorgrid_worker.jobs.launching import Task, Tracing, launch_of, tell_call
from tensorgrid_worker.jobs.replays import Replay, Replayed, ReplayFollower, put_start
from tensorgrid_worker.jobs.traces import Follower, OnSegment, Traced
from tensorgrid_worker.jobs.watching import Pipes, Point, RunFailed, RunStopped, Watch
from tensorgrid_worker.jobs.wiper import Wiper
from tensorgrid_worker.runtime import runner
from tensorgrid_worker.sandbox.base import Sandbox

__all__ = ["Executor", "Point", "Run", "RunFailed", "RunStopped", "Task", "collect", "finish_payload"]

SIGKILL_STATUS, SIGXCPU_STATUS = 137, 152


@dataclass(frozen=True, slots=True)
class Run:
    """How it ended. `payload`: the plaintext safetensors bytes, only with OK, not yet checked. `log`: text, capped.

    `traced`: of an audited job whose loop began; with another exit than OK its trace still lacks the failed segment.
    """

    exit: ExitClass
    payload: bytes | None
    log: bytes
    seconds: float
    traced: Traced | None = None


def finish_payload(payload: bytes) -> bytes:
    """The payload as it will be hashed and sealed: unchanged. The demo's liar replaces this function."""
    return payload


class Executor:
    """One run at a time per call of `run`. `tmp_bytes`: private /tmp; `processes`: most a job may start."""

    def __init__(self, sandbox: Sandbox, *, tmp_bytes: int, processes: int, wiper: Wiper | None = None) -> None:
        self._sandbox = sandbox
        self._tmp_bytes = tmp_bytes
        self._processes = processes
        self._wiper = wiper or Wiper()

    def run(
        self,
        task: Task,
        *,
        on_point: Callable[[Point], None],
        stop: Event,
        on_segment: OnSegment = lambda _: None,
    ) -> Run:
        """Blocks until the job ended, was killed at a limit, or `stop` was set.

        `on_point` is called for each reported point, `on_segment` for each ended segment of an audited job; both must
        be quick. Raises RunFailed, RunStopped.
        """
        if task.broken:
            return _unopened(task)
        if task.spec.checkpoint is None:
            status, watch, output = self._supervised(task, on_point, stop)
            return _judge(task, status, watch, output)
        follower = Follower(task.spec, task.seed, task.folder / "out", on_segment, task.roots)
        follower.begin()
        try:
            status, watch, output = self._supervised(task, on_point, stop, Tracing({}, follower.feed, keeps=True))
        finally:
            follower.end()
        return _audited(_judge(task, status, watch, output), follower, task.roots)

    def replay(self, task: Task, wanted: Replay, *, stop: Event) -> Replayed:
        """Run a part of an audited job again, in the same sandbox under the same limits. Blocks as `run` does.

        `task.folder` holds in/, and must not be in use by another run. Raises RunFailed, RunStopped, OSError.
        """
        assert task.spec.checkpoint is not None, "only audited jobs can be replayed"
        follower = ReplayFollower(wanted, task.spec.checkpoint.every, task.roots)
        if task.broken:
            return follower.failed(task.broken)
        put_start(wanted.start, task.folder / "in")
        tracing = Tracing(follower.plan(), follower.reader.feed, start=wanted.start)
        status, watch, output = self._supervised(task, lambda _: None, stop, tracing)
        ended = _judge(task, status, watch, output)
        return follower.judge(status, output, ended.exit, ended.seconds, ended.log)

    def _supervised(
        self, task: Task, on_point: Callable[[Point], None], stop: Event, tracing: Tracing | None = None
    ) -> tuple[int, Watch, Path]:
        """Exit status, what was seen, and the output's path."""
        dirty = self._wiper.ready(task.gpus)
        if dirty is not None:
            raise RunFailed(f"a GPU may still hold what another job left: {dirty}")
        output = _fresh_output(task.folder)
        tell_call(task.folder / "in", task.roots)
        with Pipes(traced=tracing is not None) as pipes:
            child = self._sandbox.start(
                launch_of(task, output, pipes, tmp_bytes=self._tmp_bytes, processes=self._processes, tracing=tracing)
            )
            try:
                pipes.close_far_ends()
                on_trace = None if tracing is None else tracing.feed
                watch = Watch(child, pipes, task.spec.resources.wall_seconds, on_point, stop, on_trace)
                status = watch.follow()
            finally:
                child.kill()
                self._wiper.after(task.gpus)
        return status, watch, output


def _judge(task: Task, status: int, watch: Watch, output: Path) -> Run:
    """Exit status and output -> exit class. Raises RunFailed when the job itself never began."""
    log = watch.log
    if watch.started is None:
        tail = log.tail(400)
        raise RunFailed(f"the sandbox ended with {status} before the job began: {tail}", tail)
    seconds = watch.ended - watch.started
    exit_class, payload = _classify(task, status, watch, output)
    log.remark(f"{exit_class.name.lower()} after {seconds:.1f} s, status {status}")
    return Run(exit_class, payload, log.to_bytes(), seconds)


def _unopened(task: Task) -> Run:
    """What was sealed of a private job is nobody's code: it counts as code that raised, for whoever tries it."""
    return Run(ExitClass.RAISED, None, f"[worker] {task.broken}\n".encode(), 0.0)


def _audited(run: Run, follower: Follower, roots_key: bytes | None) -> Run:
    """With its trace. A result that is not the model of the last state is no result."""
    traced = follower.traced()
    wrong = follower.broken
    if not wrong and run.exit is ExitClass.OK:
        roots = traced.trace.segments[-1].roots if traced is not None and traced.trace.segments else None
        try:
            right = roots is not None and payload_root(run.payload or b"", roots_key) == roots.model
        except ResultRejected:
            right = False
        wrong = "" if right else "the result is not the model of the trace's last state"
    if not wrong:
        return replace(run, traced=traced)
    return replace(
        run, exit=ExitClass.RAISED, payload=None, log=run.log + f"[worker] {wrong}\n".encode(), traced=traced
    )


def _classify(task: Task, status: int, watch: Watch, output: Path) -> tuple[ExitClass, bytes | None]:
    if watch.memory_ran_out:  # of the job's group, whichever of its processes had to go
        return ExitClass.MEMORY_LIMIT, None
    if watch.wall_reached or status == SIGXCPU_STATUS:
        return ExitClass.WALL_LIMIT, None
    # Not killed by us: the kernel ran out of memory. std::bad_alloc that nobody caught says the same.
    if status in (runner.EXIT_MEMORY, SIGKILL_STATUS) or watch.log.ended_in_bad_alloc():
        return ExitClass.MEMORY_LIMIT, None
    if status == runner.EXIT_TOO_LARGE:
        return ExitClass.OUTPUT_TOO_LARGE, None
    if status != runner.EXIT_OK:
        return ExitClass.RAISED, None
    most = task.spec.resources.output_bytes
    payload = collect(output, most)
    if payload is None:
        watch.log.remark("the job left no payload")
        return ExitClass.RAISED, None
    if len(payload) > most:
        return ExitClass.OUTPUT_TOO_LARGE, None
    return ExitClass.OK, finish_payload(payload)


def collect(path: Path, most: int) -> bytes | None:
    """The bytes of a regular file, at most `most` + 1; None for anything else. Follows no link, opens no pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    found = os.fstat(descriptor)
    # A second name of the file would be a way to show bytes that lie elsewhere.
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size == 0:
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
        after = os.fstat(descriptor)
    same = (after.st_size, after.st_mtime_ns, after.st_nlink) == (found.st_size, found.st_mtime_ns, 1)
    return data if same else None  # somebody still writes: no one's result


def _fresh_output(folder: Path) -> Path:
    """An empty file of a new name: a killed run's leftovers are not looked at."""
    out = folder / "out"
    out.mkdir(parents=True, exist_ok=True)
    path = out / "payload.safetensors"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    return path

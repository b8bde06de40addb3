"""Runs one job in the sandbox and says how it ended. Knows nothing of chains, stores or keys."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from tensorgrid.domain.errors import ResultRejected, StateRejected, TraceInvalid
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import pack_payload, payload_root
from tensorgrid.domain.states import StateFile
from tensorgrid_worker.jobs.interrupted import Interrupted, bind, cut_off, interrupted
from tensorgrid_worker.jobs.launching import Task, Tracing, launch_of, tell_call
from tensorgrid_worker.jobs.leave import Leave
from tensorgrid_worker.jobs.replays import Replay, Replayed, ReplayFollower, origin_of
from tensorgrid_worker.jobs.traces import Follower, OnSegment, Traced
from tensorgrid_worker.jobs.watching import Pipes, Point, RunFailed, RunKilled, RunStopped, Watch
from tensorgrid_worker.jobs.wiper import Wiper
from tensorgrid_worker.runtime import runner
from tensorgrid_worker.runtime.trace import STATES
from tensorgrid_worker.sandbox.base import Sandbox

__all__ = ["Executor", "Point", "Run", "RunFailed", "RunKilled", "RunStopped", "Task", "collect", "finish_payload"]

NO_STATES = "no-states"
"""What a replay has in place of the kept states, which it must not touch."""
KEEP_FREE_BYTES = 512 << 20
"""Of the disk: states that are only kept to save time leave room for results."""
SIGKILL_STATUS, SIGXCPU_STATUS = 137, 152


@dataclass(frozen=True, slots=True)
class Run:
    """How it ended. `payload`: the plaintext safetensors bytes, only with OK, not yet checked. `log`: text, capped.

    `traced`: of an audited job whose loop began; with another exit than OK its trace still lacks the failed segment.
    `left`: it was ended early, on our side; the payload is the model behind the last segment of the trace.
    """

    exit: ExitClass
    payload: bytes | None
    log: bytes
    seconds: float
    traced: Traced | None = None
    left: bool = False


def finish_payload(payload: bytes) -> bytes:
    """The payload as it will be hashed and sealed: unchanged. The demo's liar replaces this function."""
    return payload


class Executor:
    """One run at a time per call of `run`. `tmp_bytes`: private /tmp; `processes`: most a job may start; `state_bytes`:
    that an audited job's kept states may fill, where its spec does not count on more."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        tmp_bytes: int,
        processes: int,
        state_bytes: int = 0,
        wiper: Wiper | None = None,
    ) -> None:
        self._state_bytes = state_bytes
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
        leave: Leave | None = None,
        anew: bool = False,
    ) -> Run:
        """Blocks until the job ended, was killed at a limit, or `stop` was set.

        `on_point` is called for each reported point, `on_segment` for each ended segment of an audited job; both must
        be quick. An audited job goes on where an earlier run of the same task was cut off, unless `anew` is asked; it
        ends early where `leave` is. Raises RunFailed, RunStopped, OSError.
        """
        if task.broken:
            return _unopened(task)
        if task.spec.checkpoint is None:
            status, watch, output = self._supervised(task, on_point, stop)
            return _judge(task, status, watch, output)
        leave, found = leave or Leave(), None if anew else interrupted(task)
        try:
            if found is not None and leave.asked and not leave.stays:
                return _left(task, found, b"", 0.0, leave)
            return self._train(task, found, on_point, stop, on_segment, leave)
        finally:
            if found is not None:
                found.start.unlink(missing_ok=True)

    def _train(
        self,
        task: Task,
        found: Interrupted | None,
        on_point: Callable[[Point], None],
        stop: Event,
        on_segment: OnSegment,
        leave: Leave,
    ) -> Run:
        out = task.folder / "out"
        room = self._room(task, resumed=found is not None)
        follower = Follower(task.spec, task.seed, out, on_segment, room=room, key=task.roots)
        start = origin_of(task) if found is None else found.start
        follower.begin(b"" if found is None else found.lines)
        if follower.broken:  # read as whole a moment ago: what lies there has changed
            follower.end()
            raise RunFailed(f"what an earlier run has left cannot be gone on from: {follower.broken}")
        bind(task)
        plan: dict[str, object] = {"room_bytes": room}
        plan |= {} if found is None else {"kept": found.kept, "stride": found.stride}
        tracing = Tracing(plan, follower.feed, out / STATES, self._state_bytes, start)
        try:
            status, watch, output = self._supervised(
                task,
                on_point,
                stop,
                tracing,
                lambda: leave.enough(follower.segments, kept=follower.keeps_any, last_kept=follower.keeps_last),
            )
        finally:
            follower.end()
        if watch.left:
            return _left_behind(task, watch, leave)
        if status == SIGKILL_STATUS and not (watch.memory_ran_out or watch.wall_reached or leave.asked):
            raise RunKilled("something on this machine killed the job; it goes on from the last state that was kept")
        return _audited(_judge(task, status, watch, output), follower, task.roots)

    def _room(self, task: Task, *, resumed: bool) -> int:
        """For kept states: what the spec counts on, and more where this worker gives it and the disk has it."""
        assert task.spec.checkpoint is not None
        states = task.folder / "out" / STATES
        # What a run that goes on has kept already has its room, and has taken it off the free disk.
        kept = states.stat().st_size if resumed else 0
        free = shutil.disk_usage(task.folder).free - KEEP_FREE_BYTES
        return max(task.spec.checkpoint.keep_bytes, min(self._state_bytes, free), kept)

    def replay(self, task: Task, wanted: Replay, *, stop: Event) -> Replayed:
        """Run a part of an audited job again, in the same sandbox under the same limits. Blocks as `run` does.

        `task.folder` holds in/, and must not be in use by another run. Raises RunFailed, RunStopped, OSError.
        """
        assert task.spec.checkpoint is not None, "only audited jobs can be replayed"
        follower = ReplayFollower(wanted, task.spec.checkpoint.every, origin=task.spec.origin, key=task.roots)
        if task.broken:
            return follower.failed(task.broken)
        start = wanted.start or origin_of(task)
        out = task.folder / "out"
        out.mkdir(parents=True, exist_ok=True)
        (out / STATES).touch(mode=0o600)  # where no wall is, both are seen
        states = out / NO_STATES
        states.write_bytes(b"")
        tracing = Tracing(follower.plan(), follower.reader.feed, states, self._state_bytes, start)
        status, watch, output = self._supervised(task, lambda _: None, stop, tracing)
        ended = _judge(task, status, watch, output)
        return follower.judge(status, output, ended.exit, ended.seconds, ended.log)

    def _supervised(
        self,
        task: Task,
        on_point: Callable[[Point], None],
        stop: Event,
        tracing: Tracing | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> tuple[int, Watch, Path]:
        """Exit status, what was seen, and the output's path."""
        dirty = self._wiper.ready(task.gpus)
        if dirty is not None:
            raise RunFailed(f"a GPU may still hold what another job left: {dirty}")
        output = _fresh_output(task.folder)
        if tracing is not None:
            tracing.hand_over(task, output)
        tell_call(task.folder / "in", task.roots)
        with Pipes(traced=tracing is not None) as pipes:
            child = self._sandbox.start(
                launch_of(task, output, pipes, tmp_bytes=self._tmp_bytes, processes=self._processes, tracing=tracing)
            )
            try:
                pipes.close_far_ends()
                on_trace = None if tracing is None else tracing.feed
                watch = Watch(child, pipes, task.spec.resources.wall_seconds, on_point, stop, on_trace, enough)
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


def _left_behind(task: Task, watch: Watch, leave: Leave) -> Run:
    """What a run that was told to end has left. Raises RunFailed when none of its states is whole."""
    found = interrupted(task)
    if found is None:
        leave.stay()
        raise RunFailed("no state of the run that was left is whole; it is begun again, and run to its end")
    try:
        return _left(task, found, watch.log.to_bytes(), watch.ended - (watch.started or watch.ended), leave)
    finally:
        found.start.unlink(missing_ok=True)


def _left(task: Task, found: Interrupted, log: bytes, seconds: float, leave: Leave) -> Run:
    """The job as far as it is whole, the model of its last state as the result. Raises OSError; RunFailed where that
    is none: `leave` is told, so that the next try goes on to the end."""
    try:
        traced = cut_off(task, found)
        roots = traced.trace.segments[-1].roots
        model = StateFile.parse(found.start.read_bytes()).parts["model"]
        payload = pack_payload({name: (t.dtype, t.shape, t.data) for name, t in model.tensors.items()}, model.plain)
        right = roots is not None and payload_root(payload, task.roots) == roots.model
    except (StateRejected, ResultRejected, TraceInvalid) as error:
        leave.stay()
        raise RunFailed(f"the state that the run has left is damaged: {error}") from error
    if not right:
        leave.stay()
        raise RunFailed("the model of the state that the run has left is not the one of its trace")
    log += f"[worker] left after segment {found.segments}\n".encode()
    return Run(ExitClass.OK, payload, log, seconds, traced, left=True)


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

"""Runs one job in the sandbox and says how it ended. Knows nothing of chains, stores or keys."""

from __future__ import annotations

import os
import selectors
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any, Self

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.specs import JobSpec
from tensorgrid_worker.hardware import Gpu, gpu_variables
from tensorgrid_worker.jobs.runlog import PointReader, RunLog
from tensorgrid_worker.jobs.wiper import Wiper
from tensorgrid_worker.runtime import determinism, runner
from tensorgrid_worker.runtime.limits import Limits
from tensorgrid_worker.sandbox.base import Child, Launch, Sandbox
from tensorgrid_worker.sandbox.cgroups import GroupLimits

PROGRESS_FD = "TENSORGRID_PROGRESS_FD"
TMP = "/tmp"  # noqa: S108 - the sandbox's own
START_SECONDS = 120
"""For the sandbox and the interpreter to start; not the job's time."""
OVERHEAD_BYTES = 2 << 30
"""Addresses (not memory) that the interpreter and torch's libraries map."""
SHARED_BYTES = 256 << 20
"""Memory that a job's group may hold beside its own: the interpreter, pages of libraries, the sandbox."""
TICK_SECONDS = 0.2
SIGKILL_STATUS, SIGXCPU_STATUS = 137, 152

Point = Mapping[str, Any]


class RunFailed(TensorgridError):
    """The sandbox did not get as far as the job: this machine's fault, nothing to commit to. `output`: its text."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class RunStopped(TensorgridError):
    """The worker was told to stop; the job can be run again."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to run. `folder` holds in/ as inputs.py left it; `seed` is jobSeed."""

    spec: JobSpec
    seed: bytes
    folder: Path
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """How it ended. `payload`: the plaintext safetensors bytes, only with OK, not yet checked. `log`: text, capped."""

    exit: ExitClass
    payload: bytes | None
    log: bytes
    seconds: float


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

    def run(self, task: Task, *, on_point: Callable[[Point], None], stop: Event) -> Run:
        """Blocks until the job ended, was killed at a limit, or `stop` was set.

        `on_point` is called for each reported point and must be quick. Raises RunFailed, RunStopped.
        """
        dirty = self._wiper.ready(task.gpus)
        if dirty is not None:
            raise RunFailed(f"a GPU may still hold what another job left: {dirty}")
        output = _fresh_output(task.folder)
        with _Pipes() as pipes:
            child = self._sandbox.start(self._launch(task, output, pipes))
            try:
                pipes.close_far_ends()
                watch = _Watch(child, pipes, task.spec.resources.wall_seconds, on_point, stop)
                status = watch.follow()
            finally:
                child.kill()
                self._wiper.after(task.gpus)
        return _judge(task, status, watch, output)

    def _launch(self, task: Task, output: Path, pipes: _Pipes) -> Launch:
        resources = task.spec.resources
        on_gpu = bool(task.gpus)
        limits = Limits(
            memory_bytes=resources.memory_bytes,
            address_bytes=0 if on_gpu else resources.memory_bytes + OVERHEAD_BYTES + _input_bytes(task.spec),
            file_bytes=max(resources.output_bytes, self._tmp_bytes),
            cpu_seconds=(resources.wall_seconds + START_SECONDS) * (resources.threads + 1),
            open_files=1024,
            processes=self._processes,
        )
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": TMP,
            "TMPDIR": TMP,
            "USER": "job",
            "LOGNAME": "job",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            PROGRESS_FD: str(pipes.progress.far),
            runner.CONTROL_FD: str(pipes.control.far),
            runner.SEED: "0x" + task.seed.hex(),
        }
        environment |= determinism.environment(task.seed, resources.threads) | gpu_variables(list(task.gpus))
        return Launch(
            inputs=task.folder / "in",
            output=output,
            runner={"output_bytes": resources.output_bytes, "threads": resources.threads, "limits": asdict(limits)},
            environment=environment,
            pass_fds=(pipes.progress.far, pipes.control.far),
            tmp_bytes=self._tmp_bytes,
            devices=tuple(dict.fromkeys(node for gpu in task.gpus for node in gpu.nodes)),
            log_fd=pipes.log.far,
            whole=GroupLimits(
                # What lies in its private folders is memory too.
                memory_bytes=resources.memory_bytes + 2 * self._tmp_bytes + SHARED_BYTES + _input_bytes(task.spec),
                processes=self._processes,
                threads=resources.threads + 1,
            ),
        )


class _Pipe:
    def __init__(self) -> None:
        self.near, self.far = os.pipe()
        os.set_blocking(self.near, False)


class _Pipes:
    """Three ways out of the sandbox: log (stdout, stderr), progress (points), control (one word: started)."""

    def __init__(self) -> None:
        self.log, self.progress, self.control = _Pipe(), _Pipe(), _Pipe()
        self._far_open = True

    def __enter__(self) -> Self:
        return self

    def close_far_ends(self) -> None:
        if self._far_open:
            self._far_open = False
            for pipe in (self.log, self.progress, self.control):
                os.close(pipe.far)

    def __exit__(self, *_: object) -> None:
        self.close_far_ends()
        for pipe in (self.log, self.progress, self.control):
            os.close(pipe.near)


class _Watch:
    """Follows one child: reads its pipes, keeps its clock."""

    def __init__(
        self, child: Child, pipes: _Pipes, wall_seconds: int, on_point: Callable[[Point], None], stop: Event
    ) -> None:
        self.log = RunLog()
        self.started: float | None = None
        self.ended: float = 0.0
        self.wall_reached = False
        self._child, self._wall, self._stop = child, wall_seconds, stop
        self._points = PointReader(on_point)
        self._sinks: dict[int, Callable[[bytes], None]] = {
            pipes.log.near: self.log.write,
            pipes.progress.near: self._points.feed,
            pipes.control.near: self._control,
        }

    @property
    def memory_ran_out(self) -> bool:
        return self._child.memory_ran_out

    def follow(self) -> int:
        """Its exit status. Raises RunFailed, RunStopped."""
        born = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for descriptor in self._sinks:
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                if selector.get_map():
                    self._read(selector, TICK_SECONDS)
                status = self._child.wait(0 if selector.get_map() else TICK_SECONDS)
                if status is not None:
                    self._read(selector, 0)
                    self.ended = time.monotonic()
                    return status
                self._check_clocks(born)
                if self.wall_reached or self._child.starved():
                    self._child.kill()

    def _read(self, selector: selectors.BaseSelector, timeout: float) -> None:
        for key, _ in selector.select(timeout):
            for _ in range(64):  # at most 4 MiB of each at a time: a job that shouts does not stop the clock
                try:
                    data = os.read(key.fd, 65536)
                except BlockingIOError:
                    break
                if not data:
                    selector.unregister(key.fileobj)
                    break
                self._sinks[key.fd](data)

    def _control(self, _: bytes) -> None:
        if self.started is None:
            self.started = time.monotonic()

    def _check_clocks(self, born: float) -> None:
        now = time.monotonic()
        if self._stop.is_set():
            raise RunStopped("the worker stops; the job will be run again")
        if self.started is None:
            if now - born > START_SECONDS:
                raise RunFailed(f"the sandbox did not start in {START_SECONDS} s; is this machine overloaded?")
        elif now - self.started > self._wall:
            self.wall_reached = True


def _judge(task: Task, status: int, watch: _Watch, output: Path) -> Run:
    """Exit status and output -> exit class. Raises RunFailed when the job itself never began."""
    log = watch.log
    if watch.started is None:
        tail = log.tail(400)
        raise RunFailed(f"the sandbox ended with {status} before the job began: {tail}", tail)
    seconds = watch.ended - watch.started
    exit_class, payload = _classify(task, status, watch, output)
    log.remark(f"{exit_class.name.lower()} after {seconds:.1f} s, status {status}")
    return Run(exit_class, payload, log.to_bytes(), seconds)


def _classify(task: Task, status: int, watch: _Watch, output: Path) -> tuple[ExitClass, bytes | None]:
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


def _input_bytes(spec: JobSpec) -> int:
    return sum(ref.bytes for ref in spec.inputs.values())

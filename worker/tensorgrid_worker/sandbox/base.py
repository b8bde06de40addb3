"""The one protocol that every sandbox speaks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tensorgrid_worker.runtime.launch import ENTRY
from tensorgrid_worker.sandbox.cgroups import NO_LIMITS, Group, GroupLimits


@dataclass(frozen=True, slots=True)
class Launch:
    """One run, in the host's words. The sandbox decides where things appear inside."""

    inputs: Path  # folder with spec.json, bundle.py, inputs/: read-only inside
    output: Path  # existing empty file that the payload is written to
    runner: dict[str, object]  # what the runner is told; where inputs and output are is added by the sandbox
    environment: dict[str, str]  # the whole environment, nothing is inherited
    pass_fds: tuple[int, ...]  # open descriptors that keep their numbers
    tmp_bytes: int  # size of the private /tmp
    devices: tuple[Path, ...] = ()  # device nodes of the assigned GPU
    log_fd: int = subprocess.DEVNULL  # stdout and stderr
    whole: GroupLimits = NO_LIMITS  # for the job with everything it starts, where the machine has cgroups
    states: Path | None = None  # existing file beside the output, which an audited job's states are written to


class Child:
    """The running job with everything that it started."""

    def __init__(self, process: subprocess.Popen[bytes], group: Group | None = None) -> None:
        self._process, self._group = process, group
        self.memory_ran_out = False  # known after kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, timeout: float) -> int | None:
        """The exit status as a shell reports it (128 + signal), or None when `timeout` seconds have passed."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def starved(self) -> bool:
        """Whether the kernel had to kill a part of it for want of memory; the rest is to follow."""
        group = self._group
        return group is not None and group.memory_ran_out()

    def kill(self) -> None:
        """Kill it as a whole and reap it. Idempotent."""
        group, self._group = self._group, None
        if group is not None:
            group.kill()
        if self._process.poll() is None:
            self._signal_all()
        self._process.wait()
        if group is not None:
            self.memory_ran_out = group.memory_ran_out()
            group.remove()

    def _signal_all(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)  # every sandbox starts its child as leader of a session
        except ProcessLookupError:
            pass


class Sandbox(Protocol):
    """Starts the runner behind a wall. Implementations hold no state of a run."""

    name: str

    def check(self) -> None:
        """Raises SandboxUnavailable, with what to do, when this machine cannot give this sandbox."""
        ...

    def describe(self) -> str:
        """One line for doctor and the log: what of it is active here."""
        ...

    def start(self, launch: Launch) -> Child:
        """Start the runner. The calling thread must outlive the child (its death signal is bound to the thread)."""
        ...


def runner_argv(python: str, arguments: list[str]) -> list[str]:
    """-s, -P: neither the user's site-packages nor the working directory is searched."""
    return [python, "-s", "-P", "-c", ENTRY, *arguments]


def python_folders() -> list[Path]:
    """Folders that the interpreter and our two packages need, outermost only, symlinks resolved beside their names."""
    import tensorgrid
    import tensorgrid_worker

    wanted: list[Path] = []
    for text in (sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix):
        wanted += [Path(text), Path(text).resolve()]
    for package in (tensorgrid, tensorgrid_worker):
        assert package.__file__ is not None
        wanted.append(Path(package.__file__).parent)
    folders: list[Path] = []
    for path in sorted(set(wanted), key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(outer) for outer in folders):
            folders.append(path)
    return folders

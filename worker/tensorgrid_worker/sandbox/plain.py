"""No wall at all: a child process with limits. For machines that hold nothing worth stealing, and said so loudly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tensorgrid_worker.runtime.launch import words
from tensorgrid_worker.sandbox import cgroups
from tensorgrid_worker.sandbox.base import Child, Launch, runner_argv

WARNING = (
    "no sandbox: jobs run as your user and can read every file that you can, this worker's key included, and reach "
    "the network; install bubblewrap, or use a machine that holds nothing else"
)


class Plain:
    """Own session, own limits, own environment, one private folder for temporary files. Nothing more."""

    name = "none"

    def __init__(self, *, python: str = sys.executable) -> None:
        self._python = python

    def check(self) -> None:
        """Always possible."""

    def describe(self) -> str:
        return f"none; {cgroups.mine().describe()}"

    def start(self, launch: Launch) -> Child:
        temporary = launch.output.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        arguments = words(launch.runner, str(launch.inputs), str(launch.output), parent=os.getpid())
        places = {"HOME": str(temporary), "TMPDIR": str(temporary)}
        process = subprocess.Popen(
            runner_argv(self._python, arguments),
            stdin=subprocess.DEVNULL,
            stdout=launch.log_fd,
            stderr=subprocess.STDOUT,
            env=launch.environment | places,
            cwd=temporary,
            pass_fds=launch.pass_fds,
            start_new_session=True,
        )
        group = cgroups.mine().group(launch.whole)
        child = _Tree(process, group)
        if group is not None:
            group.add(process.pid)  # the runner is still starting: nothing of the job's runs yet
        return child


class _Tree(Child):
    """Kills descendants too that moved to a session of their own, as far as their parents still tell."""

    def wait(self, timeout: float) -> int | None:
        code = super().wait(timeout)
        if code is not None:
            self._signal_all()  # whatever it left behind in its session
        return code

    def _signal_all(self) -> None:
        for _ in range(3):  # a fork bomb may be faster than one look
            alive = _descendants(self.pid)
            for pid in alive:
                _kill(pid)
            super()._signal_all()
            if not alive:
                return


def _descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(entry.name)] = int(fields[1])
    found: list[int] = []
    frontier = {root}
    while frontier:
        frontier = {pid for pid, parent in parents.items() if parent in frontier}
        found += sorted(frontier)
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass

"""Child processes that end with us, whatever ends us."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tensorgrid.devnet import watchdog
from tensorgrid.domain.errors import ToolMissing

_SCRIPT = watchdog.__file__
_ISOLATED = [sys.executable, "-I", "-S", _SCRIPT]


class Processes:
    """Starts children, each in a session of its own, under one watchdog. `close` ends those that are left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int, subprocess.Popen[bytes]] = {}
        self._guard = subprocess.Popen(
            _ISOLATED,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(
        self, command: Sequence[str], *, log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start `command`, its output appended to `log` (mode 0600). Raises ToolMissing when there is none."""
        program = shutil.which(command[0])
        if program is None:
            raise ToolMissing(f"{command[0]} is no program here; install it")
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            child = subprocess.Popen(
                [*_ISOLATED, "gate", program, *command[1:]],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=None if env is None else dict(env),
                start_new_session=True,
            )
        self._tell(f"+{child.pid}")
        with self._lock:
            self._watched[child.pid] = child
        _write(child.stdin, b"go\n")
        return child

    def end(self, child: subprocess.Popen[bytes], *, grace: float = 5.0) -> int:
        """Ask the child to end, insist after `grace` seconds, and sweep up its group. Returns its exit code."""
        if child.poll() is None:
            _signal(child.pid, signal.SIGTERM)
            try:
                child.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        return self.kill(child)

    def kill(self, child: subprocess.Popen[bytes]) -> int:
        """SIGKILL to the child's group, at once. Returns its exit code."""
        _signal(child.pid, signal.SIGKILL)
        code = child.wait()
        self._tell(f"-{child.pid}")
        with self._lock:
            self._watched.pop(child.pid, None)
        return code

    def close(self) -> None:
        """End every child, then the watchdog. Idempotent."""
        with self._lock:
            left = list(self._watched.values())
        for child in left:
            self.kill(child)
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            try:
                self._guard.stdin.close()
            except BrokenPipeError:
                pass
        self._guard.wait()

    def _tell(self, line: str) -> None:
        with self._lock:
            if self._guard.stdin is None or self._guard.poll() is not None:
                raise ToolMissing("the watchdog of this devnet was ended from outside; start the devnet again")
            self._guard.stdin.write(line.encode() + b"\n")
            self._guard.stdin.flush()


def _write(pipe: IO[bytes] | None, line: bytes) -> None:
    if pipe is None:
        return
    try:
        pipe.write(line)
        pipe.close()
    except BrokenPipeError:
        pass  # ended already: its log says why


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass

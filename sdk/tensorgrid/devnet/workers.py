"""Worker daemons of a devnet: their settings, their processes, their death and return."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from tensorgrid.devnet.accounts import KeyFiles
from tensorgrid.devnet.logs import find_event, tail
from tensorgrid.devnet.processes import Processes
from tensorgrid.domain.errors import DevnetFailed

READY = "worker.ready"
STOP_SECONDS = 5.0  # between asking and insisting
_PREFIX = "TENSORGRID_WORKER_"


@dataclass(frozen=True, slots=True)
class WorkerHook:
    """What makes one worker differ from the others.

    `module` is started in place of the worker's own and gets the same arguments; `stake` multiplies the others';
    `settings` go into its configuration; `capacity` is what it is registered for: jobs at once, audits among them.
    """

    module: str = "tensorgrid_worker"
    stake: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    capacity: int = 1


class WorkerProcess:
    """One worker daemon. `provider` is the account that owns its stake; the hot key lies in `keys`."""

    def __init__(
        self,
        number: int,
        keys: KeyFiles,
        provider: LocalAccount,
        hook: WorkerHook,
        *,
        config: Path,
        log: Path,
        processes: Processes,
    ) -> None:
        self.number = number
        self.keys = keys
        self.provider = provider
        self.hook = hook
        self.config = config
        self.log = log
        self.ready: dict[str, Any] | None = None
        self._processes = processes
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __repr__(self) -> str:
        return f"WorkerProcess({self.number}, {self.address}, pid={self.pid})"

    @property
    def address(self) -> str:
        return str(self.keys.account.address)

    @property
    def account(self) -> LocalAccount:
        """The hot key."""
        return self.keys.account

    @property
    def pid(self) -> int:
        """Of the running or last process; 0 before the first."""
        return self._process.pid if self._process is not None else 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the daemon; `await_ready` waits for it. Raises DevnetFailed when it runs already."""
        if self.running:
            raise DevnetFailed(f"worker {self.number} runs already, as process {self.pid}")
        self.ready = None
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        # -P: no module of the current folder is taken for a library
        command = [sys.executable, "-P", "-m", self.hook.module, "run", "--config", str(self.config)]
        # settings of some other worker in our environment would win over the file
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
        self._process = self._processes.start(command, log=self.log, cwd=self.config.parent, env=environment)

    def await_ready(self, timeout: float = 60) -> dict[str, Any]:
        """The worker's own ready line. Raises DevnetFailed with the end of its log."""
        give_up = time.monotonic() + timeout
        while (found := find_event(self.log, READY, self._log_start)) is None:
            if not self.running:
                raise DevnetFailed(f"worker {self.number} ended at its start; the end of {self.log}:\n{tail(self.log)}")
            if time.monotonic() > give_up:
                raise DevnetFailed(
                    f"worker {self.number} was not ready within {timeout:g} s; the end of {self.log}:\n{tail(self.log)}"
                )
            time.sleep(0.05)
        self.ready = found
        return found

    def signal(self, number: signal.Signals) -> None:
        """To the daemon alone."""
        if self.running and self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """As `kill -9` or a power cut would."""
        if self._process is not None:
            self._processes.kill(self._process)

    def stop(self, grace: float | None = None) -> None:
        """Ask it to end, then insist. Idempotent."""
        if self._process is not None:
            self._processes.end(self._process, grace=STOP_SECONDS if grace is None else grace)


def write_config(path: Path, settings: Mapping[str, Any]) -> None:
    """TOML of texts, numbers, booleans and lists of them."""
    path.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in settings.items()))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        raise DevnetFailed(f"{text!r} cannot stand in a configuration; use another path")
    return f'"{text}"'

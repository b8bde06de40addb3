"""No job finds what another left in a GPU: it is filled after each job, and before the first after a start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import structlog

from tensorgrid_worker.hardware import Gpu, gpu_variables

MODULE = "tensorgrid_worker.runtime.wipe"
WIPE_SECONDS = 120

log = structlog.get_logger()


class Wiper:
    """Knows which GPUs are clean. A GPU that could not be wiped gets no job until it could. For several threads."""

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python
        self._clean: set[str] = set()
        self._lock = Lock()

    def ready(self, gpus: Sequence[Gpu]) -> str | None:
        """Before a job: None when all of them are clean, else why not. They count as used from now on."""
        problem = self._wiped([gpu for gpu in gpus if gpu.uuid not in self._clean])
        if problem is None:
            with self._lock:
                self._clean -= {gpu.uuid for gpu in gpus}
        return problem

    def after(self, gpus: Sequence[Gpu]) -> None:
        """After a job, which has ended with all its processes."""
        problem = self._wiped(gpus)
        if problem is not None:
            log.warning("gpu.not_wiped", gpus=[gpu.uuid for gpu in gpus], reason=problem)

    def _wiped(self, gpus: Sequence[Gpu]) -> str | None:
        if not gpus:
            return None
        environment = {"PATH": "/usr/bin:/bin"} | gpu_variables(list(gpus))
        try:
            done = subprocess.run(
                [self._python, "-s", "-P", "-m", MODULE],
                env=environment,
                cwd=Path("/"),
                capture_output=True,
                timeout=WIPE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"wiping its memory took more than {WIPE_SECONDS} s; see nvidia-smi for who holds it"
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[-200:]
            return f"its memory could not be wiped; see nvidia-smi for who holds it {said}".strip()
        with self._lock:
            self._clean |= {gpu.uuid for gpu in gpus}
        return None

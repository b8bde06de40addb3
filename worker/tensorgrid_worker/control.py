"""How `drain` and `abandon` reach a daemon: through a file in its home. No port, and no signal to a number that may be
another's by now, or another container's.
"""

from __future__ import annotations

import fcntl
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorgrid.domain.jobs import JobId

FILE = "drain"
ABANDON = "abandon"
"""A folder, with an empty file for each job: it outlives the daemon, which may have died of the same trouble."""
LOOK_SECONDS = 0.5
_JOB = re.compile(r"[0-9a-f]{64}")


@contextmanager
def obeying(home: Path, drain: Callable[[], None]) -> Iterator[None]:
    """While inside, `drain` is called once somebody asks for it, or has asked since the lock of that home was taken."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            if (home / FILE).exists():
                drain()
                return

    thread = threading.Thread(target=look, name="control", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)
        (home / FILE).unlink(missing_ok=True)


def ask_to_drain(home: Path) -> bool:
    """Leave word for the daemon of that home; False where none runs. Idempotent. Raises OSError."""
    if not is_running(home):
        return False
    (home / FILE).touch(mode=0o600)
    return True


def ask_to_abandon(home: Path, job: JobId) -> None:
    """Leave word that this job is to be ended early. Idempotent. Raises OSError."""
    folder = home / ABANDON
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / job.hex()).touch(mode=0o600)


def abandoned(home: Path) -> frozenset[JobId]:
    """Jobs that are to be ended early. Raises OSError."""
    try:
        names = [path.name for path in (home / ABANDON).iterdir()]
    except FileNotFoundError:
        return frozenset()
    return frozenset(JobId(bytes.fromhex(name)) for name in names if _JOB.fullmatch(name))


def forget_abandoned(home: Path, job: JobId) -> None:
    """Once it has ended. Raises OSError."""
    (home / ABANDON / job.hex()).unlink(missing_ok=True)


def is_running(home: Path) -> bool:
    """Whether a process holds the lock of that home. Looking takes it for a moment, hence only when it is free."""
    try:
        with (home / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False

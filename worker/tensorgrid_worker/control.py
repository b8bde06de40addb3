"""How `drain` reaches a daemon: through a file in its home. No port, and no signal to a number that may be another's by
now, or another container's.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "drain"
LOOK_SECONDS = 0.5


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

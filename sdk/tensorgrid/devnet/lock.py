"""One devnet per home folder, and the end of one."""

from __future__ import annotations

import fcntl
import signal
import threading
from pathlib import Path

from tensorgrid.domain.errors import DevnetFailed


class HomeLock:
    """Held by an open file, so it goes with the process. Raises DevnetFailed when another devnet holds it."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = open(home / "devnet.lock", "ab")  # noqa: SIM115 - open as long as the network runs
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise DevnetFailed(
                f"a devnet runs already in {home}; stop it, or set TENSORGRID_HOME to another folder"
            ) from None

    def release(self) -> None:
        self._file.close()


def wait_for_signal() -> None:
    """Until SIGINT or SIGTERM; the handlers that were there before are put back."""
    wanted = (signal.SIGINT, signal.SIGTERM)
    came = threading.Event()
    before = {number: signal.signal(number, lambda *_: came.set()) for number in wanted}
    try:
        while not came.wait(3600):
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Carries a container's words to descriptors of ours: an engine passes none through, so named pipes stand between."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Sequence
from pathlib import Path

TICK_MS = 100
LAST_WORDS_SECONDS = 2.0


class Relays:
    """One named pipe in `folder`, called by its number, and one thread for each descriptor in `fds`."""

    def __init__(self, folder: Path, fds: Sequence[int]) -> None:
        self._over = threading.Event()
        self._threads = []
        for fd in fds:
            path = folder / str(fd)
            os.mkfifo(path, 0o600)
            # Opened by us first, before a job could put something else there, and without waiting for it.
            near = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            carry = threading.Thread(target=self._carry, args=(near, os.dup(fd)), name=f"relay-{fd}", daemon=True)
            self._threads.append(carry)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Carry what is there, then end. Idempotent."""
        self._over.set()
        for thread in self._threads:
            thread.join(LAST_WORDS_SECONDS)

    def _carry(self, near: int, far: int) -> None:
        poll = select.poll()
        poll.register(near, select.POLLIN)
        with contextlib.suppress(OSError):  # the reader has gone: nobody is left to tell
            while True:
                events = poll.poll(TICK_MS)
                data = os.read(near, 65536) if events else b""
                if data:
                    os.write(far, data)
                elif events or self._over.is_set():
                    break
        os.close(near)
        os.close(far)

"""SIGTERM and SIGINT: the first asks to drain, the second to stop. Installed once per process, by whoever owns it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

STOPPING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def obeyed(drain: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    """While inside, a signal calls `drain`, each later one `stop`. Only from the main thread."""
    asked: SimpleQueue[bool] = SimpleQueue()

    def obey() -> None:
        act = drain
        while asked.get():
            act()
            act = stop

    # A handler may interrupt the main thread while it holds any lock, so it takes none: this queue's put is re-entrant.
    before = {number: signal.signal(number, lambda *_: asked.put(True)) for number in STOPPING}
    thread = threading.Thread(target=obey, name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        asked.put(False)

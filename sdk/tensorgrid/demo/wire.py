"""A wire between a worker and its node that the story can cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class Wire:
    """Forwards TCP to the node at `url`; while cut, connections end as with a dead host. `url`: where it listens."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        assert target.hostname is not None and target.port is not None, "a devnet's node has both"
        self._target = (target.hostname, target.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._cut = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and each new one at once."""
        self._cut = True
        with self._lock:
            wires = list(self._open)
        for wire in wires:
            _end(wire)

    def restore(self) -> None:
        """New connections reach the node again."""
        self._cut = False

    def close(self) -> None:
        """For good."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target) if not self._cut else None
            except OSError:
                return
            if far is None:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for wire in (source, sink):
            _end(wire)
            with self._lock:
                self._open.discard(wire)


def _end(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    wire.close()

"""A small window into a running worker: 127.0.0.1 only, a token even there, four pages, nothing that changes anything.

Everybody with a process on this machine can reach a loopback port, and so can a web page in the owner's browser that
makes a name of its own point there. Hence the token, and the look at the Host header.
"""

from __future__ import annotations

import hmac
import io
import json
import os
import re
import secrets
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import structlog

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker.logs import listening
from tensorgrid_worker.memory.reading import NoJournal, read_status
from tensorgrid_worker.watch.observe import Metrics
from tensorgrid_worker.watch.readings import Readings

log = structlog.get_logger()

HOST = "127.0.0.1"
TOKEN_FILE = "health.token"  # noqa: S105 - a file's name
TOKEN_BYTES = 32
MAX_HEAD_BYTES = 8 * 1024
HEAD_SECONDS = 5.0
"""In all, for a request to arrive: a client that sends a byte a second does not hold a place for ever."""
MOST_AT_ONCE = 8
WAY_SECONDS = 0.5
LIVE_POLLS, LIVE_SECONDS = 20, 90.0
"""A loop that did not go round for so many polls and so many seconds is stuck; a node may take thirty to time out."""
UNAUTHORISED = "send 'Authorization: Bearer TOKEN'; the token lies in the worker's home, in the file health.token"
_HOSTS = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)

Page = Callable[[], tuple[int, str, bytes]]


class PortInUse(TensorgridError):
    """Something else listens there. Names the setting."""


@contextmanager
def serving(port: int, home: Path, metrics: Metrics) -> Iterator[int]:
    """The endpoint while inside; yields the port. Pages tell of `metrics.workers`. Raises PortInUse."""
    server = start(port, home, metrics)
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="health", daemon=True)
    thread.start()
    log.info("health.listening", url=f"http://{HOST}:{server.server_port}", token_file=str(home / TOKEN_FILE))
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def start(port: int, home: Path, metrics: Metrics) -> HealthServer:
    """Bound and not yet serving. `port` 0 here: any that is free, for tests. Raises PortInUse."""
    try:
        return HealthServer(port, token_of(home), home, metrics)
    except (OSError, OverflowError) as error:
        raise PortInUse(f"cannot listen on {HOST}:{port} ({error}); set another health_port, or 0 for none") from error


def token_of(home: Path) -> str:
    """The token of that home, made when there is none. One that others could read is not one any more."""
    path = home / TOKEN_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="ascii") as file:
            found = os.fstat(file.fileno())
            token = file.read(256).strip()
        private = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        if private and len(token) >= TOKEN_BYTES:
            return token
        log.warning("health.new_token", reason="the old one was too short, or readable by others", file=str(path))
    except (OSError, UnicodeDecodeError):
        pass
    path.unlink(missing_ok=True)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(token + "\n")
    return token


class HealthServer(ThreadingHTTPServer):
    """At most MOST_AT_ONCE requests at a time. Who comes then takes the place of one that has not spoken yet, or is
    sent away."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, port: int, token: str, home: Path, metrics: Metrics) -> None:
        super().__init__((HOST, port), _Handler)
        self._token, self.home, self._metrics = token.encode(), home, metrics
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._silent: dict[socket.socket, None] = {}  # those whose head has not come, oldest first
        self.pages: Mapping[str, Page] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._text,
            "/status": self._status,
        }

    def knows(self, authorization: str | None) -> bool:
        """Whether that header carries the token; takes as long for a near miss as for a far one."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False) and not self._made_way():
            try:
                request.settimeout(0.2)
                request.sendall(b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                pass
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._silent[request] = None
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._silent.pop(request, None)
            self._places.release()

    def heard(self, request: socket.socket) -> None:
        """Its head has come: it gives way to nobody any more."""
        self._silent.pop(request, None)

    def _made_way(self) -> bool:
        """Whether a place was got from the one that has been silent for longest: who only holds places, holds none."""
        for request in list(self._silent):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has gone by itself
            return self._places.acquire(timeout=WAY_SECONDS)
        return self._places.acquire(blocking=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news, and a traceback would show its bytes."""

    # ------------------------------------------------------------------------------------------------------------ pages

    def _workers(self) -> list[Readings]:
        return list(self._metrics.workers.values())

    def _healthz(self) -> tuple[int, str, bytes]:
        """200 as long as every loop goes round, whatever the chain does: what a supervisor restarts for."""
        stuck = {}
        for readings in self._workers():
            pulse = readings.pulse
            age = time.monotonic() - pulse.ticked
            if age > max(LIVE_POLLS * pulse.poll_seconds, LIVE_SECONDS):
                stuck[pulse.worker] = f"its loop has not gone round for {age:.0f} s"
        return _json({"live": not stuck, "problems": stuck}, 503 if stuck else 200)

    def _readyz(self) -> tuple[int, str, bytes]:
        """200 when every worker of the process takes jobs."""
        problems = {readings.pulse.worker: readings.pulse.problems() for readings in self._workers()}
        found = {worker: told for worker, told in problems.items() if told}
        ready = bool(problems) and not found
        return _json({"ready": ready, "problems": found}, 200 if ready else 503)

    def _text(self) -> tuple[int, str, bytes]:
        return 200, "text/plain; version=0.0.4; charset=utf-8", self._metrics.text()

    def _status(self) -> tuple[int, str, bytes]:
        return _json({"workers": [_status_of(readings) for readings in self._workers()]}, 200)


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: one request per connection, GET only, no body."""

    server: HealthServer
    server_version, sys_version = "tensorgrid-worker", ""

    def setup(self) -> None:
        super().setup()
        # The whole head, within its size and its time, before anything of it is parsed.
        self.rfile = io.BufferedReader(io.BytesIO(_head(self.connection)))
        self.server.heard(self.connection)

    def do_GET(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._answer(*refusal)
            return
        try:
            answer = self.server.pages[self.path]()
        except Exception as error:  # a page that fails must not tell its caller of our insides
            log.warning("health.failed", page=self.path, reason=type(error).__name__)
            answer = _json({"error": "this page failed; see the worker's log"}, 500)
        self._answer(*answer)

    def _refusal(self) -> tuple[int, str, bytes] | None:
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not _HOSTS.fullmatch(hosts[0].strip()):
            return _json({"error": f"ask for {HOST} by its number; other names are not answered"}, 421)
        if not self.server.knows(self.headers.get("Authorization")):
            return _json({"error": UNAUTHORISED}, 401)
        if self.headers.get("Content-Length", "0") != "0" or self.headers.get("Transfer-Encoding"):
            return _json({"error": "a request has no body here"}, 413)
        if self.path not in self.server.pages:
            return _json({"error": f"there are {', '.join(self.server.pages)}"}, 404)
        return None

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.connection.settimeout(HEAD_SECONDS)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silent: what a stranger sends does not belong into the log, and every scrape would be a line."""


def _head(connection: socket.socket) -> bytes:
    """Request line and headers; what came by then when it is too long or too slow, which the parser then refuses."""
    give_up, data = time.monotonic() + HEAD_SECONDS, bytearray()
    while b"\r\n\r\n" not in data and len(data) < MAX_HEAD_BYTES:
        left = give_up - time.monotonic()
        if left <= 0:
            return b""
        connection.settimeout(left)
        try:
            piece = connection.recv(MAX_HEAD_BYTES - len(data))
        except OSError:
            return b""
        if not piece:
            break
        data += piece
    end = data.find(b"\r\n\r\n")
    return bytes(data[: end + 4]) if end >= 0 else b""


def _status_of(readings: Readings) -> dict[str, Any]:
    pulse, chain = readings.pulse, readings.chain()
    found: dict[str, Any] = {
        "worker": pulse.worker,
        "sandbox": pulse.sandbox,
        "ready": not pulse.problems(),
        "problems": pulse.problems(),
        "head_block": pulse.head,
        "cursor_block": pulse.cursor,
        "jobs_open": pulse.jobs_open,
        "jobs_running": pulse.jobs_running,
        "draining": pulse.draining,
        "disk_free_bytes": readings.disk_free(),
        "chain": None,
    }
    if chain is not None:
        # Amounts as text: 64-bit floats of many a JSON reader do not hold wei.
        found["chain"] = {
            "gas_balance_wei": str(chain.gas_balance),
            "stake_active": str(chain.stake_active),
            "stake_locked": str(chain.stake_locked),
            "locks": chain.locks,
            "earnings": {symbol: str(amount) for symbol, amount in chain.earnings.items()},
        }
    try:
        journal = read_status(readings.home)
        found |= {"jobs": journal["jobs"], "outbox": journal["outbox"]}
    except NoJournal:
        found |= {"jobs": [], "outbox": []}
    return found


def _json(value: Mapping[str, Any], status: int) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(value).encode()


@contextmanager
def watched(
    port: int, home: Path, policies: Iterable[str], workers: Iterable[Readings]
) -> Iterator[Callable[[Readings], None]]:
    """Count what the workers of this process do and show it, while inside; with `port` 0 neither. Raises PortInUse.

    Yields what takes the readings of a worker that was started anew.
    """
    if not port:
        yield lambda _: None
        return
    metrics = Metrics(policies)
    for readings in workers:
        metrics.attach(readings)
    with listening(metrics.heard), serving(port, home, metrics):
        yield metrics.attach

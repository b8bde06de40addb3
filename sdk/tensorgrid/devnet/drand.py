"""A devnet's own drand: one key, made at its start, and a round every second or so, published as drand's relays do."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tensorgrid.devnet.signing import ORDER, Signer
from tensorgrid.domain.encoding import keccak256
from tensorgrid.parameters.rounds import DrandRounds

PERIOD = 1
LAG = 1
SCHEME = "bls-bn254-unchained-on-g1"
_KEPT = 4096  # signatures in memory


class LocalDrand:
    """Publishes from construction to `close`, from a thread of this process, which is all that knows the key.

    genesis: when round 1 is published, in the chain's time. now: the chain's time, which a devnet may let jump; what
    has no time yet is not signed for anybody. seed: fixes the key.
    """

    def __init__(self, genesis: int, now: Callable[[], int], *, seed: int | None = None) -> None:
        secret = secrets.randbelow(ORDER - 1) + 1 if seed is None else _secret_of(seed)
        self._signer, self._genesis, self._now = Signer(secret), genesis, now
        self._signed: dict[int, bytes] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="drand", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """In front of /public/ROUND."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def rounds(self) -> DrandRounds:
        """What a beacon that believes this signer is deployed with."""
        return DrandRounds(self._signer.key, self._genesis, PERIOD, LAG, (self.url,))

    def close(self) -> None:
        """Idempotent."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def published(self) -> int:
        """The newest round; 0: none yet."""
        return max(0, (self._now() - self._genesis) // PERIOD + 1)

    def signature(self, number: int) -> bytes:
        with self._lock:
            if number not in self._signed:
                if len(self._signed) >= _KEPT:
                    self._signed.clear()
                self._signed[number] = self._signer.sign(number)
            return self._signed[number]

    def _answer(self, path: str) -> tuple[HTTPStatus, dict[str, Any]]:
        if path == "/info":
            key = b"".join(word.to_bytes(32, "big") for word in self._signer.key)
            return HTTPStatus.OK, {
                "public_key": key.hex(),
                "period": PERIOD,
                "genesis_time": self._genesis,
                "schemeID": SCHEME,
            }
        asked, newest = path.removeprefix("/public/"), self.published()
        if not path.startswith("/public/") or not (asked == "latest" or (asked.isascii() and asked.isdecimal())):
            return HTTPStatus.NOT_FOUND, {"error": "there are /info and /public/ROUND"}
        number = newest if asked == "latest" else int(asked[:20])
        if not 0 < number <= newest:
            return HTTPStatus.TOO_EARLY, {"error": "not published yet"}
        signature = self.signature(number)
        randomness = hashlib.sha256(signature).hexdigest()
        return HTTPStatus.OK, {"round": number, "randomness": randomness, "signature": signature.hex()}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            timeout = 5  # a connection that says nothing

            def do_GET(self) -> None:
                status, told = answer(self.path)
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """A devnet's log is not the place for every look at a round."""

        return Handler


def _secret_of(seed: int) -> int:
    drawn = keccak256(b"a devnet's drand" + seed.to_bytes(32, "big", signed=True))
    return int.from_bytes(drawn, "big") % (ORDER - 1) + 1

"""A small in-process double of the Kubo RPC, honest unless told otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tensorgrid.storage.cid import cid_of_bytes

Misbehaviour = Callable[["_Handler", str, dict[str, str]], bool]
"""Given the handler, the command and its options; answers itself and returns True, or returns False to be honest."""


class KuboDouble:
    """Speaks add, cat and block/stat on a loopback port. `misbehave` may take over any answer."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.misbehave: Misbehaviour | None = None
        self.sent = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.double = self  # type: ignore[attr-defined]
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def multiaddr(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that tests break on purpose are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        double: KuboDouble = self.server.double  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        command = parts.path.removeprefix("/api/v0/")
        options = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.body()
        double.requests.append((command, options))
        if double.misbehave and double.misbehave(self, command, options):
            return
        if command == "add":
            self.add(double, body)
        elif command == "cat" and (data := double.blobs.get(options["arg"])) is not None:
            self.answer(200, data[: int(options.get("length", len(data)))])
        elif command == "block/stat" and options["arg"] in double.blobs:
            self.answer(200, json.dumps({"Key": options["arg"], "Size": len(double.blobs[options["arg"]])}).encode())
        else:
            self.error("block was not found locally (offline): ipld: could not find " + options.get("arg", ""))

    def add(self, double: KuboDouble, body: bytes) -> None:
        boundary = self.headers.get_boundary()
        assert boundary
        data = body.split(b"\r\n\r\n", 1)[1].rpartition(b"\r\n--" + boundary.encode() + b"--")[0]
        cid = str(cid_of_bytes(data))
        double.blobs[cid] = data
        self.answer(200, json.dumps({"Name": "blob", "Hash": cid, "Size": str(len(data))}).encode() + b"\n")

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def answer(self, status: int, data: bytes, *, claimed: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if claimed is None else claimed))
        self.end_headers()
        self.write(data)

    def error(self, message: str, status: int = 500) -> None:
        self.answer(status, json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode())

    def write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.server.double.sent += len(data)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass

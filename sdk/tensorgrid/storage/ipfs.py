"""IPFS over the Kubo RPC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tensorgrid.domain.encoding import parse_json
from tensorgrid.domain.errors import SpecInvalid, StorageError
from tensorgrid.storage.cid import Cid
from tensorgrid.storage.rpc import ADD_OPTIONS, SEARCH_MARGIN_SECONDS, SLOWEST_BYTES_PER_SECOND, Interrupted, RpcStore

_MAX_ANSWER = 64 * 1024
_CONNECT_SECONDS = 5.0
_STAT_SECONDS = 2


class IpfsStore(RpcStore):
    """A Kubo (or compatible) node by the URL of its RPC, e.g. "http://127.0.0.1:5001".

    timeout: seconds the node may be silent, and may look for a blob. Threads may share one store.
    """

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        """Raises StorageError for a malformed URL; connects when first used."""
        try:
            parsed = httpx.URL(url)
            self._client = httpx.Client(
                base_url=parsed.join("/api/v0/"),
                timeout=httpx.Timeout(timeout + SEARCH_MARGIN_SECONDS, connect=_CONNECT_SECONDS),
                # No connection outlives its answer: nothing to close, and a fork shares none.
                limits=httpx.Limits(max_keepalive_connections=0),
                # What is hashed is what was sent: no compression, and no proxy that a shell happens to name.
                headers={"Accept-Encoding": "identity"},
                trust_env=False,
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
            raise StorageError(f"not the URL of an IPFS RPC: {error}; use one like http://127.0.0.1:5001") from error
        if not parsed.host:
            raise StorageError(f"{url[:80]!r} names no host; use a URL like http://127.0.0.1:5001")
        self._timeout = timeout
        super().__init__(f"IPFS at {parsed.host}:{parsed.port or ''}".rstrip(":"))

    def _add(self, source: bytes | Path) -> str:
        with ExitStack() as stack:
            body = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
            files = {"file": ("blob", body, "application/octet-stream")}
            with self._answer("add", ADD_OPTIONS, files=files) as response:
                lines = _capped(response).splitlines()
        try:
            return str(parse_json(lines[-1], "the answer")["Hash"])
        except (SpecInvalid, LookupError, TypeError) as error:
            raise StorageError(f"{self._where} gave no CID for what was added; is it an IPFS RPC?") from error

    def _cat(self, cid: Cid, length: int) -> Iterator[bytes]:
        options = {"arg": str(cid), "length": str(length), "timeout": f"{max(1, round(self._timeout))}s"}
        with self._answer("cat", options, cid) as response:
            began, total = time.monotonic(), 0
            for piece in response.iter_raw():
                total += len(piece)
                if time.monotonic() - began > self._timeout + total / SLOWEST_BYTES_PER_SECOND:
                    raise StorageError(f"{self._where} sends {cid} too slowly; use another store")
                yield piece

    def _stat(self, cid: Cid) -> None:
        options = {"arg": str(cid), "offline": "true", "timeout": f"{_STAT_SECONDS}s"}
        with self._answer("block/stat", options, cid) as response:
            _capped(response)

    @contextmanager
    def _answer(
        self, command: str, options: dict[str, str], cid: Cid | None = None, files: Any = None
    ) -> Iterator[httpx.Response]:
        try:
            with self._client.stream("POST", command, params=options, files=files) as response:
                if response.status_code != httpx.codes.OK:
                    raise self.refused(_message(response), cid)
                yield response
        except httpx.HTTPError as error:
            # Only its kind is told: its words may hold the URL, and the URL a password.
            raise Interrupted(
                f"{self._where} does not answer ({type(error).__name__}); is the daemon running?"
            ) from None


def _capped(response: httpx.Response) -> bytes:
    answer = b""
    for piece in response.iter_raw():
        answer += piece
        if len(answer) > _MAX_ANSWER:
            raise StorageError("an IPFS RPC answered at absurd length; is it one?")
    return answer


def _message(response: httpx.Response) -> str:
    answer = _capped(response)
    try:
        return f"{response.status_code} {parse_json(answer, 'the answer')['Message']}"
    except (SpecInvalid, LookupError, TypeError):
        return f"{response.status_code} {answer.decode('utf-8', 'replace')}"

"""IPFS over the ipfshttpclient library, for those who use it already. IpfsStore does the same without it."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorgrid.domain.errors import StorageError, ToolMissing
from tensorgrid.storage.cid import CHUNK_BYTES, Cid
from tensorgrid.storage.rpc import ADD_OPTIONS, SEARCH_MARGIN_SECONDS, SLOWEST_BYTES_PER_SECOND, Interrupted, RpcStore


class IpfsHttpClientStore(RpcStore):
    """A node by its multiaddr, e.g. "/ip4/127.0.0.1/tcp/5001".

    The library's connect() refuses every daemon since 0.8, so the client is made without it.
    """

    def __init__(self, addr: str, *, timeout: float = 30.0) -> None:
        """timeout: as IpfsStore. Raises ToolMissing without the library, StorageError for a malformed address."""
        try:
            import ipfshttpclient
        except ImportError as error:
            raise ToolMissing(
                "pip install 'tensorgrid[ipfshttpclient]', or name the node by its http:// URL"
            ) from error
        self._errors = ipfshttpclient.exceptions
        try:
            self._client: Any = ipfshttpclient.Client(addr, timeout=timeout + SEARCH_MARGIN_SECONDS)
        except self._errors.AddressError as error:
            raise StorageError(f"{addr[:80]!r} is no multiaddr; use one like /ip4/127.0.0.1/tcp/5001") from error
        self._timeout = timeout
        super().__init__(f"IPFS at {addr[:80]}")

    def _add(self, source: bytes | Path) -> str:
        body = str(source) if isinstance(source, Path) else io.BytesIO(source)
        options = {name: ADD_OPTIONS[name] for name in ("cid-base", "progress")}
        with self._translated():
            try:
                answer = self._client.add(body, pin=True, raw_leaves=True, cid_version=1, opts=options)
                return str(answer["Hash"])
            except (LookupError, TypeError, AssertionError) as error:
                raise StorageError(f"{self._where} gave no CID for what was added; is it an IPFS RPC?") from error

    def _cat(self, cid: Cid, length: int) -> Iterator[bytes]:
        params = [("arg", str(cid)), ("length", str(length)), ("timeout", f"{max(1, round(self._timeout))}s")]
        with self._translated(cid):
            # cat() reads a whole answer into memory, however long a lying node makes it; this, one level below, not.
            closables, _ = self._client._client._request(  # noqa: SLF001
                "POST",
                "cat",
                params,
                auth=None,
                data=None,
                headers={"Accept-Encoding": "identity"},
                timeout=None,
                chunk_size=CHUNK_BYTES,
            )
            try:
                began, total = time.monotonic(), 0
                while piece := closables[0].raw.read1(CHUNK_BYTES, decode_content=False):
                    total += len(piece)
                    if time.monotonic() - began > self._timeout + total / SLOWEST_BYTES_PER_SECOND:
                        raise StorageError(f"{self._where} sends {cid} too slowly; use another store")
                    yield piece
            finally:
                for closable in closables:
                    closable.close()

    def _stat(self, cid: Cid) -> None:
        with self._translated(cid):
            self._client.block.stat(str(cid), opts={"offline": "true", "timeout": "2s"})

    @contextmanager
    def _translated(self, cid: Cid | None = None) -> Iterator[None]:
        import requests
        import urllib3

        try:
            yield
        except self._errors.StatusError as error:
            raise self.refused(str(error), cid) from error
        except (self._errors.Error, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Interrupted(
                f"{self._where} does not answer ({type(error).__name__}); is the daemon running?"
            ) from error

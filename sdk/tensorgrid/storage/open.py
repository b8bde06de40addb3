"""From a URL to a store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tensorgrid.domain.errors import StorageError
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.local import LocalStore


def open_store(url: str) -> BlobStore:
    """The store that a setting names.

    "file:///folder" or a path: LocalStore. "http://host:port" or https: a Kubo RPC, IpfsStore.
    "ipfshttpclient:/ip4/127.0.0.1/tcp/5001": the same over the ipfshttpclient package.
    Raises StorageError, ToolMissing.
    """
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        from tensorgrid.storage.ipfs import IpfsStore

        return IpfsStore(url)
    if parts.scheme == "ipfshttpclient":
        from tensorgrid.storage.ipfs_http_client import IpfsHttpClientStore

        return IpfsHttpClientStore(url.partition(":")[2])
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return LocalStore(Path(unquote(parts.path)))
    if "://" not in url and url:
        return LocalStore(Path(url).expanduser())
    raise StorageError(f"{url[:80]!r} names no store; use a folder, http://host:5001 or ipfshttpclient:/ip4/...")

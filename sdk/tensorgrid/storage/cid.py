"""CIDs of bytes, equal to those of `ipfs add --cid-version=1 --raw-leaves`: 256 KiB chunks, balanced tree of 174 links.

One chunk is a raw block; more become a dag-pb root over raw leaves. Bytes laid out in another way have other CIDs, and
are refused on reading: one meaning per blob.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tensorgrid.domain.cids import Cid, Codec

__all__ = ["CHUNK_BYTES", "FANOUT", "Cid", "CidBuilder", "Codec", "cid_of_bytes", "cid_of_file"]

CHUNK_BYTES = 262_144
FANOUT = 174
_UNIXFS_FILE = b"\x08\x02"


@dataclass(frozen=True, slots=True)
class _Node:
    cid: Cid
    dag_bytes: int
    file_bytes: int


class CidBuilder:
    """Fed a stream piece by piece; holds at most one chunk and 36 bytes or so per chunk."""

    def __init__(self) -> None:
        self._chunk = hashlib.sha256()
        self._chunk_bytes = 0
        self._leaves: list[_Node] = []
        self.total = 0

    def update(self, data: bytes | memoryview) -> None:
        view = memoryview(data).cast("B")
        self.total += len(view)
        while len(view):
            piece = view[: CHUNK_BYTES - self._chunk_bytes]
            # A full chunk is closed only when more follows, so that a whole number of chunks leaves no empty one.
            if not len(piece):
                self._close()
                continue
            self._chunk.update(piece)
            self._chunk_bytes += len(piece)
            view = view[len(piece) :]

    def finish(self) -> Cid:
        """The CID of all bytes so far; call once."""
        self._close()
        level = self._leaves
        while len(level) > 1:
            level = [_parent(level[i : i + FANOUT]) for i in range(0, len(level), FANOUT)]
        return level[0].cid

    def _close(self) -> None:
        size = self._chunk_bytes
        self._leaves.append(_Node(Cid("raw", self._chunk.digest()), size, size))
        self._chunk, self._chunk_bytes = hashlib.sha256(), 0


def cid_of_bytes(data: bytes | memoryview) -> Cid:
    builder = CidBuilder()
    builder.update(data)
    return builder.finish()


def cid_of_file(source: Path | BinaryIO) -> Cid:
    """Of a file, streamed. Raises OSError."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return cid_of_file(file)
    builder = CidBuilder()
    while piece := source.read(CHUNK_BYTES):
        builder.update(piece)
    return builder.finish()


def _parent(children: Sequence[_Node]) -> _Node:
    """A dag-pb node: its links, then the UnixFS header {type: file, filesize, blocksizes}."""
    links = b"".join(
        _field(0x12, _field(0x0A, bytes(c.cid)) + _field(0x12, b"") + b"\x18" + _varint(c.dag_bytes)) for c in children
    )
    size = sum(c.file_bytes for c in children)
    sizes = b"".join(b"\x20" + _varint(c.file_bytes) for c in children)
    block = links + _field(0x0A, _UNIXFS_FILE + b"\x18" + _varint(size) + sizes)
    cid = Cid("dag-pb", hashlib.sha256(block).digest())
    return _Node(cid, len(block) + sum(c.dag_bytes for c in children), size)


def _field(tag: int, data: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

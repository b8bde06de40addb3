"""Bytes on their way: checked against their CID, and written so that a file appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tensorgrid.domain.errors import BlobMismatch, BlobTooLarge, StorageError
from tensorgrid.storage.cid import CHUNK_BYTES, Cid, CidBuilder


def checked(pieces: Iterable[bytes], cid: Cid, max_bytes: int, where: str) -> Iterator[bytes]:
    """The same pieces; nothing may be used before the end, where BlobMismatch is raised for wrong ones.

    BlobTooLarge as soon as there are more than max_bytes, whatever size anybody claimed.
    """
    builder = CidBuilder()
    for piece in pieces:
        builder.update(piece)
        if builder.total > max_bytes:
            raise BlobTooLarge(f"{cid} has more than the {max_bytes} bytes allowed here")
        yield piece
    if builder.finish() != cid:
        raise BlobMismatch(f"{where} gave other bytes for {cid}; put the blob again, or use another store")


def save(pieces: Iterable[bytes], target: Path) -> int:
    """Write to `target`, which appears when all pieces are there and durable. Returns the size. Raises StorageError."""
    size = 0
    with storage_errors(f"cannot write {target}"), partial_file(target.parent) as (file, partial):
        for piece in pieces:
            size += file.write(piece)
        publish(file, partial, target)
    return size


def pieces_of(source: bytes | Path) -> Iterator[bytes]:
    """Of bytes or of a file, at most CHUNK_BYTES at a time from a file. Raises OSError."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece
    elif source:
        yield source


@contextmanager
def partial_file(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file in `folder`, gone at the end unless it was published."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".partial-")
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def publish(file: BinaryIO, partial: Path, target: Path) -> None:
    """Durable before visible: a reader, or a crash, meets the whole blob or none."""
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    partial.replace(target)
    with suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """OSError as StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{what}: {error.strerror or error}; check its path, permissions and free space") from error

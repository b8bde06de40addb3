"""A folder of blobs by CID: the embedded default, shared by any number of processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tensorgrid.domain.errors import BlobNotFound
from tensorgrid.storage.cid import Cid, CidBuilder
from tensorgrid.storage.stream import checked, partial_file, pieces_of, publish, save, storage_errors

_ABANDONED_SECONDS = 2 * 24 * 3600


class LocalStore:
    """Blobs under `root`/blobs/<two characters>/<cid>, written whole or not at all, checked on every read."""

    def __init__(self, root: Path) -> None:
        """Creates the folder. Raises StorageError."""
        self.root = Path(root)
        self._blobs, self._partial = self.root / "blobs", self.root / "partial"
        with storage_errors(f"cannot use {self.root} as a store"):
            self._blobs.mkdir(parents=True, exist_ok=True)
            self._partial.mkdir(exist_ok=True)
            self._sweep()

    def put(self, data: bytes | Path) -> Cid:
        """Store; idempotent, and heals a damaged copy. Raises StorageError."""
        builder = CidBuilder()
        with storage_errors(f"cannot write in {self.root}"), partial_file(self._partial) as (file, partial):
            for piece in pieces_of(data):
                builder.update(piece)
                file.write(piece)
            cid = builder.finish()
            target = self._path(cid)
            target.parent.mkdir(exist_ok=True)
            publish(file, partial, target)
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        """The verified bytes. Raises BlobNotFound, BlobMismatch, BlobTooLarge."""
        return b"".join(self._checked(cid, max_bytes))

    def fetch(self, cid: Cid, target: Path, *, max_bytes: int) -> int:
        """As `get`, streamed to `target`, which appears only when verified. Returns its size in bytes."""
        return save(self._checked(cid, max_bytes), target)

    def has(self, cid: Cid) -> bool:
        """Whether a copy is here; whether it is whole shows when it is read."""
        return self._path(cid).is_file()

    def _sweep(self) -> None:
        """Drop what writers left that were killed days ago."""
        for path in self._partial.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()

    def _checked(self, cid: Cid, max_bytes: int) -> Iterator[bytes]:
        return checked(self._pieces(cid), cid, max_bytes, str(self.root))

    def _pieces(self, cid: Cid) -> Iterator[bytes]:
        path = self._path(cid)
        with storage_errors(f"cannot read {path}"):
            try:
                yield from pieces_of(path)
            except FileNotFoundError:
                raise BlobNotFound(f"{cid} is not in {self.root}; was it put into another store?") from None

    def _path(self, cid: Cid) -> Path:
        # The last characters of a CID are evenly spread, the first are alike in all.
        name = str(cid)
        return self._blobs / name[-2:] / name

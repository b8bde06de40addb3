"""Unpacks a stranger's archive, zip or tar, with caps. For use INSIDE the sandbox, whose walls and sizes still hold.

    from tensorgrid_worker.runtime.unpack import Caps, unpack
    names = unpack("model.tar.gz", "/tmp/model", Caps(total_bytes=64 << 20))

Only plain files and folders are taken. What an archive says of itself (sizes, modes, owners, times) is not believed:
bytes are counted as they come.
"""

from __future__ import annotations

import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

_Given = TypeVar("_Given")
_Got = TypeVar("_Got")

CHUNK = 64 << 10
UNIX_MODE_SHIFT = 16
UNREADABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(UnicodeError, struct.error, OverflowError),  # what the libraries let through of damaged names and numbers
)


class ArchiveRefused(ValueError):
    """The archive breaks a rule. The message names the member and the rule, and says what would be taken."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Most that one archive may hold. `ratio`: bytes out for each byte in; `path_bytes`: length of one name."""

    members: int = 10_000
    total_bytes: int = 1 << 30
    ratio: int = 200
    path_bytes: int = 512
    depth: int = 32


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    is_folder: bool
    open: IO[bytes] | None


def unpack(archive: str | Path, folder: str | Path, caps: Caps = Caps()) -> list[str]:
    """Into `folder`, which must be new or empty; the names of the files, sorted. Raises ArchiveRefused, OSError.

    Stops at the first offence; what was written until then stays, in `folder` alone.
    """
    source, target = Path(archive), Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ArchiveRefused(f"{target} is not empty: unpack into a folder of its own")
    allowed = min(caps.total_bytes, caps.ratio * max(source.stat().st_size, 1))
    names: set[str] = set()
    try:
        with ExitStack() as stack:
            for count, member in enumerate(_members(source, stack), 1):
                if count > caps.members:
                    raise ArchiveRefused(f"more than {caps.members} members: pack fewer, larger files")
                path = target / _checked(member.name, caps)
                if member.is_folder or member.open is None:
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                if str(path) in names:
                    raise ArchiveRefused(f"{member.name!r} comes twice: give each file its own name")
                names.add(str(path))
                allowed -= _write(member, path, allowed)
    except UNREADABLE as error:
        raise ArchiveRefused(f"{source.name} cannot be read ({error}): pack it again as a plain zip or tar") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArchiveRefused(f"{error.filename} is a file and a folder: give each its own name") from error
    return sorted(str(Path(name).relative_to(target)) for name in names)


def _members(source: Path, stack: ExitStack) -> Iterator[_Member]:
    if zipfile.is_zipfile(source):
        yield from _zip_members(stack.enter_context(zipfile.ZipFile(source)))
        return
    # As a stream: a list of a million members is never held.
    opened = stack.enter_context(tarfile.open(source, "r|*"))  # noqa: SIM115 - the stack closes it
    for entry in opened:
        if not (entry.isreg() or entry.isdir()) or entry.issparse():
            raise ArchiveRefused(f"{entry.name!r} is a link, a device, a pipe or sparse: only plain files are taken")
        yield _Member(entry.name, entry.isdir(), opened.extractfile(entry) if entry.isreg() else None)


def _zip_members(opened: zipfile.ZipFile) -> Iterator[_Member]:
    for entry in opened.infolist():
        kind = stat.S_IFMT(entry.external_attr >> UNIX_MODE_SHIFT)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveRefused(f"{entry.filename!r} is a link, a device or a pipe: only plain files are taken")
        if entry.flag_bits & 1:
            raise ArchiveRefused(f"{entry.filename!r} is encrypted: seal the whole archive as an input instead")
        if entry.is_dir():
            yield _Member(entry.filename, True, None)
        else:
            yield _Member(entry.filename, False, _of_archive(opened.open, entry))


def _of_archive(read: Callable[[_Given], _Got], given: _Given) -> _Got:
    """What `read` gives. A damaged archive sends its reader to offsets that no file has: its fault, not the disk's."""
    try:
        return read(given)
    except (OSError, ValueError) as error:
        raise ArchiveRefused(f"it points outside itself ({error}): pack it again as a plain zip or tar") from error


def _checked(name: str, caps: Caps) -> PurePosixPath:
    path = PurePosixPath(name)
    if not name or len(os.fsencode(name)) > caps.path_bytes or len(path.parts) > caps.depth:
        raise ArchiveRefused(f"{name[:80]!r} is empty, too long or too deep: at most {caps.path_bytes} bytes")
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise ArchiveRefused(f"{name!r} leaves its folder: use relative names without ..")
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in name):
        raise ArchiveRefused(f"{name!r} holds control characters: use plain names")
    return path


def _write(member: _Member, path: Path, allowed: int) -> int:
    assert member.open is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    # A new file and no link followed, whatever an earlier member may have left there.
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    written = 0
    with os.fdopen(made, "wb") as file:
        while data := _of_archive(member.open.read, CHUNK):
            written += len(data)
            if written > allowed:
                raise ArchiveRefused(f"{member.name!r} grows beyond what the archive may hold: a bomb, or raise Caps")
            file.write(data)
    return written

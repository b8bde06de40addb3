"""An empty root for a container: places to mount on, and the host's own links. It holds no file with a byte in it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
PLACES = ("/usr", "/etc", "/tmp", "/dev", "/proc", "/sys", "/job/in", "/job/out", "/job/pipes")  # noqa: S108
FILES = ("/job/out/payload.safetensors", "/job/out/states")


def system_folders() -> list[Path]:
    """The host's folders that programs need, to be bound read-only."""
    real = [Path(text) for text in LINKS if Path(text).is_dir() and not Path(text).is_symlink()]
    return [Path("/usr"), *real, *(path for path in (Path("/etc/ld.so.cache"),) if path.is_file())]


def archive(folders: Sequence[Path]) -> bytes:
    """A tar for `podman import`, the same bytes for the same machine. `folders`: more places to mount on."""
    room = io.BytesIO()
    with tarfile.open(fileobj=room, mode="w") as made:
        places = {*PLACES, *(str(folder) for folder in folders if folder.is_dir())}
        for place in sorted(places | {str(up) for text in places for up in Path(text).parents if str(up) != "/"}):
            entry = tarfile.TarInfo(place.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if place == "/tmp" else 0o755  # noqa: S108
            made.addfile(entry)
        for text in (*FILES, *(str(path) for path in folders if path.is_file())):
            made.addfile(tarfile.TarInfo(text.lstrip("/")))
        for text in LINKS:
            if Path(text).is_symlink():
                entry = tarfile.TarInfo(text.lstrip("/"))
                entry.type, entry.linkname = tarfile.SYMTYPE, str(Path(text).readlink())
                made.addfile(entry)
    return room.getvalue()


def name_of(folders: Sequence[Path]) -> str:
    """The image's name: another machine layout, another name."""
    return f"tensorgrid-rootfs:{hashlib.sha256(archive(folders)).hexdigest()[:16]}"

"""A stranger's archive: plain files in one folder, or refused with the member and the rule. A hostile corpus."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.worker.conftest import RunCode

from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import json_of_payload
from tensorgrid_worker.runtime.unpack import ArchiveRefused, Caps, unpack
from tensorgrid_worker.sandbox.base import Sandbox

CAPS = Caps(members=20, total_bytes=1 << 20, ratio=100, path_bytes=64, depth=6)


def tar(*entries: tuple[str, bytes | tuple[bytes, str]], mode: str = "w") -> bytes:
    """(name, content), or (name, (type, link target))."""
    room = io.BytesIO()
    with tarfile.open(fileobj=room, mode=mode) as made:  # type: ignore[call-overload]
        for name, what in entries:
            entry = tarfile.TarInfo(name)
            if isinstance(what, bytes):
                entry.size = len(what)
                made.addfile(entry, io.BytesIO(what))
            else:
                entry.type, entry.linkname = what
                made.addfile(entry)
    return room.getvalue()


def zipped(*entries: tuple[str, bytes], kind: int = 0) -> bytes:
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (kind | 0o644) << 16
            made.writestr(entry, content)
    return room.getvalue()


def lying_zip() -> bytes:
    """Its directory says that the file has ten bytes."""
    data = bytearray(zipped(("a", bytes(4 << 20))))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(data)


def encrypted_zip() -> bytes:
    data = bytearray(zipped(("a", b"x")))
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


BIG = bytes(4 << 20)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "tar-parent": lambda: tar(("../out", b"x")),
    "tar-deep-parent": lambda: tar(("a/b/../../../out", b"x")),
    "tar-absolute": lambda: tar(("/out", b"x")),
    "tar-symlink": lambda: tar(("a", (tarfile.SYMTYPE, "/etc"))),
    "tar-symlink-then-file": lambda: tar(("a", (tarfile.SYMTYPE, "..")), ("a/out", b"x")),
    "tar-hardlink": lambda: tar(("a", (tarfile.LNKTYPE, "/etc/passwd"))),
    "tar-device": lambda: tar(("a", (tarfile.CHRTYPE, ""))),
    "tar-pipe": lambda: tar(("a", (tarfile.FIFOTYPE, ""))),
    "tar-bomb": lambda: tar(("a", BIG), mode="w:gz"),
    "tar-total": lambda: tar(("a", os.urandom(2 << 20))),
    "tar-members": lambda: tar(*((f"f{i}", b"") for i in range(21))),
    "tar-twice": lambda: tar(("a", b"x"), ("a", b"y")),
    "tar-file-as-folder": lambda: tar(("a", b"x"), ("a/b", b"y")),
    "tar-long-name": lambda: tar(("a" * 65, b"x")),
    "tar-too-deep": lambda: tar(("a/" * 7 + "b", b"x")),
    "tar-newline-in-name": lambda: tar(("a\nb", b"x")),
    "tar-cut-off": lambda: tar(("a", os.urandom(5000)))[:2048],
    "zip-parent": lambda: zipped(("../out", b"x")),
    "zip-absolute": lambda: zipped(("/out", b"x")),
    "zip-backslash": lambda: zipped(("..\\out", b"x")),
    "zip-drive": lambda: zipped(("C:out", b"x")),
    "zip-symlink": lambda: zipped(("a", b"/etc"), kind=stat.S_IFLNK),
    "zip-device": lambda: zipped(("a", b""), kind=stat.S_IFCHR),
    "zip-bomb": lambda: zipped(("a", BIG)),
    "zip-lies-of-its-size": lying_zip,
    "zip-members": lambda: zipped(*((f"f{i}", b"") for i in range(21))),
    "zip-encrypted": encrypted_zip,
    "zip-bad-sum": lambda: zipped(("a", b"hello hello")).replace(b"\x00a\xcb", b"\x00b\xcb")[:-30],
    "not-an-archive": lambda: b"hello",
    "empty": lambda: b"",
}


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("name", HOSTILE)
def test_attack_archive__refused_and_nothing_outside(name: str, tmp_path: Path) -> None:
    archive, target = tmp_path / "archive", tmp_path / "deep" / "target"
    archive.write_bytes(HOSTILE[name]())
    with pytest.raises(ArchiveRefused, match=":"):
        unpack(archive, target, CAPS)
    outside = {path for path in files_under(tmp_path) if not path.startswith("deep/target/")}
    assert outside == {"archive"}
    assert all(
        path.lstat().st_mode & stat.S_IFMT(0o177777) in (stat.S_IFREG, stat.S_IFDIR) for path in target.rglob("*")
    )
    assert sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) <= CAPS.total_bytes


@pytest.mark.parametrize(
    "data",
    [tar(("a/b", b"one"), ("c", b"two"), mode="w:gz"), zipped(("a/b", b"one"), ("c", b"two"))],
    ids=["tar.gz", "zip"],
)
def test_archive__plain__unpacked_with_modes_of_ours(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(data)
    assert unpack(tmp_path / "archive", tmp_path / "target", CAPS) == ["a/b", "c"]
    assert (tmp_path / "target" / "a" / "b").read_bytes() == b"one"
    assert (tmp_path / "target" / "c").stat().st_mode & 0o777 == 0o600


def test_archive__into_a_folder_with_something_in_it__refused(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(tar(("a", b"x")))
    with pytest.raises(ArchiveRefused, match="of its own"):
        unpack(tmp_path / "archive", tmp_path, CAPS)


def test_archive__directory_that_points_before_the_file__refused(tmp_path: Path) -> None:
    # Byte 185 is the high byte of where the directory is said to begin: as found by the test below.
    damaged = bytearray(zipped(("a", b"x" * 600), ("b", b"y")))
    offset = damaged.rindex(b"PK\x05\x06") + 16
    damaged[offset + 3] = 0x7F
    (tmp_path / "archive").write_bytes(damaged)
    with pytest.raises(ArchiveRefused):
        unpack(tmp_path / "archive", tmp_path / "target", CAPS)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_archive__bytes_flipped__refused_or_taken_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    base = bytearray(data.draw(st.sampled_from([tar(("a", b"x" * 600)), zipped(("a", b"x" * 600), ("b", b"y"))])))
    for _ in range(data.draw(st.integers(1, 8))):
        base[data.draw(st.integers(0, len(base) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("flipped")
    (folder / "archive").write_bytes(base)
    try:
        unpack(folder / "archive", folder / "target", CAPS)
    except ArchiveRefused:
        pass
    assert {path for path in files_under(folder) if not path.startswith("target/")} == {"archive"}


def test_archive__unpacked_by_a_job__inside(sandbox: Sandbox, run_code: RunCode) -> None:
    run = run_code(
        sandbox,
        """
        import io, os, tarfile, tempfile
        from tensorgrid_worker.runtime.unpack import ArchiveRefused, unpack
        def job():
            folder = tempfile.mkdtemp()
            with tarfile.open(folder + "/a.tar", "w") as made:
                made.addfile(tarfile.TarInfo("../walked"))
            try:
                unpack(folder + "/a.tar", folder + "/out")
            except ArchiveRefused as error:
                return {"said": str(error), "walked": os.path.exists(folder + "/walked")}
        """,
    )
    assert run.exit is ExitClass.OK and run.payload is not None, run.log.decode()
    said = json_of_payload(run.payload)
    assert "leaves its folder" in said["said"] and not said["walked"]

"""Strangers' bytes: valid things with a few bits, fields or numbers turned, and things that never were valid."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(
    [
        "../up",
        "/etc/passwd",
        "a/../../b",
        "a\0b",
        "a\nb",
        "",
        ".",
        "..",
        "x" * 600,
        "C:\\x",
        "a/b",
        "a",
        "a/",
        "é\u202e",
    ]
)
"""What a stranger may call a file."""
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=40),
    NAMES,
    st.sampled_from(["0x" + "f" * 64, "0x", "0xzz", "-0x1", "bafkrei" + "a" * 52, "\ud800", "1e999"]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12) | NAMES, inner, max_size=4),
    max_leaves=12,
)


def _text(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def turned(draw: st.DrawFn, valid: bytes) -> bytes:
    """`valid` with bits flipped, cut, repeated or grown."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 3)):
            case 0 if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at : at + draw(st.integers(1, 40))]
            case 2:
                data[at:at] = draw(st.binary(max_size=20))
            case _:
                data[at:at] = data[at : at + 30]
    return bytes(data)


@st.composite
def other_fields(draw: st.DrawFn, valid: bytes) -> bytes:
    """A JSON object with one value of it, at any depth, replaced, taken out or joined by another."""
    root = json.loads(valid)
    place, key = root, draw(st.sampled_from(sorted(root)))
    while isinstance(place[key], dict) and place[key] and draw(st.booleans()):
        place = place[key]
        key = draw(st.sampled_from(sorted(place)))
    match draw(st.integers(0, 2)):
        case 0:
            place[key] = draw(JSON)
        case 1:
            del place[key]
        case _:
            place[draw(st.text(max_size=10) | NAMES)] = draw(JSON)
    return _text(root)


def documents(valid: bytes) -> st.SearchStrategy[bytes]:
    """Instead of a JSON document."""
    return st.one_of(other_fields(valid), other_fields(valid), turned(valid), JSON.map(_text), st.binary(max_size=200))


def _file_of(header: Any, body: bytes, claims: int | None) -> bytes:
    text = _text(header)
    return (len(text) if claims is None else claims).to_bytes(8, "little") + text + body


@st.composite
def tensors(draw: st.DrawFn, valid: bytes) -> bytes:
    """Instead of a safetensors file: turned bytes, or a header that lies about sizes, shapes, dtypes, places."""
    if draw(st.booleans()):
        return draw(turned(valid))
    number = st.one_of(st.integers(-2, 40), st.sampled_from([2**31, 2**63, 2**64, -1]))
    entry = st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "F64", "BOOL", "U8", "I64", "F8_E5M2", "X", ""]) | JSON,
            "shape": st.lists(number, max_size=5) | JSON,
            "data_offsets": st.lists(number, max_size=3) | JSON,
        }
    )
    header = draw(st.dictionaries(st.sampled_from(["value", "", "__metadata__", "a", "é"]), entry | JSON, max_size=4))
    claims = draw(st.none() | st.sampled_from([0, 1, 7, 2**20, 2**40, 2**63, 2**64 - 1]))
    return _file_of(header, draw(st.binary(max_size=64)), claims)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """zip and tar files with names, kinds and sizes that no honest one has; some of them turned on top."""
    out = io.BytesIO()
    members = draw(st.lists(st.tuples(NAMES, st.binary(max_size=50)), max_size=4))
    if draw(st.booleans()):
        with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
            warnings.simplefilter("ignore")  # zipfile warns of two members of one name, which is what we want
            for name, data in members:
                info = zipfile.ZipInfo(name or "x")
                info.external_attr = draw(st.sampled_from([0, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])) << 16
                zipped.writestr(info, data)
    else:
        with tarfile.open(fileobj=out, mode=draw(st.sampled_from(["w", "w:gz"]))) as tarred:
            for name, data in members:
                entry = tarfile.TarInfo(name or "x")
                kinds = [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
                entry.type, entry.linkname = draw(st.sampled_from(kinds)), draw(NAMES)
                entry.size = len(data) if entry.type == tarfile.REGTYPE else 0
                tarred.addfile(entry, io.BytesIO(data))
    whole = out.getvalue()
    return draw(turned(whole)) if draw(st.booleans()) else whole


OUTPUTS = ("bytes", "symlink", "pipe", "folder", "second name", "sparse", "empty", "nothing", "socket")


def leave_output(kind: str, path: Path, data: bytes, outside: Path) -> None:
    """What a job may leave where its payload is looked for."""
    match kind:
        case "bytes":
            path.write_bytes(data)
        case "symlink":
            path.symlink_to(outside)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "second name":
            os.link(outside, path)
        case "sparse":
            with path.open("wb") as file:
                file.truncate(1 << 40)
        case "empty":
            path.touch()
        case "socket":
            os.mknod(path, stat.S_IFSOCK | 0o600)

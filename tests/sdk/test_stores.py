"""One conformance test for every store; then what hostile nodes, disks and sizes may not do."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.sdk.kubo_double import KuboDouble

from tensorgrid.domain.errors import BlobMismatch, BlobNotFound, BlobTooLarge, StorageError, ToolMissing
from tensorgrid.storage import rpc
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.cid import CHUNK_BYTES, FANOUT, Cid, cid_of_bytes
from tensorgrid.storage.ipfs import IpfsStore
from tensorgrid.storage.ipfs_http_client import IpfsHttpClientStore
from tensorgrid.storage.local import LocalStore
from tensorgrid.storage.open import open_store

# ipfshttpclient hands urllib3 an argument that it no longer wants.
pytestmark = pytest.mark.filterwarnings("ignore:The 'strict' parameter:FutureWarning")

SIZES = [0, 1, 13, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3_000_000]
LARGE = [45_600_000, FANOUT * CHUNK_BYTES, FANOUT * CHUNK_BYTES + 1]
ENOUGH = 1 << 30


def blob(size: int) -> bytes:
    return hashlib.shake_128(b"tensorgrid").digest(size)


@pytest.fixture
def double() -> Iterator[KuboDouble]:
    with KuboDouble() as running:
        yield running


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_PAUSES", (0.0, 0.0))


def real_url() -> str:
    url = os.environ.get("TENSORGRID_TEST_IPFS_URL")
    if not url:
        pytest.skip("TENSORGRID_TEST_IPFS_URL names no daemon; run `make test-ipfs`")
    return url


def real_multiaddr() -> str:
    parts = urlsplit(real_url())
    return f"/ip4/{parts.hostname}/tcp/{parts.port}"


@pytest.fixture(
    params=[
        "local",
        "ipfs",
        "ipfshttpclient",
        pytest.param("real-ipfs", marks=pytest.mark.ipfs),
        pytest.param("real-ipfshttpclient", marks=pytest.mark.ipfs),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    makers: dict[str, Callable[[], BlobStore]] = {
        "local": lambda: LocalStore(tmp_path / "store"),
        "ipfs": lambda: IpfsStore(request.getfixturevalue("double").url),
        "ipfshttpclient": lambda: IpfsHttpClientStore(request.getfixturevalue("double").multiaddr),
        "real-ipfs": lambda: IpfsStore(real_url(), timeout=2),
        "real-ipfshttpclient": lambda: IpfsHttpClientStore(real_multiaddr(), timeout=2),
    }
    return makers[request.param]()


class TestConformance:
    def test_speaks_the_protocol(self, store: BlobStore) -> None:
        assert isinstance(store, BlobStore)

    @pytest.mark.parametrize("size", SIZES)
    def test_what_is_put_comes_back_under_its_cid(self, store: BlobStore, size: int) -> None:
        cid = store.put(blob(size))
        assert cid == cid_of_bytes(blob(size))
        assert store.put(blob(size)) == cid
        assert store.has(cid)
        assert store.get(cid, max_bytes=size) == blob(size)

    @pytest.mark.parametrize("size", [0, CHUNK_BYTES, 3_000_000])
    def test_a_file_travels_as_its_bytes_do(self, store: BlobStore, size: int, tmp_path: Path) -> None:
        (tmp_path / "source").write_bytes(blob(size))
        cid = store.put(tmp_path / "source")
        assert cid == cid_of_bytes(blob(size))
        assert store.fetch(cid, tmp_path / "target", max_bytes=size) == size
        assert (tmp_path / "target").read_bytes() == blob(size)

    def test_absent__not_found(self, store: BlobStore, tmp_path: Path) -> None:
        cid = cid_of_bytes(b"never stored anywhere")
        assert not store.has(cid)
        with pytest.raises(BlobNotFound, match=str(cid)):
            store.get(cid, max_bytes=ENOUGH)
        with pytest.raises(BlobNotFound):
            store.fetch(cid, tmp_path / "target", max_bytes=ENOUGH)
        assert not list(tmp_path.glob("target*"))

    @pytest.mark.parametrize("size", [14, 3_000_000])
    def test_larger_than_allowed__refused_and_no_file(self, store: BlobStore, size: int, tmp_path: Path) -> None:
        cid = store.put(blob(size))
        with pytest.raises(BlobTooLarge, match=str(size - 1)):
            store.get(cid, max_bytes=size - 1)
        with pytest.raises(BlobTooLarge):
            store.fetch(cid, tmp_path / "target", max_bytes=size - 1)
        assert [path.name for path in tmp_path.iterdir() if path.name != "store"] == []

    def test_a_missing_source_is_a_storage_error(self, store: BlobStore, tmp_path: Path) -> None:
        with pytest.raises(StorageError):
            store.put(tmp_path / "absent")


@pytest.mark.ipfs
@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("kind", ["ipfs", "ipfshttpclient"])
def test_more_than_one_node_of_links__same_cid_as_a_real_daemon(kind: str, size: int, tmp_path: Path) -> None:
    store = IpfsStore(real_url()) if kind == "ipfs" else IpfsHttpClientStore(real_multiaddr())
    (tmp_path / "source").write_bytes(blob(size))
    cid = store.put(tmp_path / "source")
    assert store.fetch(cid, tmp_path / "target", max_bytes=size) == size


class TestLocal:
    def test_damaged_copy__mismatch_then_healed_by_putting(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        cid = store.put(blob(300_000))
        (path,) = (tmp_path / "blobs").rglob("baf*")
        damaged = bytearray(path.read_bytes())
        damaged[299_999] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(BlobMismatch, match="put the blob again"):
            store.get(cid, max_bytes=ENOUGH)
        with pytest.raises(BlobMismatch):
            store.fetch(cid, tmp_path / "target", max_bytes=ENOUGH)
        assert not (tmp_path / "target").exists()
        store.put(blob(300_000))
        assert store.get(cid, max_bytes=ENOUGH) == blob(300_000)

    def test_failed_writes_leave_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = LocalStore(tmp_path)

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StorageError, match="No space left"):
                store.put(b"data")
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_what_killed_writers_left_is_swept_after_days(self, tmp_path: Path) -> None:
        LocalStore(tmp_path)
        old, new = tmp_path / "partial" / ".partial-old", tmp_path / "partial" / ".partial-new"
        old.touch()
        new.touch()
        os.utime(old, (0, 0))
        LocalStore(tmp_path)
        assert (old.exists(), new.exists()) == (False, True)

    def test_unusable_root__storage_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StorageError, match="cannot use"):
            LocalStore(tmp_path / "file")

    def test_many_processes_write_the_same_blobs(self, tmp_path: Path) -> None:
        writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)]) for _ in range(4)]
        assert [writer.wait(60) for writer in writers] == [0] * 4
        store = LocalStore(tmp_path)
        assert all(store.get(cid_of_bytes(blob(n)), max_bytes=n) == blob(n) for n in range(1, 40))
        assert list((tmp_path / "partial").iterdir()) == []


_WRITER = """
import hashlib, pathlib, sys
from tensorgrid.storage.local import LocalStore
store = LocalStore(pathlib.Path(sys.argv[1]))
for size in range(1, 40):
    data = hashlib.shake_128(b"tensorgrid").digest(size)
    assert store.get(store.put(data), max_bytes=size) == data
"""


@pytest.fixture(params=["ipfs", "ipfshttpclient"])
def remote(request: pytest.FixtureRequest, double: KuboDouble, brisk: None) -> BlobStore:
    return (
        IpfsStore(double.url, timeout=1)
        if request.param == "ipfs"
        else IpfsHttpClientStore(double.multiaddr, timeout=1)
    )


class TestHostileNode:
    def test_attack_one_flipped_bit(self, remote: BlobStore, double: KuboDouble, tmp_path: Path) -> None:
        cid = remote.put(blob(300_000))
        data = bytearray(blob(300_000))
        data[123_456] ^= 4
        double.blobs[str(cid)] = bytes(data)
        with pytest.raises(BlobMismatch, match=str(cid)):
            remote.get(cid, max_bytes=ENOUGH)
        with pytest.raises(BlobMismatch):
            remote.fetch(cid, tmp_path / "target", max_bytes=ENOUGH)
        assert list(tmp_path.iterdir()) == []

    def test_attack_endless_answer(self, remote: BlobStore, double: KuboDouble) -> None:
        def endless(handler, command, options):
            handler.send_response(200)
            handler.send_header("Content-Length", str(10 << 30))
            handler.end_headers()
            try:
                for _ in range(1000):
                    handler.write(bytes(1 << 20))
            except OSError:
                pass
            return True

        double.misbehave = endless
        with pytest.raises(BlobTooLarge):
            remote.get(cid_of_bytes(b"x"), max_bytes=1000)
        # What the sockets' buffers hold was sent; the rest of the ten gigabytes was not waited for.
        assert double.sent < 64 << 20

    def test_attack_compressed_answer(self, remote: BlobStore, double: KuboDouble) -> None:
        import gzip

        bomb = gzip.compress(bytes(50_000_000))

        def compressed(handler, command, options):
            handler.send_response(200)
            handler.send_header("Content-Encoding", "gzip")
            handler.send_header("Content-Length", str(len(bomb)))
            handler.end_headers()
            handler.write(bomb)
            return True

        double.misbehave = compressed
        with pytest.raises((BlobTooLarge, BlobMismatch)):
            remote.get(cid_of_bytes(b"x"), max_bytes=200_000)

    def test_attack_drip(self, remote: BlobStore, double: KuboDouble) -> None:
        def drip(handler, command, options):
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            try:
                for _ in range(200):
                    handler.write(b"x" * 10)
                    time.sleep(0.05)
            except OSError:
                pass
            return True

        double.misbehave = drip
        began = time.monotonic()
        with pytest.raises(StorageError):
            remote.get(cid_of_bytes(b"x"), max_bytes=200_000)
        assert time.monotonic() - began < 8

    def test_states_another_cid__mismatch(self, remote: BlobStore, double: KuboDouble) -> None:
        def lie(handler, command, options):
            handler.answer(200, b'{"Name":"blob","Hash":"%s"}\n' % str(cid_of_bytes(b"other")).encode())
            return True

        double.misbehave = lie
        with pytest.raises(BlobMismatch, match="256 KiB chunks"):
            remote.put(b"this")

    @pytest.mark.parametrize(
        "answer",
        [b"", b"null", b"[]", b'{"Name":1}', b"[" * 50_000, b'"\xff"', b"x" * 100_000],
        ids=["empty", "null", "list", "no-hash", "deep", "not-utf8", "long"],
    )
    def test_nonsense_instead_of_a_cid__storage_error(
        self, remote: BlobStore, double: KuboDouble, answer: bytes
    ) -> None:
        def nonsense(handler, command, options):
            handler.answer(200, answer)
            return True

        double.misbehave = nonsense
        with pytest.raises(StorageError):
            remote.put(b"this")

    def test_a_broken_connection_is_tried_again(self, remote: BlobStore, double: KuboDouble) -> None:
        cid = remote.put(blob(400_000))
        left = [2]

        def breaks(handler, command, options):
            if left[0] == 0:
                return False
            left[0] -= 1
            handler.answer(200, blob(400_000)[:1000], claimed=400_000)
            handler.close_connection = True
            handler.wfile.flush()
            handler.connection.close()
            return True

        double.misbehave = breaks
        assert remote.get(cid, max_bytes=ENOUGH) == blob(400_000)
        assert left == [0]

    def test_words_of_a_node_cannot_steer_a_terminal(self, remote: BlobStore, double: KuboDouble) -> None:
        def shout(handler, command, options):
            handler.error("\x1b[2Jdisk on fire" + "!" * 5000)
            return True

        double.misbehave = shout
        with pytest.raises(StorageError, match="disk on fire") as caught:
            remote.get(cid_of_bytes(b"x"), max_bytes=10)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500

    def test_node_down__a_sentence(self, remote: BlobStore, double: KuboDouble) -> None:
        double.__exit__()
        with pytest.raises(StorageError, match="is the daemon running"):
            remote.put(b"data")
        with pytest.raises(StorageError, match="is the daemon running"):
            remote.has(cid_of_bytes(b"data"))


def test_adds_with_the_options_that_make_our_cids(double: KuboDouble) -> None:
    IpfsStore(double.url).put(b"data")
    IpfsHttpClientStore(double.multiaddr).put(b"data")
    wanted = {"cid-version": "1", "raw-leaves": "true", "pin": "true", "cid-base": "base32"}
    for _, options in double.requests:
        assert wanted.items() <= {name: value.lower() for name, value in options.items()}.items()
    assert len(double.requests) == 2


def test_a_password_in_the_url_stays_out_of_messages(brisk: None) -> None:
    store = IpfsStore("http://user:hunter2@127.0.0.1:9", timeout=1)
    with pytest.raises(StorageError) as caught:
        store.get(Cid.of_digest(bytes(32)), max_bytes=1)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


class TestOpenStore:
    def test_by_url(self, tmp_path: Path, double: KuboDouble) -> None:
        assert isinstance(open_store(str(tmp_path / "a b")), LocalStore)
        assert (tmp_path / "a b").is_dir()
        assert open_store(f"file://{tmp_path}/a%20b").root == tmp_path / "a b"
        assert isinstance(open_store(double.url), IpfsStore)
        assert isinstance(open_store("ipfshttpclient:" + double.multiaddr), IpfsHttpClientStore)

    @pytest.mark.parametrize(
        "url", ["", "ftp://host/x", "file://elsewhere/x", "http://", "http://h:port", "ipfshttpclient:no"]
    )
    def test_names_no_store(self, url: str) -> None:
        with pytest.raises(StorageError):
            open_store(url)

    def test_without_the_library__says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "ipfshttpclient", None)
        with pytest.raises(ToolMissing, match=r"tensorgrid\[ipfshttpclient\]"):
            open_store("ipfshttpclient:/ip4/127.0.0.1/tcp/5001")

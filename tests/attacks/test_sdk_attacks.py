"""Attacks on the SDK off the chain: by workers, through what they publish, and by the node."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyrage
import pytest
from tests.worker.conftest import MIB, READER
from tests.worker.jobs import JOB, ME, STRANGER, make_terms

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.arrays import Kind, result_of
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.errors import ChainError, NodeRefused, ResultRejected, Unreachable
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.receipts import ProgressBlob, Receipt
from tensorgrid.privacy import open_sealed, seal
from tensorgrid.runs.points import PATIENCE, Points
from tensorgrid.runs.story import Story
from tensorgrid.runs.trail import postings
from tensorgrid.storage.local import LocalStore

SURROGATE = b'{"\\ud800":1}'  # JSON that Python parses and no UTF-8 can say


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


# ----------------------------------------------------------------------------------------------------- another's worker


def test_worker_seals_to_thousands__refused_at_once() -> None:
    """The library's time grows with the square of the recipients: these 150 KB would take it 20 s."""
    others = [pyrage.x25519.Identity.generate().to_public() for _ in range(1500)]
    bomb = pyrage.encrypt(b"x", others)
    began = time.monotonic()
    for data in (bomb, pyrage.encrypt(b"x", others[:25]), b"", b"-----BEGIN AGE ENCRYPTED FILE-----\n" + bomb):
        with pytest.raises(ResultRejected, match="recipients"):
            open_sealed(data, READER)
    assert time.monotonic() - began < 1
    all_allowed = [READER.recipient, *(str(other) for other in others[:15])]
    assert open_sealed(seal(b"mine", all_allowed), READER) == b"mine"


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("shape", [(0, 2**62), (0, 2**62, 2**62), (0,) * 64, (1,) * 64])
def test_worker_returns_absurd_shapes__typed_error_or_value(kind: Kind, shape: tuple[int, ...]) -> None:
    pytest.importorskip(kind)
    data = pack_payload({"x": ("U8", shape, b"" if 0 in shape else b"\0")})
    try:
        value = result_of(data, kind)["x"]
    except ResultRejected:
        return
    assert tuple(value.shape) == shape


def test_worker_spells_what_utf8_cannot__typed_error() -> None:
    """An agreeing worker's receipt is his own: it must not keep the others' copies from being read."""
    for parse in (Receipt.from_bytes, ProgressBlob.from_bytes):
        with pytest.raises(ResultRejected):
            parse(SURROGATE)


def test_worker_floods_progress_that_is_not_there__others_are_still_read(store: LocalStore) -> None:
    asked: Counter[bytes] = Counter()

    class Slow(LocalStore):
        def get(self, cid: Cid, *, max_bytes: int) -> bytes:
            asked[cid.digest] += 1  # each of these is half a minute on a network
            return super().get(cid, max_bytes=max_bytes)

    honest = ProgressBlob(JOB, ME, 0, ({"loss": 1.5},), 1)
    digest = store.put(seal(honest.to_bytes(), [READER.recipient])).digest
    flood = [(STRANGER, number.to_bytes(32, "big")) for number in range(1, 500)]
    story = Story(make_terms(), 1, 1, progress=[*flood, (ME, digest)])
    points = Points(JOB, Slow(store.root), READER)
    assert points.fresh(story) == [{"loss": 1.5}]
    assert sum(asked.values()) <= PATIENCE + 2
    assert points.fresh(story) == []
    assert sum(asked.values()) <= PATIENCE + 4


def test_worker_floods_the_log_of_events__asked_in_smaller_pieces() -> None:
    """Nodes refuse more than some thousand events at once; progress announcements cost their sender alone."""
    asked: list[tuple[int, int]] = []

    class Node:
        shown_url = "node"

        def latest(self) -> Any:
            return SimpleNamespace(number=6000)

        def rpc(self, method: str, question: Any) -> list[Any]:
            first, last = int(question["fromBlock"], 16), int(question["toBlock"], 16)
            if first <= 700 <= last and last - first > 10:
                raise NodeRefused("query returned more than 10000 results")
            asked.append((first, last))
            return []

    address = SimpleNamespace(address="0x" + "11" * 20)
    events = {b"t": SimpleNamespace(name="JobPosted", hash=b"t" * 32)}
    contracts = SimpleNamespace(
        deployment=SimpleNamespace(start_block=0, contracts={"JobBoard": address}),
        board=SimpleNamespace(interface=SimpleNamespace(events=events)),
    )
    assert list(postings(cast("Connection", Node()), cast("Contracts", contracts))) == []
    assert [block for first, last in asked for block in range(first, last + 1)] == list(range(6001))


# ------------------------------------------------------------------------------------------------------------- the node

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@pytest.fixture
def node() -> Iterator[Callable[[Answer], Connection]]:
    """node(answer): a connection to a node whose every answer but the chain id is `answer`."""
    servers = []

    def start(answer: Answer) -> Connection:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    if question["method"] == "eth_chainId":
                        send(self, b'{"jsonrpc":"2.0","id":1,"result":"0x1"}')
                    else:
                        answer(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return Connection(f"http://127.0.0.1:{server.server_address[1]}", timeout=0.5)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(handler: http.server.BaseHTTPRequestHandler, body: bytes, **headers: str) -> None:
    handler.send_response(200)
    for name, value in ({"Content_Length": str(len(body))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def test_node_sends_a_byte_now_and_then__given_up(node: Callable[[Answer], Connection]) -> None:
    def dribble(handler: http.server.BaseHTTPRequestHandler) -> None:
        send(handler, b"{", Content_Length="100000")
        for _ in range(50):
            handler.wfile.write(b" ")
            time.sleep(0.2)

    connection = node(dribble)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        connection.latest()
    assert time.monotonic() - began < 5


def test_node_sends_a_compressed_bomb__stopped_at_the_cap(
    node: Callable[[Answer], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tensorgrid.chain.connection._MAX_REPLY", 4 * MIB)
    bomb = gzip.compress(b" " * (64 * MIB), 1)
    with pytest.raises(NodeRefused, match="4 MiB"):
        node(lambda handler: send(handler, bomb, Content_Encoding="gzip")).latest()


@pytest.mark.parametrize("name", ["number", "timestamp", "baseFeePerGas"])
def test_node_counts_absurdly__refused_before_it_overflows(node: Callable[[Answer], Connection], name: str) -> None:
    """SQLite, signing and clocks take 64 bits; the daemon must not die of a lie."""
    block = {"number": "0x1", "timestamp": "0x1", "hash": "0x" + "11" * 32, "parentHash": "0x" + "22" * 32}
    lie = json.dumps({"jsonrpc": "2.0", "id": 1, "result": block | {name: "0x" + "f" * 64}}).encode()
    with pytest.raises(ChainError, match="absurd"):
        node(lambda handler: send(handler, lie)).latest()


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"jsonrpc":"2.0","id":1,"error":{"code":' + b"9" * 6000 + b"}}", b'{"error":[[["x"]]]}', b""],
    ids=["deep", "long number", "no object", "empty"],
)
def test_node_sends_malformed_json__typed_error(node: Callable[[Answer], Connection], body: bytes) -> None:
    with pytest.raises(ChainError):
        node(lambda handler: send(handler, body)).latest()

"""drand's rounds over HTTP, from relays that may be slow, silent or hostile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tensorgrid.chain.relays import Relays, storing
from tensorgrid.domain.errors import RoundNotPublished, SpecInvalid
from tensorgrid.domain.refusals import RoundNotDue, SignatureForged

ROUND = 7
GOOD, FORGED = b"\1" * 64, b"\2" * 64
VALUE = b"\3" * 32
Answer = Callable[[BaseHTTPRequestHandler], None]


class Beacon:
    """Believes GOOD alone."""

    by_block = False
    stored: bytes = bytes(32)

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def proven(self, number: int, proof: bytes) -> bytes:
        self.asked.append(proof)
        if number != ROUND:
            raise RoundNotDue("RoundNotDue", {"round": number})
        if proof != GOOD:
            raise SignatureForged("SignatureForged", {"round": number})
        return VALUE

    def value_of(self, number: int) -> bytes:
        return self.stored

    def store(self, number: int, proof: bytes = b"") -> tuple[int, bytes]:
        return number, proof


def body(data: bytes, status: int = 200) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def told(signature: bytes = GOOD, number: Any = ROUND) -> Answer:
    return body(json.dumps({"round": number, "randomness": "00", "signature": signature.hex()}).encode())


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"00" * 4096)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def dripping_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
    for _ in range(400):
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def elsewhere(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:1/public/7")
    handler.end_headers()


@pytest.fixture
def relay() -> Iterator[Callable[[Answer], str]]:
    """Makes a relay that gives this answer to everything, and gives its address."""
    servers = []

    def made(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    answer(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield made
    for server in servers:
        server.shutdown()
        server.server_close()


HOSTILE = {
    "not published": body(b"{}", 425),
    "no JSON": body(b"<html>"),
    "deep JSON": body(b"[" * 4000),
    "no object": body(b"[1]"),
    "no signature": body(b'{"round": 7}'),
    "a number for a signature": body(b'{"round": 7, "signature": 5}'),
    "no hex": body(json.dumps({"round": 7, "signature": "zz" * 64}).encode()),
    "another round": told(number=8),
    "a signature too short": told(GOOD[:-1]),
    "endless": endless,
    "a byte now and then": dripping,
    "a byte of a header now and then": dripping_headers,
    "sends us elsewhere": elsewhere,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_proof__a_hostile_relay_first__the_next_one_serves(relay: Callable[[Answer], str], name: str) -> None:
    beacon: Any = Beacon()
    with Relays([relay(HOSTILE[name]), relay(told())], timeout=0.5) as relays:
        assert relays.proof(beacon, ROUND) == (GOOD, VALUE)
    assert beacon.asked == [GOOD]  # nothing that is no signature costs a question


@pytest.mark.parametrize("answer", [dripping, dripping_headers], ids=["body", "headers"])
def test_attack_relay_drips__given_up_by_the_clock(relay: Callable[[Answer], str], answer: Answer) -> None:
    """Every byte comes in time, and they never end."""
    beacon: Any = Beacon()
    began = time.monotonic()
    with Relays([relay(answer)], timeout=0.3) as relays, pytest.raises(RoundNotPublished, match="TimeoutError"):
        relays.proof(beacon, ROUND)
    assert time.monotonic() - began < 15  # twenty of headers would be left


def test_attack_relays_drip__an_honest_one_behind_them_is_not_kept_waiting(relay: Callable[[Answer], str]) -> None:
    beacon: Any = Beacon()
    began = time.monotonic()
    with Relays([*(relay(dripping_headers) for _ in range(4)), relay(told())], timeout=20) as relays:
        assert relays.proof(beacon, ROUND) == (GOOD, VALUE)
    assert time.monotonic() - began < 15


def test_proof__forged_by_one__taken_from_another(relay: Callable[[Answer], str]) -> None:
    beacon: Any = Beacon()
    with Relays([relay(told(FORGED)), relay(told(FORGED)), relay(told())]) as relays:
        assert relays.proof(beacon, ROUND) == (GOOD, VALUE)
    assert beacon.asked in ([GOOD], [FORGED, GOOD])  # whoever is faster; what is forged is shown once


def test_proof__forged_by_all__says_so_by_name(relay: Callable[[Answer], str]) -> None:
    beacon: Any = Beacon()
    with Relays([relay(told(FORGED))]) as relays, pytest.raises(SignatureForged, match="round=7"):
        relays.proof(beacon, ROUND)


def test_proof__published_nowhere__names_the_round_and_each_reason(relay: Callable[[Answer], str]) -> None:
    beacon: Any = Beacon()
    urls = [relay(HOSTILE["not published"]), "http://user:secret@127.0.0.1:9"]
    with (
        Relays(urls) as relays,
        pytest.raises(RoundNotPublished, match=r"round 7 .*ConnectError.*status 425") as caught,
    ):
        relays.proof(beacon, ROUND)
    assert caught.value.number == ROUND
    assert "secret" not in str(caught.value)


def test_proof__no_relay__says_what_to_do() -> None:
    beacon: Any = Beacon()
    with Relays([]) as relays, pytest.raises(RoundNotPublished, match=r"no relay is named.*name other relays"):
        relays.proof(beacon, ROUND)


def test_proof__round_not_due__no_other_relay_is_asked(relay: Callable[[Answer], str]) -> None:
    beacon: Any = Beacon()
    with Relays([relay(told(number=8))] * 2) as relays, pytest.raises(RoundNotDue):
        relays.proof(beacon, 8)
    assert len(beacon.asked) == 1


@pytest.mark.parametrize(
    "url", ["", "drand.example", "file:///etc/passwd", "ftp://drand.example", "http://", "http://x:99999999", 5]
)
def test_relays__no_address__is_refused(url: Any) -> None:
    with pytest.raises(SpecInvalid, match="drand relay"):
        Relays([url])


def test_storing__stored_already__nothing_is_asked_or_sent(relay: Callable[[Answer], str]) -> None:
    beacon: Any = Beacon()
    with Relays([relay(told())]) as relays:
        assert storing(beacon, relays, ROUND) == (ROUND, GOOD)
        beacon.stored = VALUE
        assert storing(beacon, relays, ROUND) is None

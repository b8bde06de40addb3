"""The health endpoint: who may ask, from where, how much, and what the pages say."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from tests.worker.jobs import ME

from tensorgrid_worker.memory.pulse import Pulse
from tensorgrid_worker.watch import health
from tensorgrid_worker.watch.health import (
    MAX_HEAD_BYTES,
    MOST_AT_ONCE,
    HealthServer,
    PortInUse,
    serving,
    token_of,
    watched,
)
from tensorgrid_worker.watch.observe import Metrics
from tensorgrid_worker.watch.readings import ChainReading, Readings

PAGES = ("/healthz", "/readyz", "/metrics", "/status")
CHAIN = ChainReading(gas_balance=10**18, stake_active=2**70, stake_locked=1, locks=1, earnings={"USDC": 2**64})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "home"
    found.mkdir(mode=0o700)
    return found


@pytest.fixture
def readings(home: Path) -> Readings:
    found = Readings(Pulse(ME, "bubblewrap", 0.7), cast("Any", None), cast("Any", None), home, list)
    found.chain = lambda: CHAIN  # type: ignore[method-assign]
    return found


@pytest.fixture
def server(home: Path, readings: Readings) -> Iterator[HealthServer]:
    metrics = Metrics()
    metrics.attach(readings)
    found = health.start(0, home, metrics)
    thread = threading.Thread(target=found.serve_forever, args=(0.02,))
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(server: HealthServer, home: Path) -> Ask:
    """ask(path, token=..., method=..., headers=...): with the right token unless told otherwise."""

    def do(path: str, *, token: str | None = None, method: str = "GET", **options: Any) -> httpx.Response:
        token = token_of(home) if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= options.pop("headers", {})
        url = f"http://127.0.0.1:{server.server_port}{path}"
        return httpx.request(method, url, headers=headers, timeout=5, trust_env=False, **options)

    return do


# ---------------------------------------------------------------------------------------------------------- who may ask


@pytest.mark.parametrize("page", [*PAGES, "/", "/nowhere", "/../../etc/passwd"])
@pytest.mark.parametrize("token", ["", "wrong", "x" * 43])
def test_page__without_the_token__401_and_how_to_get_it(ask: Ask, page: str, token: str) -> None:
    answer = ask(page, token=token)
    assert answer.status_code == 401
    assert "health.token" in answer.json()["error"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_page__token_of_strange_letters__is_a_wrong_one(server: HealthServer) -> None:
    assert b" 401 " in raw(server, "GET /status HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer é☃\r\n")


def test_page__token_in_another_place__is_no_token(ask: Ask, home: Path) -> None:
    token = token_of(home)
    assert ask(f"/status?token={token}", token="").status_code == 401
    assert ask("/status", token="", headers={"Authorization": f"Basic {token}"}).status_code == 401
    assert ask("/status", token="", headers={"Cookie": f"token={token}"}).status_code == 401


def test_token__compared__in_constant_time(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(health.hmac, "compare_digest", lambda a, b: (seen.append((a, b)), False)[1])
    assert not server.knows("Bearer abc")
    assert seen[0][0] == b"abc" and len(seen[0][1]) >= 32


def test_token__made_once__and_private(home: Path) -> None:
    token = token_of(home)
    assert token_of(home) == token and len(token) >= 32
    assert stat.S_IMODE((home / "health.token").stat().st_mode) == 0o600


@pytest.mark.parametrize("spoil", ["readable", "short", "link", "binary"])
def test_token__that_others_may_know__is_replaced(home: Path, tmp_path: Path, spoil: str) -> None:
    path, known = home / "health.token", "k" * 43
    path.write_text("short" if spoil == "short" else known)
    path.chmod(0o644 if spoil == "readable" else 0o600)
    if spoil == "link":
        path.rename(tmp_path / "theirs")
        path.symlink_to(tmp_path / "theirs")
    if spoil == "binary":
        path.write_bytes(b"\xff" * 43)
    assert token_of(home) not in {known, "short"}
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600 and not path.is_symlink()
    if spoil == "link":
        assert (tmp_path / "theirs").read_text() == known


# --------------------------------------------------------------------------------------------------------- from where


def test_server__binds_loopback_alone(server: HealthServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "0.0.0.0", "[::]", ""])
def test_attack_dns_rebinding__a_name_of_the_pages_own__421_even_with_the_token(ask: Ask, host: str) -> None:
    answer = ask("/status", headers={"Host": host})
    assert answer.status_code == 421
    assert ME not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "LOCALHOST:80", "[::1]:1"])
def test_host__any_name_of_loopback__is_answered(ask: Ask, host: str) -> None:
    assert ask("/status", headers={"Host": host}).status_code == 200


def test_attack_two_hosts__refused(server: HealthServer, home: Path) -> None:
    said = raw(
        server, f"GET /status HTTP/1.0\r\nHost: a\r\nHost: localhost\r\nAuthorization: Bearer {token_of(home)}\r\n"
    )
    assert b" 421 " in said.splitlines()[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_method__that_could_change_something__there_is_none(ask: Ask, method: str) -> None:
    assert ask("/status", method=method).status_code == 501


# ----------------------------------------------------------------------------------------------------------- how much


def raw(server: HealthServer, head: str, *, end: bytes = b"\r\n") -> bytes:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=8) as connection:
        connection.sendall(head.encode() + end)
        said = bytearray()
        try:
            while piece := connection.recv(65536):
                said += piece
        except ConnectionResetError:
            pass
        return bytes(said)


def test_request__with_a_body__413(ask: Ask) -> None:
    assert ask("/status", content=b"x").status_code == 413


def test_attack_endless_head__cut_off_at_its_cap(server: HealthServer) -> None:
    assert b"200" not in raw(server, "GET /status HTTP/1.0\r\nX: " + "y" * (MAX_HEAD_BYTES * 2))


def test_attack_slow_head__its_place_is_free_again_in_time(
    server: HealthServer, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "HEAD_SECONDS", 0.3)
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(b"GET /sta")
        assert connection.recv(100) == b""
    assert time.monotonic() - begun < 4
    assert ask("/status").status_code == 200


def test_attack_all_places_are_held_by_silent_clients__who_asks_is_answered_all_the_same(
    server: HealthServer, ask: Ask
) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.server_port), timeout=5) for _ in range(MOST_AT_ONCE)]
    try:
        until = time.monotonic() + 5
        while server._places._value and time.monotonic() < until:
            time.sleep(0.01)
        assert [ask("/healthz").status_code for _ in range(3)] == [200] * 3
        assert idle[0].recv(100) == b""  # the first one to come has waited for longest
    finally:
        for connection in idle:
            connection.close()


def test_attack_all_places_are_at_work__the_next_is_sent_away_and_later_answered(
    server: HealthServer, ask: Ask
) -> None:
    busy = threading.Event()
    page = server.pages["/status"]
    server.pages = {**server.pages, "/status": lambda: (busy.wait(5), page())[1]}
    asking = [threading.Thread(target=ask, args=("/status",)) for _ in range(MOST_AT_ONCE)]
    for thread in asking:
        thread.start()
    until = time.monotonic() + 5
    while (server._places._value or server._silent) and time.monotonic() < until:
        time.sleep(0.01)
    assert ask("/healthz").status_code == 503
    busy.set()
    for thread in asking:
        thread.join(5)
    assert ask("/healthz").status_code == 200


@pytest.mark.parametrize(
    "noise", [b"\x00" * 100, b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_attack_noise__no_traceback_and_the_next_is_answered(
    server: HealthServer, ask: Ask, noise: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(noise)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(4096)
    assert ask("/healthz").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


# --------------------------------------------------------------------------------------------------- what the pages say


def test_healthz__loop_goes_round__200_whatever_the_chain_does(ask: Ask, readings: Readings) -> None:
    readings.pulse.reached = False
    assert ask("/healthz").json() == {"live": True, "problems": {}}


def test_healthz__loop_is_stuck__503_and_which(ask: Ask, readings: Readings) -> None:
    readings.pulse.ticked -= 1_000
    answer = ask("/healthz")
    assert answer.status_code == 503
    assert "has not gone round" in answer.json()["problems"][ME]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reached": False}, "does not answer"),
        ({"standing": None}, "not been looked at"),
        ({"standing": "no stake: deposit"}, "no stake"),
        ({"draining": True}, "draining"),
        ({}, ""),
    ],
)
def test_readyz__each_reason_not_to_take_jobs(
    ask: Ask, readings: Readings, changes: dict[str, Any], words: str
) -> None:
    readings.pulse.reached, readings.pulse.standing = True, ""
    for name, value in changes.items():
        setattr(readings.pulse, name, value)
    answer = ask("/readyz")
    assert answer.status_code == (503 if words else 200)
    assert words in json.dumps(answer.json())


def test_metrics__in_prometheus_form(ask: Ask) -> None:
    answer = ask("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert f'tensorgrid_worker_head_block{{worker="{ME}"}} -1.0' in answer.text


def test_status__amounts_as_text__no_secret(ask: Ask, home: Path) -> None:
    answer = ask("/status")
    [worker] = answer.json()["workers"]
    assert worker["chain"]["earnings"] == {"USDC": str(2**64)}
    assert worker["chain"]["stake_active"] == str(2**70)
    assert token_of(home) not in answer.text


def test_page__that_fails__500_without_our_insides(ask: Ask, readings: Readings) -> None:
    def broken() -> None:
        raise RuntimeError("insides")

    readings.chain = broken  # type: ignore[assignment,method-assign]
    answer = ask("/status")
    assert answer.status_code == 500
    assert "insides" not in answer.text


# --------------------------------------------------------------------------------------------------------- on and off


def test_watched__port_0__nothing_listens_and_no_token_is_made(home: Path, readings: Readings) -> None:
    before = threading.active_count()
    with watched(0, home, (), [readings]):
        assert threading.active_count() == before
    assert not list(home.iterdir())


def test_watched__the_logs_events__are_counted(home: Path, readings: Readings) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    from tensorgrid_worker import logs

    with watched(port, home, (), [readings]):
        logs._tell_listeners(None, "", {"event": "chain.rewound", "worker": ME})
        headers = {"Authorization": f"Bearer {token_of(home)}"}
        shown = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=headers, trust_env=False).text
    assert f'tensorgrid_worker_rewinds_total{{worker="{ME}"}} 1.0' in shown


def test_serving__port_is_taken__says_which_setting(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortInUse, match="health_port"), serving(taken.getsockname()[1], home, Metrics()):
            pass


def test_serving__home_cannot_be_written__says_so_as_an_error_of_ours(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(PortInUse), serving(1, closed, Metrics()):
        pass

"""Many questions at once: each answered or refused by itself, whatever a node makes of batches."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from eth_account import Account

from tensorgrid.chain import connection as module
from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import Connection
from tensorgrid.chain.send import Sender
from tensorgrid.domain.errors import NodeRefused, RateLimited, Reverted, TensorgridError, Unreachable

CALL = Call("0x" + "a" * 40, b"\x01", "JobBoard.commit")
REVERT = {"code": 3, "message": "execution reverted", "data": "0x"}
Answer = Callable[[Any], Any]


def reply(asked: dict[str, Any]) -> dict[str, Any]:
    """To eth_chainId a chain; to anything else its first parameter, or the error that it names."""
    if asked["method"] == "eth_chainId":
        return {"jsonrpc": "2.0", "id": asked["id"], "result": "0x7a69"}
    (wanted, *_) = asked["params"]
    return {"jsonrpc": "2.0", "id": asked["id"]} | (
        {"error": wanted} if isinstance(wanted, dict) else {"result": wanted}
    )


@contextmanager
def node(answer: Answer) -> Iterator[tuple[Connection, list[Any]]]:
    """A connection to a node of `answer`, and the bodies that it was sent after the first."""
    bodies: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bodies.append(asked)
            text = json.dumps(reply(asked) if isinstance(asked, dict) else answer(asked)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        with Connection(f"http://127.0.0.1:{server.server_port}", timeout=5) as connection:
            bodies.clear()
            yield connection, bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def asking(*wanted: Any) -> list[tuple[str, list[Any]]]:
    return [("eth_call", [one]) for one in wanted]


def in_order(asked: list[Any]) -> Any:
    return [reply(one) for one in asked]


def backwards(asked: list[Any]) -> Any:
    return in_order(asked)[::-1]


@pytest.mark.parametrize("answer", [in_order, backwards])
def test_batch__answers_in_any_order__each_at_its_place(answer: Answer) -> None:
    with node(answer) as (connection, bodies):
        assert connection.batch(asking("a", "b", "c")) == ["a", "b", "c"]
        assert len(bodies) == 1
        assert connection.batch([]) == [] and len(bodies) == 1


def test_batch__one_is_refused__its_error_stands_in_its_place() -> None:
    with node(in_order) as (connection, _):
        first, second, third = connection.batch(asking("a", REVERT, {"code": 7, "message": "no"}))
    assert first == "a" and isinstance(second, Reverted) and isinstance(third, NodeRefused)


def test_batch__more_than_one_request_may_carry__several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    with node(in_order) as (connection, bodies):
        assert connection.batch(asking(*"abcde")) == [*"abcde"]
    assert [len(body) if isinstance(body, list) else 1 for body in bodies] == [2, 2, 1]


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}},
        lambda _: [],
        lambda _: "banana",
        lambda _: [7, None, {"id": 9, "result": "x"}],
        lambda asked: in_order(asked)[:1],
    ],
)
def test_attack_node_answers_a_batch_with_something_else__it_is_asked_one_by_one(answer: Answer) -> None:
    with node(answer) as (connection, bodies):
        assert connection.batch(asking("a", "b")) == ["a", "b"]
    assert len(bodies) in (2, 3)


def test_batch__node_away__is_raised_and_not_told_in_each_place() -> None:
    with node(in_order) as (connection, _):
        pass
    with pytest.raises(Unreachable):
        connection.batch(asking("a", "b"))


def test_batch__node_is_tired__is_told_so_that_it_can_be_raised() -> None:
    tired = {"code": -32005, "message": "rate limit"}
    with node(in_order) as (connection, _):
        found = connection.batch(asking("a", tired))
    assert isinstance(found[1], RateLimited)


# --------------------------------------------------------------------------------------------------------- of a sender


def sender(answers: list[Any]) -> Sender:
    connection: Any = SimpleNamespace(batch=lambda asked: answers[: len(asked)])
    return Sender(connection, Account.from_key("0x" + "11" * 32))


def receipt(status: str) -> dict[str, Any]:
    return {
        "transactionHash": "0x" + "22" * 32,
        "blockNumber": "0x5",
        "blockHash": "0x" + "33" * 32,
        "gasUsed": "0x5208",
        "effectiveGasPrice": "0x3",
        "status": status,
        "logs": [],
    }


def test_estimates__a_quarter_more_each__a_refusal_in_its_place() -> None:
    refusal = Reverted("WrongSeats", {})
    assert sender(["0x64", refusal, "0x8"]).estimates([CALL] * 3) == [125, refusal, 10]


def test_attack_estimates__node_names_no_number__is_a_typed_error() -> None:
    with pytest.raises(TensorgridError, match="use another node"):
        sender(["banana"]).estimates([CALL])


def test_receipts__mined_failed_and_unknown__each_at_its_place() -> None:
    mined, failed, unknown = sender([receipt("0x1"), receipt("0x0"), None]).receipts(["0x1", "0x2", "0x3"])
    assert mined is not None and mined.ok and (mined.block, mined.gas_used, mined.gas_price) == (5, 21_000, 3)
    assert failed is not None and not failed.ok and unknown is None


def test_receipts__one_cannot_be_had__nothing_is_concluded_from_the_others() -> None:
    with pytest.raises(NodeRefused):
        sender([receipt("0x1"), NodeRefused("no")]).receipts(["0x1", "0x2"])

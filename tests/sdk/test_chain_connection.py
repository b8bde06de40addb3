"""The node is a stranger: silent, of another chain, mad or hostile, it costs a typed error and nothing else."""

import logging
import socket

import pytest
from tests.sdk.node_double import NodeDouble, RpcRefusal

from tensorgrid.chain import connection as module
from tensorgrid.chain.connection import Connection, redact
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import Deployment
from tensorgrid.domain.errors import (
    ChainError,
    NodeRefused,
    RateLimited,
    Reverted,
    UnknownDeployment,
    Unreachable,
    WrongChain,
)

SECRET = "k3y-0f-s0meb0dy"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---------------------------------------------------------------------------------------------------------- reaching it


def test_connect__nobody_listens__is_unreachable_and_names_no_secret() -> None:
    port = free_port()
    with pytest.raises(Unreachable) as caught:
        Connection(f"http://user:{SECRET}@127.0.0.1:{port}/v3/{SECRET}?key={SECRET}", timeout=2)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "check that the node runs" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_connect__debug_logging__shows_no_secret(quiet_net, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    with NodeDouble(quiet_net.rpc_url) as node, Connection(f"{node.url}/v3/{SECRET}") as connection:
        connection.latest()
    ours = [record for record in caplog.records if record.name.startswith(("tensorgrid", "web3"))]
    assert not [record for record in ours if SECRET in record.getMessage()]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://user:pass@node.example:443/v3/key?x=y", "https://node.example:443/…"),
        ("https://node.example/", "https://node.example"),
        ("http://node.example:notaport/key", "http://node.example/…"),
        ("nonsense", "://?/…"),
    ],
)
def test_redact__any_url__keeps_scheme_host_and_port_only(url, shown) -> None:
    assert redact(url) == shown


def test_connect__no_http_url__says_so() -> None:
    with pytest.raises(Unreachable, match="give one"):
        Connection("ws://127.0.0.1:1")


def test_connect__other_chain__is_wrong_chain(quiet_net) -> None:
    with pytest.raises(WrongChain, match="chain 31337, and chain 1 is wanted"):
        Connection(quiet_net.rpc_url, chain_id=1)


def test_node_that_dies_in_the_middle__is_unreachable(own_net) -> None:
    connection = own_net.connection
    assert connection.latest().number > 0
    own_net.anvil.process.kill()
    own_net.anvil.process.wait()
    with pytest.raises(Unreachable):
        connection.latest()
    with pytest.raises(Unreachable):
        connection.call(lambda: connection.web3.eth.block_number)


# ------------------------------------------------------------------------------------------------------ what it answers


@pytest.mark.parametrize(
    ("raw", "status", "error"),
    [
        (b"<html>bad gateway</html>", 502, Unreachable),
        (b"<html>welcome</html>", 200, Unreachable),
        (b"[]", 200, Unreachable),
        (b"[" * 100_000, 200, Unreachable),
        (b"\xff\xfe", 200, Unreachable),
        (b'{"jsonrpc":"2.0","id":1,"result":"banana"}', 200, ChainError),
        (b'{"jsonrpc":"2.0","id":1,"result":7}', 200, ChainError),
        (b'{"jsonrpc":"2.0","id":1}', 200, ChainError),
        (b'{"jsonrpc":"2.0","id":1,"error":"no"}', 200, NodeRefused),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"rate limit"}}', 429, RateLimited),
    ],
)
def test_connect__nonsense_instead_of_json_rpc__is_typed(raw, status, error, usual_recursion) -> None:
    with NodeDouble(raw=raw, status=status) as node, pytest.raises(error) as caught:
        Connection(node.url, timeout=2)
    assert type(caught.value) is error


def test_connect__redirect__is_not_followed(quiet_net) -> None:
    with (
        NodeDouble(raw=b"", status=307, headers={"Location": quiet_net.rpc_url}) as node,
        pytest.raises(Unreachable),
    ):
        Connection(node.url, timeout=2)


def test_reply__without_end__is_cut(quiet_net, monkeypatch) -> None:
    monkeypatch.setattr(module, "_MAX_REPLY", 1 << 16)
    with (
        NodeDouble(quiet_net.rpc_url, lambda method, params, forward: "0x" + "00" * (1 << 20)) as node,
        pytest.raises(NodeRefused, match="ask for less"),
    ):
        Connection(node.url, timeout=2)


@pytest.mark.parametrize(
    "header",
    [
        7,
        {},
        {"number": "0x1", "hash": "0x12", "timestamp": "0x1", "parentHash": "0x" + "00" * 32},
        {"number": "0x" + "f" * 80, "hash": "0x" + "00" * 32, "timestamp": "0x1", "parentHash": "0x" + "00" * 32},
        {"number": "1", "hash": "0x" + "00" * 32, "timestamp": "0x1", "parentHash": "0x" + "00" * 32},
    ],
    ids=["number", "empty", "short hash", "huge number", "decimal"],
)
def test_block__malformed__is_a_chain_error(quiet_net, header) -> None:
    def answer(method, params, forward):
        return header if method == "eth_getBlockByNumber" else forward(method, params)

    with (
        NodeDouble(quiet_net.rpc_url, answer) as node,
        Connection(node.url) as connection,
        pytest.raises(ChainError, match="use another node"),
    ):
        connection.latest()


def test_block__unknown__is_none(quiet_net) -> None:
    assert quiet_net.connection.block(10**6) is None
    assert quiet_net.connection.block("0x" + "11" * 32) is None
    head = quiet_net.connection.latest()
    assert quiet_net.connection.block(head.hash) == head == quiet_net.connection.block(head.number)


def test_rpc__refusal__carries_code_and_clean_text(quiet_net) -> None:
    with pytest.raises(NodeRefused) as caught:
        quiet_net.connection.rpc("no_such_method")
    assert caught.value.code == -32601

    def answer(method, params, forward):
        if method == "eth_chainId":
            return "0x7a69"
        raise RpcRefusal({"code": -1, "message": "\x1b[2J" + "x" * 10_000})

    with NodeDouble(answer=answer) as node, Connection(node.url) as connection, pytest.raises(NodeRefused) as caught:
        connection.rpc("eth_x")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


# ------------------------------------------------------------------------------------------------- through web3 itself


def test_call__web3_objects__give_our_errors(quiet_net) -> None:
    connection, board = quiet_net.connection, quiet_net.contracts.board
    contract = connection.web3.eth.contract(address=board.address, abi=artifact_abi("JobBoard"))
    assert connection.call(contract.functions.ESCROW().call) == quiet_net.contracts.escrow.address
    with pytest.raises(Reverted) as caught:
        connection.call(contract.functions.contest(terms_of_nobody(), []).call)
    assert caught.value.name in {"UnknownJob", "WrongState"}
    with pytest.raises(NodeRefused):
        connection.call(connection.web3.manager.request_blocking, "no_such_method", [])


def artifact_abi(name):
    from tensorgrid.chain.artifacts import artifact

    return artifact(name)["abi"]


def terms_of_nobody():
    zero = "0x" + "00" * 20
    return (zero, 0, bytes(32), 1, 0, 0, 0, zero, 0, 0, 0, 3, 0, bytes(32), zero, zero, bytes(32), 0, 0)


# -------------------------------------------------------------------------------------------- the right contracts there


def test_contracts__other_code_at_an_address__is_unknown_deployment(own_net) -> None:
    Contracts(own_net.connection, own_net.deployment)
    own_net.connection.rpc("anvil_setCode", own_net.contracts.escrow.address, "0x6000")
    with pytest.raises(UnknownDeployment, match=r"other code than was deployed.*Escrow"):
        Contracts(own_net.connection, own_net.deployment)
    own_net.connection.rpc("anvil_setCode", own_net.contracts.escrow.address, "0x")
    with pytest.raises(UnknownDeployment, match=r"no contract.*Escrow"):
        Contracts(own_net.connection, own_net.deployment)


def test_contracts__deployment_of_another_chain__is_wrong_chain(quiet_net) -> None:
    other = Deployment.from_text(dumps(quiet_net.deployment.to_json() | {"chain_id": 1}))
    with pytest.raises(WrongChain, match="deployment is of chain 1"):
        Contracts(quiet_net.connection, other)


def dumps(value):
    import json

    return json.dumps(value)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-32005, "daily request count exceeded, request rate limited", RateLimited),
        (-32005, "limit exceeded", RateLimited),
        (-32000, "Too many requests, please slow down", RateLimited),
        (-32005, "query returned more than 10000 results", NodeRefused),
        (-32005, "batch size too large", NodeRefused),
        (-32000, "block range is too wide", NodeRefused),
        (-32000, "execution aborted", NodeRefused),
    ],
)
def test_rpc__limits_of_a_node__too_often_is_waited_for__too_much_is_asked_in_parts(code, message, kind) -> None:
    def answer(method, params, forward):
        if method == "eth_chainId":
            return "0x7a69"
        raise RpcRefusal({"code": code, "message": message})

    with NodeDouble(answer=answer) as node, Connection(node.url) as connection, pytest.raises(ChainError) as caught:
        connection.rpc("eth_getLogs")
    assert type(caught.value) is kind


@pytest.mark.parametrize(("header", "rest"), [("7", 7.0), ("99999", 60.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)])
def test_rpc__http_429__says_how_long_to_stay_away(header, rest) -> None:
    node = NodeDouble(answer=lambda method, params, forward: "0x7a69")
    with node, Connection(node.url) as connection:
        node.status, node.raw, node.headers = 429, b"<html>slow down</html>", {"Retry-After": header}
        with pytest.raises(RateLimited, match="ask less often") as caught:
            connection.rpc("eth_blockNumber")
    assert caught.value.retry_after == rest

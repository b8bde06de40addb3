"""Sending: tried before it costs, one nonce each, found again when lost, and a reason when it fails all the same."""

import threading
import time

import pytest
from eth_account import Account
from tests.sdk.chain_actors import Requester
from tests.sdk.node_double import HangUp, NodeDouble, RpcRefusal

from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.send import FeePolicy, Sender
from tensorgrid.domain.errors import ChainError, InsufficientFunds, NodeRefused, Reverted, TransactionLost


def plain_transfer(to="0x000000000000000000000000000000000000bEEF", value=1) -> Call:
    return Call(to, b"", "transfer", value)


@pytest.fixture
def requester(quiet_net):
    return Requester(quiet_net)


def test_transact__good_call__is_mined_and_told(requester) -> None:
    receipt = requester.deposit(5)
    assert receipt.ok
    assert receipt.sender == requester.address
    assert receipt.cost == receipt.gas_used * receipt.gas_price > 0
    balance = requester.contracts.escrow.balance(
        requester.contracts.board.address, requester.coin.address, requester.address
    )
    assert (balance.free, balance.held) == (5, 0)


def test_transact__call_that_would_revert__costs_nothing(requester) -> None:
    before = requester.net.connection.balance(requester.address)
    nonce = requester.sender.next_nonce()
    call = requester.contracts.board.post(requester.terms())
    with pytest.raises(Reverted) as caught:
        requester.sender.transact(call)
    assert caught.value.name == "FreeTooSmall"
    assert caught.value.args_by_name["need"] == requester.terms().escrow
    assert "deposit more" in str(caught.value)
    assert requester.net.connection.balance(requester.address) == before
    assert requester.sender.next_nonce() == nonce


def test_simulate__the_same_call__raises_the_same(requester) -> None:
    call = requester.contracts.board.post(requester.terms())
    with pytest.raises(Reverted) as caught:
        requester.contracts.simulate(call, requester.address)
    assert caught.value.name == "FreeTooSmall"
    requester.deposit()
    requester.contracts.simulate(call, requester.address)


def test_send__account_without_coin__is_insufficient_funds(quiet_net) -> None:
    poor = Sender(quiet_net.connection, Account.create())
    with pytest.raises(InsufficientFunds, match="send the account some"):
        poor.transact(plain_transfer())


def test_send__twenty_threads__each_get_a_nonce(requester) -> None:
    sender, sent, failed = requester.sender, [], []

    def work():
        try:
            sent.append(sender.send(plain_transfer()))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(tx.nonce for tx in sent) == list(range(20))
    assert all(sender.wait(tx.hash).ok for tx in sent)


def test_broadcast__twice_or_after_mining__is_harmless(requester) -> None:
    requester.net.connection.rpc("evm_setAutomine", False)
    try:
        sent = requester.sender.build_and_sign(plain_transfer())
        assert requester.sender.broadcast(sent.raw) == sent.hash
        assert requester.sender.broadcast(sent.raw) == sent.hash
        assert requester.sender.receipt(sent.hash) is None
    finally:
        requester.net.pause_mining()
    requester.net.anvil.mine()
    assert requester.sender.receipt(sent.hash).ok
    assert requester.sender.broadcast(sent.raw) == sent.hash


def test_broadcast__nonce_used_by_another__is_transaction_lost(requester) -> None:
    first = requester.sender.build_and_sign(plain_transfer(value=1))
    second = requester.sender.build_and_sign(plain_transfer(value=2))
    assert first.nonce == second.nonce
    requester.sender.broadcast(first.raw)
    assert requester.sender.wait(first.hash).ok
    with pytest.raises(TransactionLost, match="another transaction used its nonce"):
        requester.sender.broadcast(second.raw)


def test_broadcast__garbage__is_refused(requester) -> None:
    with pytest.raises(NodeRefused):
        requester.sender.broadcast(b"\x00")


def later(seconds, work):
    timer = threading.Timer(seconds, work)
    timer.start()
    return timer


def test_transact__dropped_by_the_node__is_brought_back(own_net) -> None:
    requester, rpc = Requester(own_net), own_net.connection.rpc
    rpc("evm_setAutomine", False)
    dropped = []

    def drop():
        pool = rpc("txpool_content")["pending"]
        for by_nonce in pool.values():
            dropped.extend(rpc("anvil_dropTransaction", tx["hash"]) for tx in by_nonce.values())

    later(0.3, drop)
    mined = later(1.6, own_net.anvil.mine)
    receipt = requester.sender.transact(plain_transfer(), timeout=4)
    mined.join()  # before its network goes
    assert receipt.ok
    assert dropped == [receipt.hash]


def test_transact__stuck_below_the_base_fee__is_replaced_at_a_higher_one(own_net) -> None:
    requester, rpc = Requester(own_net), own_net.connection.rpc
    rpc("evm_setAutomine", False)
    first = own_net.connection.latest().base_fee

    def dearer():
        rpc("anvil_setNextBlockBaseFeePerGas", hex(first * 50))
        own_net.anvil.mine()  # too dear for the first version
        rpc("anvil_setNextBlockBaseFeePerGas", hex(first * 50))

    later(0.2, dearer)
    mined = later(1.8, own_net.anvil.mine)
    receipt = requester.sender.transact(plain_transfer(), timeout=4)
    mined.join()  # before its network goes
    assert receipt.ok
    assert receipt.gas_price > first * 50
    assert requester.sender.mined_nonce() == 1


def test_transact__never_mined__is_transaction_lost_in_time(own_net) -> None:
    requester = Requester(own_net)
    own_net.connection.rpc("evm_setAutomine", False)
    started = time.monotonic()
    with pytest.raises(TransactionLost, match="look before sending anew"):
        requester.sender.transact(plain_transfer(), timeout=0.6)
    assert time.monotonic() - started < 5
    own_net.anvil.mine()
    own_net.pause_mining()
    assert requester.sender.transact(plain_transfer()).ok, "the sender finds its nonce again"


def test_transact__state_moves_between_trying_and_mining__is_reverted_with_the_reason(own_net) -> None:
    requester, rpc = Requester(own_net), own_net.connection.rpc
    requester.deposit()
    terms, job, _ = requester.post()
    board = requester.contracts.board
    rpc("evm_setAutomine", False)
    # both are tried on a state in which the job can be cancelled; the second one is mined after the first
    gas = requester.sender.estimate(board.cancel(terms))
    nonce = requester.sender.next_nonce()
    first = requester.sender.build_and_sign(board.cancel(terms), nonce, gas=gas)
    second = requester.sender.build_and_sign(board.cancel(terms), nonce + 1, gas=gas)
    for tx in (first, second):
        requester.sender.broadcast(tx.raw)
    own_net.anvil.mine()
    assert requester.sender.wait(first.hash).ok
    failed = requester.sender.wait(second.hash)
    assert not failed.ok
    reason = requester.sender.explain(board.cancel(terms), failed)
    assert reason.name == "WrongState"
    assert reason.args_by_name["id"] == job


def test_estimate__node_without_a_pending_block__asks_the_latest(requester) -> None:
    def answer(method, params, forward):
        if "pending" in params and method in {"eth_call", "eth_estimateGas"}:
            raise RpcRefusal({"code": -32000, "message": "pending state is not available"})
        return forward(method, params)

    with NodeDouble(requester.net.rpc_url, answer) as node:
        sender = Sender(Connection(node.url), requester.account)
        assert sender.transact(plain_transfer()).ok
        contracts = Contracts(sender.connection, requester.net.deployment, check=False)
        with pytest.raises(Reverted) as caught:
            contracts.simulate(contracts.board.post(requester.terms()), requester.address)
    assert caught.value.name == "FreeTooSmall"


@pytest.mark.parametrize("forwarded", [True, False], ids=["the node got it", "the node never got it"])
def test_transact__answer_to_the_broadcast_is_lost__sends_once_and_finds_it(requester, forwarded) -> None:
    broken = []

    def answer(method, params, forward):
        if method == "eth_sendRawTransaction" and not broken:
            broken.append(params)
            if forwarded:
                forward(method, params)
            raise HangUp
        return forward(method, params)

    with NodeDouble(requester.net.rpc_url, answer) as node:
        sender = Sender(Connection(node.url), requester.account)
        assert sender.transact(plain_transfer(), timeout=2).ok
    assert requester.sender.mined_nonce() == 1


def test_transact__node_silent_while_it_waits__goes_on_waiting(requester) -> None:
    silent = []

    def answer(method, params, forward):
        if method == "eth_getTransactionReceipt" and len(silent) < 4:
            silent.append(method)
            raise HangUp
        return forward(method, params)

    with NodeDouble(requester.net.rpc_url, answer) as node:
        assert Sender(Connection(node.url), requester.account).transact(plain_transfer(), timeout=4).ok
    assert len(silent) == 4


def test_transact__node_gone_for_good__is_transaction_lost_and_says_why(requester) -> None:
    def answer(method, params, forward):
        if method in {"eth_getTransactionReceipt", "eth_getTransactionByHash"}:
            raise HangUp
        return forward(method, params)

    with (
        NodeDouble(requester.net.rpc_url, answer) as node,
        pytest.raises(TransactionLost, match=r"look before sending anew .*does not answer"),
    ):
        Sender(Connection(node.url), requester.account).transact(plain_transfer(), timeout=0.5)


def test_fees__bound__is_kept_or_said(requester) -> None:
    assert FeePolicy(tip=2).fees(100) == (202, 2)
    assert FeePolicy(tip=2, max_fee=150).fees(100) == (150, 2)
    assert FeePolicy(tip=60, max_fee=150).fees(100) == (150, 50)
    with pytest.raises(ChainError, match="allow a higher max_fee"):
        FeePolicy(max_fee=100).fees(100)
    thrifty = Sender(requester.net.connection, requester.account, fees=FeePolicy(tip=1, max_fee=10**12))
    assert thrifty.transact(plain_transfer()).gas_price <= 10**12


def test_repr__sender_and_transactions__hold_no_key(requester) -> None:
    key = requester.account.key.hex()
    sent = requester.sender.build_and_sign(plain_transfer())
    for thing in (requester.sender, sent, requester.contracts.board.take(requester.terms())):
        assert key not in repr(thing)
        assert len(repr(thing)) < 300


def test_send__after_a_reorganisation_that_took_transactions_back__brings_them_back_first(own_net) -> None:
    requester = Requester(own_net)
    for value in (1, 2, 3):
        requester.sender.transact(plain_transfer(value=value))
    own_net.connection.rpc("anvil_reorg", 3, [])
    assert requester.sender.mined_nonce() == 0
    assert requester.sender.transact(plain_transfer(value=4), timeout=5).ok
    assert requester.sender.mined_nonce() == 4


def test_send__nonces_that_the_chain_forgot__are_used_again(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit(5)
    own_net.connection.rpc("anvil_setNonce", requester.address, hex(0))
    requester.sender._sent.clear()  # as after a restart of the process
    assert requester.sender.transact(plain_transfer(), timeout=5).ok


def test_send__refused_by_the_node__is_forgotten_and_its_nonce_free(requester) -> None:
    refusing = [True]

    def answer(method, params, forward):
        if method == "eth_sendRawTransaction" and refusing:
            refusing.clear()
            raise RpcRefusal({"code": -32000, "message": "txpool is full"})
        return forward(method, params)

    with NodeDouble(requester.net.rpc_url, answer) as node:
        sender = Sender(Connection(node.url), requester.account)
        with pytest.raises(NodeRefused, match="txpool is full"):
            sender.transact(plain_transfer(value=10**17))
        assert sender.transact(plain_transfer(value=1)).ok
    assert requester.sender.mined_nonce() == 1, "what was refused is not offered behind the caller's back"

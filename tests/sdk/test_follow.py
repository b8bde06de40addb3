"""Following: every event once and in order, through reorgs, restarts and nodes that refuse, repeat or invent."""

import random

import pytest
from tests.sdk.chain_actors import Requester
from tests.sdk.node_double import NodeDouble, RpcRefusal

from tensorgrid.chain.abi import interface
from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import (
    EscrowDeposited,
    Event,
    JobCancelled,
    JobPosted,
    RoundStored,
    check_event_types,
    decode,
)
from tensorgrid.chain.follow import Cursor, Follower
from tensorgrid.domain.errors import ChainError, Unreachable


def follow(net, **options) -> Follower:
    return Follower(net.connection, net.contracts, **options)


def read_all(follower):
    """All events until caught up, as someone who obeys `rewound_to` keeps them."""
    kept = []
    while True:
        batch = follower.poll()
        if batch.rewound_to is not None:
            kept = [event for event in kept if event.log.block <= batch.rewound_to]
        kept += batch.events
        if batch.caught_up:
            return kept


def apply(kept, batch):
    if batch.rewound_to is not None:
        kept[:] = [event for event in kept if event.log.block <= batch.rewound_to]
    kept += batch.events


# --------------------------------------------------------------------------------------------------------- good weather


def test_event_types__every_class__has_the_fields_of_its_abi_entry() -> None:
    check_event_types()


def test_poll__from_the_start__gives_everything_in_order_and_then_nothing(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    terms, job, receipt = requester.post()
    follower = follow(own_net)
    events = read_all(follower)
    mine = [event for event in events if isinstance(event, EscrowDeposited | JobPosted)]
    assert [type(event) for event in mine] == [EscrowDeposited, JobPosted]
    posted = mine[1]
    assert (posted.id, posted.terms) == (job, terms)
    assert posted.round == own_net.contracts.board.job(terms.requester, terms.nonce).round
    assert (posted.log.tx, posted.log.block, posted.log.block_hash) == (receipt.hash, receipt.block, receipt.block_hash)
    assert posted.log.address == own_net.contracts.board.address
    again = follower.poll()
    assert (again.events, again.rewound_to, again.caught_up) == ((), None, True)
    requester.sender.transact(own_net.contracts.board.cancel(terms))
    later = follower.poll().events
    assert JobCancelled in {type(event) for event in later}
    assert posted not in later


def test_poll__one_job__gives_only_what_names_it(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    requester.post()
    terms, job, _ = requester.post()
    requester.sender.transact(own_net.contracts.board.cancel(terms))
    events = read_all(follow(own_net, job=job))
    assert [type(event) for event in events] == [JobPosted, JobCancelled]
    assert {event.id for event in events} == {job}


def test_poll__with_confirmations__waits_for_them(own_net) -> None:
    requester = Requester(own_net)
    follower = follow(own_net, confirmations=3)
    read_all(follower)
    requester.deposit()
    for _ in range(2):
        own_net.anvil.mine()
        assert not [event for event in follower.poll().events if isinstance(event, EscrowDeposited)]
    own_net.anvil.mine()
    assert [type(event) for event in follower.poll().events] == [EscrowDeposited]


def test_poll__small_windows__lose_nothing(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    jobs = [requester.post()[1] for _ in range(4)]
    whole = read_all(follow(own_net))
    follower = follow(own_net, window=2)
    assert follower.poll().caught_up is False
    assert read_all(follow(own_net, window=2)) == whole
    assert [event.id for event in whole if isinstance(event, JobPosted)] == jobs


def test_poll__chain_shorter_than_the_confirmations__waits_at_the_start(own_net) -> None:
    follower = follow(own_net, confirmations=10_000)
    batch = follower.poll()
    assert (batch.events, batch.caught_up) == ((), True)
    assert batch.cursor.number == own_net.deployment.start_block - 1
    assert follower.poll().cursor == batch.cursor


# --------------------------------------------------------------------------------------------------------------- reorgs


@pytest.mark.parametrize("depth", [1, 2, 5, 12])
def test_poll__reorganisation__says_how_far_and_tells_the_new_story(own_net, depth) -> None:
    requester = Requester(own_net)
    requester.deposit()
    follower, kept = follow(own_net), []
    apply(kept, follower.poll())
    for _ in range(12):
        requester.post()
        apply(kept, follower.poll())
    assert sum(isinstance(event, JobPosted) for event in kept) == 12
    head = own_net.connection.latest()
    own_net.connection.rpc("anvil_reorg", depth, [])
    batch = follower.poll()
    assert batch.rewound_to == head.number - depth
    apply(kept, batch)
    assert kept == read_all(follow(own_net)), "as if there had never been another chain"
    assert sum(isinstance(event, JobPosted) for event in kept) == 12 - depth


def test_poll__rolled_back_to_a_shorter_chain__rewinds(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    follower, kept = follow(own_net), []
    apply(kept, follower.poll())
    requester.post()
    apply(kept, follower.poll())
    head = own_net.connection.latest()
    own_net.connection.rpc("anvil_rollback", 1)
    batch = follower.poll()
    assert (batch.rewound_to, batch.caught_up, batch.cursor.number) == (head.number - 1, True, head.number - 1)
    apply(kept, batch)
    assert kept == read_all(follow(own_net))


def test_poll__restarted_from_its_text_after_a_reorg__rewinds_as_well(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    follower, kept = follow(own_net), []
    for _ in range(6):
        requester.post()
        apply(kept, follower.poll())
    text = follower.cursor.to_text()
    head = own_net.connection.latest()
    own_net.connection.rpc("anvil_reorg", 4, [])
    restarted = follow(own_net, cursor=Cursor.from_text(text))
    batch = restarted.poll()
    assert batch.rewound_to == head.number - 4
    apply(kept, batch)
    assert kept == read_all(follow(own_net))


def test_poll__no_remembered_block_is_left__starts_from_the_deployment(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    requester.post()
    bare = Cursor(own_net.connection.latest().number, "0x" + "12" * 32)
    batch = follow(own_net, cursor=bare).poll()
    assert batch.rewound_to == own_net.deployment.start_block - 1
    assert list(batch.events) == read_all(follow(own_net))


def test_poll__random_histories_with_reorgs__always_end_with_the_chain_s_own_story(own_net) -> None:
    dice = random.Random(5)
    requester = Requester(own_net)
    funded = requester.deposit(900 * 10**6).block
    follower, kept = follow(own_net, window=7), []
    for _ in range(40):
        step = dice.random()
        if step < 0.4:
            requester.post()
        elif step < 0.6:
            own_net.anvil.mine(dice.randint(1, 4))
        elif step < 0.75:
            room = own_net.connection.latest().number - funded
            if room > 0:
                own_net.connection.rpc("anvil_reorg", min(dice.randint(1, 20), room), [])
        else:
            apply(kept, follower.poll())
    while True:
        batch = follower.poll()
        apply(kept, batch)
        if batch.caught_up:
            break
    assert kept == read_all(follow(own_net))


def test_cursor__any_text__is_itself_or_refused(usual_recursion) -> None:
    cursor = Cursor(7, "0x" + "ab" * 32, ((6, "0x" + "cd" * 32), (2, "0x" + "ef" * 32)))
    assert Cursor.from_text(cursor.to_text()) == cursor
    for text in ("", "7", "[1]", "[1,2,3]", '{"a":1}', "[" * 9000):
        with pytest.raises(ValueError, match="start again"):
            Cursor.from_text(text)


# ---------------------------------------------------------------------------------------------------------- bad weather


def through(node, net) -> Follower:
    connection = Connection(node.url)
    return Follower(connection, Contracts(connection, net.deployment, check=False))


def test_poll__node_refuses_large_windows__asks_for_less(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    requester.post()
    own_net.anvil.mine(200)
    asked = []

    def answer(method, params, forward):
        if method == "eth_getLogs":
            size = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
            asked.append(size)
            if size > 9:
                raise RpcRefusal({"code": -32005, "message": "query returned more than 10000 results"})
        return forward(method, params)

    with NodeDouble(own_net.rpc_url, answer) as node:
        assert read_all(through(node, own_net)) == read_all(follow(own_net))
    assert max(asked) > 9 >= min(asked)


def test_poll__node_refuses_everything__is_an_error_and_keeps_the_cursor(own_net) -> None:
    def answer(method, params, forward):
        if method == "eth_getLogs":
            raise RpcRefusal({"code": -32601, "message": "no logs here"})
        return forward(method, params)

    with NodeDouble(own_net.rpc_url, answer) as node:
        follower = through(node, own_net)
        with pytest.raises(ChainError, match="no logs here"):
            follower.poll()
        assert follower.cursor is None


def test_poll__node_repeats_and_shuffles_logs__gives_each_once_in_order(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    requester.post()

    def answer(method, params, forward):
        result = forward(method, params)
        return list(reversed(result)) + result if method == "eth_getLogs" else result

    with NodeDouble(own_net.rpc_url, answer) as node:
        assert read_all(through(node, own_net)) == read_all(follow(own_net))


def spoiled(change):
    """An `answer` that changes every log."""

    def answer(method, params, forward):
        result = forward(method, params)
        return [change(dict(log)) for log in result] if method == "eth_getLogs" else result

    return answer


@pytest.mark.parametrize(
    "change",
    [
        lambda log: log | {"data": "0x12"},
        lambda log: log | {"topics": "no list"},
        lambda log: log | {"topics": log["topics"][:1]},
        lambda log: log | {"blockNumber": "0xffffff"},
        lambda log: log | {"blockHash": None},
        lambda log: log | {"logIndex": -1},
        lambda log: log | {"address": "0x12"},
        lambda log: log | {"removed": True},
        lambda log: "no log",
    ],
    ids=["data", "topics", "few topics", "other block", "no hash", "index", "address", "removed", "no object"],
)
def test_poll__malformed_logs__are_a_chain_error_and_keep_the_cursor(own_net, change) -> None:
    requester = Requester(own_net)
    requester.deposit()
    with NodeDouble(own_net.rpc_url, spoiled(change)) as node:
        follower = through(node, own_net)
        with pytest.raises(ChainError):
            follower.poll()
        assert follower.cursor is None


def test_poll__logs_of_a_stranger_s_contract__are_not_believed(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    with NodeDouble(own_net.rpc_url, spoiled(lambda log: log | {"address": "0x" + "66" * 20})) as node:
        assert read_all(through(node, own_net)) == []


def test_poll__logs_of_another_fork__are_not_believed(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    with NodeDouble(own_net.rpc_url, spoiled(lambda log: log | {"blockHash": "0x" + "66" * 32})) as node:
        follower = through(node, own_net)
        with pytest.raises(ChainError):
            follower.poll()


def test_poll__node_silent_for_a_while__goes_on_where_it_stood(own_net) -> None:
    requester = Requester(own_net)
    requester.deposit()
    silent = []

    def answer(method, params, forward):
        if silent:
            raise RpcRefusal({"code": -32000, "message": "header not found"})
        return forward(method, params)

    with NodeDouble(own_net.rpc_url, answer) as node:
        follower = through(node, own_net)
        first = read_all(follower)
        silent.append(True)
        with pytest.raises(ChainError):
            follower.poll()
        silent.clear()
        requester.post()
        assert first + list(follower.poll().events) == read_all(follow(own_net))
    with pytest.raises(Unreachable):
        follower.poll()


def test_decode__topic_of_another_contract_at_a_known_address__is_none(own_net) -> None:
    board, beacon = own_net.contracts.board.address, own_net.contracts.beacon.address
    topic = next(topic for topic, entry in interface("BlockBeacon").events.items() if entry.name == "RoundStored")
    log = {
        "address": beacon,
        "topics": ["0x" + topic.hex(), "0x" + "00" * 31 + "07"],
        "data": "0x" + "11" * 32,
        "blockNumber": "0x1",
        "logIndex": "0x0",
        "blockHash": "0x" + "22" * 32,
        "transactionHash": "0x" + "33" * 32,
    }
    found = decode(log, {beacon: "BlockBeacon", board: "JobBoard"})
    assert isinstance(found, Event)
    assert found == RoundStored(7, b"\x11" * 32, log=found.log)
    assert decode(log | {"address": board}, {beacon: "BlockBeacon", board: "JobBoard"}) is None
    assert decode(log | {"topics": []}) is None

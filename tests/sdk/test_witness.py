"""Two nodes, one story: a fork, a lie, a lag and a silence, and what each of them stops."""

import pytest
from tests.sdk.node_double import HangUp, NodeDouble

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.witness import Witnesses, finality_of
from tensorgrid.domain.errors import NodesDisagree, Unreachable

HEAD, FINALITY = 50, 12


class Chain:
    """What a node answers about blocks 0 to `head`; from `forked_at` on it is a chain of its own."""

    def __init__(self, head=HEAD, forked_at=None, chain_id=31337):
        self.head, self.forked_at, self.chain_id = head, forked_at, chain_id
        self.dead = False
        self.asked = 0

    def __call__(self, method, params, forward):
        self.asked += 1
        if self.dead:
            raise HangUp
        if method == "eth_chainId":
            return hex(self.chain_id)
        assert method == "eth_getBlockByNumber"
        number = self.head if params[0] == "latest" else int(params[0], 16)
        if number > self.head:
            return None
        branch = "2" if self.forked_at is not None and number >= self.forked_at else "1"
        return {
            "number": hex(number),
            "hash": "0x" + branch + f"{number:063x}",
            "parentHash": "0x" + "0" * 64,
            "timestamp": hex(1_000 + number),
        }


class Nodes:
    """Our own node and one witness, and what was said of it."""

    def __init__(self, ours, theirs, patience=600.0):
        self.nodes = [NodeDouble(answer=ours), NodeDouble(answer=theirs)]
        self.said = []
        self.connection = Connection(self.nodes[0].url)
        self.witnesses = Witnesses(
            self.connection,
            [self.nodes[1].url],
            finality=FINALITY,
            patience=patience,
            say=lambda event, reason: self.said.append(event),
        )

    def check(self):
        self.witnesses.check(self.connection.latest())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.witnesses.close()
        for node in self.nodes:
            node.__exit__()


def test_check__same_chain__is_silent() -> None:
    with Nodes(Chain(), Chain(head=HEAD + 3)) as nodes:
        nodes.check()
        assert nodes.said == []


def test_check__no_witness__asks_nothing() -> None:
    chain = Chain()
    with NodeDouble(answer=chain) as node, Connection(node.url) as connection:
        head, asked = connection.latest(), chain.asked
        Witnesses(connection, [], finality=2, patience=1).check(head)
        assert chain.asked == asked


def test_check__fork_above_finality__is_no_dispute() -> None:
    """The last blocks may differ for a while on an honest network."""
    with Nodes(Chain(), Chain(forked_at=HEAD - FINALITY + 1)) as nodes:
        nodes.check()


def test_check__fork_below_finality__both_hashes_are_told() -> None:
    with Nodes(Chain(), Chain(forked_at=HEAD - FINALITY)) as nodes, pytest.raises(NodesDisagree) as caught:
        nodes.check()
    number = HEAD - FINALITY
    assert f"0x1{number:063x}" in str(caught.value) and f"0x2{number:063x}" in str(caught.value)
    assert "find out which node is wrong" in str(caught.value)


def test_check__they_agree_again__goes_on() -> None:
    theirs = Chain(forked_at=3)
    with Nodes(Chain(), theirs) as nodes:
        with pytest.raises(NodesDisagree):
            nodes.check()
        theirs.forked_at = None
        nodes.check()


def test_check__reorganisation_between_the_two_questions__asked_again() -> None:
    ours, theirs = Chain(), Chain(forked_at=3)

    def after_reorg(method, params, forward):
        answer = ours(method, params, forward)
        if method == "eth_getBlockByNumber" and params[0] != "latest":
            ours.forked_at = 3  # as the witness has it, from the next question on
        return answer

    with Nodes(after_reorg, theirs) as nodes:
        nodes.check()


def test_check__witness_lags__passed_over_and_said_once() -> None:
    theirs = Chain(head=5)
    with Nodes(Chain(), theirs) as nodes:
        nodes.check()
        nodes.check()
        assert nodes.said == ["witness.silent"]


def test_check__our_node_is_late__said_once_and_stops_nothing() -> None:
    ours = Chain()
    with Nodes(ours, Chain(head=HEAD + FINALITY)) as nodes:
        nodes.check()
        nodes.check()
        assert nodes.said == ["node.behind"]
        ours.head += 1
        nodes.check()
        assert nodes.said == ["node.behind", "node.caught_up"]


def test_check__witness_down__not_asked_again_at_once__and_back_later(monkeypatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("tensorgrid.chain.witness.time.monotonic", lambda: clock[0])
    theirs = Chain()
    theirs.dead = True
    with Nodes(Chain(), theirs) as nodes:
        nodes.check()
        asked = theirs.asked
        nodes.check()
        assert theirs.asked == asked
        theirs.dead = False
        clock[0] += 61
        nodes.check()
        assert nodes.said == ["witness.silent", "witness.back"]


def test_check__all_witnesses_silent_for_too_long__nothing_new(monkeypatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("tensorgrid.chain.witness.time.monotonic", lambda: clock[0])
    theirs = Chain()
    theirs.dead = True
    with Nodes(Chain(), theirs, patience=300) as nodes:
        clock[0] += 299
        nodes.check()
        clock[0] += 2
        with pytest.raises(NodesDisagree, match="no witness has answered for 301 s"):
            nodes.check()
        theirs.dead = False
        clock[0] += 61
        nodes.check()


def test_check__witness_of_another_chain__is_a_dispute() -> None:
    with Nodes(Chain(), Chain(chain_id=1)) as nodes, pytest.raises(NodesDisagree, match="is a node of chain 1"):
        nodes.check()


def test_check__our_own_node_is_away__unreachable() -> None:
    ours = Chain()
    with Nodes(ours, Chain()) as nodes:
        head = nodes.connection.latest()
        ours.dead = True
        with pytest.raises(Unreachable):
            nodes.witnesses.check(head)


@pytest.mark.parametrize(("chain_id", "blocks", "finality"), [(31337, 0, 2), (1, 0, 12), (1, 64, 64), (31337, 5, 5)])
def test_finality__by_chain_unless_told(chain_id, blocks, finality) -> None:
    assert finality_of(chain_id, blocks) == finality

"""After a loss or a reorganisation: what opens a commitment, and which commitment must not be mined any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eth_account import Account
from tests.worker.jobs import JOB, ME, SECOND, SEED, THIRD, make_record, make_result, make_seat

from tensorgrid.chain.abi import checksum, interface
from tensorgrid.chain.calls import Call
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import Unreachable
from tensorgrid.domain.jobs import ZERO32, Job, JobState
from tensorgrid_worker.loop.openings import Openings, Secrets, with_trailer
from tensorgrid_worker.loop.planner import JobView
from tensorgrid_worker.loop.recovery import Recovery
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import Result, Status

BOARD = checksum("0x" + "b" * 40)
SECRETS = Secrets(Account.from_key(b"\x11" * 32), 31337, BOARD)
TX = "0x" + "7" * 64
NOTHING = Call(ME, b"", "recall")


def our_result(seed: bytes = SEED) -> Result:
    root = b"\x0b" * 32
    return replace(make_result(seed=seed), salt=SECRETS.salt(JOB, seed), root=root, root_hash=keccak256(root))


def view(commitment: bytes = ZERO32, seed: bytes = SEED, state: JobState = JobState.COMMITTED) -> JobView:
    record = make_record(SECOND, ME, THIRD)
    held = (make_seat(SECOND), make_seat(ME, commitment), make_seat(THIRD))
    job = Job(state, 3, 2 if any(commitment) else 0, False, False, True, 1, 1_100, 12, bytes(20))
    return JobView(record, job, held, number=2, seed=seed)


class Node:
    """A connection that knows one sealing and its transaction."""

    def __init__(self, commitment: bytes, data: bytes | None) -> None:
        self.commitment, self.data, self.asked = commitment, data, 0

    def rpc(self, method: str, *params: Any) -> Any:
        self.asked += 1
        if method == "eth_getTransactionByHash":
            assert params == (TX,)
            return None if self.data is None else {"input": "0x" + self.data.hex()}
        topic = next(topic for topic, entry in interface("JobBoard").events.items() if entry.name == "JobSealed")
        return [
            {
                "address": BOARD,
                "topics": ["0x" + topic.hex(), "0x" + JOB.hex(), "0x" + "0" * 24 + ME[2:]],
                "data": "0x" + self.commitment.hex() + "00" * 32,
                "blockNumber": "0x20",
                "logIndex": "0x0",
                "blockHash": "0x" + "2" * 64,
                "transactionHash": TX,
            }
        ]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.record(jobs=[make_record(SECOND, ME, THIRD)])
    return journal


def recovery(journal: Journal, tmp_path: Path, node: Node | None = None) -> Recovery:
    contracts: Any = SimpleNamespace(connection=node, board=SimpleNamespace(address=BOARD))
    return Recovery(contracts, Openings(tmp_path / "openings", SECRETS), journal)


def test_load__journal_lost__files_give_it_back(journal: Journal, tmp_path: Path) -> None:
    Openings(tmp_path / "openings", SECRETS).keep(our_result())
    lost = recovery(journal, tmp_path)
    assert lost.results([view()]) == {}
    lost.load()
    assert lost.results([view(our_result().commitment(ME))]) == {JOB: our_result()}


def test_results__before_the_commitment__only_of_the_seed_as_it_is_now(journal: Journal, tmp_path: Path) -> None:
    journal.keep_result(our_result(b"\x06" * 32))
    found = recovery(journal, tmp_path)
    assert found.results([view(state=JobState.ASSIGNED)]) == {}
    assert found.results([view(state=JobState.ASSIGNED, seed=b"\x06" * 32)]) == {JOB: our_result(b"\x06" * 32)}


def test_results__journal_and_file_lost__from_the_transaction__asked_once(journal: Journal, tmp_path: Path) -> None:
    commitment = our_result().commitment(ME)
    call = with_trailer(Call(BOARD, b"\x01" * 100, "JobBoard.commit"), SECRETS, our_result(), commitment)
    node = Node(commitment, call.data)
    found = recovery(journal, tmp_path, node)
    for _ in range(3):
        (result,) = found.results([view(commitment)]).values()
        assert result.commitment(ME) == commitment
    assert node.asked == 2


def test_results__another_run_is_in_the_journal__does_not_hide_what_was_committed(
    journal: Journal, tmp_path: Path
) -> None:
    """The job was run again after the loss: same root and salt, another receipt."""
    journal.keep_result(replace(our_result(), receipt=b"\x0e" * 32))
    commitment = our_result().commitment(ME)
    call = with_trailer(Call(BOARD, b"", "JobBoard.commit"), SECRETS, our_result(), commitment)
    (result,) = recovery(journal, tmp_path, Node(commitment, call.data)).results([view(commitment)]).values()
    assert result.receipt == our_result().receipt


@pytest.mark.parametrize("data", [None, b"", b"\x01" * 300])
def test_results__transaction_does_not_tell__nothing__not_asked_at_once_again(
    journal: Journal, tmp_path: Path, data: bytes | None
) -> None:
    node = Node(our_result().commitment(ME), data)
    found = recovery(journal, tmp_path, node)
    assert found.results([view(our_result().commitment(ME))]) == {}
    asked = node.asked
    assert found.results([view(our_result().commitment(ME))]) == {}
    assert node.asked == asked


def test_results__node_away__nothing_and_no_crash(journal: Journal, tmp_path: Path) -> None:
    class Away(Node):
        def rpc(self, method: str, *params: Any) -> Any:
            raise Unreachable("away")

    assert recovery(journal, tmp_path, Away(b"", None)).results([view(our_result().commitment(ME))]) == {}


def test_forget__its_file_goes(journal: Journal, tmp_path: Path) -> None:
    Openings(tmp_path / "openings", SECRETS).keep(our_result())
    recovery(journal, tmp_path).forget(JOB)
    assert not list((tmp_path / "openings").iterdir())


# -------------------------------------------------------------------------------------------------------------- recall


@pytest.mark.parametrize(
    ("seen", "results", "after_rewind", "recalled"),
    [
        (view(state=JobState.ASSIGNED), {JOB: our_result()}, True, False),  # its seed is what it was
        (view(state=JobState.ASSIGNED), {}, True, True),  # the seed is another one
        (view(state=JobState.ASSIGNED), {}, False, True),
        (replace(view(state=JobState.POSTED), number=0, seed=ZERO32), {}, True, True),  # even the take is unmined
        (replace(view(state=JobState.POSTED), number=0, seed=ZERO32), {}, False, False),
        (None, {}, True, True),  # even the post is
        (view(b"\x01" * 32), {}, True, False),  # it is on chain: too late, and nothing to replace
        (view(state=JobState.EXPIRED), {}, True, False),
    ],
)
def test_recall__only_what_may_be_wrong(
    journal: Journal, tmp_path: Path, seen: JobView | None, results: Any, after_rewind: bool, recalled: bool
) -> None:
    journal.record(calls=[(JOB, "commit", Call(BOARD, b"\x01", "JobBoard.commit"))])
    journal.record(calls=[(JOB, "take", Call(BOARD, b"\x02", "JobBoard.take"))])
    for row in journal.outbox(Status.NEW):
        journal.signed(row.id, nonce=row.id, gas=9, raw=b"raw", tx_hash="0x1")
    views = [seen] if seen is not None else []
    recovery(journal, tmp_path).recall(views, results, NOTHING, after_rewind=after_rewind)
    commit, take = journal.outbox(Status.SENT)
    assert (commit.call == NOTHING) is recalled
    assert take.call.name == "JobBoard.take"

"""From outbox to chain through crashes, lost answers and refusals: each step once, each nonce once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.jobs import JOB, ME, make_record

from tensorgrid.chain.calls import Call
from tensorgrid.chain.receipts import SentTx, TxReceipt
from tensorgrid.domain.errors import InsufficientFunds, Reverted, TransactionLost, Unreachable
from tensorgrid_worker.journal import Journal
from tensorgrid_worker.rows import Row, Status
from tensorgrid_worker.submitter import Submitter

HEAD = 50
COMMIT = Call("0x" + "a" * 40, b"\x01", "JobBoard.commit")


@dataclass
class FakeNode:
    """An account's transactions as a node sees them; outlives the submitters that use it."""

    pool: dict[int, bytes] = field(default_factory=dict)
    mined: dict[str, TxReceipt] = field(default_factory=dict)
    nonces: int = 0  # used by blocks
    refuse: Reverted | Exception | None = None  # what a look at any call says
    broadcasts: list[bytes] = field(default_factory=list)
    reason: str = "VerdictPending"  # why a mined transaction failed
    deaf: bool = False  # takes a transaction and loses the answer

    def mine(self, status: int = 1) -> None:
        for nonce in sorted(self.pool):
            if nonce == self.nonces:
                raw = self.pool.pop(nonce)
                tx = name_of(raw)
                self.mined[tx] = TxReceipt(tx, HEAD + 1, "0x", 21_000, 1, status, ())
                self.nonces += 1


def name_of(raw: bytes) -> str:
    return "0x" + hashlib.sha256(raw).hexdigest()


class FakeSender:
    """Sender's pieces over a FakeNode."""

    def __init__(self, node: FakeNode) -> None:
        self.node = node
        self.address = ME
        self.fees = SimpleNamespace(fees=lambda base: (base * 2 + 4, 4))
        self.connection = SimpleNamespace(latest=lambda: SimpleNamespace(base_fee=100))

    def estimate(self, call: Call) -> int:
        if self.node.refuse is not None:
            raise self.node.refuse
        return 100_000

    def next_nonce(self) -> int:
        return max([self.node.nonces, *(nonce + 1 for nonce in self.node.pool)])

    def build_and_sign(self, call: Call, nonce: int, *, gas: int, fees: tuple[int, int] | None = None) -> SentTx:
        raw = repr((call.data, nonce, gas, fees)).encode()
        return SentTx(name_of(raw), nonce, raw)

    def broadcast(self, raw: bytes) -> str:
        self.node.broadcasts.append(raw)
        nonce = eval(raw)[1]
        if name_of(raw) in self.node.mined:
            return name_of(raw)
        if nonce < self.node.nonces:
            raise TransactionLost("its nonce was used")
        self.node.pool[nonce] = raw
        if self.node.deaf:
            raise Unreachable("no answer")
        return name_of(raw)

    def receipt(self, tx: str) -> TxReceipt | None:
        return self.node.mined.get(tx)

    def explain(self, call: Call, receipt: TxReceipt) -> Reverted:
        return Reverted(self.node.reason, {})


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.record(jobs=[make_record()])
    return journal


def submitter(node: FakeNode, journal: Journal, resend: float = 30) -> Submitter:
    """A new process after a crash is a new submitter over the same journal and chain."""
    sender: Any = FakeSender(node)
    return Submitter(sender, journal, resend_seconds=resend)


def only(journal: Journal) -> Row:
    (row,) = journal.outbox(*Status)
    return row


def test_send__mined__done(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    assert ours.step(HEAD)
    assert only(journal).status is Status.SENT
    node.mine()
    assert not ours.step(HEAD + 1)
    assert (only(journal).status, only(journal).block) == (Status.DONE, HEAD + 1)
    assert len(node.broadcasts) == 1


def test_crash__signed_and_not_sent__same_bytes_go_out(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    signed = FakeSender(node).build_and_sign(COMMIT, 0, gas=125_000)
    journal.signed(only(journal).id, nonce=0, gas=125_000, raw=signed.raw, tx_hash=signed.hash)
    submitter(node, journal).step(HEAD)
    assert node.broadcasts == [signed.raw]


def test_crash__sent_and_mined_meanwhile__not_sent_again(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    submitter(node, journal).step(HEAD)
    node.mine()
    submitter(node, journal).step(HEAD + 1)
    assert only(journal).status is Status.DONE
    assert len(node.broadcasts) == 1


def test_answer_lost__taken_all_the_same__one_transaction(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    node.deaf = True
    with pytest.raises(Unreachable):
        submitter(node, journal).step(HEAD)
    node.deaf = False
    node.mine()
    submitter(node, journal).step(HEAD + 1)
    assert only(journal).status is Status.DONE
    assert node.nonces == 1


def test_two_rows__two_nonces_in_order(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "progress:0", Call("0x", b"\x02", "JobBoard.progress"))
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    assert [row.nonce for row in journal.outbox(Status.SENT)] == [0, 1]
    node.mine()
    ours.step(HEAD + 1)
    assert {row.status for row in journal.outbox(*Status)} == {Status.DONE}


def test_node_forgot_its_pool__nonce_is_not_used_twice(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    submitter(node, journal).step(HEAD)
    node.pool.clear()
    journal.enqueue(JOB, "reveal", Call("0x", b"\x03", "ReplicationVerifier.reveal"))
    submitter(node, journal).step(HEAD + 1)
    assert [row.nonce for row in journal.outbox(Status.SENT)] == [0, 1]
    assert sorted(node.pool) == [0, 1]


def test_nonce_used_by_another_transaction__looked_at_again(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    submitter(node, journal).step(HEAD)
    node.pool.clear()
    node.nonces = 1  # somebody else with this key
    after = submitter(node, journal)
    after.step(HEAD + 1)
    assert node.pool and sorted(node.pool) == [1]


def test_stuck__replaced_at_a_higher_fee_with_the_same_nonce(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal, resend=0)
    ours.step(HEAD)
    first = node.pool[0]
    ours.step(HEAD + 1)
    assert node.pool[0] != first and b"(255, 5)" in node.pool[0]
    assert len(only(journal).hashes) == 2
    node.mine()
    ours.step(HEAD + 2)
    assert only(journal).status is Status.DONE
    assert node.nonces == 1


def test_stuck__the_old_version_is_mined__found(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal, resend=0)
    ours.step(HEAD)
    first = node.pool[0]
    ours.step(HEAD + 1)
    node.pool[0] = first
    node.mine()
    ours.step(HEAD + 2)
    assert only(journal).status is Status.DONE


def test_reorganisation__brings_the_same_bytes_back(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    node.mine()
    ours.step(HEAD + 1)
    node.mined.clear()
    node.nonces = 0
    journal.record(rewound_to=HEAD)
    ours.step(HEAD + 1)
    assert len(set(node.broadcasts)) == 1 and len(node.broadcasts) == 2
    node.mine()
    ours.step(HEAD + 2)
    assert only(journal).status is Status.DONE


@pytest.mark.parametrize(
    ("kind", "refusal", "status"),
    [
        ("take", "SiblingSeated", Status.DONE),
        ("take_extra", "SiblingSeated", Status.DONE),
        ("commit", "AlreadyCommitted", Status.DONE),
        ("reveal", "AlreadyRevealed", Status.DONE),
        ("reveal_root", "AlreadyRevealed", Status.DONE),
        ("settle", "WrongState", Status.DONE),
        ("settle", "UnknownJob", Status.DONE),
        ("expire", "WrongState", Status.DONE),
        ("close_work", "WrongState", Status.DONE),
        ("open_extra", "ExtraNotNeeded", Status.DONE),
        ("take", "SeatsFull", Status.DEAD),
        ("commit", "DeadlinePassed", Status.DEAD),
        ("reveal", "CommitmentMismatch", Status.DEAD),
        ("take", "NotDrawn", Status.REFUSED),
        ("take", "CapacityReached", Status.REFUSED),
        ("take", "LockCapReached", Status.REFUSED),
        ("commit", "WrongSeats", Status.REFUSED),
        ("reveal", "WrongSeats", Status.REFUSED),
        ("commit", "UnknownJob", Status.DEAD),
        ("reveal_root", "RevealTooEarly", Status.REFUSED),
        ("settle", "VerdictPending", Status.REFUSED),
        ("progress:3", "NoReason", Status.DEAD),
    ],
)
def test_look__refused__nothing_is_sent(
    node: FakeNode, journal: Journal, kind: str, refusal: str, status: Status
) -> None:
    journal.enqueue(JOB, kind, COMMIT)
    node.refuse = Reverted(refusal, {})
    submitter(node, journal).step(HEAD)
    assert only(journal).status is status
    assert node.broadcasts == []


@pytest.mark.parametrize(("kind", "gas"), [("commit", 100_000), ("reveal", 600_000), ("reveal_root", 100_000)])
def test_reveal__gas_to_settle_as_well(node: FakeNode, journal: Journal, kind: str, gas: int) -> None:
    """Two reveals meet in a block: the later one settles, which the look at an earlier block did not show."""
    journal.enqueue(JOB, kind, COMMIT)
    submitter(node, journal).step(HEAD)
    assert eval(node.broadcasts[0])[2] == gas


def test_commit__lost_the_race_with_a_sibling__goes_again_with_new_bytes(node: FakeNode, journal: Journal) -> None:
    """A folded job: his commit came first, and what ours has shown is no longer so."""
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    node.reason = "WrongSeats"
    node.mine(status=0)
    ours.step(HEAD + 1)
    assert only(journal).status is Status.REFUSED
    journal.enqueue(JOB, "commit", Call(COMMIT.to, b"\x07", COMMIT.name))
    ours.step(HEAD + 1)
    node.mine()
    ours.step(HEAD + 2)
    assert (only(journal).status, only(journal).call.data) == (Status.DONE, b"\x07")
    assert node.nonces == 2


@pytest.mark.parametrize("refusal", ["WrongState", "UnknownJob", "VerdictPending"])
def test_commit__refused_with_its_passenger__goes_again_alone(node: FakeNode, journal: Journal, refusal: str) -> None:
    """Whoever settles the passenger first must not cost us the commit: the refusal does not say whose it was."""
    journal.enqueue(JOB, "commit", Call(COMMIT.to, b"\x08", "JobBoard.commitAndSettle"))
    node.refuse = Reverted(refusal, {})
    ours = submitter(node, journal)
    ours.step(HEAD)
    assert only(journal).status is Status.REFUSED
    node.refuse = None
    journal.enqueue(JOB, "commit", COMMIT)
    ours.step(HEAD + 1)
    node.mine()
    ours.step(HEAD + 2)
    assert (only(journal).status, only(journal).call.name) == (Status.DONE, "JobBoard.commit")


def test_mined_and_failed__the_reason_decides(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "settle", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    node.mine(status=0)
    ours.step(HEAD + 1)
    assert only(journal).status is Status.REFUSED
    assert only(journal).reason.startswith("VerdictPending")


def test_no_coin__waits_and_goes_on_when_there_is_some(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    node.refuse = InsufficientFunds("poor")
    ours = submitter(node, journal)
    ours.step(HEAD)
    assert only(journal).status is Status.NEW
    node.refuse = None
    ours.step(HEAD + 1)
    assert only(journal).status is Status.SENT


def test_refused_for_ever__given_up(node: FakeNode, journal: Journal) -> None:
    node.refuse = Reverted("VerdictPending", {})
    ours = submitter(node, journal)
    for _ in range(30):
        journal.enqueue(JOB, "settle", COMMIT)
        ours.step(HEAD)
    assert only(journal).status is Status.DEAD

"""From outbox to chain through crashes, lost answers and refusals: each step once, each nonce once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.worker.jobs import JOB, ME, make_record

from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.receipts import SentTx, TxReceipt
from tensorgrid.chain.send import FeePolicy
from tensorgrid.domain.errors import InsufficientFunds, Reverted, TransactionLost, Unreachable
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.loop.submitter import MOST_GAS, OUT_OF_GAS, Submitter
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import Row, Status

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
    base_fee: int = 100
    time: int = 1_000
    deaf: bool = False  # takes a transaction and loses the answer

    def mine(self, status: int = 1, gas_used: int = 21_000) -> None:
        for nonce in sorted(self.pool):
            if nonce == self.nonces:
                raw = self.pool.pop(nonce)
                tx = name_of(raw)
                self.mined[tx] = TxReceipt(tx, HEAD + 1, "0x", gas_used, 1, status, ())
                self.nonces += 1


def name_of(raw: bytes) -> str:
    return "0x" + hashlib.sha256(raw).hexdigest()


class FakeSender:
    """Sender's pieces over a FakeNode."""

    def __init__(self, node: FakeNode) -> None:
        self.node = node
        self.address = ME
        self.fees = FeePolicy(tip=4)
        self.connection = SimpleNamespace(
            latest=lambda: BlockRef(HEAD, "0x" + "1" * 64, node.time, "0x" + "0" * 64, node.base_fee)
        )

    def estimate(self, call: Call) -> int:
        if self.node.refuse is not None:
            raise self.node.refuse
        return 100_000

    def mined_nonce(self) -> int:
        return self.node.nonces

    def next_nonce(self) -> int:
        nonce = self.node.nonces
        while nonce in self.node.pool:  # behind a gap nothing counts
            nonce += 1
        return nonce

    def build_and_sign(self, call: Call, nonce: int, *, gas: int = 21_000, fees: tuple[int, int]) -> SentTx:
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

    def receipts(self, hashes: list[str]) -> list[TxReceipt | None]:
        return [self.receipt(tx) for tx in hashes]

    def estimates(self, calls: list[Call]) -> list[Any]:
        return [self.node.refuse or self.estimate(call) for call in calls]

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


def submitter(node: FakeNode, journal: Journal, resend: float = 30, max_fee: int | None = None) -> Submitter:
    """A new process after a crash is a new submitter over the same journal and chain."""
    sender: Any = FakeSender(node)
    sender.fees = FeePolicy(tip=4, max_fee=max_fee)
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
    signed = FakeSender(node).build_and_sign(COMMIT, 0, gas=125_000, fees=(204, 4))
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
    assert not node.pool, "the receipt may be late: nodes behind one address differ for a moment"
    after.step(HEAD + 2)
    assert sorted(node.pool) == [1]


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


def test_attack_node_estimates_too_little__each_try_is_given_more_up_to_a_bound(
    node: FakeNode, journal: Journal
) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    given = []
    for _ in range(10):
        submitter(node, journal).step(HEAD)  # each time another process: the journal remembers
        given.append(eval(node.broadcasts[-1])[2])
        node.mine(status=0, gas_used=given[-1])
        submitter(node, journal).step(HEAD + 1)
        assert only(journal).reason == OUT_OF_GAS
        journal.enqueue(JOB, "commit", COMMIT)
    assert given[:4] == [100_000, 200_000, 400_000, 800_000] and given[-1] == MOST_GAS


def test_attack_node_says_a_call_takes_no_gas__what_any_chain_takes_is_given(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", replace(COMMIT, data=bytes(1000)))
    sender: Any = FakeSender(node)
    sender.estimate = lambda _: 1
    Submitter(sender, journal, resend_seconds=30).step(HEAD)
    assert eval(node.broadcasts[0])[2] == 61_000


def test_mined_in_vain__its_cost_is_told(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "settle", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    node.mine(status=0)
    with capture_logs() as lines:
        ours.step(HEAD + 1)
    (told,) = [line for line in lines if line["event"] == "tx.reverted"]
    assert (told["gas"], told["gas_price"], told["kind"]) == (21_000, 1, "settle")


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


def test_dropped__by_the_node__the_same_bytes_again_at_once(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    node.pool.clear()
    ours.step(HEAD + 1)
    assert len(node.broadcasts) == 2 and len(set(node.broadcasts)) == 1
    assert sorted(node.pool) == [0]


def test_dropped__and_hopeless_by_now__not_sent_and_its_nonce_is_free(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "take", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    node.pool.clear()
    node.refuse = Reverted("SeatsFull", {})
    ours.step(HEAD + 1)
    assert only(journal).status is Status.DEAD and len(node.broadcasts) == 1
    node.refuse = None
    journal.enqueue(JOB, "settle", COMMIT)
    ours.step(HEAD + 2)
    assert sorted(node.pool) == [0]


def test_dropped__hopeless_with_others_behind__its_nonce_is_filled(node: FakeNode, journal: Journal) -> None:
    """Nothing is mined over a gap: what must not be sent gives its nonce to a transaction that does nothing."""
    journal.enqueue(JOB, "take", COMMIT)
    journal.enqueue(JOB, "progress:0", Call("0x", b"\x02", "JobBoard.progress"))
    ours = submitter(node, journal)
    ours.step(HEAD)
    del node.pool[0]
    node.refuse = Reverted("SeatsFull", {})
    ours.step(HEAD + 1)
    ours.step(HEAD + 2)
    assert sorted(node.pool) == [0, 1] and eval(node.pool[0])[0] == b""
    node.mine()
    ours.step(HEAD + 3)
    assert {row.kind: row.status for row in journal.outbox(*Status)} == {
        "take": Status.REFUSED,
        "progress:0": Status.DONE,
    }


def test_recall__replaced_by_nothing_with_the_same_nonce__planned_again(node: FakeNode, journal: Journal) -> None:
    """A reorganisation changed the seed: the old commitment must not be mined after all."""
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    journal.recall(only(journal).id, ours.nothing())
    ours.step(HEAD + 1)
    assert sorted(node.pool) == [0] and eval(node.pool[0])[0] == b"" and eval(node.pool[0])[3] > (204, 4)
    node.mine()
    ours.step(HEAD + 2)
    assert only(journal).status is Status.REFUSED
    journal.enqueue(JOB, "commit", Call(COMMIT.to, b"\x07", COMMIT.name))
    ours.step(HEAD + 3)
    assert eval(node.pool[1])[0] == b"\x07"


def test_recall__of_what_was_raised_before__replaced_at_once(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal, resend=0)
    ours.step(HEAD)
    ours.step(HEAD + 1)
    assert eval(node.pool[0])[0] == COMMIT.data and len(node.broadcasts) == 2
    ours._resend = 1_000
    journal.recall(only(journal).id, ours.nothing())
    ours.step(HEAD + 2)
    assert eval(node.pool[0])[0] == b"" and len(node.broadcasts) == 3


def test_recall__while_a_step_is_under_way__no_new_take_goes_before_it(node: FakeNode, journal: Journal) -> None:
    """The take of the new chain would carry the commitment of the old one into the same block: a wrong answer."""
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    node.nonces = 1
    ours.step(HEAD)
    node.nonces = 0  # its take is unmined
    latest = ours._sender.connection.latest

    def plans() -> BlockRef:
        """The planning thread, while this one waits for its node: a rewind, then a look at the new chain."""
        ours.held = {"take"}
        journal.enqueue(JOB, "take", Call(COMMIT.to, b"\x07", "JobBoard.take"))
        journal.recall(journal.outbox(Status.SENT)[0].id, ours.nothing())
        ours.held = ()
        ours._sender.connection.latest = latest
        return latest()

    ours._sender.connection.latest = plans
    ours.step(HEAD)
    assert 0 not in node.pool
    ours.step(HEAD)
    assert [eval(node.pool[nonce])[0] for nonce in (0, 1)] == [b"\x07", b""]


def test_gas_above_the_bound__waits__and_goes_when_it_is_cheap(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "settle", COMMIT)
    ours = submitter(node, journal, max_fee=150)
    node.base_fee = 1_000
    assert not ours.step(HEAD)
    assert only(journal).status is Status.NEW and not node.broadcasts
    node.base_fee = 100
    ours.step(HEAD + 1)
    assert eval(node.pool[0])[3] == (150, 4)


def test_gas_above_the_bound__a_deadline_is_near__sent_all_the_same(node: FakeNode, journal: Journal) -> None:
    """Stake is dearer than gas: 120 s of chain time before the deadline the bound does not hold any more."""
    journal.record(calls=[(JOB, "commit", COMMIT)], due={(JOB, "commit"): 2_000})
    journal.enqueue(JOB, "settle", COMMIT)
    ours = submitter(node, journal, max_fee=150)
    node.base_fee = 1_000
    node.time = 1_880
    ours.step(HEAD)
    assert not node.pool
    node.time = 1_881
    ours.step(HEAD + 1)
    assert [eval(raw)[3] for raw in node.pool.values()] == [(2_004, 4)]
    assert {row.kind for row in journal.outbox(Status.NEW)} == {"settle"}


def test_stuck_below_the_bound__stays__and_is_raised_near_its_deadline(node: FakeNode, journal: Journal) -> None:
    journal.record(calls=[(JOB, "commit", COMMIT)], due={(JOB, "commit"): 2_000})
    ours = submitter(node, journal, resend=0, max_fee=150)
    ours.step(HEAD)
    node.base_fee = 1_000
    for _ in range(3):
        ours.step(HEAD + 1)
    assert len(only(journal).hashes) == 1
    node.time = 1_990
    ours.step(HEAD + 2)
    assert eval(node.pool[0])[3] > (2_004, 4)


def test_deadlines__first_in_the_queue(node: FakeNode, journal: Journal) -> None:
    other = JobId(b"\x31" * 32)
    journal.record(jobs=[make_record(job=other)], calls=[(JOB, "settle", COMMIT)])
    journal.record(calls=[(JOB, "reveal", COMMIT)], due={(JOB, "reveal"): 3_000})
    journal.record(calls=[(other, "reveal", COMMIT)], due={(other, "reveal"): 2_000})
    submitter(node, journal).step(HEAD)
    assert {(row.job, row.kind): row.nonce for row in journal.outbox(Status.SENT)} == {
        (other, "reveal"): 0,
        (JOB, "reveal"): 1,
        (JOB, "settle"): 2,
    }


def test_held__neither_sent_nor_sent_again(node: FakeNode, journal: Journal) -> None:
    """While nodes disagree: reveals go out, commitments do not."""
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    node.pool.clear()
    other = JobId(b"\x31" * 32)
    journal.record(jobs=[make_record(job=other)], calls=[(other, "commit", COMMIT), (other, "reveal", COMMIT)])
    ours.held = {"commit"}
    ours.step(HEAD + 1)
    assert len(node.broadcasts) == 2 and {row.kind for row in journal.outbox(Status.NEW)} == {"commit"}
    ours.held = ()
    ours.step(HEAD + 2)
    assert len(journal.outbox(Status.SENT)) == 3 and sorted(node.pool) == [0, 1, 2]


def test_journal_lost__with_a_transaction_in_the_pool__nothing_new_before_it_is_mined(
    node: FakeNode, journal: Journal
) -> None:
    """Its `take` must not be followed by another one."""
    node.pool[0] = b"(b'take', 0, 1, (1, 1))"
    journal.enqueue(JOB, "take", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    assert not node.broadcasts and only(journal).status is Status.NEW
    node.mine()
    node.refuse = Reverted("SiblingSeated", {})
    ours.step(HEAD + 1)
    assert only(journal).status is Status.DONE and not node.broadcasts


def test_journal_lost__with_a_transaction_that_is_never_mined__it_gives_way(node: FakeNode, journal: Journal) -> None:
    node.pool[0] = b"(b'old', 0, 1, (1, 1))"
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal, resend=0)
    ours.step(HEAD)
    ours.step(HEAD + 1)
    assert eval(node.pool[0])[0] == b""
    node.mine()
    ours.step(HEAD + 2)
    assert sorted(node.pool) == [1]


def test_mined_between_two_questions__is_no_stranger(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "commit", COMMIT)
    ours = submitter(node, journal)
    ours.step(HEAD)
    journal.enqueue(JOB, "progress:0", COMMIT)
    looked = FakeSender.next_nonce

    def mined_after(sender: FakeSender) -> int:
        found = looked(sender)
        node.mine()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeSender, "next_nonce", mined_after)
        ours.step(HEAD + 1)
    assert [row.kind for row in journal.outbox(Status.DONE)] == ["commit"]
    assert [row.kind for row in journal.outbox(Status.SENT)] == ["progress:0"]

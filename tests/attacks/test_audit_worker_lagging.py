"""Attacks on a worker through its node: it lags, refuses, or sits on a transaction until stake is lost."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.worker.jobs import JOB, ME, make_record, make_terms
from tests.worker.test_submitter import COMMIT, HEAD, FakeNode, FakeSender, submitter

from tensorgrid.chain.calls import Call
from tensorgrid.domain.errors import Reverted, StorageError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.jobs.lastwords import TRIES, LastWords
from tensorgrid_worker.loop.interest import Interest
from tensorgrid_worker.loop.planner import Do
from tensorgrid_worker.loop.submitter import MAX_ATTEMPTS, RECALL
from tensorgrid_worker.loop.trust import HELD
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.records import JobRecord
from tensorgrid_worker.memory.rows import Status

REVEAL = Call("0x" + "a" * 40, b"\x02", "ReplicationVerifier.reveal")
TAKE = Call("0x" + "a" * 40, b"\x03", "JobBoard.take")
OTHER = JobId(b"\x31" * 32)


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    found = Journal(tmp_path / "journal.sqlite")
    found.record(jobs=[make_record(), make_record(job=OTHER)])
    return found


@pytest.mark.parametrize(("kind", "call"), [("commit", COMMIT), ("reveal", REVEAL)])
def test_lagging_node__says_that_the_job_is_not_there_yet__what_costs_stake_is_never_given_up(
    node: FakeNode, journal: Journal, kind: str, call: Call
) -> None:
    ours = submitter(node, journal)
    node.refuse = Reverted("WrongState", {})
    for _ in range(MAX_ATTEMPTS + 3):
        journal.record(calls=[(JOB, kind, call)], due={(JOB, kind): node.time + 500})
        ours.step(HEAD)
        assert journal.kinds()[JOB, kind] is Status.REFUSED
    node.refuse = None
    journal.record(calls=[(JOB, kind, call)], due={(JOB, kind): node.time + 500})
    ours.step(HEAD)
    node.mine()
    ours.step(HEAD + 1)
    assert journal.kinds()[JOB, kind] is Status.DONE


def test_lying_witness__a_held_take_is_stuck_before_a_reveal__gives_its_nonce_away(
    node: FakeNode, journal: Journal
) -> None:
    ours = submitter(node, journal, resend=0)
    journal.enqueue(JOB, "take", TAKE)
    ours.step(HEAD)
    ours.held = HELD
    node.pool.clear()  # the node has dropped it, and nobody sends it again while nodes disagree
    journal.record(calls=[(OTHER, "reveal", REVEAL)], due={(OTHER, "reveal"): node.time + 50})
    for row in journal.outbox(Status.NEW):
        journal.signed(row.id, nonce=1, gas=1, raw=repr((row.call.data, 1, 1, (9, 9))).encode(), tx_hash="0x1")
    for _ in range(6):
        ours.step(HEAD)
        time.sleep(0.01)
    (take,) = [row for row in journal.outbox(*Status) if row.kind == "take"]
    assert take.call.name == RECALL
    assert sorted(node.pool) == [0, 1]


def test_lying_witness__a_held_take_that_blocks_nobody__is_left_alone(node: FakeNode, journal: Journal) -> None:
    ours = submitter(node, journal, resend=0)
    journal.enqueue(JOB, "take", TAKE)
    ours.step(HEAD)
    ours.held = HELD
    sent = list(node.broadcasts)
    ours.step(HEAD)
    assert node.broadcasts == sent and journal.outbox(Status.SENT)[0].call == TAKE


def test_slow_node__the_step_is_taken_back_while_it_is_looked_at__nothing_is_sent(
    node: FakeNode, journal: Journal
) -> None:
    """A reorganisation or a drain comes between the look and the signature."""
    ours = submitter(node, journal)
    journal.enqueue(JOB, "commit", COMMIT)
    sender = cast("FakeSender", ours._sender)
    look = sender.estimate

    def slow(call: Call) -> int:
        journal.record(rewound_to=5)
        return look(call)

    sender.estimate = slow  # type: ignore[method-assign]
    ours.step(HEAD)
    assert not node.broadcasts and journal.kinds()[JOB, "commit"] is Status.REFUSED


def test_slow_node__the_step_is_planned_anew_with_another_result__the_old_one_is_not_sent(
    node: FakeNode, journal: Journal
) -> None:
    ours = submitter(node, journal)
    journal.enqueue(JOB, "commit", COMMIT)
    sender, newer = cast("FakeSender", ours._sender), replace(COMMIT, data=b"\x09")

    def slow(_: Call) -> int:
        journal.record(rewound_to=5)
        journal.record(calls=[(JOB, "commit", newer)])
        return 100_000

    sender.estimate = slow  # type: ignore[method-assign]
    ours.step(HEAD)
    assert not node.broadcasts and journal.outbox(Status.NEW)[0].call == newer


def _taking(journal: Journal, unwanted: str) -> Any:
    """Of takes under way, as the loop looks after them."""
    heard = SimpleNamespace(say=lambda *_, **__: None)
    parts = SimpleNamespace(_journal=journal, _unwanted=lambda _: unwanted, _joblog=lambda _: heard)
    records: dict[JobId, JobRecord] = {JOB: make_record(), OTHER: make_record(job=OTHER)}
    return Interest.taking(cast("Any", parts), records)


def test_dear_gas__a_take_waits_while_its_owner_drains__it_is_taken_back(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "take", TAKE)
    dear = submitter(node, journal, max_fee=50)
    dear.step(HEAD)
    assert _taking(journal, "") == {JOB}
    assert not node.broadcasts and _taking(journal, "not now, this worker drains") == set()
    node.base_fee = 10
    dear.step(HEAD)
    assert not node.broadcasts, "it took a job after it was told to drain"


def test_a_take_that_is_sent__its_owner_drains__is_followed_to_its_end(node: FakeNode, journal: Journal) -> None:
    journal.enqueue(JOB, "take", TAKE)
    submitter(node, journal).step(HEAD)
    assert _taking(journal, "not now, this worker drains") == {JOB}
    assert journal.kinds()[JOB, str(Do.TAKE)] is Status.SENT


def test_full_disk__the_journal_fails_under_the_note_of_a_failed_run__the_daemon_lives(tmp_path: Path) -> None:
    def publish(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    spec = SimpleNamespace(recipients=())
    store = SimpleNamespace(put=lambda _: SimpleNamespace(digest=bytes(32)))
    speaker = LastWords(cast("Any", SimpleNamespace(store=store)), ME, publish)
    speaker._spec = lambda *_: spec  # type: ignore[method-assign,assignment,return-value]
    for _ in range(TRIES):
        assert not speaker.after(JOB, make_terms(), StorageError("down"))


def test_lying_node__claims_more_transactions_than_memory_holds__the_worker_holds_still(
    node: FakeNode, journal: Journal
) -> None:
    ours = submitter(node, journal)
    journal.enqueue(JOB, "commit", COMMIT)
    cast("FakeSender", ours._sender).next_nonce = lambda: 2**53 - 1  # type: ignore[method-assign]
    ours.step(HEAD)
    assert not node.broadcasts


def test_lying_node__claims_mined_transactions_that_are_not__the_commit_is_signed_again_at_its_own_nonce(
    node: FakeNode, journal: Journal
) -> None:
    ours = submitter(node, journal, resend=0)
    journal.record(calls=[(JOB, "commit", COMMIT)], due={(JOB, "commit"): node.time + 500})
    node.nonces = 1_000
    ours.step(HEAD)
    node.nonces = 0  # a better node
    node.pool.clear()
    for _ in range(4):
        time.sleep(0.01)
        ours.step(HEAD)
    assert 0 in node.pool


def test_deaf_node__bumps_for_days__the_tip_stays_bounded(node: FakeNode, journal: Journal) -> None:
    ours = submitter(node, journal, resend=0)
    journal.enqueue(JOB, "commit", COMMIT)
    (row,) = journal.outbox(Status.NEW)
    fees = ours._fees(row, ours._look(), bumps=10_000)
    assert fees is not None and fees[1] < 100 * ours._sender.fees.tip

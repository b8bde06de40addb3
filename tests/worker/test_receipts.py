"""From a run to a commitment, and progress on the way: sealed for the requester, readable by nobody else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from tests.worker.conftest import READER, make_spec
from tests.worker.jobs import JOB, ME, SEED

from tensorgrid.domain.cids import Cid
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import StorageError
from tensorgrid.domain.jobs import ExitClass, commitment
from tensorgrid.domain.payload import pack_payload, payload_root
from tensorgrid.domain.receipts import Environment, ProgressBlob, Receipt
from tensorgrid.domain.results import result_root
from tensorgrid.privacy import open_sealed
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.jobs.executor import Run
from tensorgrid_worker.jobs.progress import ProgressPump
from tensorgrid_worker.jobs.receipts import Receipts
from tensorgrid_worker.loop.openings import Secrets

SECRETS = Secrets(Account.from_key(b"\x11" * 32), 31337, "0x" + "b" * 40)
SPEC = make_spec(b"def job(): return {}", progress_seconds=1)
PAYLOAD = pack_payload({"w": ("F32", (1,), b"1234")}, {"loss": 0.5})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def receipts(store: LocalStore) -> Receipts:
    return Receipts(store, ME, Environment("3.11", "2.13", "linux-x86_64"), SECRETS.salt)


def test_of_run__ok__root_receipt_and_seal_fit_together(store: LocalStore, receipts: Receipts) -> None:
    result = receipts.of_run(JOB, SEED, SPEC, Run(ExitClass.OK, PAYLOAD, b"my log", 1.0))
    assert result.root == result_root(JOB, ExitClass.OK, payload_root(PAYLOAD))
    assert result.root_hash == keccak256(result.root)
    receipt = Receipt.from_bytes(store.get(Cid.of_digest(result.receipt), max_bytes=10_000))
    assert (receipt.job, receipt.worker, receipt.exit) == (JOB, ME, ExitClass.OK)
    assert receipt.sealed is not None and receipt.log is not None
    sealed = store.get(receipt.sealed.cid, max_bytes=receipt.sealed.bytes)
    assert open_sealed(sealed, READER) == PAYLOAD
    assert open_sealed(store.get(receipt.log.cid, max_bytes=receipt.log.bytes), READER) == b"my log"
    assert PAYLOAD not in sealed and b"my log" not in sealed
    assert result.commitment(ME, extra=False) == commitment(JOB, ME, result.salt, result.root_hash, result.receipt)
    assert result.commitment(ME, extra=True) == commitment(JOB, ME, result.salt, result.root, result.receipt)


def test_of_run__twice__same_root_and_salt__another_receipt(receipts: Receipts) -> None:
    """Sealing is randomised; all else can be made again, and the commitments differ all the same."""
    run = Run(ExitClass.OK, PAYLOAD, b"", 1.0)
    first, second = (receipts.of_run(JOB, SEED, SPEC, run) for _ in range(2))
    assert (first.root, first.salt) == (second.root, second.salt) and len(first.salt) == 32
    assert first.receipt != second.receipt
    assert first.commitment(ME) != second.commitment(ME)


@pytest.mark.parametrize("exit_class", list(ExitClass)[1:])
def test_of_run__failed__class_alone_is_the_root(store: LocalStore, receipts: Receipts, exit_class: ExitClass) -> None:
    result = receipts.of_run(JOB, SEED, SPEC, Run(exit_class, None, b"trace", 1.0))
    assert result.root == result_root(JOB, exit_class)
    receipt = Receipt.from_bytes(store.get(Cid.of_digest(result.receipt), max_bytes=10_000))
    assert receipt.exit is exit_class and receipt.sealed is None and receipt.log is not None


@pytest.mark.parametrize("payload", [b"", b"rubbish", PAYLOAD + b"x", pack_payload({})])
def test_of_run__malformed_payload__raised_and_says_why(store: LocalStore, receipts: Receipts, payload: bytes) -> None:
    result = receipts.of_run(JOB, SEED, SPEC, Run(ExitClass.OK, payload, b"", 1.0))
    assert result.exit is ExitClass.RAISED
    assert result.root == result_root(JOB, ExitClass.RAISED)
    receipt = Receipt.from_bytes(store.get(Cid.of_digest(result.receipt), max_bytes=10_000))
    assert receipt.log is not None
    assert b"malformed" in open_sealed(store.get(receipt.log.cid, max_bytes=10_000), READER)


def test_progress__points_come_sealed_and_cumulative(store: LocalStore) -> None:
    told: list[tuple[int, bytes]] = []
    with ProgressPump(JOB, ME, SPEC, store, lambda *args: told.append(args), every=1, first_sequence=3) as pump:
        pump.add({"step": 0})
        time.sleep(1.3)
        pump.add({"step": 1})
    assert [sequence for sequence, _ in told] == [3, 4]
    blobs = [
        ProgressBlob.from_bytes(open_sealed(store.get(Cid.of_digest(digest), max_bytes=300_000), READER))
        for _, digest in told
    ]
    assert [list(blob.points) for blob in blobs] == [[{"step": 0}], [{"step": 0}, {"step": 1}]]
    assert [blob.points_total for blob in blobs] == [1, 2]


def test_progress__nothing_to_tell__nothing_told(store: LocalStore) -> None:
    told: list[Any] = []
    with ProgressPump(JOB, ME, SPEC, store, lambda *args: told.append(args), every=1):
        pass
    assert told == []


def test_progress__a_flood__the_newest_points_in_one_block(store: LocalStore) -> None:
    told: list[tuple[int, bytes]] = []
    with ProgressPump(JOB, ME, SPEC, store, lambda *args: told.append(args), every=1) as pump:
        for step in range(20_000):
            pump.add({"step": step, "text": "x" * 200})
    sealed = store.get(Cid.of_digest(told[-1][1]), max_bytes=262_144)
    blob = ProgressBlob.from_bytes(open_sealed(sealed, READER))
    assert blob.points_total == 20_000
    assert blob.points[-1]["step"] == 19_999


def test_progress__store_fails__the_job_does_not() -> None:
    class Broken:
        def put(self, data: bytes) -> Cid:
            raise StorageError("disk full")

    broken: Any = Broken()
    with ProgressPump(JOB, ME, SPEC, broken, lambda *_: None, every=1) as pump:
        pump.add({"step": 0})

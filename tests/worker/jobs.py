"""Terms, records and views for the worker's pure tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tensorgrid.chain.history import (
    Event,
    ExtraSeatsOpened,
    JobPosted,
    JobSealed,
    JobSettled,
    JobTaken,
    LogRef,
    WorkerSettled,
)
from tensorgrid.domain.jobs import (
    ZERO32,
    ExitClass,
    Fault,
    JobId,
    JobTerms,
    ReplicationClocks,
    Seat,
    hardware_class,
)
from tensorgrid_worker.memory.records import JobRecord, Preparation, SeatRecord
from tensorgrid_worker.memory.rows import Result

ME, SECOND, THIRD, FOURTH, STRANGER = (f"0x{digit * 40}" for digit in "12345")
PROVIDER, PAYEE = (f"0x{digit * 40}" for digit in "89")
TOKEN, SCHEDULER, VERIFIER = (f"0x{digit * 40}" for digit in "abc")
SEALED = b"\x01" * 32
SEED = b"\x05" * 32
JOB = JobId(b"\x30" * 31 + b"\x00")  # its last byte leaves the first turn to seat 3, then 1, 2
TAKE_BY, WORK_TIME, SETTLE_TIME = 1_000, 100, 200
CLOCKS = ReplicationClocks(reveal_time=8, grace=8, extra_take_time=10)


def make_terms(**changes: Any) -> JobTerms:
    terms = JobTerms(
        requester=STRANGER,
        nonce=7,
        spec_digest=b"\x09" * 32,
        price=1_000_000,
        reserve=2_000_000,
        bounty=50_000,
        take_by=TAKE_BY,
        pay_token=TOKEN,
        fee_bps=100,
        no_show_bond=5,
        reopens=0,
        workers=3,
        stake=100,
        hardware_class=hardware_class("cpu"),
        scheduler=SCHEDULER,
        verifier=VERIFIER,
        verifier_params=CLOCKS.pack(),
        work_time=WORK_TIME,
        settle_time=SETTLE_TIME,
    )
    return replace(terms, **changes)


def make_seat(worker: str = ME, commitment: bytes = ZERO32, price: int = 1_000_000) -> Seat:
    return Seat(worker, PROVIDER, PAYEE, price, commitment)


def make_record(*workers: str, job: JobId = JOB, **changes: Any) -> JobRecord:
    """Posted in block 10, each seat in the next block, prepared."""
    seats = tuple(SeatRecord(make_seat(worker), 11 + index) for index, worker in enumerate(workers))
    record = JobRecord(job, make_terms(), round=12, posted_block=10, seats=seats, preparation=Preparation.READY)
    return replace(record, **changes)


def make_result(job: JobId = JOB, seed: bytes = SEED, exit_class: ExitClass = ExitClass.OK) -> Result:
    return Result(job, seed, exit_class, b"\x0a" * 32, b"\x0b" * 32, b"\x0c" * 32, b"\x0d" * 32)


def log_at(block: int, index: int = 0) -> LogRef:
    return LogRef(block, f"0x{block:064x}", "0x" + "0" * 64, index)


def taken(worker: str, number: int, block: int, index: int = 0) -> JobTaken:
    work_by = 1_100 if number == 3 else 0
    return JobTaken(JOB, worker, number, PROVIDER, PAYEE, 1_000_000, work_by, log=log_at(block, index))


def history() -> list[Event]:
    """A job's life from block 10 to 20: posted, taken by three, assigned, committed, second round, settled."""
    return [
        JobPosted(JOB, make_terms(), 12, log=log_at(10)),
        taken(SECOND, 1, 13),
        taken(ME, 2, 13, 1),
        taken(THIRD, 3, 14),
        JobSealed(JOB, THIRD, b"\x03" * 32, log=log_at(14, 2)),
        JobSealed(JOB, ME, b"\x01" * 32, log=log_at(15)),
        JobSealed(JOB, SECOND, b"\x02" * 32, 1_080, log=log_at(15, 1)),
        ExtraSeatsOpened(JOB, 18, 1_150, 1_250, 1_266, log=log_at(16)),
        taken(FOURTH, 4, 18),
        JobSealed(JOB, FOURTH, b"\x04" * 32, log=log_at(19)),
        WorkerSettled(JOB, SECOND, 0, Fault.SLASHED, False, log=log_at(20)),
        WorkerSettled(JOB, ME, 1_000_000, Fault.NONE, True, log=log_at(20, 1)),
        JobSettled(JOB, THIRD, 3_000_000, 30_000, 1_000_000, log=log_at(20, 2)),
    ]

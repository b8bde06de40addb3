"""Which questions the chain is asked, and what is made of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.jobs import (
    JOB,
    ME,
    PAYEE,
    PROVIDER,
    SCHEDULER,
    SEALED,
    SECOND,
    THIRD,
    make_record,
    make_seat,
    make_terms,
)

from tensorgrid.chain.abi import encode, interface
from tensorgrid.chain.board import JobBoard
from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.plugins import Replication
from tensorgrid.chain.records import Tally
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import ZERO32, AcceptanceClocks, Job, JobState, job_seed
from tensorgrid_worker.loop.view import ViewReader
from tensorgrid_worker.memory.records import JobRecord, Preparation

BOARD = "0x" + "1" * 40
SINCE, WINDOW = 1_050, 60
EMPTY = Tally((0, 0, 0, 0, 0), 0, 0, 0, 0, 0)


@dataclass
class FakeChain:
    """Contracts whose state is set by hand; what is built and asked is real, or counted."""

    job: Job
    logs: list[dict[str, Any]] = field(default_factory=list)
    value: bytes = ZERO32  # of every round, as the contract has it
    refuse: str = ""  # by this error, every simulated call
    tally: Tally = EMPTY
    simulated: list[str] = field(default_factory=list)
    asked_logs: int = 0
    read: int = 0  # jobs
    audit: None = None  # a network without audits
    by_block: bool = True  # whether rounds are blocks

    def __post_init__(self) -> None:
        nobody: Any = None
        self.board: Any = JobBoard(nobody, "JobBoard", BOARD)
        self.board.job = lambda requester, nonce: self.job
        self.board.jobs = self._jobs
        self.replication: Any = Replication(nobody, "ReplicationVerifier", "0x" + "2" * 40)
        self.replication.tally = lambda requester, nonce: self.tally
        self.lottery = SimpleNamespace(address=SCHEDULER)
        self.beacon = SimpleNamespace(
            value_of=lambda number: self.value,
            by_block=self.by_block,
            due_in_next_block=lambda number, head: head.number >= number,
        )
        self.connection = SimpleNamespace(rpc=self._rpc, block=lambda number: head(number))

    def _jobs(self, posted: list[tuple[str, int]]) -> list[Job]:
        self.read += len(posted)
        return [self.job for _ in posted]

    def _rpc(self, method: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        assert (method, query["topics"], query["fromBlock"]) == ("eth_getLogs", [None, "0x" + JOB.hex()], "0xa")
        self.asked_logs += 1
        return self.logs

    def simulate(self, call: Call, sender: str) -> None:
        self.simulated.append(call.name)
        if self.refuse:
            raise Reverted(self.refuse, {})


def head(number: int = 40, now: int = 1_000) -> BlockRef:
    return BlockRef(number, f"0x{number:064x}", now, "0x" + "0" * 64)


def job(state: JobState, **changes: Any) -> Job:
    known = Job(state, 3, 0, False, False, False, 7, SINCE, 12, bytes(20))
    return replace(known, **changes)


def look(chain: FakeChain, record: JobRecord, at: BlockRef | None = None) -> Any:
    reader = ViewReader(chain, ME)  # type: ignore[arg-type]
    (view,) = reader.read({JOB: record}, at or head())
    return view


def log(name: str, *indexed: bytes, **values: Any) -> dict[str, Any]:
    entry = next(entry for entry in interface("JobBoard").events.values() if entry.name == name)
    kinds = [part["type"] for part in entry.inputs if not part.get("indexed")]
    return {
        "address": BOARD,
        "topics": ["0x" + entry.hash.hex(), *("0x" + topic.hex() for topic in indexed)],
        "data": "0x" + encode(kinds, list(values.values())).hex(),
        "blockNumber": "0x10",
        "logIndex": "0x0",
        "blockHash": "0x" + "0" * 64,
        "transactionHash": "0x" + "0" * 64,
    }


def address_topic(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


def test_seats__as_the_events_told__no_logs_are_read() -> None:
    chain = FakeChain(job(JobState.ASSIGNED))
    view = look(chain, make_record(SECOND, ME, THIRD, assigned_block=14))
    assert (view.number, view.held) == (2, tuple(make_seat(worker) for worker in (SECOND, ME, THIRD)))
    assert chain.asked_logs == 0


def test_seats__the_events_lag_behind__read_up_to_now() -> None:
    """With confirmations a worker knows late what the board wants to be shown at once."""
    chain = FakeChain(job(JobState.ASSIGNED, taken=2, committed=0b01))
    for number, worker in enumerate((SECOND, ME), 1):
        chain.logs.append(
            log(
                "JobTaken",
                JOB,
                address_topic(worker),
                number=number,
                provider=PROVIDER,
                payee=PAYEE,
                price=1_000_000,
                work_by=0,
            )
        )
    chain.logs.append(log("JobSealed", JOB, address_topic(SECOND), commitment=SEALED, since=0))
    view = look(chain, make_record(SECOND))
    assert view.number == 2
    assert view.held == (make_seat(SECOND, SEALED), make_seat(ME))
    assert chain.asked_logs == 1


def test_seats__the_chain_does_not_hold_still__looked_at_a_few_times_only() -> None:
    chain = FakeChain(job(JobState.ASSIGNED, taken=3))
    assert look(chain, make_record(ME)).number == 0
    assert chain.asked_logs == 3


@pytest.mark.parametrize("state", [JobState.NONE, JobState.SETTLED, JobState.SUPERSEDED])
def test_ended_or_gone__nothing_more_is_asked(state: JobState) -> None:
    chain = FakeChain(job(state, taken=0))
    view = look(chain, make_record(SECOND, ME, THIRD, assigned_block=14))
    assert (view.job.state, view.number, chain.asked_logs, chain.simulated) == (state, 0, 0, [])


@pytest.mark.parametrize(
    ("value", "at", "expected"),
    [
        (b"\x05" * 32, 40, job_seed(JOB, b"\x05" * 32)),
        (ZERO32, 12, ZERO32),  # not due
        (ZERO32, 40, job_seed(JOB, (12).to_bytes(32, "big"))),  # forgotten by the contract: the block's own hash
    ],
)
def test_seed__of_the_round__even_long_after(value: bytes, at: int, expected: bytes) -> None:
    chain = FakeChain(job(JobState.ASSIGNED), value=value)
    assert look(chain, make_record(SECOND, ME, THIRD, assigned_block=14), head(at)).seed == expected


def silent_record() -> JobRecord:
    terms = make_terms(workers=1, verifier_params=AcceptanceClocks(WINDOW).pack())
    record = make_record(ME, terms=terms, assigned_block=14, preparation=Preparation.READY)
    seat = replace(record.seats[0], seat=make_seat(ME, SEALED), sealed_block=15)
    return replace(record, seats=(seat,))


@pytest.mark.parametrize(
    ("why", "contested", "now", "refuse", "may", "asked"),
    [
        ("silence lasts: not asked", False, SINCE + WINDOW - 1, "", False, 0),
        ("silence is over", False, SINCE + WINDOW, "", True, 1),
        ("not in this very block", False, SINCE + WINDOW, "VerdictPending", False, 1),
        ("contested: the jury may be done at any time", True, SINCE + 1, "", True, 1),
        ("contested: it is not", True, SINCE + 1, "VerdictPending", False, 1),
    ],
)
def test_silent_tier__settled_once_silence_is_over(
    why: str, contested: bool, now: int, refuse: str, may: bool, asked: int
) -> None:
    stands = job(JobState.COMMITTED, taken=1, committed=1, silent=True, contested=contested, folded=True)
    chain = FakeChain(stands, refuse=refuse)
    view = look(chain, silent_record(), head(now=now))
    assert (view.may_settle, view.may_open_extra, view.tally) == (may, False, None), why
    assert chain.simulated == ["JobBoard.settle"] * asked, why


def test_replicated__open_round__neither_settled_nor_reopened() -> None:
    record = make_record(SECOND, ME, THIRD, assigned_block=14)
    record = replace(
        record, seats=tuple(replace(s, seat=replace(s.seat, commitment=SEALED), sealed_block=15) for s in record.seats)
    )
    stands = job(JobState.COMMITTED, committed=0b111)
    open_round = FakeChain(stands, tally=replace(EMPTY, revealed=2))
    assert not look(open_round, record, head(now=SINCE + 16)).may_settle
    assert open_round.simulated == []
    over = FakeChain(stands, tally=replace(EMPTY, revealed=2), refuse="VerdictPending")
    assert not look(over, record, head(now=SINCE + 17)).may_open_extra
    assert over.simulated == ["JobBoard.settle", "ReplicationVerifier.openExtra"]


def test_take__drawn__asked_in_the_next_block_and_remembered_when_refused() -> None:
    chain = FakeChain(job(JobState.POSTED, taken=0), refuse="LockCapReached")
    reader = ViewReader(chain, ME)  # type: ignore[arg-type]
    (view,) = reader.read({JOB: make_record()}, head(now=900))
    assert not view.may_take
    assert reader.refusals[JOB].startswith("LockCapReached")
    chain.refuse = ""
    (view,) = reader.read({JOB: make_record()}, head(now=900))
    assert view.may_take and reader.refusals[JOB] == ""


def test_believed__no_event_and_no_clock_over__read_once() -> None:
    chain = FakeChain(job(JobState.ASSIGNED, clock=2_000), value=b"\x05" * 32)
    reader = ViewReader(chain, ME, believed=60)  # type: ignore[arg-type]
    record = make_record(SECOND, ME, THIRD, assigned_block=14)
    first = reader.read({JOB: record}, head())
    assert reader.read({JOB: record}, head(41)) == first
    assert chain.read == 1


@pytest.mark.parametrize("why", ["an event told of it", "its clock is over", "a reorganisation"])
def test_believed__something_may_have_moved__read_again(why: str) -> None:
    chain = FakeChain(job(JobState.ASSIGNED, clock=2_000), value=b"\x05" * 32)
    reader = ViewReader(chain, ME, believed=60)  # type: ignore[arg-type]
    record = make_record(SECOND, ME, THIRD, assigned_block=14)
    reader.read({JOB: record}, head())
    if why == "an event told of it":
        record = replace(record, assigned_block=15)
    elif why == "a reorganisation":
        reader.forget_seeds()
    reader.read({JOB: record}, head(now=2_001 if why == "its clock is over" else 1_000))
    assert chain.read == 2, why

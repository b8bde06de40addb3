"""What each step shows the board: everything where a job is folded, no more than is needed where it is not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.worker.jobs import JOB, ME, SEALED, SECOND, SEED, THIRD, make_record, make_result, make_seat, make_terms

from tensorgrid.chain.board import JobBoard
from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.plugins import Replication
from tensorgrid.domain.jobs import Job, JobId, JobState, Opening
from tensorgrid_worker.loop.calls import call_for
from tensorgrid_worker.loop.planner import Do, JobView

NOBODY: Any = None  # no call is sent here
BOARD = JobBoard(NOBODY, "JobBoard", "0x" + "1" * 40)
REPLICATION = Replication(NOBODY, "ReplicationVerifier", "0x" + "2" * 40)
CONTRACTS = cast("Contracts", SimpleNamespace(board=BOARD, replication=REPLICATION))
RESULT = make_result()
TERMS = make_terms()


def view(*, folded: bool, extra: bool = False, job: JobId = JOB) -> JobView:
    """Seat 2 is ours, or with `extra` seat 4; the others have committed."""
    workers = [SECOND, THIRD, "0x" + "7" * 40, ME] if extra else [SECOND, ME, THIRD]
    record = make_record(*workers, job=job)
    held = tuple(seat if seat.worker == ME else replace(seat, commitment=SEALED) for seat in record.held)
    state = JobState.COMMITTED if extra else JobState.ASSIGNED
    stands = Job(state, len(held), 0b101, False, False, folded, 7, 1_000, 12, bytes(20))
    return JobView(record, stands, held, held.index(make_seat(ME)) + 1, seed=SEED)


@pytest.mark.parametrize("folded", [True, False])
def test_commit__shows_all_seats_where_folded__else_its_own(folded: bool) -> None:
    seen = view(folded=folded)
    shown = seen.held if folded else (make_seat(ME),)
    expected = BOARD.commit(TERMS.ref(), 2, shown, RESULT.commitment(ME, extra=False))
    assert call_for(CONTRACTS, seen, Do.COMMIT, RESULT) == expected


def test_commit__silence_is_consent__the_receipt_itself() -> None:
    """Nothing is opened later, so the commitment is all that leads the requester to his result."""
    seen = view(folded=True)
    seen = replace(seen, job=replace(seen.job, silent=True))
    expected = BOARD.commit(TERMS.ref(), 2, seen.held, RESULT.receipt)
    assert call_for(CONTRACTS, seen, Do.COMMIT, RESULT) == expected


def test_commit__extra_seat__by_the_terms_and_with_the_root() -> None:
    expected = BOARD.commit_extra(TERMS, 4, (make_seat(ME),), RESULT.commitment(ME, extra=True))
    assert call_for(CONTRACTS, view(folded=False, extra=True), Do.COMMIT, RESULT) == expected


def test_commit__with_a_passenger__settles_it_with_all_its_seats() -> None:
    passenger = view(folded=True, job=JobId(b"\x44" * 32))
    commitment = RESULT.commitment(ME, extra=False)
    expected = BOARD.commit_and_settle(TERMS.ref(), 2, (make_seat(ME),), commitment, TERMS, passenger.held)
    assert call_for(CONTRACTS, view(folded=False), Do.COMMIT, RESULT, passenger) == expected


@pytest.mark.parametrize(("do", "shown"), [(Do.REVEAL, RESULT.root_hash), (Do.REVEAL_ROOT, RESULT.root)])
def test_reveal__all_seats__so_that_the_last_one_settles(do: Do, shown: bytes) -> None:
    seen = view(folded=False)
    opening = Opening(2, RESULT.salt, shown, RESULT.receipt)
    assert call_for(CONTRACTS, seen, do, RESULT) == REPLICATION.reveal(TERMS, seen.held, [opening])


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("do", [Do.TAKE, Do.TAKE_EXTRA, Do.CLOSE_WORK, Do.OPEN_EXTRA])
def test_steps_that_touch_no_seat__show_them_only_where_folded(do: Do, folded: bool) -> None:
    seen = view(folded=folded)
    shown = seen.held if folded else ()
    expected: dict[Do, Call] = {
        Do.TAKE: BOARD.take(TERMS, shown),
        Do.TAKE_EXTRA: BOARD.take(TERMS, shown),
        Do.CLOSE_WORK: BOARD.close_work(TERMS, shown),
        Do.OPEN_EXTRA: REPLICATION.open_extra(TERMS, shown),
    }
    assert call_for(CONTRACTS, seen, do, None) == expected[do]


@pytest.mark.parametrize("folded", [True, False])
def test_ends__always_show_all_seats(folded: bool) -> None:
    seen = view(folded=folded)
    assert call_for(CONTRACTS, seen, Do.SETTLE, None) == BOARD.settle(TERMS, seen.held)
    assert call_for(CONTRACTS, seen, Do.EXPIRE, None) == BOARD.expire(TERMS, seen.held)

"""What waits while nodes disagree, and what does not; and whose seat is not believed from logs alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.worker.jobs import JOB, ME, SECOND, THIRD, make_record

from tensorgrid.chain.connection import BlockRef
from tensorgrid.domain.errors import NodesDisagree, Reverted
from tensorgrid.domain.jobs import ZERO32, Job, JobState
from tensorgrid_worker.loop.planner import Action, Do, JobView
from tensorgrid_worker.loop.trust import HELD, Trust


class Witnesses:
    """Disagrees while told to."""

    def __init__(self) -> None:
        self.dispute = ""
        self.asked = 0

    def check(self, head: BlockRef) -> None:
        self.asked += 1
        if self.dispute:
            raise NodesDisagree(self.dispute)


def block(number: int) -> BlockRef:
    return BlockRef(number, f"0x{number:064x}", 1_000, "0x" + "0" * 64)


def view() -> JobView:
    record = make_record(SECOND, ME, THIRD)
    job = Job(JobState.ASSIGNED, 3, 0, False, False, True, 1, 1_100, 12, bytes(20))
    return JobView(record, job, record.held, number=2, seed=ZERO32)


def allows(ours: Trust, do: Do) -> bool:
    return bool(ours.allowed([Action(do, JOB)], {JOB: view()}))


def trust(witnesses: Witnesses, refusal: Exception | None = None) -> Trust:
    contracts: Any = SimpleNamespace(board=SimpleNamespace(looks=lambda asked: [refusal for _ in asked]))
    pair: Any = witnesses
    return Trust(contracts, pair)


@pytest.mark.parametrize("do", list(Do))
def test_allows__nodes_disagree__nothing_new_is_paid_for__what_is_ours_goes_on(do: Do) -> None:
    witnesses = Witnesses()
    ours = trust(witnesses)
    assert allows(ours, do)
    witnesses.dispute = "two hashes"
    ours.look(block(1))
    assert allows(ours, do) == (do not in HELD)
    witnesses.dispute = ""
    ours.look(block(1))
    assert allows(ours, do) and not ours.held


def test_held__kinds_for_the_submitter__reveals_are_none_of_them() -> None:
    witnesses = Witnesses()
    ours = trust(witnesses)
    witnesses.dispute = "two hashes"
    ours.look(block(1))
    assert {"take", "take_extra", "commit"} <= ours.held and not {"reveal", "reveal_root", "settle"} & ours.held


def test_look__once_per_head__again_while_they_disagree__said_once() -> None:
    witnesses = Witnesses()
    ours = trust(witnesses)
    with capture_logs() as lines:
        for _ in range(3):
            ours.look(block(1))
        assert witnesses.asked == 1
        witnesses.dispute = "two hashes"
        for _ in range(3):
            ours.look(block(2))
        assert witnesses.asked == 4
        witnesses.dispute = ""
        ours.look(block(2))
    assert [line["event"] for line in lines] == ["nodes.disagree", "nodes.agree"]


def test_attack_invented_seat__nothing_is_run_for_it() -> None:
    """Logs seat us; what the board has stored does not."""
    ours = trust(Witnesses(), Reverted("WrongSeats", {}))
    assert not allows(ours, Do.RUN)
    assert allows(ours, Do.REVEAL)


def test_no_witnesses__all_is_allowed() -> None:
    contracts: Any = SimpleNamespace(board=SimpleNamespace(looks=lambda asked: [None for _ in asked]))
    ours = Trust(contracts, None)
    ours.look(block(1))
    assert allows(ours, Do.RUN)

"""After a dispute: its bond and what is left of an appeal's come back, also when the job has been settled meanwhile."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.worker.audits import make_claim
from tests.worker.jobs import JOB, ME, SECOND, VERIFIER, make_record, make_seat, make_terms

from tensorgrid.chain.calls import Call
from tensorgrid.domain.audits import ClaimState
from tensorgrid.domain.errors import Reverted, Unreachable
from tensorgrid_worker.auditing import aftermath
from tensorgrid_worker.auditing.aftermath import Aftermath
from tensorgrid_worker.memory.records import SeatRecord
from tensorgrid_worker.memory.rows import Status

BISECTION = "0x" + "b" * 40


class Chain:
    """`says`: by function, why it is refused; empty: it passes."""

    def __init__(self, *, contested=((2, 0),), **says):
        self.says = {"release_bond": "NoDispute", "pay_appeal": "NotAppealed"} | says
        state = dict.fromkeys(contested, ClaimState.CONTESTED)
        self.audit = SimpleNamespace(
            address=VERIFIER,
            claim=lambda _, number, which: make_claim(state.get((number, which), ClaimState.NONE)),
            release_bond=lambda *_: Call(VERIFIER, b"", "release_bond"),
        )
        self.bisection = SimpleNamespace(address=BISECTION)
        self.jury = SimpleNamespace(pay_appeal=lambda *_: Call(VERIFIER, b"", "pay_appeal"))

    def simulate(self, call, sender):
        assert sender == ME
        if self.says[call.name] == "away":
            raise Unreachable("the node is away; wait")
        if self.says[call.name]:
            raise Reverted(self.says[call.name], {}, "")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(aftermath, "LOOK_SECONDS", 0.0)


def record(*workers, ended=False, **changes):
    seats = tuple(SeatRecord(make_seat(worker), 5, 6) for worker in workers)
    ending = {"ended_block": 90, "ended_as": "settled"} if ended else {}
    return replace(make_record(terms=make_terms(workers=1)), seats=seats, **ending, **changes)


def look(chain, found, outbox=None):
    after = Aftermath(chain, ME)
    return [each.kind for each in after.step({JOB: found}, outbox or {})], after.holding({JOB: found})


def test_dispute_running__nothing_yet__the_job_is_not_closed():
    chain = Chain(release_bond="DisputeUndecided", pay_appeal="StillPending")
    assert look(chain, record(ME, SECOND)) == ([], frozenset())
    assert look(chain, record(ME, SECOND, ended=True)) == ([], {JOB})


def test_dispute_decided__bond_released_once__also_of_a_job_that_is_settled():
    for ended in (False, True):
        assert look(Chain(release_bond=""), record(ME, SECOND, ended=ended))[0] == ["release_bond.2.0"]
    under_way = {(JOB, "release_bond.2.0"): Status.SENT}
    assert look(Chain(release_bond=""), record(ME, SECOND, ended=True), under_way) == ([], {JOB})


def test_nothing_left__closed():
    assert look(Chain(), record(ME, SECOND, ended=True)) == ([], frozenset())
    assert look(Chain(contested=()), record(ME, SECOND, ended=True)) == ([], frozenset())


def test_ended_and_not_looked_at__held_until_it_is():
    found, after = record(ME, SECOND, ended=True), Aftermath(Chain(), ME)
    assert after.holding({JOB: found}) == {JOB}
    after.step({JOB: found}, {})
    assert after.holding({JOB: found}) == frozenset()


def test_node_away__asked_again__nothing_is_forgotten():
    assert look(Chain(release_bond="away"), record(ME, SECOND, ended=True)) == ([], {JOB})


def test_appeal_of_an_accuser__what_is_left_of_its_bond_comes_back__the_others_bond_is_not_his_to_fetch():
    assert look(Chain(release_bond="", pay_appeal=""), record(SECOND, ME))[0] == ["pay_appeal.2.0"]


def test_others_jobs_and_other_tiers__nobody_asks():
    assert look(Chain(release_bond=""), record(SECOND, "0x" + "9" * 40, ended=True)) == ([], frozenset())
    other = replace(record(ME, SECOND, ended=True), terms=make_terms(workers=1, verifier="0x" + "9" * 40))
    assert look(Chain(release_bond=""), other) == ([], frozenset())

"""Random histories of several jobs at once, on chain and in plain Python: same answers, same purses, to the wei.

E1 the escrow's tokens cover all balances; E2 an ended job's escrow is paid, burned, bounty or returned, nothing else;
E3 another controller moves only what it holds; J1 an ended job never moves again; S1 locked <= allocated, as modelled.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests import model
from tests.contracts.world import ALLOCATED, BOND, BURN, GRACE, REVEAL, SETTLE, STAKE, TAKE, Job, World
from tests.invariants.job_model import ENDED, JobModel, SeatModel

from tensorgrid.domain.jobs import JobState

ANSWERS = st.sampled_from(["a", "b", "wall_limit"])
WORKERS = st.integers(0, 5)
VERBS = ["cancel", "take", "commit", "close", "reveal", "open", "expire", "settle"]
# One per seat: an answer; "!" stays silent afterwards; "-" takes and never commits; "." does not come.
PLAYS = st.lists(st.sampled_from(["a", "a", "a", "a", "b", "b", "wall_limit", "a!", "-", "."]), min_size=3, max_size=3)
WAITS = st.sampled_from([0, 0, 0, 151, 601])
CAPACITY = 3
STEPS = 30
EXAMPLES = int(os.environ.get("TENSORGRID_TEST_EXAMPLES", "10"))  # more for a deep run


class MoneyMachine(RuleBasedStateMachine):
    """Rules try a verb whenever they like; the model says beforehand whether it must be accepted."""

    world: World  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.snapshot = self.world.chain.snapshot()
        self.jobs: list[tuple[Job, JobModel]] = []
        self.ledger = model.Ledger()  # under the board
        self.rival = model.Ledger()  # under another controller
        self.ledger.free["requester"] = self.world.free(self.world.requester)
        self.donated = 0
        self.frozen: dict[bytes, tuple[int, ...]] = {}
        self.stake = dict.fromkeys(range(6), ALLOCATED)
        self.locked = dict.fromkeys(range(6), 0)
        self.locks = dict.fromkeys(range(6), 0)

    def teardown(self) -> None:
        self.world.chain.restore(self.snapshot)

    # ---- money in and out

    @initialize()
    def rival_controller_has_a_customer_too(self) -> None:
        w = self.world
        w.coin.mint(w.requester, 5000, sender=w.requester)
        w.coin.approve(w.escrow, 5000, sender=w.requester)
        w.escrow.deposit(w.spare[0], w.coin, w.requester, 5000, sender=w.requester)
        self.rival.free["requester"] = 5000

    @rule(
        what=st.sampled_from(["deposit", "withdraw", "a worker withdraws", "donate", "flush", "rival"]),
        amount=st.integers(1, 3_000_000),
        share=st.integers(1, 120),
        worker=WORKERS,
    )
    def money_moves(self, what: str, amount: int, share: int, worker: int) -> None:
        if what == "deposit":
            self.world.fund(self.world.requester, amount)
            self.ledger.free["requester"] += amount
        elif what == "donate":
            self.world.coin.mint(self.world.escrow, amount, sender=self.world.stranger)
            self.donated += amount
        elif what == "flush":
            self.flush_burned()
        elif what == "rival":
            self.rival_moves_money(amount // 1000 + 1, share * 20, worker * 100)
        elif what == "withdraw":
            self.withdraw("requester", self.world.requester, max(1, self.ledger.free["requester"] * share // 100))
        else:
            name = f"provider{worker}"
            self.withdraw(name, self.world.providers[worker], max(1, self.ledger.free[name]))

    def withdraw(self, name: str, account: Any, amount: int) -> None:
        w = self.world
        if self.accepted(
            self.ledger.free[name] >= amount,
            lambda: w.escrow.withdraw(w.board, w.coin, amount, w.stranger, sender=account),
        ):
            self.ledger.free[name] -= amount

    def flush_burned(self) -> None:
        w = self.world
        if self.accepted(
            self.ledger.free["burn"] > 0, lambda: w.escrow.flushBurned(w.board, w.coin, sender=w.stranger)
        ):
            self.ledger.free["burn"] = 0

    def rival_moves_money(self, amount: int, paid: int, returned: int) -> None:
        w, rival = self.world, self.world.spare[0]
        if self.accepted(
            self.rival.free["requester"] >= amount, lambda: w.escrow.hold(w.coin, w.requester, amount, sender=rival)
        ):
            self.rival.hold("requester", amount)
        if self.accepted(
            self.rival.held["requester"] >= paid + returned,
            lambda: w.escrow.distribute(w.coin, w.requester, [rival], [paid], returned, sender=rival),
        ):
            self.rival.spend("requester", [("rival", paid)], returned)

    # ---- jobs

    @precondition(lambda self: len(self.running) < 3)
    @rule(price=st.integers(1, 2_000_003), bounty=st.sampled_from([0, 1, 60_001]))
    def post(self, price: int, bounty: int) -> None:
        terms = self.world.terms(price=price, bounty=bounty, take_by=self.world.now + 1 + 3 * TAKE)
        escrow = model.escrow(price, 3, 2 * price, 100, bounty)
        posted: list[Job] = []
        if self.accepted(self.ledger.free["requester"] >= escrow, lambda: posted.append(self.world.post(terms))):
            self.ledger.hold("requester", escrow)
            job = posted[0]
            self.jobs.append((job, JobModel(price, bounty, escrow, job.posted_at, terms.take_by)))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), verb=st.sampled_from(VERBS), worker=WORKERS, answer=ANSWERS, wait=WAITS)
    def anybody_tries_anything(self, data: st.DataObject, verb: str, worker: int, answer: str, wait: int) -> None:
        """Any verb on any job, ended ones too, whether it makes sense or not, at once or after a while."""
        self.until(self.world.now + wait)
        job, modelled = data.draw(st.sampled_from(self.jobs))
        note(f"{verb} by {worker} on {modelled}")
        arguments = {"take": (worker,), "reveal": (worker,), "commit": (worker, answer)}.get(verb, ())
        getattr(self, f"try_{verb}")(job, modelled, *arguments)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), plays=PLAYS)
    def a_job_goes_on(self, data: st.DataObject, plays: list[str]) -> None:
        """The next phase of a job, by workers who play well, badly or not at all."""
        job, modelled = data.draw(st.sampled_from(self.running))
        self.phase(job, modelled, plays)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), plays=st.lists(PLAYS, min_size=5, max_size=5))
    def a_job_runs_on_and_on(self, data: st.DataObject, plays: list[list[str]]) -> None:
        """Five phases of one job: as a rule to its end."""
        job, modelled = data.draw(st.sampled_from(self.running))
        for play in plays:
            if modelled.state not in ENDED:
                self.phase(job, modelled, play)

    def phase(self, job: Job, modelled: JobModel, plays: list[str]) -> None:
        note(f"{plays} in {modelled}")
        phases = {"posted": self.taking, "assigned": self.working, "committed": self.judging}
        phases[modelled.state](job, modelled, plays)

    def taking(self, job: Job, modelled: JobModel, plays: list[str]) -> None:
        absent = plays.count(".")
        for worker in self.rested()[: 3 - min(absent, 2)]:
            self.try_take(job, modelled, worker)
        if absent > 1:
            self.until(modelled.take_by)
            self.try_expire(job, modelled)

    def working(self, job: Job, modelled: JobModel, plays: list[str]) -> None:
        for seat, play in zip(list(modelled.first), plays, strict=False):
            if play[0] not in ".-":
                self.try_commit(job, modelled, seat.worker, play.rstrip("!"))
        if modelled.state == "assigned":
            self.until(modelled.deadline + (SETTLE if plays[0] == "." else 0))
            self.try_close(job, modelled)
            self.try_expire(job, modelled)

    def judging(self, job: Job, modelled: JobModel, plays: list[str]) -> None:
        if modelled.opened_at is None:
            self.revealing(job, modelled, modelled.first, plays, modelled.first_reveal_by)
        elif not modelled.extra_sealed(self.next):
            self.second_round(job, modelled, plays)
        else:
            self.revealing(job, modelled, modelled.extra, plays, modelled.extra_work_by + REVEAL + GRACE)
        self.try_settle(job, modelled)

    def revealing(self, job: Job, modelled: JobModel, seats: list[SeatModel], plays: list[str], deadline: int) -> None:
        for seat, play in zip(list(seats), plays, strict=False):
            if not play.endswith("!"):
                self.try_reveal(job, modelled, seat.worker)
        if any(seat.answer and not seat.revealed for seat in seats):
            self.until(deadline)
            self.try_open(job, modelled)

    def second_round(self, job: Job, modelled: JobModel, plays: list[str]) -> None:
        takers = [worker for worker in self.rested() if modelled.seat(worker) is None]
        for worker in takers[: 2 - plays[:2].count(".")]:
            self.try_take(job, modelled, worker)
        for seat, play in zip(list(modelled.extra), plays, strict=False):
            if play[0] not in ".-":
                self.try_commit(job, modelled, seat.worker, play.rstrip("!"))
        if len(modelled.extra) < 2:
            self.until(modelled.extra_take_by)
        if any(not seat.answer for seat in modelled.extra):
            self.until(modelled.extra_work_by)

    def rested(self) -> list[int]:
        """Workers, those with the fewest jobs first."""
        return sorted(range(6), key=lambda worker: self.locks[worker])

    def until(self, second: int) -> None:
        """The next transaction comes after `second`."""
        if second >= self.next:
            self.world.at(second + 1)
            self.world.mine(1)

    @property
    def running(self) -> list[tuple[Job, JobModel]]:
        return [pair for pair in self.jobs if pair[1].state not in ENDED]

    # ---- trying a verb in both worlds

    def try_take(self, job: Job, modelled: JobModel, worker: int) -> None:
        self.let_everybody_in(job, modelled)
        able = self.locks[worker] < CAPACITY and self.stake[worker] - self.locked[worker] >= STAKE
        if self.accepted(modelled.may_take(worker, self.next) and able, lambda: job.take(worker)):
            modelled.take(worker, self.world.now)
            self.locked[worker] += STAKE
            self.locks[worker] += 1

    def try_commit(self, job: Job, modelled: JobModel, worker: int, answer: str) -> None:
        secrets = dict(job.secrets)
        if self.accepted(modelled.may_commit(worker, self.next), lambda: job.commit(worker, answer)):
            modelled.commit(worker, answer, self.world.now)
        else:
            job.secrets = secrets

    def try_reveal(self, job: Job, modelled: JobModel, worker: int) -> None:
        seat = modelled.seat(worker)
        job.secrets.setdefault(worker, (b"\0" * 32,) * 3)
        verb = job.reveal_root if seat in modelled.extra else job.reveal
        if self.accepted(modelled.may_reveal(worker, self.next), lambda: verb(worker)):
            modelled.reveal(worker, self.world.now)

    def try_cancel(self, job: Job, modelled: JobModel) -> None:
        due = self.world.chain.blocks.head.number + 1 > job.record.round
        if self.accepted(modelled.state == "posted" and not due, job.cancel):
            self.end(job, modelled, "cancelled", JobState.CANCELLED)
            self.ledger.spend("requester", [], modelled.escrow)

    def try_close(self, job: Job, modelled: JobModel) -> None:
        if self.accepted(modelled.may_close(self.next), job.close_work):
            modelled.close(self.world.now)

    def try_open(self, job: Job, modelled: JobModel) -> None:
        if self.accepted(modelled.may_open(self.next), job.open_extra):
            modelled.opened_at = self.world.now

    def try_expire(self, job: Job, modelled: JobModel) -> None:
        if self.accepted(modelled.may_expire(self.next), job.expire):
            self.carry_out(modelled)
            self.end(job, modelled, "expired", JobState.EXPIRED)

    def try_settle(self, job: Job, modelled: JobModel) -> None:
        if self.accepted(modelled.may_settle(self.next), job.settle):
            self.carry_out(modelled)
            self.end(job, modelled, "settled", JobState.SETTLED)

    def carry_out(self, modelled: JobModel) -> None:
        rulings = modelled.rulings()
        money = model.settlement(modelled.escrow, 100, modelled.bounty, rulings)
        assert money.paid + money.fee + money.bounty + money.returned == modelled.escrow  # E2, of the model itself
        credits = [(f"provider{s.worker}", r.pay) for s, r in zip(modelled.seats, rulings, strict=True)]
        self.ledger.spend("requester", [*credits, ("burn", money.fee), ("closer", money.bounty)], money.returned)
        for seat, ruling in zip(modelled.seats, rulings, strict=True):
            self.locked[seat.worker] -= STAKE
            self.locks[seat.worker] -= 1
            self.stake[seat.worker] -= model.loss(ruling.fault, STAKE, BOND)

    def end(self, job: Job, modelled: JobModel, name: str, state: JobState) -> None:
        modelled.state = name
        [record] = self.world.read_many([(self.world.board.jobOf, (job.id,))])
        assert record[0] == state
        self.frozen[job.id] = record

    def accepted(self, expected: bool, verb: Any) -> bool:
        """Run it; chain and model must be of one mind."""
        try:
            verb()
        except ContractLogicError as error:
            if expected:
                raise AssertionError(f"the chain refuses what the model accepts: {type(error).__name__}") from error
            return False
        assert expected, "the chain accepts what the model refuses"
        return True

    @property
    def next(self) -> int:
        """Second of the block that the next transaction lands in."""
        return int(self.world.chain.pending_timestamp)

    def let_everybody_in(self, job: Job, modelled: JobModel) -> None:
        """The round is due and stored, and the last quarter of the window has come: the lottery says yes to all."""
        number, opens, closes = job.record.round, modelled.posted_at, modelled.take_by
        if modelled.opened_at is not None:
            number, opens, closes = job.extra.round, modelled.opened_at, modelled.extra_take_by
        while self.world.chain.blocks.head.number < number:
            self.world.mine(1)
        if self.world.beacon.valueOf(number) == bytes(32):
            self.world.beacon.store(number, b"", sender=self.world.stranger)
        everybody = opens + (closes - opens) * 3 // 4 + 1
        if self.next < everybody:
            self.world.at(everybody)

    # ---- what must always hold

    @invariant()
    def purses_and_stakes_are_as_in_the_model(self) -> None:
        w, rival = self.world, self.world.spare[0]
        purses = {"requester": w.requester, "closer": w.closer, "burn": BURN}
        purses |= {f"provider{i}": provider for i, provider in enumerate(w.providers)}
        ended = [job for job, _ in self.jobs if job.id in self.frozen]
        [(tokens,), customer, rivals, *rest] = w.read_many(
            [
                (w.coin.balanceOf, (w.escrow,)),
                (w.escrow.balanceOf, (rival, w.coin, w.requester)),
                (w.escrow.balanceOf, (rival, w.coin, rival)),
                *[(w.escrow.balanceOf, (w.board, w.coin, account)) for account in purses.values()],
                *[(w.vault.allocationOf, (w.providers[i], w.workers[i], w.board)) for i in range(6)],
                *[(w.board.jobOf, (job.id,)) for job in ended],
            ]
        )
        balances, stakes, records = rest[:9], rest[9:15], rest[15:]
        assert tokens == self.ledger.total + self.rival.total + self.donated  # E1
        for name, balance in zip(purses, balances, strict=True):  # E2
            assert balance == (self.ledger.free[name], self.ledger.held[name]), name
        assert self.ledger.held["requester"] == sum(job.escrow for _, job in self.running)
        assert customer == (self.rival.free["requester"], self.rival.held["requester"])  # E3
        assert rivals == (self.rival.free["rival"], 0)
        for index, (allocated, locked, _, locks) in enumerate(stakes):  # S1
            assert (allocated, locked, locks) == (self.stake[index], self.locked[index], self.locks[index])
            assert locked <= allocated
        for job, record in zip(ended, records, strict=True):  # J1
            assert record == self.frozen[job.id]


@pytest.mark.slow
def test_money_machine(world: World) -> None:
    machine = type("MoneyMachineOnThisWorld", (MoneyMachine,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Every purse against the outcomes table: what the chain's events say happened, what the model says that is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tests import model
from tests.chaos.world import Sight, World

from tensorgrid.chain.events import JobExpired, JobSettled, Revealed, WorkerSettled
from tensorgrid.chain.money import BURN
from tensorgrid.demo.transactions import transactions_between
from tensorgrid.domain.jobs import Fault, JobState

FAULTS = {Fault.NONE: "none", Fault.NO_SHOW: "no-show", Fault.SLASHED: "slashed", Fault.ABANDONED: "abandoned"}
ONCE = ("take", "commit", "commitExtra", "commitAndSettle", "reveal", "closeWork", "openExtra", "settle", "expire")


@dataclass(frozen=True)
class Purses:
    """Units of the pay token by name, and of stake by worker: (active, locked)."""

    money: Mapping[str, int]
    stakes: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Findings:
    """wei_lost: units of both tokens that the outcomes table does not explain. forfeited: the tested worker's stake."""

    wei_lost: int
    double_payments: int
    double_transactions: int
    failed_transactions: int
    forfeited: int
    paid: int
    ended_as: str

    @property
    def clean(self) -> bool:
        return not (self.wei_lost or self.double_payments or self.double_transactions or self.forfeited)


def look(world: World) -> Purses:
    """Everybody's, read from the contracts."""
    escrow, board, pay = (
        world.contracts.escrow,
        world.contracts.board.address,
        world.net.deployment.token("USDC").address,
    )
    money = {}
    for name, address in _parties(world).items():
        found = escrow.balance(board, pay, address)
        money[name], money[f"{name}, held"] = found.free, found.held
    stakes = {}
    for worker in world.net.workers:
        found_stake = world.contracts.vault.allocation_of(worker.provider.address, worker.address, board)
        stakes[worker.address] = (found_stake.active, found_stake.locked)
    return Purses(money, stakes)


def audit(world: World, before: Purses, sight: Sight) -> Findings:
    """After the job's end (or its absence: a posting that a reorganisation took back for good)."""
    after = look(world)
    expected, lost = _expected(world, sight)
    missing = sum(abs(after.money[name] - before.money[name] - expected[name]) for name in after.money)
    for worker, (active, locked) in after.stakes.items():
        missing += abs(before.stakes[worker][0] - active - lost.get(worker, 0)) + locked
    settled = [event for event in sight.events if isinstance(event, WorkerSettled)]
    times = Counter(event.worker for event in settled)
    me = world.subject.address
    sent = transactions_between(world.contracts, world.base + 1, world.connection.latest().number)
    mine = Counter(tx.name.rpartition(".")[2] for tx in sent if tx.sender == me and tx.ok)
    return Findings(
        wei_lost=missing,
        double_payments=sum(count - 1 for count in times.values()),
        double_transactions=sum(mine[name] - 1 for name in ONCE if mine[name] > 1),
        failed_transactions=sum(1 for tx in sent if tx.sender == me and not tx.ok),
        forfeited=lost.get(me, 0),
        paid=sum(event.pay for event in settled if event.worker == me),
        ended_as=sight.job.state.name.lower(),
    )


def _parties(world: World) -> dict[str, str]:
    named = {"requester": world.client.account.address, "burned": BURN}
    for worker in world.net.workers:
        named[f"provider {worker.number}"] = worker.provider.address
        named[f"worker {worker.number}"] = worker.address
    return named


def _expected(world: World, sight: Sight) -> tuple[Counter[str], Counter[str]]:
    """Changes of purses by name, and stake lost by worker, from what was done and the model alone."""
    names = {address: name for name, address in _parties(world).items()}
    change: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    terms, rulings = world.posted.terms, _rulings(world, sight)
    if sight.job.state is JobState.NONE:
        return change, lost
    if sight.job.state not in (JobState.SETTLED, JobState.EXPIRED):
        change["requester"], change["requester, held"] = -terms.escrow, terms.escrow
        return change, lost
    spent = model.settlement(terms.escrow, terms.fee_bps, terms.bounty, rulings)
    change["requester"] = spent.returned - terms.escrow
    change["burned"] = spent.fee
    if spent.bounty:
        change[names[_closer(sight)]] += spent.bounty
    for seat, ruling in zip(sight.held, rulings, strict=True):
        change[names[seat.payee]] += ruling.pay
        lost[seat.worker] += model.loss(ruling.fault, terms.stake, terms.no_show_bond)
    return change, lost


def _rulings(world: World, sight: Sight) -> list[model.Ruling]:
    terms, first = world.posted.terms, sight.held
    if sight.job.state is JobState.EXPIRED:
        assigned = len(first) == terms.workers
        return [model.Ruling(0, "no-show" if assigned else "none") for _ in first]
    if terms.workers == 1:
        return [model.accept(seat.price, seat.committed) for seat in first]
    shown = {event.worker: event.root_hash.hex() for event in sight.events if isinstance(event, Revealed)}
    seats = [model.Seat(seat.committed, shown.get(seat.worker), seat.price) for seat in first]
    return model.judge(terms.price, seats)


def _closer(sight: Sight) -> str:
    ends = [event for event in sight.events if isinstance(event, JobSettled | JobExpired)]
    return ends[-1].closer

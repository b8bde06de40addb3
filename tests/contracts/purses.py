"""Every purse before and after a settlement, compared with the model to the wei."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests import model
from tests.contracts.world import BURN, Job, World

from tensorgrid.domain.jobs import Fault


@dataclass(frozen=True)
class Purses:
    """Pay token by party, stake by worker, scores by worker."""

    requester: int
    held: int
    closer: int
    burned: int
    providers: tuple[int, ...]
    staked: tuple[int, ...]  # under the board, on its way out or not
    locked: tuple[int, ...]
    stake_in_vault: int
    wins: tuple[int, ...]
    faults: tuple[int, ...]

    @classmethod
    def of(cls, world: World) -> Purses:
        """Read in one call: one by one they would be thirty, twice in most tests."""
        board, staked = world.board, list(zip(world.providers, world.workers, strict=True))
        parties = [world.requester, world.closer, BURN, *world.providers]
        reads = [(world.escrow.balanceOf, (board, world.coin, party)) for party in parties]
        reads += [(world.vault.allocationOf, (*pair, board)) for pair in staked]
        reads += [(world.vault.exitOf, (*pair, board)) for pair in staked]
        reads += [(world.reputation.scoreOf, (board, worker)) for worker in world.workers]
        reads += [(world.stake_token.balanceOf, (world.vault,))]
        answers = iter(world.read_many(reads))
        (requester, held), (closer, _), (burned, _), *providers = islice(answers, len(parties))
        allocations, exits, scores = (list(islice(answers, len(staked))) for _ in range(3))
        [(stake_in_vault,)] = answers
        return cls(
            requester=requester,
            held=held,
            closer=closer,
            burned=burned,
            providers=tuple(free for free, _ in providers),
            staked=tuple(active + leaving for (active, *_), (leaving, _) in zip(allocations, exits, strict=True)),
            locked=tuple(locked for _, locked, *_ in allocations),
            stake_in_vault=stake_in_vault,
            wins=tuple(wins for _, _, wins, _ in scores),
            faults=tuple(faults for *_, faults in scores),
        )

    @property
    def coins(self) -> int:
        return self.requester + self.held + self.closer + self.burned + sum(self.providers)


def assert_carried_out(
    job: Job, before: Purses, seats: Sequence[int], rulings: Sequence[model.Ruling], receipt: Any
) -> None:
    """`before` was taken while the escrow was held and all stakes locked; `seats` are worker indexes in seat order."""
    world, terms, after = job.world, job.terms, Purses.of(job.world)
    money = model.settlement(terms.escrow, terms.fee_bps, terms.bounty, rulings)
    assert after.requester - before.requester == money.returned
    assert before.held - after.held == terms.escrow == money.paid + money.fee + money.bounty + money.returned  # E2
    assert after.closer - before.closer == money.bounty
    assert after.burned - before.burned == money.fee
    assert after.coins == before.coins  # E1: nothing made, nothing lost

    by_worker = dict(zip(seats, rulings, strict=True))
    logs = {log.worker: log for log in receipt.decode_logs(world.board.WorkerSettled)}
    assert len(logs) == len(seats)  # J4
    for index, worker in enumerate(world.workers):
        ruling = by_worker.get(index)
        pay, fault, agreed = (ruling.pay, ruling.fault, ruling.agreed) if ruling else (0, "none", False)
        lost = model.loss(fault, terms.stake, terms.no_show_bond)
        assert after.providers[index] - before.providers[index] == pay, f"pay of worker {index}"
        assert before.staked[index] - after.staked[index] == lost, f"stake lost by worker {index}"
        assert before.locked[index] - after.locked[index] == (terms.stake if ruling else 0)
        assert after.wins[index] - before.wins[index] == int(agreed)
        assert after.faults[index] - before.faults[index] == int(fault != "none")
        if ruling:
            log = logs[worker.address]
            assert (log.pay, terms.loss(Fault(log.fault))) == (pay, lost)
    assert after.stake_in_vault == before.stake_in_vault  # burned stake leaves by flushBurned alone

"""Every path walked twice: cold by parties who do it for the first time, steady by the same with a job open beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import disputes, ledgers, peers
from .chain import Receipt
from .network import Network
from .paths import Steps, Walk

# The eight that have a target. Every other path is walked for its single calls.
SCENARIOS = (
    "optimistic_job",
    "optimistic_job_piggyback",
    "replicated_2",
    "replicated_3",
    "replicated_3_relayed",
    "audited_job_gas",
    "batch_100_per_task",
    "batch_100_one_worker",
)

OFFERED: dict[str, Callable[[Walk], Steps]] = {
    "optimistic_job": Walk.optimistic,
    "optimistic_job_piggyback": Walk.piggyback,
    "next_commit_settles": Walk.next_commit_settles,
    "settled_together": Walk.settled_together,
    "relayed_offer": Walk.relayed_offer,
    "fallback_offers": Walk.fallback_offers,
    "no_show": Walk.no_show,
    "rejected_rightly": Walk.rejected_rightly,
    "rejected_wrongly": Walk.rejected_wrongly,
    "burned": Walk.burned,
    "retired": Walk.retired,
    "batch_100_per_task": Walk.batch_over_ten,
    "batch_100_unrelayed": Walk.batch_unrelayed,
    "batch_100_alone": Walk.batch_alone,
    "batch_100_one_worker": Walk.batch_of_one,
    "batch_proofs": Walk.batch_proofs,
}
DRAWN: dict[str, Callable[[Walk], Steps]] = {
    "replicated_3": Walk.replicated,
    "replicated_2": Walk.paired,
    "taken_together": Walk.taken_together,
    "replicated_3_relayed": Walk.relayed,
    "relay_fails": Walk.relay_fails,
    "relayed_post": Walk.relayed_post,
    "nobody_takes": Walk.nobody_takes,
    "lost_seat": Walk.lost_seat,
    "lost_seats": Walk.lost_seats,
    "one_silent": Walk.one_silent,
    "second_round": Walk.second_round,
    "second_round_relayed": Walk.second_round_relayed,
    "half_revealed": Walk.half_revealed,
    "kept_round": Walk.kept_round,
    "audited_job_gas": Walk.audited,
    "snapshot": Walk.snapshot,
    "strategies": Walk.strategies,
    "drand_round": Walk.drand_round,
}
LEDGERS: dict[str, Callable[[Network], Steps]] = {
    "money": ledgers.money,
    "permitted_money": ledgers.permitted_money,
    "names": ledgers.names,
    "stake": ledgers.stake,
    "found_out": ledgers.found_out,
    "dispute": disputes.dispute,
    "given_up": disputes.given_up,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction."""

    call: str
    gas: int
    calldata: int  # bytes
    tx: str

    @classmethod
    def of(cls, call: str, receipt: Receipt) -> Step:
        return cls(call, receipt.gas, len(receipt.calldata), receipt.hash)


@dataclass(frozen=True, slots=True)
class Cost:
    """Gas, both times."""

    cold: int
    steady: int

    def per(self, count: int) -> Cost:
        """Of one of `count`; rounds up."""
        return Cost(-(-self.cold // count), -(-self.steady // count))


@dataclass(frozen=True, slots=True)
class Walked:
    """One path, both times."""

    cold: tuple[Step, ...]
    steady: tuple[Step, ...]

    @property
    def total(self) -> Cost:
        return Cost(sum(step.gas for step in self.cold), sum(step.gas for step in self.steady))

    def calls(self) -> Iterator[tuple[str, Cost]]:
        for cold, steady in zip(self.cold, self.steady, strict=True):
            assert cold.call == steady.call
            yield cold.call, Cost(cold.gas, steady.gas)


@dataclass(frozen=True, slots=True)
class Measured:
    """All of it. `calls`: every single call by contract and function, with what tells it from its like."""

    paths: dict[str, Walked]
    calls: dict[str, Cost]

    @property
    def scenarios(self) -> dict[str, Cost]:
        return {name: self.paths[name].total.per(peers.SCENARIOS[name].per) for name in SCENARIOS}


def measure(network: Network) -> Measured:
    """A few seconds. The network is the same before each path."""
    paths = {name: walk_twice(network, path, Walk.open_offered) for name, path in OFFERED.items()}
    contest = _contest(network)
    paths |= {name: walk_twice(network, path, Walk.open_drawn) for name, path in DRAWN.items()}
    for name, ledger in LEDGERS.items():
        network.chain.rewind()
        paths[name] = Walked(_steps(ledger(network)), _steps(ledger(network)))

    calls: dict[str, Cost] = {}
    for walked in paths.values():
        for call, cost in walked.calls():
            calls.setdefault(call, cost)  # first met where it is most usual
    dispute = paths["dispute"]
    rounds = sum(step.call == disputes.SPLIT for step in dispute.steady)
    calls |= {"dispute_gas (all of it)": dispute.total, f"dispute_rounds ({rounds}, all moves)": _of_moves(dispute)}
    return Measured(paths, calls | {"JobBoard.contest (inside reject)": contest})


def walk_twice(network: Network, path: Callable[[Walk], Steps], background: Callable[[Walk], None]) -> Walked:
    """Cold, then `background`, then steady."""
    network.chain.rewind()
    walk = Walk(network)
    cold = _steps(path(walk))
    background(walk)
    return Walked(cold, _steps(path(walk)))


def _steps(taken: Iterable[tuple[str, Receipt]]) -> tuple[Step, ...]:
    return tuple(Step.of(call, receipt) for call, receipt in taken)


def _of_moves(dispute: Walked) -> Cost:
    """Of the two parties of a bisection."""
    cold, steady = (
        sum(step.gas for step in steps if step.call.startswith(disputes.MOVES))
        for steps in (dispute.cold, dispute.steady)
    )
    return Cost(cold, steady)


def _contest(network: Network) -> Cost:
    """No transaction of its own: only a verifier may call it."""
    rejected = walk_twice(network, Walk.rejected_rightly, Walk.open_offered)
    selector = "0x" + network.interface("JobBoard").functions["contest"].hash[:4].hex()
    cold, steady = (
        next(_inner_gas(network.chain.rpc("debug_traceTransaction", steps[0].tx, {"tracer": "callTracer"}), selector))
        for steps in (rejected.cold, rejected.steady)
    )
    return Cost(cold, steady)


def _inner_gas(call: dict[str, Any], selector: str) -> Iterator[int]:
    if str(call["input"]).startswith(selector):
        yield int(call["gasUsed"], 16)
    for inner in call.get("calls", ()):
        yield from _inner_gas(inner, selector)

"""Every path walked twice: cold by parties who do it for the first time, steady by the same ones with a job open beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from . import ledgers
from .chain import Receipt
from .network import Network
from .paths import Steps, Walk


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
class Walked:
    """One path, both times."""

    cold: tuple[Step, ...]
    steady: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """Gas, both times."""

    cold: int
    steady: int


# The four that have a target; every other path is walked for its single calls.
OFFERED: dict[str, Callable[[Walk], Steps]] = {
    "optimistic_job": Walk.optimistic,
    "optimistic_job_piggyback": Walk.piggyback,
    "settled_together": Walk.settled_together,
    "relayed_offer": Walk.relayed_offer,
    "fallback_offers": Walk.fallback_offers,
    "no_show": Walk.no_show,
    "rejected_rightly": Walk.rejected_rightly,
    "rejected_wrongly": Walk.rejected_wrongly,
    "burned": Walk.burned,
    "retired": Walk.retired,
}
DRAWN: dict[str, Callable[[Walk], Steps]] = {
    "replicated_3": Walk.replicated,
    "replicated_3_relayed": Walk.relayed,
    "relay_fails": Walk.relay_fails,
    "relayed_post": Walk.relayed_post,
    "nobody_takes": Walk.nobody_takes,
    "one_silent": Walk.one_silent,
    "second_round": Walk.second_round,
    "second_round_relayed": Walk.second_round_relayed,
    "half_revealed": Walk.half_revealed,
    "kept_round": Walk.kept_round,
}
LEDGERS: dict[str, Callable[[Network], Steps]] = {
    "money": ledgers.money,
    "permitted_money": ledgers.permitted_money,
    "names": ledgers.names,
    "stake": ledgers.stake,
    "found_out": ledgers.found_out,
}


def walk_all(network: Network) -> dict[str, Walked]:
    """Every path by name. The network is the same before each."""
    walked = {}
    for name, offered in OFFERED.items():
        walked[name] = _walk(network, offered, Walk.open_offered)
    for name, drawn in DRAWN.items():
        walked[name] = _walk(network, drawn, Walk.open_drawn)
    for name, ledger in LEDGERS.items():
        network.chain.rewind()
        walked[name] = Walked(_steps(ledger(network)), _steps(ledger(network)))
    return walked


def _walk(network: Network, path: Callable[[Walk], Steps], background: Callable[[Walk], None]) -> Walked:
    network.chain.rewind()
    walk = Walk(network)
    cold = _steps(path(walk))
    background(walk)
    return Walked(cold, _steps(path(walk)))


def _steps(taken: Iterable[tuple[str, Receipt]]) -> tuple[Step, ...]:
    return tuple(Step.of(call, receipt) for call, receipt in taken)

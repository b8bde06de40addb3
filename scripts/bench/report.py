"""What was measured, as one table for people and one document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from . import growth, peers
from .flat import ByCount, spread
from .measure import SCENARIOS, Cost, Measured, Step, Walked
from .peers import Peer
from .profile import KINDS, Profile

Flat = dict[str, ByCount]
TOGETHER = 10


def per_job_together(measured: Measured) -> Cost:
    """One of ten jobs that are settled in one transaction."""
    settled = measured.calls[f"JobBoard.settleMany ({TOGETHER} jobs)"]
    one = [measured.calls[call] for call in ("JobBoard.postWithOffers", "JobBoard.commit (offer)")]
    return Cost(
        sum(cost.cold for cost in one) + settled.cold // TOGETHER,
        sum(cost.steady for cost in one) + settled.steady // TOGETHER,
    )


# ---- for programs


def document(measured: Measured, flat: Flat, crowded: ByCount, node: str) -> dict[str, Any]:
    """The numbers of the scenarios by name (steady), and everything behind them under "details"."""
    grown = {"take_growth_100k_over_10": growth.ratio(crowded)} if growth.MANY in crowded else {}
    return (
        {name: cost.steady for name, cost in measured.scenarios.items()}
        | grown
        | {
            "details": {
                "node": node,
                "scenarios": {name: _scenario(name, measured.paths[name]) for name in SCENARIOS},
                "optimistic_job_settled_together": asdict(per_job_together(measured)),
                "calls": {call: asdict(cost) for call, cost in measured.calls.items()},
                "flat": {
                    name: {"by_count": by_count, "most_difference": spread(by_count)} for name, by_count in flat.items()
                },
                "takes_by_registered_workers": crowded,
            }
        }
    )


def _scenario(name: str, walked: Walked) -> dict[str, Any]:
    known = peers.SCENARIOS[name]
    total = walked.total.per(known.per)
    return {
        "target": known.target,
        "met": total.steady <= known.target,
        "floor": known.floor,
        "per": known.per,
        "cold": {"total": total.cold, "transactions": _transactions(walked.cold)},
        "steady": {"total": total.steady, "transactions": _transactions(walked.steady)},
        "peers": {peer.name: peer.gas for peer in known.peers},
    }


def _transactions(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [{"call": step.call, "gas": step.gas, "calldata_bytes": step.calldata} for step in steps]


def as_json(made: dict[str, Any]) -> str:
    return json.dumps(made, indent=1) + "\n"


# ---- for people


def table(measured: Measured, flat: Flat, crowded: ByCount, node: str) -> Table:
    made = Table(title=f"gas on {node}: receipts, calldata and refunds included", title_justify="left")
    made.add_column("")
    for name in ("cold", "steady", "target"):
        made.add_column(name, justify="right")
    made.add_column("")
    made.add_column("peers, steady (times ours)")
    for name in SCENARIOS:
        _add_scenario(made, name, measured.paths[name])
    _add(made, f"one worker, {TOGETHER} jobs settled together, per job", per_job_together(measured))
    for name, by_count in flat.items():
        made.add_row(f"{name}: most difference of any call", "", f"{spread(by_count):,}")
    if crowded:
        few, many = min(crowded), max(crowded)
        grown = growth.ratio(crowded)
        met = "[green]met[/]" if grown <= growth.TARGET else "[bold red]MISSED[/]"
        made.add_row(
            f"a take beside {many:,} registered workers over one beside {few}",
            "",
            f"{grown:.4f}",
            str(growth.TARGET),
            met,
        )
    contract = ""
    for call, cost in sorted(measured.calls.items(), key=lambda item: item[0].partition(".")[0]):
        if call.partition(".")[0] != contract:
            made.add_section()
            contract = call.partition(".")[0]
        _add(made, call, cost, peers.CALLS.get(call, ()))
    return made


def _add_scenario(made: Table, name: str, walked: Walked) -> None:
    known = peers.SCENARIOS[name]
    total = walked.total.per(known.per)
    met = "[green]met[/]" if total.steady <= known.target else f"[bold red]MISSED by {total.steady - known.target:,}[/]"
    _add(made, f"[bold]{name}[/]: {known.title}", total, known.peers, target=f"{known.target:,}", met=met)
    for call, cost in walked.calls():
        _add(made, f"  {call}", cost)
    made.add_row(f"  [dim]floor: {known.floor:,}, without any code[/]")
    made.add_section()


def _add(made: Table, name: str, cost: Cost, compared: Iterable[Peer] = (), *, target: str = "", met: str = "") -> None:
    beside = "\n".join(f"{peer.name} {peer.gas:,} ({peer.gas / cost.steady:.1f}x)" for peer in compared)
    made.add_row(name, f"{cost.cold:,}", f"{cost.steady:,}", target, met, beside)


def profile_table(name: str, profiles: Sequence[tuple[str, Profile]]) -> Table:
    """Kinds of cost down, transactions across; steady."""
    made = Table(title=f"{name}: where its gas goes", title_justify="left")
    made.add_column("")
    for call, _ in profiles:
        made.add_column(call.partition(".")[2], justify="right")
    made.add_column("all", justify="right")
    by_kind = [profile.by_kind() for _, profile in profiles]
    for kind in KINDS:
        row = [kinds[kind] for kinds in by_kind]
        if any(row):
            made.add_row(kind, *(f"{gas:,}" for gas in row), f"{sum(row):,}")
    refunds = [profile.refund for _, profile in profiles]
    if any(refunds):
        made.add_row("refund", *(f"-{gas:,}" for gas in refunds), f"-{sum(refunds):,}")
    made.add_section()
    totals = [profile.total for _, profile in profiles]
    made.add_row("receipt", *(f"{gas:,}" for gas in totals), f"{sum(totals):,}")
    return made


def show(made: Table) -> None:
    # what is piped into a file is not cut to the width of a terminal
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(made)

"""The figures of docs/gas.md, written from what was measured: nobody copies a number by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from . import peers
from .baseline import Baseline
from .measure import SCENARIOS
from .network import ROOT
from .profile import KINDS, Profile

FILE = ROOT / "docs" / "gas.md"
# What no code can save, as long as the same is done in the same transactions.
GIVEN = ("base", "calldata", "storage write", "storage read", "event", "call", "signature")


def write(costs: Baseline, profiles: Mapping[str, list[Profile]]) -> None:
    """Put the figures between their marks, and leave the rest of the page as it is."""
    page = FILE.read_text()
    for name, text in (
        ("scenarios", scenarios(costs)),
        ("calls", calls(costs)),
        ("profile", kinds(profiles)),
    ):
        page = _between(page, name, text)
    FILE.write_text(page)


def scenarios(costs: Baseline) -> str:
    lines = [
        "| scenario | cold | **steady** | target | the cheapest and the dearest that do as much |",
        "|---|--:|--:|--:|---|",
    ]
    for name in SCENARIOS:
        known, cost = peers.SCENARIOS[name], costs[name]
        beside = [f"{peer.name}: {peer.gas:,} ({peer.gas / cost.steady:.1f}×)" for peer in known.peers]
        shown = "; ".join(dict.fromkeys((beside[0], beside[-1])) if beside else ["none of them has it"])
        lines.append(f"| `{name}`: {known.title} | {cost.cold:,} | **{cost.steady:,}** | {known.target:,} | {shown} |")
    return "\n".join(lines)


def calls(costs: Baseline) -> str:
    lines = ["| call | cold | steady |", "|---|--:|--:|"]
    for name, cost in sorted(costs.items(), key=lambda item: item[0].partition(".")[0]):
        if name not in SCENARIOS:
            lines.append(f"| `{name.partition(' ')[0]}` {name.partition(' ')[2]} | {cost.cold:,} | {cost.steady:,} |")
    return "\n".join(lines)


def kinds(profiles: Mapping[str, list[Profile]]) -> str:
    """Rows: what gas is paid for; columns: the scenarios, all transactions together."""
    names = list(profiles)
    sums = {name: _sum(profiles[name]) for name in names}
    refunds = {name: sum(profile.refund for profile in profiles[name]) for name in names}
    shown = [f"`{name}`" if (per := peers.SCENARIOS[name].per) == 1 else f"`{name}` × {per}" for name in names]
    lines = ["| paid for | " + " | ".join(shown) + " |", "|---|" + "--:|" * len(names)]
    lines += [_row(kind, [sums[name][kind] for name in names]) for kind in KINDS]
    if any(refunds.values()):
        lines.append(_row("refund", [-refunds[name] for name in names]))
    totals = [sums[name].total() - refunds[name] for name in names]
    lines.append(_row("**receipts**", totals))
    lines.append(
        _row("of it no code: " + ", ".join(GIVEN), [sum(sums[name][kind] for kind in GIVEN) for name in names])
    )
    lines.append(_row("floor", [peers.SCENARIOS[name].floor * peers.SCENARIOS[name].per for name in names]))
    return "\n".join(lines)


def _sum(profiles: Sequence[Profile]) -> Counter[str]:
    kinds_: Counter[str] = Counter()
    for profile in profiles:
        kinds_ += profile.by_kind()
    return kinds_


def _row(name: str, gas: Sequence[int]) -> str:
    return f"| {name} | " + " | ".join(f"{amount:,}" for amount in gas) + " |"


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    assert found and closed, f"{FILE} has no {begin.strip()} ... {end.strip()}"
    return f"{before}{begin}\n{text}\n\n{end}{after}"

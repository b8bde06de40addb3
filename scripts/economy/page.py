"""The figures of docs/economics.md and its plots: nobody copies a number by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .plots import Axis, Line, chart

START, END = "<!-- audit economics: written by `make economics` -->", "<!-- end of audit economics -->"
PAGE, NUMBERS = "economics.md", "economics.json"
FAKING, COLLUSION = "economics-faking.svg", "economics-collusion.svg"
TEMPLATE = Path(__file__).with_name("section.md")


def outputs(found: Mapping[str, Any], docs: Path) -> dict[Path, str]:
    """What belongs into each file. Raises ValueError when the page has lost its marks."""
    page = (docs / PAGE).read_text(encoding="utf-8")
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{docs / PAGE} has lost its marks {START} and {END}; put them back")
    return {
        docs / PAGE: f"{before}{START}\n\n{section(found)}\n{END}{after}",
        docs / NUMBERS: json.dumps(found, indent=1) + "\n",
        docs / FAKING: faking_plot(found),
        docs / COLLUSION: collusion_plot(found),
    }


def section(found: Mapping[str, Any]) -> str:
    """The prose of section.md with the numbers in it."""
    given, pays, auditor = found["parameters"], found["pays_from"], found["auditor"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        **{name: given[name] for name in ("segments", "auditors", "drawn", "further", "stake", "burned", "draws")},
        compute=given["compute"],
        fee=given["audit_bps"] / 10_000,
        reaudit=given["reaudit_bps"] / 10_000,
        faking_rows="\n".join(_faking_rows(found)),
        faking_verdict=_faking_verdict(found),
        bribing_verdict=_bribing_verdict(found),
        bribing_finer=found["bribing_finer"],
        bribed_stake=found["stake_for_bribed_full_fake"],
        collusion_rows="\n".join(_collusion_rows(found)),
        pays_any=pays["any"],
        pays_more=pays["more_than_one_segment"],
        pays_all=pays["everything"],
        honest=auditor["honest"],
        honest_half=auditor["honest_at_half_the_cost"],
        trusting_none=auditor["trusting_nobody_cheats"],
        trusting_all=auditor["trusting_all_cheat"],
        trusting=auditor["trusting_pays_below"],
    )


def _faking_rows(found: Mapping[str, Any]) -> list[str]:
    total, faking, bribing = found["parameters"]["segments"], found["faking"], found["bribing"]
    return [
        f"| {int(count) / total:.0%} | {share:.1%} | {faking[count]:+.3f} | {bribing[count]:+.3f} |"
        for count, share in found["detection"].items()
    ]


def _collusion_rows(found: Mapping[str, Any]) -> list[str]:
    return [
        f"| {row['share']:.2f} | {row['best']:+.4f} | {row['faked']} | {row['everything']:+.3f} |"
        for row in found["collusion"]
    ]


def _faking_verdict(found: Mapping[str, Any]) -> str:
    count, value = max(found["faking"].items(), key=lambda item: float(item[1]))
    if value > 0:
        return f"**With honest auditors faking {count} segment(s) has positive value: {value:+.4f}.**"
    return f"With honest auditors no share pays; the least bad is {count} segment(s), at {value:+.4f}."


def _bribing_verdict(found: Mapping[str, Any]) -> str:
    pays = [f"{count} segment(s), {value:+.3f}" for count, value in found["bribing"].items() if value > 0]
    return f"**Positive value: {'; '.join(pays)}.**" if pays else "It pays for no share."


def faking_plot(found: Mapping[str, Any]) -> str:
    total = found["parameters"]["segments"]

    def line(name: str, key: str) -> Line:
        return Line(name, [(int(count) / total, value) for count, value in found[key].items()])

    return chart(
        "What faking is worth, by share of the segments",
        Axis("share of the segments that is faked", (0, 0.2, 0.4, 0.6, 0.8, 1)),
        Axis("prices of the job", (-2.5, -2, -1.5, -1, -0.5, 0, 0.5)),
        [line("honest auditors", "faking"), line("auditors may be bribed", "bribing")],
    )


def collusion_plot(found: Mapping[str, Any]) -> str:
    curve = found["collusion_curve"]
    return chart(
        "What colluding is worth, by share of the class",
        Axis("share b of the class's stake in one hand", (0, 0.2, 0.4, 0.6, 0.8, 1)),
        Axis("prices of the job", (-2, -1.5, -1, -0.5, 0, 0.5, 1)),
        [
            Line("the best share of fakes", [(row["share"], row["best"]) for row in curve]),
            Line("faking everything", [(row["share"], row["everything"]) for row in curve]),
        ],
    )

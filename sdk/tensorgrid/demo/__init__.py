"""Stories that run on a network of their own and check themselves: `tensorgrid demo [scenario]`.

A scenario is a function of Options that returns nothing and raises DemoFailed with a sentence when something did not
hold. A new one is a module with that function and a line in SCENARIOS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from tensorgrid.domain.errors import SpecInvalid, TensorgridError


class DemoFailed(TensorgridError):
    """Something that the demo promises to show did not hold."""


@dataclass(frozen=True, slots=True)
class Options:
    """seed: fixes keys, data and the chain's randomness; None for fresh ones. report: where the JSON goes.

    quiet: print nothing; the report says it all. only: one part of a story that has parts.
    """

    seed: int | None = None
    report: Path = Path("build/demo.json")
    live: bool = True
    quiet: bool = False
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    where: str
    """module:function, loaded when it is run."""
    report: Path = Path("build/demo.json")
    """Where its numbers go unless told otherwise."""
    parts: tuple[str, ...] = ()
    """What `Options.only` may be."""

    def load(self) -> Callable[[Options], None]:
        """The story, which raises DemoFailed, and whatever the network raises."""
        module, _, function = self.where.partition(":")
        return cast("Callable[[Options], None]", getattr(import_module(module), function))


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "main",
            "five workers, one of them a liar, train a network; the lie is outvoted and slashed",
            "tensorgrid.demo.main_job:run",
        ),
        Scenario(
            "money",
            "where the money is: a posting without gas, a matched offer, refunds, a slash, an exit; every balance",
            "tensorgrid.demo.money_job:run",
            Path("build/demo-money.json"),
        ),
        Scenario(
            "crash",
            "workers killed with -9, a reorganisation, a node away, a job that tries to get out; the books balance",
            "tensorgrid.demo.crash_job:run",
            Path("build/demo-crash.json"),
        ),
        Scenario(
            "audit",
            "a training that auditors look into; one whose worker makes up the rest is found out and slashed",
            "tensorgrid.demo.audited_job:run",
            Path("build/demo-audit.json"),
        ),
        Scenario(
            "market",
            "one job given out four ways, a silent worker replaced, a thousand items of which some are made up",
            "tensorgrid.demo.market:run",
            Path("build/demo-market.json"),
            parts=("strategies", "replace", "batch"),
        ),
    )
}


def scenario(name: str) -> Scenario:
    """Raises SpecInvalid for a name that there is not."""
    if name not in SCENARIOS:
        raise SpecInvalid(f"no scenario {name[:40]!r}; there is {', '.join(sorted(SCENARIOS))}")
    return SCENARIOS[name]

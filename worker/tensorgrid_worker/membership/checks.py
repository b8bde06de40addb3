"""What `doctor` finds: one line per prerequisite, and with each that is missing what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker.logs import printable


class Mark(StrEnum):
    """RED: jobs cannot be done, or not safely. YELLOW: they can, and something should be better."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Check:
    """`fix`: what to do; empty when green. `worker`: whose it is, empty for the machine's."""

    name: str
    mark: Mark
    found: str
    fix: str = ""
    worker: str = ""

    def line(self) -> str:
        """One line for people; strangers' text in it is cleaned."""
        fix = f"  -> {self.fix}" if self.fix else ""
        whose = f" [{self.worker}]" if self.worker else ""
        return printable(f"{self.mark.value:<6} {self.name + whose:<22} {self.found}{fix}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Probe = Callable[[], Check]


def green(name: str, found: str) -> Check:
    return Check(name, Mark.GREEN, found)


def yellow(name: str, found: str, fix: str) -> Check:
    return Check(name, Mark.YELLOW, found, fix)


def red(name: str, found: str, fix: str) -> Check:
    return Check(name, Mark.RED, found, fix)


def asked(name: str, probes: Iterable[Probe]) -> Iterator[Check]:
    """Each probe's answer. One that raises is red, with the error's own advice: doctor itself never fails."""
    for probe in probes:
        try:
            yield probe()
        except TensorgridError as error:
            words, _, fix = str(error).rpartition("; ")
            yield red(name, words or str(error), fix if words else "see above")
        except Exception as error:
            yield red(name, f"{type(error).__name__}: {error}"[:300], "mend what it names, and run doctor again")

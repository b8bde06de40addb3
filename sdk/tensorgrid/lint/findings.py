"""What the linter has to say: a rule, a place, why it matters, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from tensorgrid.domain.errors import NotRepeatable

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`error`: two runs differ, or a run ends at once. `warning`: they may. `place`: "line 12", or a module."""

    rule: str
    level: Level
    place: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.place}: {self.level} {self.rule}: {self.why}; {self.fix}"

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def refuse(findings: Iterable[Finding]) -> None:
    """Raises NotRepeatable when one of them is an error; warnings pass."""
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        listed = "\n".join(f"  {finding}" for finding in errors)
        raise NotRepeatable(
            f"{len(errors)} thing(s) make runs of this function differ, and an honest worker would fail its audit:\n"
            f"{listed}\nmend them; where the linter is wrong, end the line with `# tg: allow {errors[0].rule}`"
        )

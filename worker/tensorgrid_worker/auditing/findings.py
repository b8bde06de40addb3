"""What our own work for an audit came to: what a worker serves, and what an auditor found. Plain values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tensorgrid.domain.audits import check_of
from tensorgrid.domain.jobs import ZERO32

if TYPE_CHECKING:
    from tensorgrid_worker.auditing.picture import AuditPicture

MOST_CLAIMS = 2


@dataclass(frozen=True, slots=True)
class Served:
    """Stored, and ready to be published. `workers`: the auditors it is sealed to, in the order of their seats."""

    sitting: int
    draw: bytes
    workers: tuple[str, ...]
    manifest: bytes
    checks: tuple[bytes, ...]

    def serves(self, audit: AuditPicture) -> bool:
        """Whether it is for the audit as it stands: seats may be taken, or a reorganisation draw anew, meanwhile."""
        now = (audit.audit.sitting, audit.draw, tuple(audit.held[number - 1].worker for number in audit.auditors))
        return now == (self.sitting, self.draw, self.workers)


@dataclass(frozen=True, slots=True)
class Compared:
    """Of a seat whose auditor computes on something else. reasons: for people, one per segment."""

    suspicious: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one seat. roots: the state after each of its segments. wrong: positions to be accused, two at a time; RESULT:
    the result. reasons: for people, one per thing found wrong."""

    roots: tuple[bytes, ...]
    wrong: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        return bool(self.roots) and ZERO32 not in self.roots

    def claims(self, said: Collection[int] = ()) -> tuple[int, ...]:
        """What to accuse next, after `said` has fallen."""
        return tuple(position for position in self.wrong if position not in said)[:MOST_CLAIMS]

    def against(self, check: bytes) -> Findings:
        """With an accusation where all ends are as the trace says, and the worker's check says something else: who has
        published such a check cannot answer it."""
        if self.wrong or not self.sound or check_of(self.roots) == check:
            return self
        return Findings(self.roots, (0,), (*self.reasons, "the worker's check is not the hash of these states"))

"""The parameters of the audit tier, as the network is deployed with them."""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.jobs import BPS_WHOLE
from tensorgrid.parameters.audit import audit_terms


@dataclass(frozen=True, slots=True)
class Shipped:
    """Money is in prices of the job: 1.0 is what an honest worker is paid.

    stake: locked per worker and job, of worker and auditors alike, at the least that the tier accepts. burned: share of
    a slash; the rest goes to who proved it. compute: what the work costs an honest worker. 1.0, no margin at all, is
    the hardest case: whoever saves the work then saves most.
    """

    segments: int
    auditors: int
    drawn: int
    audit_bps: int
    reaudit_bps: int
    stake: float = 2.0
    burned: float = 0.5
    compute: float = 1.0

    @classmethod
    def load(cls, network: str = "devnet") -> Shipped:
        """Of the network's file; the stake and what of it is burned are rules of the tier, the compute is assumed."""
        told = audit_terms(network)
        return cls(told.segments, told.auditors, told.drawn, told.audit_bps, told.reaudit_bps)

    @property
    def terms(self) -> AuditTerms:
        """As the contract reads them; clocks play no part here."""
        return AuditTerms(
            0, 0, 0, 0, self.segments, self.drawn, self.auditors, self.audit_bps, self.reaudit_bps, steps=1
        )

    @property
    def first(self) -> int:
        return self.terms.first

    @property
    def further(self) -> int:
        return self.terms.further

    @property
    def reaudit(self) -> float:
        return self.reaudit_bps / BPS_WHOLE

    @property
    def segment(self) -> float:
        """The price of one."""
        return 1 / self.segments

    @property
    def finder(self) -> float:
        """What the first who proves a fake gets of a slash."""
        return self.stake * (1 - self.burned)

    def fee(self, count: int) -> float:
        """For replaying so many segments."""
        return count * self.segment * self.audit_bps / BPS_WHOLE

"""Whether this worker could take a job at all; said in words, once per reason."""

from __future__ import annotations

import structlog

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.jobs import hardware_class

log = structlog.get_logger()


class Standing:
    """A worker without registration or stake waits: both are its provider's to bring, and may come at any time."""

    def __init__(self, contracts: Contracts, me: str, class_name: str) -> None:
        self._contracts, self._me, self._class = contracts, me, class_name
        self._told: str | None = None

    def look(self) -> str:
        """What is missing, empty when nothing is; logged when it changes. Raises Unreachable."""
        problem = self.problem()
        if problem and problem != self._told:
            log.warning("worker.no_standing", worker=self._me, reason=problem)
        elif self._told and not problem:
            log.info("worker.standing", worker=self._me)
        self._told = problem
        return problem

    def problem(self) -> str:
        """What is missing, in words; empty when nothing is. Raises Unreachable."""
        contracts = self._contracts
        standing = contracts.registry.standing(self._me)
        if int(standing.provider, 16) == 0:
            return "not registered: its provider must register it"
        if standing.class_tag != hardware_class(self._class)[: len(standing.class_tag)]:
            return f"not registered in class {self._class!r}: change the registration or the setting"
        if not contracts.vault.allocation_of(standing.provider, self._me, contracts.board.address).active:
            return "no stake: its provider must deposit stake for it and allocate it to the board"
        return ""

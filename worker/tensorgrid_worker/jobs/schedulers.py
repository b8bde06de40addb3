"""Which schedulers give seats that this worker can take: any of the network's list that draws, a third party's too."""

from __future__ import annotations

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import ChainError, Unreachable


class Schedulers:
    """Asked once for each address."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._draws = {scheduler.address: True for scheduler in contracts.strategies.values()}
        self._draws[contracts.offers.address] = False

    def draws(self, address: str) -> bool:
        """Raises Unreachable."""
        if address not in self._draws:
            self._draws[address] = self._ask(address)
        return self._draws[address]

    def _ask(self, address: str) -> bool:
        try:
            listed = self._contracts.parameters.scheduler_allowed(address)
            return listed and self._contracts.scheduler(address).draws()
        except Unreachable:
            raise
        except ChainError:  # it is a stranger's contract, and answers what it likes
            return False

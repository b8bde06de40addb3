"""Beacon rounds that our audits hang on, stored before their values are lost: blocks remember hashes for a while only.

Nobody else need care: without its round a sitting cannot be served, and a dispute's jury cannot be drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tensorgrid.chain.abi import interface
from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import ChainError
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.tosend import ToSend
from tensorgrid_worker.memory.rows import STORE_ROUND

OLD_BLOCKS = 96
"""Blocks after which nobody is going to read it soon: of the 256 that every chain remembers, whether or not this one
has the contract that remembers 8,191."""
TURN_BLOCKS = 16
"""Between one seat's turn and the next, so that one does it."""
STORE_SECONDS = 100
"""By then it is to be mined, at whatever fee."""


def rounds_of(audit: AuditPicture) -> Iterator[int]:
    """What this audit still has to read. Pure."""
    state = audit.audit
    deciding = state.clean and not state.reaudit
    if audit.begun and (deciding or not state.served):
        yield state.round
    for dispute in audit.disputes.values():
        if dispute.case is not None and dispute.case.unfilled:
            yield dispute.case.draw


class Rounds:
    """Asked by the loop that plans."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._stored: set[int] = set()
        self._by_block: bool | None = None

    def step(self, audits: Sequence[AuditPicture], head: BlockRef) -> list[ToSend]:
        """Of audits in which we have a seat. Raises Unreachable, ChainError."""
        wanted = {number: audit for audit in audits if audit.number for number in rounds_of(audit)}
        due = {number: audit for number, audit in wanted.items() if self._is_due(number, audit, head)}
        if not due or not self._is_by_block():
            return []
        call, until = self._contracts.beacon.store, head.timestamp + STORE_SECONDS
        return [
            ToSend(audit.id, f"{STORE_ROUND}{number}", call(number), until)
            for number, audit in due.items()
            if not self._is_stored(number)
        ]

    def _is_due(self, number: int, audit: AuditPicture, head: BlockRef) -> bool:
        turn = OLD_BLOCKS + TURN_BLOCKS * (audit.number - 1)
        return number not in self._stored and head.number - number > turn

    def _is_by_block(self) -> bool:
        """Of a beacon whose rounds are blocks: others' values are published for ever."""
        if self._by_block is None:
            self._by_block = self._contracts.beacon.schedule()[1] == 0
        return self._by_block

    def _is_stored(self, number: int) -> bool:
        beacon = self._contracts.beacon
        topic = next(entry.hash for entry in interface("BlockBeacon").events.values() if entry.name == "RoundStored")
        query = {
            "address": beacon.address,
            "topics": ["0x" + topic.hex(), f"0x{number:064x}"],
            "fromBlock": hex(number),
            "toBlock": "latest",
        }
        found = self._contracts.connection.rpc("eth_getLogs", query)
        if not isinstance(found, list):
            raise ChainError("the node sent no list of logs; use another node")
        if found:
            self._stored.add(number)
        return bool(found)

    def forget_all(self) -> None:
        """After a reorganisation."""
        self._stored.clear()

"""Disputes as the chain shows them: the clocks, and what the events have told and only a hash is stored of."""

from __future__ import annotations

from dataclasses import dataclass, field

from tensorgrid.chain.bisection import Clocks, Stage, match_key
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.dispute_history import position_of
from tensorgrid.chain.events import decode
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.auditing.picture import ClaimKey, Dispute
from tensorgrid_worker.memory.records import JobRecord


@dataclass
class MatchReader:
    """Asked by the loop that plans. Raises Unreachable, ChainError."""

    contracts: Contracts
    _known: dict[tuple[JobId, ClaimKey], Dispute] = field(default_factory=dict)

    def dispute(self, record: JobRecord, claim: ClaimKey, segment: int) -> Dispute | None:
        """Read again when its clocks have changed: every move changes them."""
        bisection, audit = self.contracts.bisection, self.contracts.audit
        if bisection is None or audit is None:
            return None
        key = match_key(audit.address, record.id, *claim)
        clocks, known = bisection.clocks(key), self._known.get((record.id, claim))
        if known is not None and known.clocks == clocks:
            return known
        found = self._read(bisection.address, record, key, clocks, segment)
        if found is not None and found.stage is not Stage.NONE:
            self._known[record.id, claim] = found
        return found

    def forget(self, job: JobId) -> None:
        for key in [key for key in self._known if key[0] == job]:
            del self._known[key]

    def forget_all(self) -> None:
        """After a reorganisation."""
        self._known.clear()

    def _read(self, address: str, record: JobRecord, key: bytes, clocks: Clocks, segment: int) -> Dispute | None:
        query = {
            "address": address,
            "topics": [None, "0x" + key.hex()],
            "fromBlock": hex(record.posted_block),
            "toBlock": "latest",
        }
        logs = self.contracts.connection.rpc("eth_getLogs", query)
        if not isinstance(logs, list):
            raise ChainError("the node sent no list of logs; use another node")
        events = [event for log in logs if (event := decode(log, {address: "Bisection"})) is not None]
        position = position_of(sorted(events, key=lambda event: event.log.position), key)
        return None if position is None else Dispute(segment, position.match, position.span, clocks)

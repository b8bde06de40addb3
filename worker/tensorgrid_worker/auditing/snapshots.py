"""What an audited worker has told of his trace while he ran, as the chain has kept it."""

from __future__ import annotations

import structlog

from tensorgrid.chain.audit_history import Snapshot
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import decode
from tensorgrid.domain.errors import ChainError
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.logs import short

log = structlog.get_logger()


class SnapshotReader:
    """Heads by segment, of the audited worker alone; where he has told a segment twice, the first time counts."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts

    def __call__(self, audit: AuditPicture) -> dict[int, bytes]:
        """Never raises: what cannot be had is not compared."""
        try:
            return self._read(audit)
        except ChainError as error:
            log.info("audit.snapshots_unread", job=short(audit.id), reason=str(error))
            return {}

    def _read(self, audit: AuditPicture) -> dict[int, bytes]:
        contracts, worker = self._contracts, audit.held[0].worker
        if contracts.snapshots is None:
            return {}
        address = contracts.snapshots.address
        query = {
            "address": address,
            "topics": [None, "0x" + audit.id.hex(), "0x" + worker[2:].lower().rjust(64, "0")],
            "fromBlock": hex(contracts.deployment.start_block),
            "toBlock": "latest",
        }
        logs = contracts.connection.rpc("eth_getLogs", query)
        found: dict[int, bytes] = {}
        for raw in logs if isinstance(logs, list) else []:
            event = decode(raw, {address: "Snapshots"})
            if isinstance(event, Snapshot) and (event.id, event.worker) == (audit.id, worker):
                found.setdefault(event.up_to, event.head)
        return found

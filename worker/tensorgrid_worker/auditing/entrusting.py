"""The accused worker's side of a private case: its jurors are given the job's keys. Without them he has lost it."""

from __future__ import annotations

import structlog

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import SpecInvalid, StateRejected
from tensorgrid.domain.jurykeys import JuryKeys
from tensorgrid.privacy import recipient_text, seal
from tensorgrid_worker.auditing.picture import AuditPicture, ClaimKey
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.logs import short

log = structlog.get_logger()


class Entrusting:
    """Of the jobs that this worker has done."""

    def __init__(self, contracts: Contracts, tools: Tools) -> None:
        self._contracts, self._tools = contracts, tools

    def wrap(self, audit: AuditPicture, key: ClaimKey) -> bytes:
        """Stores the keys, sealed to each juror of the running round, and returns the document's sha256.

        Raises StateRejected without keys, StorageError, Unreachable.
        """
        dispute, keys = audit.disputes[key], self._tools.inputs.keys(audit.id)
        assert dispute.case is not None and self._contracts.audit is not None
        if keys is None:
            raise StateRejected("the keys of this private job are not in its folder; without them the case is lost")
        wrapped = dict[str, bytes]()
        for juror in dispute.case.jurors:
            try:
                recipient = recipient_text(self._contracts.registry.profile_of(juror).recipient)
            except SpecInvalid as error:
                # His own fault, and no reason to leave the others without.
                log.warning("jury.unsealable", job=short(audit.id), juror=juror, reason=str(error))
                continue
            wrapped[juror.lower()] = seal(keys.to_bytes(), [recipient])
        document = JuryKeys(dispute.match.key(self._contracts.audit.address), wrapped)
        self._tools.store.put(document.to_bytes())
        return document.digest

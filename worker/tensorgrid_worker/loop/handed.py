"""Whether the key of a private job is here, is still to come, or never came."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import decode
from tensorgrid.chain.key_box import KeyBox, KeyHanded
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import ChainError, ResultRejected
from tensorgrid.domain.jobkeys import NO_KEYS, JobKeys
from tensorgrid.domain.jobs import Job, JobState
from tensorgrid.privacy import Identity, open_job_key
from tensorgrid_worker.jobs.inputs import Inputs
from tensorgrid_worker.logs import printable, short
from tensorgrid_worker.loop.planner import KeyState
from tensorgrid_worker.memory.records import JobRecord

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KeyReader:
    """Asked by the loop that plans, of jobs in whose first seats we sit. Raises Unreachable, ChainError, OSError."""

    contracts: Contracts
    me: str
    identity: Identity | None
    inputs: Inputs

    def state(self, record: JobRecord, job: Job, now: int) -> KeyState:
        """What was handed is opened and kept in the job's folder: a restart finds it there, or on chain again."""
        box, plan = self.contracts.key_box, AuditTerms.unpack(record.terms.verifier_params)
        if box is None or not plan.private:
            return KeyState.PUBLIC
        if self.inputs.keys(record.id) is not None:
            return KeyState.HERE
        wrapped = self._handed(record, box)
        if wrapped is not None and box.is_missed(record.terms.requester, record.terms.nonce):
            # The chain pays the share alone, whatever we commit to: nothing is run for that.
            return KeyState.MISSED
        if wrapped is not None:
            self.inputs.keep_keys(record.id, self._opened(record, wrapped))
            return KeyState.HERE
        if job.state is JobState.ASSIGNED and now <= job.clock - record.terms.work_time + plan.wrap_time:
            return KeyState.WAITING
        missed = box.is_missed(record.terms.requester, record.terms.nonce)
        return KeyState.MISSED if missed else KeyState.LATE

    def _opened(self, record: JobRecord, wrapped: bytes) -> JobKeys:
        """One that opens nothing is no key: its job fails for whoever tries it, as code that raises does."""
        try:
            if self.identity is None:
                raise ResultRejected("this worker has no identity.age to open it with")
            return JobKeys.of(open_job_key(wrapped, self.identity))
        except ResultRejected as error:
            log.warning("key.unusable", job=short(record.id), reason=printable(str(error)))
            return NO_KEYS

    def _handed(self, record: JobRecord, box: KeyBox) -> bytes | None:
        query = {
            "address": box.address,
            "topics": [None, "0x" + record.id.hex(), "0x" + self.me[2:].lower().rjust(64, "0")],
            "fromBlock": hex(record.posted_block),
            "toBlock": "latest",
        }
        found = self.contracts.connection.rpc("eth_getLogs", query)
        if not isinstance(found, list):
            raise ChainError("the node sent no list of logs; use another node")
        for raw in found:
            event = decode(raw, {box.address: "KeyBox"})
            if isinstance(event, KeyHanded) and (event.id, event.worker) == (record.id, self.me):
                return event.wrapped
        return None

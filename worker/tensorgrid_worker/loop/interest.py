"""Which jobs of others this worker wants, from their posting to the moment its take is signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import structlog

from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid_worker.capability.upkeep import Upkeep
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.gate import Gate
from tensorgrid_worker.jobs.slots import Load
from tensorgrid_worker.jobs.workshop import Workshop
from tensorgrid_worker.logs import JobLog, short
from tensorgrid_worker.loop.planner import UNDER_WAY, Action, Do
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.records import JobRecord, Preparation
from tensorgrid_worker.memory.rows import Status
from tensorgrid_worker.policy.base import NOT_NOW

log = structlog.get_logger()

TAKES = frozenset({Do.TAKE, Do.TAKE_EXTRA})


class Interest:
    """Asked by the loop that plans. `gate`, `draining`: may change from one round to the next."""

    def __init__(
        self,
        *,
        config: WorkerConfig,
        gate: Gate,
        journal: Journal,
        workshop: Workshop,
        me: str,
        upkeep: Upkeep | None,
        joblog: Callable[[JobId], JobLog],
    ) -> None:
        self.gate, self.draining = gate, False
        self._config, self._journal, self._workshop, self._me = config, journal, workshop, me
        self._upkeep, self._joblog = upkeep, joblog
        self._judged: set[JobId] = set()
        self._judging: set[JobId] = set()  # in this round, which may fail before it is recorded
        self._told: dict[JobId, str] = {}

    # ----------------------------------------------------------------------------------------------- when it is posted

    def judge(self, records: dict[JobId, JobRecord]) -> set[JobId]:
        """Refuse what we do not want, once per process unless a policy said "not now"; only of jobs that are still open
        after all events were read. The jobs whose records changed.
        """
        changed: set[JobId] = set()
        self._judging = set()
        for job, record in list(records.items()):
            waiting = record.preparation is Preparation.REFUSED and record.reason.startswith(NOT_NOW)
            fresh = record.preparation is Preparation.NEW and job not in self._judged
            if record.ended or not (fresh or waiting):
                continue
            if record.assigned_block and not record.extra_block and not record.number_of(self._me):
                continue  # there is no seat to be had
            self._judging.add(job)
            judged = self._judge(record, waiting)
            if judged is not record:
                records[job] = judged
                changed.add(job)
        return changed

    def recorded(self) -> None:
        """What was judged in this round is in the journal."""
        self._judged |= self._judging

    def forget(self, job: JobId) -> None:
        """The job is closed."""
        self._told.pop(job, None)
        self._judged.discard(job)

    def _judge(self, record: JobRecord, waiting: bool) -> JobRecord:
        """The record as it is to be from now on."""
        if record.number_of(self._me):  # posted with our offer, or the journal was lost after the take
            self._joblog(record.id).say("job.ours", price=record.terms.price, block=record.posted_block)
            # Refused while its take was under way: what is ours is done.
            return replace(record, preparation=Preparation.NEW, reason="") if waiting else record
        refusal = self._refusal(record)
        if waiting and refusal == record.reason:
            return record
        if refusal:
            log.info("job.refused", job=short(record.id), reason=refusal)
            return replace(record, preparation=Preparation.REFUSED, reason=refusal)
        self._joblog(record.id).say("job.posted", price=record.terms.price, block=record.posted_block)
        return replace(record, preparation=Preparation.NEW, reason="") if waiting else record

    # ---------------------------------------------------------------------------------------------- when it is taken

    def still(self, actions: Sequence[Action], records: Mapping[JobId, JobRecord]) -> list[Action]:
        """Without the takes that are not wanted any more: between an inspection and its take hours may pass, and the
        owner's hours too."""
        wanted, loads = [], self._workshop.loads() if self._config.capacity > 1 else {}
        ours = self._owed(records) & loads.keys()
        for action in actions:
            refusal = ""
            if action.do in TAKES:
                record = records[action.job]
                refusal = self._too_early(record, action.price) or self._unwanted(record, action.price)
                refusal = refusal or self._crowded(record, loads, ours - {record.id})
            if not refusal:
                wanted.append(action)
                ours |= {action.job} & loads.keys()
            else:
                self.tell(action.job, refusal)
        return wanted

    def taking(self, records: Mapping[JobId, JobRecord]) -> frozenset[JobId]:
        """Jobs whose take is under way. What is not signed yet is asked about again: dear gas may hold it for hours."""
        taking = set()
        for row in self._journal.outbox(Status.NEW, Status.SENT):
            if row.kind not in TAKES or row.job not in records:
                continue
            if row.status is Status.NEW and (refusal := self._unwanted(records[row.job])):
                self._journal.take_back(row.id, refusal)
                self._joblog(row.job).say("job.not_taken", reason=refusal)
            else:
                taking.add(row.job)
        return frozenset(taking)

    def tell(self, job: JobId, refusal: str) -> None:
        """Why it is not taken, once for the same words."""
        if self._told.get(job) != refusal:
            self._told[job] = refusal
            self._joblog(job).say("job.not_taken", reason=refusal)

    def least_price(self, token: str) -> int:
        """Of a seat, in the token's units."""
        return self.gate.least_price(token)

    def _too_early(self, record: JobRecord, price: int) -> str:
        """In words that stay the same while a price rises: they are told once."""
        least = self.least_price(record.terms.pay_token)
        return f"{NOT_NOW}its price has not risen to {least} yet" if price < min(least, record.terms.price) else ""

    def _unwanted(self, record: JobRecord, price: int | None = None) -> str:
        """Why not to take it just now, at this price, in words. The policies are asked about the spec again, too."""
        if self.draining:
            return f"{NOT_NOW}this worker drains"
        paused = self._upkeep.pause() if self._upkeep is not None else ""
        terms = record.terms if price is None else replace(record.terms, price=price)
        if refusal := paused or self._refusal(record, terms):
            return refusal
        spec = self._workshop.spec(record.id, record.terms)
        found = None if spec is None else self.gate.judge(terms, spec)
        return str(found) if found else ""

    def _refusal(self, record: JobRecord, terms: JobTerms | None = None) -> str:
        auditor = bool(record.assigned_block) and record.terms.verifier == self.gate.audits
        return self.gate.refusal(terms or record.terms, self._me, auditor=auditor)

    def _crowded(self, record: JobRecord, loads: Mapping[JobId, Load], ours: AbstractSet[JobId]) -> str:
        """Who has room for several jobs could take more than can be done in time, and silence costs the bond."""
        if record.id not in loads:
            return ""
        seconds = record.terms.work_time - self._config.work_margin_seconds
        return self._workshop.crowded(loads[record.id], [loads[job] for job in ours], seconds)

    def _owed(self, records: Mapping[JobId, JobRecord]) -> set[JobId]:
        """Jobs of which we owe a commitment, or shall once our take is mined."""
        unsealed = {
            job
            for job, record in records.items()
            if not record.ended and (number := record.number_of(self._me)) and not record.seats[number - 1].sealed_block
        }
        taking = {job for (job, kind), status in self._journal.kinds().items() if kind in TAKES and status in UNDER_WAY}
        return unsealed | taking

"""What lies on disk for jobs that are not ours: it costs their requesters nothing to have it fetched, so it has bounds.

Files of jobs in which we have a seat are never touched here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import structlog

from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.jobs.workshop import Workshop
from tensorgrid_worker.logs import short
from tensorgrid_worker.memory.records import JobRecord, Preparation

log = structlog.get_logger()

GAVE_WAY = "what it needs lay here untaken, and gave way to newer jobs"
FORGET_SECONDS = 3600
"""Of chain time after nobody can take it any more: no reorganisation goes back that far."""


class Larder:
    """`most_bytes`: for all untaken jobs together."""

    def __init__(self, workshop: Workshop, me: str, most_bytes: int) -> None:
        self._workshop, self._me, self._most = workshop, me, most_bytes

    def begin(self, records: Mapping[JobId, JobRecord]) -> None:
        """Once, when `records` are all that the chain tells of: what lies there of any other job goes."""
        self._workshop.sweep(records, [job for job, record in records.items() if self._is_free(record)])

    def clear(self, records: dict[JobId, JobRecord], taking: Collection[JobId], now: int) -> set[JobId]:
        """Files of jobs that we can no longer take, and of the oldest ones where all take too much room. The jobs whose
        records changed. `now`: chain time.
        """
        return self._stale(records, now) | self._evicted(records, taking)

    def over(self, records: dict[JobId, JobRecord], taking: Collection[JobId], now: int) -> list[JobId]:
        """Jobs of others that nobody ends on chain, since nobody is bound to: they need not be remembered."""
        return [
            job
            for job, record in records.items()
            if not record.number_of(self._me) and job not in taking and now > _last(record) + FORGET_SECONDS
        ]

    def _stale(self, records: dict[JobId, JobRecord], now: int) -> set[JobId]:
        stale = set()
        for job, record in list(records.items()):
            if now <= _last(record) or record.number_of(self._me):
                continue
            if record.preparation is Preparation.READY:
                records[job] = replace(record, preparation=Preparation.NEW)
                stale.add(job)
            elif not self._workshop.holds(job):  # of a job that was never complete there may be gigabytes, too
                continue
            self._workshop.forget(job)
        return stale

    def _evicted(self, records: dict[JobId, JobRecord], taking: Collection[JobId]) -> set[JobId]:
        evicted: set[JobId] = set()
        held = self._workshop.waiting()
        untaken = [job for job in held if job in records and job not in taking and self._is_free(records[job])]
        room = self._most - sum(held[job] for job in untaken)
        for job in sorted(untaken, key=lambda job: records[job].posted_block):
            if room >= 0:
                break
            room += held[job]
            records[job] = replace(records[job], preparation=Preparation.REFUSED, reason=GAVE_WAY)
            log.info("job.gave_way", job=short(job), bytes=held[job])
            self._workshop.forget(job)
            evicted.add(job)
        return evicted

    def _is_free(self, record: JobRecord) -> bool:
        return record.preparation is Preparation.READY and not record.number_of(self._me)


def _last(record: JobRecord) -> int:
    """Chain time after which no seat of it can be taken."""
    terms = record.terms
    return record.take_by + (terms.work_time + terms.settle_time if record.assigned_block else 0)

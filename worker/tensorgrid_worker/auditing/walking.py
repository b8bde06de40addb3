"""A disputed segment done once more, step by step, by either party."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from tensorgrid.domain.errors import StateRejected, StorageError
from tensorgrid_worker.auditing.checking import UNUSABLE, Checking
from tensorgrid_worker.auditing.opened import Opened
from tensorgrid_worker.auditing.owntrace import OwnTraces
from tensorgrid_worker.auditing.picture import WORKER, AuditPicture, ClaimKey
from tensorgrid_worker.auditing.segments import Walk, walk
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.jobs.executor import Task


class Walking:
    """Blocks as long as the replay takes."""

    def __init__(self, tools: Tools, traces: OwnTraces, opened: Opened, checking: Checking) -> None:
        self._tools, self._traces, self._opened, self._checking = tools, traces, opened, checking

    def walk(self, audit: AuditPicture, key: ClaimKey, stop: Event) -> Walk:
        """Of the segment that the claim is about, from the best start that there is.

        Raises TraceLost, RunFailed, RunStopped, OSError, JobRefused, ReplayBroken.
        """
        index = audit.disputes[key].segment
        with self._tools.task(audit, stop, urgent=True) as task:
            start = self._start(audit, task, index, stop)
            try:
                return walk(self._tools.executor, audit, task, index, start, stop=stop)
            except StateRejected:
                if start is None:
                    raise
                return walk(self._tools.executor, audit, task, index, None, stop=stop)
            finally:
                if start is not None:
                    start.unlink(missing_ok=True)

    def _start(self, audit: AuditPicture, task: Task, index: int, stop: Event) -> Path | None:
        """None: from the beginning of the job, which is alike for everybody."""
        if index == 1:
            return None
        if audit.number == WORKER:
            return self._traces.start(audit, task, index, stop)
        try:
            opened = {segment.index: segment for segment in self._opened.seat(audit).segments}
        except (*UNUSABLE, StorageError):  # of another sitting by now, perhaps
            return None
        return self._checking.start(audit, index, opened.get(index), patient=False)[0]

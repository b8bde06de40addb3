"""The trace of a job that we did: from its folder, or, where that is lost, by doing the job once more."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from threading import Event

import structlog

from tensorgrid.domain.audits import AuditOpening
from tensorgrid.domain.errors import StateRejected, TraceInvalid
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.results import result_root
from tensorgrid.domain.traces import Trace
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.jobs.endings import ended
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.jobs.traces import Traced, load
from tensorgrid_worker.logs import short

log = structlog.get_logger()


class TraceLost(TraceInvalid):
    """Neither the job's folder nor doing it again gives the trace that was committed to."""


class OwnTraces:
    """By job. Read once; asked by several threads."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._lock = threading.Lock()
        self._known: dict[JobId, tuple[bytes, Trace, Traced | None]] = {}

    def forget(self, job: JobId) -> None:
        with self._lock:
            self._known.pop(job, None)

    def known(self, audit: AuditPicture) -> Trace | None:
        """Without doing anything that takes long: from memory, or from the job's folder."""
        opening = audit.opening
        if opening is None:
            return None
        with self._lock:
            kept = self._known.get(audit.id)
        if kept is not None and kept[0] == opening.trace_root:
            return kept[1]
        spec = self._tools.inputs.spec(audit.id, audit.terms)
        if spec is None or spec.checkpoint is None:
            return None
        roots = self._tools.inputs.roots(audit.id) if audit.plan.private else None
        task = Task(spec, audit.seed, self._tools.inputs.folder(audit.id), roots=roots)
        return self._fitting(audit, opening, task, _loaded(task))

    def keeps(self, audit: AuditPicture, segments: Collection[int]) -> bool:
        """Whether the trace is there, and a state behind each of these segments."""
        if self.known(audit) is None:
            return False
        with self._lock:
            kept = self._known.get(audit.id)
        traced = None if kept is None else kept[2]
        return not segments or (traced is not None and set(segments) <= set(traced.kept.segments))

    def take(self, audit: AuditPicture, task: Task, stop: Event) -> tuple[Trace, Traced | None]:
        """With the states that were kept. Does the job again where it must: `task` has room on the machine.

        Raises TraceLost, RunFailed, RunStopped, OSError.
        """
        opening = audit.opening
        assert opening is not None, "an audit that has begun shows what was opened"
        if self.known(audit) is None:
            log.warning("trace.lost", job=short(audit.id), todo="nothing: the job is done once more")
            run = self._tools.executor.run(task, on_point=lambda _: None, stop=stop, anew=True)
            self._fitting(audit, opening, task, run.traced)
        with self._lock:
            kept = self._known.get(audit.id)
        if kept is None or kept[0] != opening.trace_root:
            raise TraceLost("the trace that was committed to cannot be made again; does this machine compute alike?")
        return kept[1], kept[2]

    def start(self, audit: AuditPicture, task: Task, index: int, stop: Event) -> Path | None:
        """The state before a segment, where it was kept and is whole. The caller deletes it.

        Raises what `take` raises.
        """
        _, traced = self.take(audit, task, stop)
        if index == 1 or traced is None or index - 1 not in traced.kept.segments:
            return None
        try:
            return traced.kept.take(index - 1, self._tools.room(audit.id) / f"again-{index}")
        except StateRejected as error:
            log.warning("state.damaged", job=short(audit.id), segment=index - 1, reason=str(error))
            return None

    def _fitting(self, audit: AuditPicture, opening: AuditOpening, task: Task, traced: Traced | None) -> Trace | None:
        """With the end that was committed to. How the job ended shows in its result root."""
        for exit_class in ExitClass:
            is_it = exit_class is ExitClass.OK or result_root(audit.id, exit_class) == opening.result_root
            if not is_it:
                continue
            # A job that was left early, done again to its end, has more than was committed to.
            left = traced.upto(opening.done) if exit_class is ExitClass.OK and traced is not None else traced
            trace, _ = ended(left, task.spec, audit.seed, audit.id, exit_class, audit.plan.segments)
            if len(trace.segments) == opening.done and trace.root() == opening.trace_root:
                with self._lock:
                    self._known[audit.id] = (opening.trace_root, trace, traced)
                return trace
        return None


def _loaded(task: Task) -> Traced | None:
    try:
        return load(task.spec, task.seed, task.folder / "out", task.roots)
    except OSError:
        return None

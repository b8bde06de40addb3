"""The auditor's work: what the worker opened is held against his trace, and each segment is done once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event

import structlog

from tensorgrid.domain.audits import RESULT, AuditOpening
from tensorgrid.domain.errors import BlobTooLarge, OpeningRejected, ResultRejected, StateRejected, StorageError
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.openings import Found, OpenedSeat, OpenedSegment, proves_result
from tensorgrid.domain.results import result_root
from tensorgrid_worker.auditing.findings import Findings
from tensorgrid_worker.auditing.opened import Opened
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.segments import SegmentEnd, replay
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.jobs.traces import roots_of
from tensorgrid_worker.logs import printable, short

log = structlog.get_logger()

Shown = Callable[[AuditPicture], Mapping[int, bytes]]
UNUSABLE = (OpeningRejected, ResultRejected, BlobTooLarge)
"""What is wrong with a worker's opening, and not with a store or with this machine."""


class Checking:
    """Of the seats that this worker has as an auditor."""

    def __init__(self, tools: Tools, opened: Opened, shown: Shown = lambda _: {}) -> None:
        """`shown`: heads of the trace that the worker has told on chain while it ran, by segment."""
        self._tools, self._opened, self._shown = tools, opened, shown

    def audit(self, audit: AuditPicture, stop: Event, *, patient: bool) -> Findings:
        """Of our own seat. Blocks as long as the replays take.

        Whatever is wrong with the opening is in the findings; what a store does not give, only when we are no longer
        `patient`. Raises StorageError otherwise, RunFailed, RunStopped, OSError, JobRefused, ReplayBroken.
        """
        # Without the keys that lie there a private job fails, here alone. Silence costs the no-show bond; an accusation
        # would be of a worker who has done nothing wrong.
        seat, reasons = self._seat(audit, patient or audit.plan.private)
        segments = {} if seat is None else {segment.index: segment for segment in seat.segments}
        if audit.plan.private:
            self._tools.inputs.keep_keys(audit.id, self._opened.keys(seat))
        indices, ends, wrong = audit.segments(audit.number), list[SegmentEnd](), list[int]()
        with self._tools.task(audit, stop) as task:
            for position, index in enumerate(indices):
                end, reason = self._segment(audit, task, index, segments.get(index), stop, patient)
                ends.append(end)
                if reason:
                    wrong.append(position)
                    reasons.append(reason)
        # Where the last segment itself is doubted, the result may well be its model: that claim would only fall.
        if _said(audit).done not in {indices[position] for position in wrong}:
            reason, proven = self._result(audit, seat, dict(zip(indices, ends, strict=True)))
            if reason:
                # Two claims there are: what was not opened may still be shown, and leaves the first place to a segment.
                wrong.insert(0 if proven else 1, RESULT)
                reasons.append(reason)
        found = Findings(tuple(end.state for end in ends), tuple(wrong), tuple(reasons))
        return found.against(audit.record.checks[audit.number - 2])

    def _seat(self, audit: AuditPicture, patient: bool) -> tuple[OpenedSeat | None, list[str]]:
        try:
            return self._opened.seat(audit), []
        except UNUSABLE as error:
            return None, [printable(str(error))]
        except StorageError as error:
            if patient:
                raise
            return None, [f"what was opened cannot be had: {printable(str(error))}"]

    def _segment(
        self, audit: AuditPicture, task: Task, index: int, opened: OpenedSegment | None, stop: Event, patient: bool
    ) -> tuple[SegmentEnd, str]:
        """How it really ends, and why that is not what the worker says; empty: it is.

        A start that is missing or wrong does not keep us from the truth: the job begins alike for everybody.
        """
        start, reason = self.start(audit, index, opened, patient)
        executor = self._tools.executor
        try:
            end = replay(executor, audit, task, index, start, stop=stop)
        except StateRejected as error:
            reason = str(error)
            end = replay(executor, audit, task, index, None, stop=stop)
        finally:
            if start is not None:
                start.unlink(missing_ok=True)
        if not reason and opened is not None:
            self._compare(audit, opened.links(_found(audit, task, end)))
        if not reason and (opened is None or not _ends_as_said(audit, task, opened, end)):
            reason = "its end is not under the trace root"
        return end, f"segment {index}: {printable(reason)}" if reason else ""

    def _compare(self, audit: AuditPicture, links: Mapping[int, bytes]) -> None:
        """With what the worker told while it ran. Only said: he loses nothing for having told something else then."""
        shown = self._shown(audit)
        for index in sorted(shown.keys() & links.keys()):
            if shown[index] != links[index]:
                log.warning("audit.snapshot_mismatch", job=short(audit.id), segment=index, worker=audit.held[0].worker)

    def start(
        self, audit: AuditPicture, index: int, opened: OpenedSegment | None, patient: bool
    ) -> tuple[Path | None, str]:
        """The checked start state, or why there is none to go by; neither where there need not be one.

        The caller deletes it. Raises StorageError while `patient`, OSError.
        """
        if opened is None:
            return None, "nothing is opened of it"
        if index == 1:
            return None, ""
        target = self._tools.room(audit.id) / f"start-{index}"
        try:
            target.write_bytes(self._opened.state(audit, opened))
            self._check_start(audit, opened, target)
            return target, ""
        except (*UNUSABLE, StorageError) as error:
            if patient and isinstance(error, StorageError) and not isinstance(error, BlobTooLarge):
                raise
            target.unlink(missing_ok=True)
            by = audit.held[0].worker
            why = printable(str(error))
            log.warning("audit.start_unusable", job=short(audit.id), worker=by, segment=index, reason=why)
            return None, str(error)

    def _check_start(self, audit: AuditPicture, opened: OpenedSegment, path: Path) -> None:
        """Raises StateRejected."""
        said = _said(audit)
        spec = self._tools.inputs.spec(audit.id, audit.terms)
        origin = 0 if spec is None else spec.origin
        steps, roots = roots_of(path, self._tools.inputs.roots(audit.id) if audit.plan.private else None)
        right = steps == origin + (opened.index - 1) * audit.plan.steps
        if not right or not opened.starts_from(roots.root(), said.trace_root, said.done):
            raise StateRejected("the state opened is not the one of the trace; replay without it")

    def _result(self, audit: AuditPicture, seat: OpenedSeat | None, ends: dict[int, SegmentEnd]) -> tuple[str, bool]:
        """Why the result is not the model of the last state, as we found that or were shown it, and whether that is
        proven; empty: it is."""
        said = _said(audit)
        end = ends.get(said.done)
        if end is not None:
            model = None if end.model is None else result_root(audit.id, ExitClass.OK, end.model)
            right = said.result_root == (end.state if model is None else model)
            return ("", True) if right else ("the result is not the model that the last segment ends with", True)
        try:
            shown = self._opened.result(seat)
        except UNUSABLE as error:
            return printable(str(error)), False
        return (
            ("", True)
            if proves_result(shown, audit.id, said)
            else ("the result is not the model of the last state", True)
        )


def _said(audit: AuditPicture) -> AuditOpening:
    assert audit.opening is not None, "an audit that was served has begun"
    return audit.opening


def _ends_as_said(audit: AuditPicture, task: Task, opened: OpenedSegment, end: SegmentEnd) -> bool:
    said = _said(audit)
    return opened.ends_in(_found(audit, task, end), audit.id, said.trace_root, said.done)


def _found(audit: AuditPicture, task: Task, end: SegmentEnd) -> Found:
    return Found(task.spec.digest, audit.seed, end.start, end.state, end.metrics)

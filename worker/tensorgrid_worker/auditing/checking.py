"""The auditor's work: what the worker opened is held against his trace, and each segment is done once more."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import structlog

from tensorgrid.domain.audits import RESULT
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.errors import BlobTooLarge, OpeningRejected, ResultRejected, StateRejected
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.openings import MAX_OPENING_BYTES, Found, OpenedSegment, Opening
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.domain.results import result_root
from tensorgrid.privacy import Identity, open_sealed, sealed_size_limit
from tensorgrid_worker.auditing.findings import MOST_CLAIMS, Findings
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.segments import SegmentEnd, replay
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.jobs.traces import roots_of
from tensorgrid_worker.logs import printable, short

log = structlog.get_logger()

Opened = dict[int, OpenedSegment]


class Checking:
    """`identity`: opens what is sealed to this worker's registered recipient; None: he has none."""

    def __init__(self, tools: Tools, identity: Identity | None) -> None:
        self._tools, self._identity = tools, identity

    def audit(self, audit: AuditPicture, stop: Event) -> Findings:
        """Of our own seat. Blocks as long as the replays take.

        Whatever is wrong with the opening is in the findings. Raises what is this machine's fault, or the store's:
        StorageError, RunFailed, RunStopped, OSError, JobRefused, ReplayBroken.
        """
        opened, reasons = self._opening(audit)
        indices = audit.segments(audit.number)
        ends, wrong = list[SegmentEnd](), list[int]()
        with self._tools.task(audit, stop) as task:
            for position, index in enumerate(indices):
                end, reason = self._segment(audit, task, index, opened.get(index), stop)
                ends.append(end)
                if reason:
                    wrong.append(position)
                    reasons.append(reason)
        if self._wrong_result(audit, dict(zip(indices, ends, strict=True))):
            wrong.insert(0, RESULT)
            reasons.append("the result is not the model of the last state")
        found = Findings(tuple(end.state for end in ends), tuple(wrong[:MOST_CLAIMS]), tuple(reasons))
        return found.against(audit.record.checks[audit.number - 2])

    def _opening(self, audit: AuditPicture) -> tuple[Opened, list[str]]:
        """What is opened for our seat, by segment; nothing of it where it is malformed. Raises StorageError."""
        me = audit.held[audit.number - 1].worker.lower()
        try:
            data = self._tools.store.get(Cid.of_digest(audit.manifest), max_bytes=MAX_OPENING_BYTES)
            opening = Opening.from_bytes(data)
        except (OpeningRejected, BlobTooLarge) as error:
            return {}, [printable(str(error))]
        if (opening.job, opening.sitting) != (audit.id, audit.audit.sitting):
            return {}, ["the opening is of another sitting"]
        for seat in opening.seats:
            if seat.worker == me:
                return {segment.index: segment for segment in seat.segments}, []
        return {}, ["the opening has nothing for this seat"]

    def _segment(
        self, audit: AuditPicture, task: Task, index: int, opened: OpenedSegment | None, stop: Event
    ) -> tuple[SegmentEnd, str]:
        """How it really ends, and why that is not what the worker says; empty: it is.

        A start that is missing or wrong does not keep us from the truth: the job begins alike for everybody.
        """
        reason, start = ("nothing is opened of it", None) if opened is None else ("", None)
        try:
            if opened is not None and index > 1:
                start = self._start(audit, opened)
            end = replay(self._tools.executor, audit, task, index, start, stop=stop)
        except (OpeningRejected, ResultRejected, BlobTooLarge) as error:
            reason = str(error)
            log.warning("audit.start_unusable", job=short(audit.id), segment=index, reason=printable(reason))
            end = replay(self._tools.executor, audit, task, index, None, stop=stop)
        finally:
            if start is not None:
                start.unlink(missing_ok=True)
        if not reason and opened is not None and not _ends_as_said(audit, task, opened, end):
            reason = "its end is not under the trace root"
        return end, f"segment {index}: {printable(reason)}" if reason else ""

    def _start(self, audit: AuditPicture, opened: OpenedSegment) -> Path:
        """The start state, checked. Raises OpeningRejected, ResultRejected, BlobTooLarge, StorageError, OSError."""
        assert opened.state is not None and audit.opening is not None
        data = self._unsealed(audit, opened.state)
        target = self._tools.room(audit.id) / f"start-{opened.index}"
        target.write_bytes(data)
        try:
            steps, roots = roots_of(target)
            right = steps == (opened.index - 1) * audit.plan.steps
            if not right or not opened.starts_from(roots.root(), audit.opening.trace_root, audit.opening.done):
                raise StateRejected("the state opened is not the one of the trace; replay without it")
        except StateRejected:
            target.unlink()
            raise
        return target

    def _unsealed(self, audit: AuditPicture, ref: SealedRef) -> bytes:
        spec = self._tools.inputs.spec(audit.id, audit.terms)
        checkpoint = None if spec is None else spec.checkpoint
        most = sealed_size_limit(checkpoint.keep_bytes if checkpoint is not None else 0)
        if ref.bytes > most:
            raise StateRejected(
                f"a state of {ref.bytes} bytes was opened, none has more than {most}; replay without it"
            )
        if self._identity is None:
            raise StateRejected("this worker has no identity.age to open states with; replay without it")
        return open_sealed(self._tools.store.get(ref.cid, max_bytes=ref.bytes), self._identity)

    def _wrong_result(self, audit: AuditPicture, ends: dict[int, SegmentEnd]) -> bool:
        """Only who replays the last segment can say."""
        assert audit.opening is not None
        end = ends.get(audit.opening.done)
        if end is None:
            return False
        is_model = end.model is not None and result_root(audit.id, ExitClass.OK, end.model) == audit.opening.result_root
        failed = end.model is None and end.state == audit.opening.result_root
        return not is_model and not failed


def _ends_as_said(audit: AuditPicture, task: Task, opened: OpenedSegment, end: SegmentEnd) -> bool:
    assert audit.opening is not None
    found = Found(task.spec.digest, audit.seed, end.start, end.state, end.metrics)
    return opened.ends_in(found, audit.id, audit.opening.trace_root, audit.opening.done)

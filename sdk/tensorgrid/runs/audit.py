"""What became of an audited run, for people and programs: who replayed what, and whether the result may be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tensorgrid.domain.audits import AuditOpening
from tensorgrid.domain.errors import (
    AuditFailed,
    JobCancelled,
    JobNotTaken,
    KeyNotHanded,
    NotAudited,
    PartlyDone,
    ResultRejected,
    WorkersSilent,
)
from tensorgrid.domain.jobs import Fault, JobId, JobState
from tensorgrid.domain.money import Amount, Token
from tensorgrid.domain.states import SavedState
from tensorgrid.domain.traces import Trace
from tensorgrid.runs.audit_story import AuditStory, Doubt
from tensorgrid.runs.outcome import Result
from tensorgrid.runs.story import SeatStory, Story
from tensorgrid.runs.trained import SnapshotMismatch, mismatches


@dataclass(frozen=True, slots=True)
class AuditSeat:
    """One auditor. `purpose`: audit, replacement, second look or re-audit; `segments`: those drawn for him, empty while
    that is not known; `said`: nothing yet, confirmed, left undone, withdrawn, accused, or refuted where he has lost a
    dispute; `doubts`: what he said is wrong, and what became of it; `phase`: taken, and once the job has ended paid,
    unpaid, no-show or slashed; `pay`: None before that.
    """

    number: int
    auditor: str
    purpose: str
    segments: tuple[int, ...]
    said: str
    doubts: tuple[str, ...]
    phase: str
    pay: Amount | None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """How an audit went. Hashes are 32 bytes, None before the worker has shown his trace; `trace_root` and the others
    are checked against his commitment.

    phase: in words. segments: promised; done: by the worker, as far as they count. drawn: segments that an auditor's
    seat has had; covered: those that somebody replayed and found right. clean: all in all the worker was found right,
    None while that is open.
    snapshots: (segments done, block) that the worker has shown while it ran; mismatches: those not in the trace that he
    committed to, once they could be `compared`. continues: the job whose last state this one began with.
    """

    job: JobId
    phase: str
    worker: str | None
    segments: int
    done: int
    result_root: bytes | None
    trace_root: bytes | None
    audit_root: bytes | None
    seats: tuple[AuditSeat, ...]
    drawn: tuple[int, ...]
    covered: tuple[int, ...]
    reaudit: bool
    clean: bool | None
    snapshots: tuple[tuple[int, int], ...] = ()
    compared: bool = False
    mismatches: tuple[SnapshotMismatch, ...] = ()
    continues: JobId | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """What a run has come to, however far. `result`: the model after segment `segment` of `segments`; `paid`: to the
    worker for it. `audited`: auditors have found him right; otherwise nobody but you has looked.
    """

    result: Result
    segment: int
    segments: int
    paid: Amount
    audited: bool
    left: Callable[[], SavedState] = field(repr=False, compare=False)

    @property
    def state(self) -> SavedState:
        """What somebody else can go on from, fetched and checked now: model, optimiser, random generators, position.

        Raises NotContinuable where none was left, ResultRejected, StorageError.
        """
        return self.left()


def report_of(
    job: JobId,
    story: Story,
    audit: AuditStory,
    token: Token,
    trace: Trace | None = None,
    continues: JobId | None = None,
) -> AuditReport:
    """`trace`: as the requester got it. Raises ResultRejected when what the worker opened is not what he committed
    to."""
    worker = story.first_seats[0] if story.first_seats else None
    opening = audit.opening
    if opening is not None and worker is not None:
        check_opening(job, worker, opening)
    seats = tuple(_seat(seat, audit, token) for seat in story.extra_seats)
    return AuditReport(
        job=job,
        phase=story.phase,
        worker=None if worker is None else worker.worker,
        segments=audit.plan.segments,
        done=audit.done,
        result_root=None if opening is None else opening.result_root,
        trace_root=None if opening is None else opening.trace_root,
        audit_root=None if opening is None else opening.root(job),
        seats=seats,
        drawn=tuple(sorted({index for seat in seats for index in seat.segments})),
        covered=tuple(sorted(audit.covered())),
        reaudit=audit.reaudit,
        clean=bool(story.agreed) if story.state.ended else None,
        snapshots=tuple((one.up_to, one.log.block) for one in audit.snapshots),
        compared=trace is not None,
        mismatches=() if trace is None else mismatches(audit.snapshots, trace),
        continues=continues,
    )


def check_opening(job: JobId, worker: SeatStory, opening: AuditOpening) -> None:
    """The contract has compared them, too: a node that lies must lie twice. Raises ResultRejected."""
    if opening.commitment(job, worker.worker) != worker.seat.commitment:
        raise ResultRejected(
            f"what {worker.worker} opened is not what he committed to; the node shows a false chain: use another"
        )


def raise_unless_delivered(story: Story, name: str, back: Amount) -> None:
    """Raises JobCancelled, JobNotTaken, KeyNotHanded, WorkersSilent or AuditFailed when nothing could be used.

    `back`: what came back to us.
    """
    if story.state is JobState.CANCELLED:
        raise JobCancelled(f"{name} was cancelled; {back} came back")
    if story.state is JobState.EXPIRED and story.work_by is None:
        raise JobNotTaken(
            f"nobody took {name} in time; {back} came back. Offer more, allow a longer take_within, or ask less memory"
        )
    audit, worker = story.audit, story.first_seats[0]
    assert audit is not None, "asked of audited jobs alone"
    if story.missed:
        raise KeyNotHanded(
            f"the worker of {name} was not handed its key in time and keeps his share; {back} came back. Submit again, "
            "and follow the run (run.wait, or `tensorgrid handover`) until it is taken"
        )
    if story.state is JobState.EXPIRED or audit.opening is None:
        raise WorkersSilent(
            f"the worker of {name} never showed its work and paid for it; {back} came back. Submit again"
        )
    if worker.fault is Fault.SLASHED:
        wrong = ", ".join(dict.fromkeys(doubt.about for doubt in _standing(story, audit)))
        why = f"auditors found another state in {wrong}" if wrong else "it did not show the auditors their segments"
        raise AuditFailed(f"the worker of {name} lost its stake: {why}; {back} came back. Submit again")


def raise_unless_clean(story: Story, name: str, back: Amount) -> None:
    """As `raise_unless_delivered`, and NotAudited unless the worker was paid and found right."""
    raise_unless_delivered(story, name, back)
    audit, worker = story.audit, story.first_seats[0]
    assert audit is not None, "asked of audited jobs alone"
    if worker.agreed and worker.pay:
        return
    doubts = _standing(story, audit)
    wrong = ", ".join(dict.fromkeys(doubt.about for doubt in doubts))
    if not worker.pay and not audit.done:
        why = "a limit of time or memory ended it in its first segment"
    elif not worker.pay:
        found = f"the re-audit finds another state in {wrong}, and " if audit.reaudit else ""
        why = f"{found}nobody could decide who was right"
    elif doubts:
        why = f"{wrong} differs, says one auditor, and no other found that anything does"
    else:
        some = "not all that was drawn has been found right" if audit.covered() else ""
        why = some or "no auditor has found it right"
    raise NotAudited(
        f"{name} ended without a clean audit: {why}; {back} came back. run.audit() tells more, run.partial() has what "
        "was made, unchecked"
    )


def raise_unless_whole(audit: AuditStory, name: str, back: Amount) -> None:
    """Raises PartlyDone when the worker ended before the last segment."""
    if audit.done < audit.plan.segments:
        raise PartlyDone(
            f"the worker of {name} ended after segment {audit.done} of {audit.plan.segments} and was paid for those; "
            f"{back} came back. run.partial() has the model that it came to, run.resume() buys the rest",
            done=audit.done,
            segments=audit.plan.segments,
        )


def _seat(seat: SeatStory, audit: AuditStory, token: Token) -> AuditSeat:
    number = seat.number
    return AuditSeat(
        number=number,
        auditor=seat.worker,
        purpose=audit.purpose(number),
        segments=tuple(audit.segments(number)),
        said="refuted" if _refuted(seat, audit) else audit.said(number),
        doubts=tuple(f"{doubt.about}: {doubt.said}" for doubt in audit.doubts if doubt.number == number),
        phase=seat.phase,
        pay=None if seat.pay is None else Amount(seat.pay, token),
    )


def _standing(story: Story, audit: AuditStory) -> list[Doubt]:
    """What auditors have said is wrong, and nobody has shown to be right."""
    seats = [seat for seat in story.extra_seats if not _refuted(seat, audit)]
    return [doubt for seat in seats for doubt in audit.standing(seat.number)]


def _refuted(seat: SeatStory, audit: AuditStory) -> bool:
    """He has lost a dispute: who accuses loses his stake for nothing else."""
    return seat.fault is Fault.SLASHED and bool(audit.standing(seat.number))

"""How a job ended, as a result that proves itself or as the error that says why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgrid.domain.errors import (
    FunctionFailed,
    JobCancelled,
    JobNotTaken,
    JobRejected,
    NoAgreement,
    ResultRejected,
    StorageError,
    TensorgridError,
    WorkersSilent,
)
from tensorgrid.domain.jobs import ExitClass, JobId, JobState
from tensorgrid.domain.money import Amount
from tensorgrid.privacy import Identity
from tensorgrid.runs.outcome import Claim, Opened, open_claim, read_log
from tensorgrid.runs.story import Story
from tensorgrid.storage.base import BlobStore
from tensorgrid.text import plain

_FAILED = {
    ExitClass.RAISED: "the function raised",
    ExitClass.WALL_LIMIT: "the function reached its wall limit (raise wall=… if it needs longer)",
    ExitClass.MEMORY_LIMIT: "the function reached its memory limit (raise memory=… if it needs more)",
    ExitClass.OUTPUT_TOO_LARGE: "the function returned more than its output limit (raise output=… or return less)",
}


def raise_unless_agreed(story: Story, name: str, back: Amount) -> None:
    """Raises JobCancelled, JobNotTaken, WorkersSilent, JobRejected or NoAgreement. `back`: what came back to us."""
    if story.state is JobState.CANCELLED:
        raise JobCancelled(f"{name} was cancelled; {back} came back")
    if story.state is JobState.EXPIRED and story.work_by is None and not story.lost:
        raise JobNotTaken(
            f"{len(story.seats)} of {story.terms.workers} seats of {name} were taken in time; {back} came back. "
            "Offer more, allow a longer take_within, or ask less memory"
        )
    if story.state is JobState.EXPIRED or not any(seat.receipt_digest for seat in story.seats.values()):
        raise WorkersSilent(f"the workers of {name} never delivered and paid for it; {back} came back. Submit again")
    if story.silent:
        if not story.paid:
            raise JobRejected(f"you rejected the result of {name} and the jury agreed; {back} came back")
        return
    if not story.agreed:
        groups = len({seat.root_hash for seat in story.seats.values() if seat.root_hash})
        raise NoAgreement(
            f"{groups} different results in {name} and no decisive group; {back} came back. "
            "Is the function deterministic? Let it depend on its arguments alone, then submit again"
        )


def open_agreed(
    claims: Sequence[Claim],
    *,
    job: JobId,
    store: BlobStore,
    identity: Identity,
    output_bytes: int,
    roots: bytes | None = None,
) -> tuple[Opened, Claim]:
    """The first agreeing worker's copy that is right. Raises ResultRejected or StorageError with everybody's reason."""
    reasons: list[TensorgridError] = []
    for claim in claims:
        try:
            opened = open_claim(claim, job=job, store=store, identity=identity, output_bytes=output_bytes, roots=roots)
        except (ResultRejected, StorageError) as error:
            reasons.append(error)
        else:
            return opened, claim
    told = "; ".join(plain(reason, 300) for reason in reasons)
    missing = all(isinstance(reason, StorageError) for reason in reasons)
    raise (type(reasons[0]) if missing else ResultRejected)(f"no agreeing worker's result could be used: {told}")


def function_failed(opened: Opened, name: str, *, store: BlobStore, identity: Identity) -> FunctionFailed:
    """The agreed failure, with the log of one of the agreeing workers: opened, not compared with the others'."""
    try:
        log = read_log(opened.receipt, store=store, identity=identity)
    except (StorageError, ResultRejected) as error:
        log = f"(the log could not be read: {plain(error)})"
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "it printed nothing")
    return FunctionFailed(
        f"{_FAILED[opened.exit_class]} in {name}: {last}", exit_class=opened.exit_class.name.lower(), log=log
    )

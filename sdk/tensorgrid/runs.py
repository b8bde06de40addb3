"""One bought run: follow it, read its metrics, get its result. All it needs is on chain: any process can resume it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tensorgrid.closing import overdue_call
from tensorgrid.domain.arrays import Kind
from tensorgrid.domain.errors import (
    ChainError,
    FunctionFailed,
    JobCancelled,
    JobNotTaken,
    KeyMissing,
    NoAgreement,
    ResultRejected,
    Reverted,
    StillRunning,
    StorageError,
    TensorgridError,
    Unreachable,
    WorkersSilent,
    WrongChain,
)
from tensorgrid.domain.jobs import ExitClass, JobId, JobState, JobTerms
from tensorgrid.domain.money import Amount
from tensorgrid.domain.receipts import MAX_PROGRESS_BYTES, ProgressBlob, Scalar
from tensorgrid.domain.specs import MAX_SPEC_BYTES, JobSpec
from tensorgrid.outcome import SEAL_OVERHEAD, Claim, Opened, Provenance, Result, open_claim, read_log, read_receipt
from tensorgrid.privacy import open_sealed
from tensorgrid.storage.cid import Cid
from tensorgrid.story import SeatStory, Story
from tensorgrid.text import plain, short_id

if TYPE_CHECKING:
    from tensorgrid.client import Client

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
"""How long a node that is away is asked again before waiting ends with Unreachable; the job goes on without us."""
CLOSE_AFTER = 5
"""Chain seconds past a deadline after which we close the job ourselves: workers, who live on it, come first."""


T = TypeVar("T")

_FAILED = {
    ExitClass.RAISED: "the function raised",
    ExitClass.WALL_LIMIT: "the function reached its wall limit (raise wall=… if it needs longer)",
    ExitClass.MEMORY_LIMIT: "the function reached its memory limit (raise memory=… if it needs more)",
    ExitClass.OUTPUT_TOO_LARGE: "the function returned more than its output limit (raise output=… or return less)",
}


@dataclass(frozen=True, slots=True)
class SeatStatus:
    """One worker's part of a run. phase: taken, committed, revealed, paid, unpaid, no-show or slashed."""

    worker: str
    number: int
    extra: bool
    phase: str
    pay: Amount | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A look at a run. `phase` says in words what it waits for; `deadline` is the chain time that leaves this state."""

    id: JobId
    state: JobState
    phase: str
    seats: tuple[SeatStatus, ...]
    deadline: int | None
    paid: Amount
    fee: Amount
    returned: Amount

    @property
    def ended(self) -> bool:
        return self.state.ended


class Run:
    """A posted job. Blocking; safe to drop and to make again with `client.run(id)` in another process."""

    def __init__(self, client: Client, job: JobId, posted_block: int | None = None) -> None:
        self.id = job
        self._client = client
        self._trail = client.trail(job, posted_block)
        self._spec: JobSpec | None = None

    def __repr__(self) -> str:
        return f"Run({short_id(self.id)})"

    @property
    def hex(self) -> str:
        """The id as 0x + 64 hex digits."""
        return "0x" + self.id.hex()

    @property
    def terms(self) -> JobTerms:
        """As posted. Raises JobUnknown, Unreachable."""
        return self.story().terms

    @property
    def spec(self) -> JobSpec:
        """As stored. Raises StorageError, SpecInvalid."""
        if self._spec is None:
            cid = Cid.of_digest(self.terms.spec_digest)
            self._spec = JobSpec.from_bytes(self._client.store.get(cid, max_bytes=MAX_SPEC_BYTES))
        return self._spec

    def story(self) -> Story:
        """All that the chain has recorded of it, up to the latest block. Raises JobUnknown, Unreachable."""
        return self._trail.story()

    def status(self) -> RunStatus:
        """A look, without waiting. Raises JobUnknown, Unreachable."""
        story = self.story()
        job = None if story.state.ended else self._client.contracts.board.job(self.id)
        return RunStatus(
            id=self.id,
            state=story.state,
            phase=story.phase,
            seats=tuple(self._seat(story, seat) for seat in story.in_order),
            deadline=job.deadline if job else None,
            paid=self._amount(story, story.paid),
            fee=self._amount(story, story.fee),
            returned=self._amount(story, story.returned),
        )

    def transactions(self) -> tuple[str, ...]:
        """Hashes of all transactions that moved it, in chain order."""
        return tuple(self.story().transactions)

    @property
    def refund(self) -> Amount:
        """What came back to the requester's free balance when it ended; zero before."""
        story = self.story()
        return self._amount(story, story.returned)

    def cancel(self) -> Amount:
        """Take it all back, as long as the draw is not fixed. Returns what came back. Raises Reverted (DrawFixed)."""
        self._client.sender.transact(self._client.contracts.board.cancel(self.terms))
        return self.refund

    # -------------------------------------------------------------------------------------------------------- waiting

    def wait(self, timeout: float | None = None) -> RunStatus:
        """Until it has ended. Closes it itself when a deadline passed and nobody else did.

        Raises StillRunning after `timeout` local seconds, Unreachable when the node stays away for PATIENCE_SECONDS.
        """
        for _ in self.watch(timeout):
            pass
        return self._patiently(self.status)

    def watch(self, timeout: float | None = None) -> Iterator[Story]:
        """The job's life, once per change, the last one ended. Closes it itself when it is overdue. Raises as `wait`."""
        give_up = None if timeout is None else time.monotonic() + timeout
        seen: tuple[JobState, int, int] | None = None
        while True:
            story = self._patiently(self.story)
            mark = (story.state, len(story.transactions), len(story.progress))
            if mark != seen:
                seen = mark
                yield story
            if story.state.ended:
                return
            if give_up is not None and time.monotonic() > give_up:
                raise StillRunning(
                    f"{short_id(self.id)} after {timeout:g} s: {story.phase}; wait again, it goes on by itself"
                )
            self._close_if_due(story)
            time.sleep(POLL_SECONDS)

    def metrics(self, timeout: float | None = None) -> Iterator[dict[str, Scalar]]:
        """The points that the function reports, as they come; ends when the job ends.

        Replicas report the same points: each is given once, from whichever worker showed it first. They are sealed to
        us and not checked by anybody: only the result is. Raises as `wait`.
        """
        points = Points(self)
        for story in self.watch(timeout):
            yield from points.fresh(story)

    def open_progress(self, worker: str, digest: bytes) -> ProgressBlob | None:
        """One published progress blob, opened; None when it cannot be had or is not what it says."""
        try:
            sealed = self._client.store.get(Cid.of_digest(digest), max_bytes=MAX_PROGRESS_BYTES + SEAL_OVERHEAD)
            blob = ProgressBlob.from_bytes(open_sealed(sealed, self._client.identity))
        except (StorageError, ResultRejected):
            return None
        return blob if blob.job == self.id and blob.worker == worker.lower() else None

    def logs(self) -> dict[str, str]:
        """What each run printed, by worker, once it has revealed; safe to print. Broken logs are left out."""
        logs: dict[str, str] = {}
        for seat in self.story().in_order:
            if seat.receipt_digest is None:
                continue
            try:
                receipt = read_receipt(self._claim(self.story(), seat), job=self.id, store=self._client.store)
                logs[seat.worker] = read_log(receipt, store=self._client.store, identity=self._client.identity)
            except (StorageError, ResultRejected):
                continue
        return logs

    def result(self, timeout: float | None = None, *, kind: Kind | None = None) -> Result:
        """Wait, then fetch, check against the chain, and open what the workers agreed on.

        kind: "torch" or "numpy" for its tensors; torch where it is installed when left out.

        Raises FunctionFailed (agreed: it raised or reached a limit), JobNotTaken, JobCancelled, WorkersSilent,
        NoAgreement, ResultRejected (no agreeing worker's copy is right), StorageError (none can be had), and what `wait` raises.
        """
        self.wait(timeout)
        story = self.story()
        self._raise_unless_agreed(story)
        opened, winner = self._open_agreed(story)
        if opened.payload is None or opened.receipt.sealed is None:
            raise self._function_failed(opened)
        return Result(
            opened.payload,
            Provenance(
                job=self.id,
                worker=winner.worker,
                agreed_by=tuple(seat.worker for seat in story.agreed),
                paid=winner.pay,
                cost=self._amount(story, story.paid + story.fee),
                root=opened.root,
                sealed_cid=opened.receipt.sealed.cid,
                environment=opened.receipt.environment,
                transactions=tuple(story.transactions),
            ),
            kind,
        )

    # ------------------------------------------------------------------------------------------------------- the parts

    def _patiently(self, ask: Callable[[], T]) -> T:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return ask()
            except Unreachable as error:
                if time.monotonic() > give_up:
                    raise Unreachable(
                        f"{error}; {self!r} goes on without us: client.run({self.hex!r}) finds it again"
                    ) from error
                time.sleep(POLL_SECONDS)

    def _close_if_due(self, story: Story) -> None:
        """Nobody depends on a worker's goodwill: past a deadline we make the call that anyone may make."""
        try:
            call = overdue_call(self._client.contracts, self.id, story, self._client.connection.now() - CLOSE_AFTER)
            if call is not None:
                self._client.sender.transact(call)
        except (ChainError, KeyMissing):
            # somebody else was first, the node is away, or we only watch: the next look decides
            return

    def _raise_unless_agreed(self, story: Story) -> None:
        back = self._amount(story, story.returned)
        if story.state is JobState.CANCELLED:
            raise JobCancelled(f"{self!r} was cancelled; {back} came back")
        if story.state is JobState.EXPIRED and story.work_by is None:
            count = len(story.seats)
            raise JobNotTaken(
                f"{count} of {story.terms.workers} seats of {self!r} were taken in time; {back} came back. "
                "Offer more, allow a longer take_within, or ask less memory"
            )
        if story.state is JobState.EXPIRED or not any(seat.root_hash for seat in story.seats.values()):
            raise WorkersSilent(
                f"the workers of {self!r} never delivered and paid for it; {back} came back. Submit again"
            )
        if not story.agreed:
            groups = len({seat.root_hash for seat in story.seats.values() if seat.root_hash})
            raise NoAgreement(
                f"{groups} different results in {self!r} and no decisive group; {back} came back. "
                "Is the function deterministic? Seed from nothing but its arguments, then submit again"
            )

    def _open_agreed(self, story: Story) -> tuple[Opened, Claim]:
        """The first agreeing worker's copy that is right. Raises ResultRejected or StorageError with the reasons."""
        reasons: list[TensorgridError] = []
        for seat in story.agreed:
            claim = self._claim(story, seat)
            try:
                opened = open_claim(
                    claim,
                    job=self.id,
                    store=self._client.store,
                    identity=self._client.identity,
                    output_bytes=self.spec.resources.output_bytes,
                )
            except (ResultRejected, StorageError) as error:
                reasons.append(error)
            else:
                return opened, claim
        told = "; ".join(plain(reason, 300) for reason in reasons)
        missing = all(isinstance(reason, StorageError) for reason in reasons)
        raise (type(reasons[0]) if missing else ResultRejected)(f"no agreeing worker's result could be used: {told}")

    def _function_failed(self, opened: Opened) -> FunctionFailed:
        name = opened.exit_class.name.lower()
        try:
            log = read_log(opened.receipt, store=self._client.store, identity=self._client.identity)
        except (StorageError, ResultRejected) as error:
            log = f"(the log could not be read: {plain(error)})"
        last = next((line for line in reversed(log.splitlines()) if line.strip()), "it printed nothing")
        return FunctionFailed(f"{_FAILED[opened.exit_class]} in {self!r}: {last}", exit_class=name, log=log)

    def _claim(self, story: Story, seat: SeatStory) -> Claim:
        if seat.root_hash is None or seat.receipt_digest is None:
            raise ResultRejected(f"{seat.worker} has revealed nothing in {self!r}")
        return Claim(seat.worker, seat.root_hash, seat.receipt_digest, self._amount(story, seat.pay or 0))

    def _seat(self, story: Story, seat: SeatStory) -> SeatStatus:
        pay = None if seat.pay is None else self._amount(story, seat.pay)
        return SeatStatus(seat.worker, seat.number, seat.extra, seat.phase, pay)

    def _amount(self, story: Story, units: int) -> Amount:
        return Amount(units, self._client.token(story.terms.pay_token))


class Points:
    """Reads a run's progress blobs and gives each point once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._shown = 0
        self._read: set[bytes] = set()

    def fresh(self, story: Story) -> list[dict[str, Scalar]]:
        """The points that `story` adds to those given before."""
        points: list[dict[str, Scalar]] = []
        for worker, digest in story.progress:
            if digest in self._read:
                continue
            blob = self._run.open_progress(worker, digest)
            if blob is None:
                continue
            self._read.add(digest)
            # blobs hold the newest points; what fell off the front of a long one is gone, and never shown twice
            first = blob.points_total - len(blob.points)
            points += [dict(point) for point in blob.points[max(0, self._shown - first) :]]
            self._shown = max(self._shown, blob.points_total)
        return points

"""One bought run: follow it, read its metrics, get its result. All it needs is on chain: any process can resume it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tensorgrid.domain.arrays import Kind
from tensorgrid.domain.errors import (
    ChainError,
    KeyMissing,
    ResultRejected,
    Reverted,
    StillRunning,
    StorageError,
    Unreachable,
    WrongChain,
)
from tensorgrid.domain.jobs import JobId, JobState, JobTerms
from tensorgrid.domain.money import Amount
from tensorgrid.domain.receipts import Scalar
from tensorgrid.domain.specs import MAX_SPEC_BYTES, JobSpec
from tensorgrid.runs.access import Access
from tensorgrid.runs.closing import overdue_call
from tensorgrid.runs.ending import function_failed, open_agreed, raise_unless_agreed
from tensorgrid.runs.outcome import Claim, Provenance, Result, read_log, read_receipt
from tensorgrid.runs.points import Points
from tensorgrid.runs.story import SeatStory, Story
from tensorgrid.storage.cid import Cid
from tensorgrid.text import short_id

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
"""How long a node that is away is asked again before waiting ends with Unreachable; the job goes on without us."""
CLOSE_AFTER = 5
"""Chain seconds past a deadline after which we close the job ourselves: workers, who live on it, come first."""


T = TypeVar("T")


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

    def __str__(self) -> str:
        seats = ", ".join(f"{short_id(seat.worker)} {seat.phase}" for seat in self.seats)
        return f"{short_id(self.id)} {self.phase}" + (f" ({seats})" if seats else "")


class Run:
    """A posted job. Blocking; safe to drop and to make again with `client.run(id)` in another process."""

    def __init__(self, client: Access, job: JobId, posted_block: int | None = None) -> None:
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
        """The job's life, once per change, the last one ended. Closes it itself when overdue. Raises as `wait`."""
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
        points = self.points()
        for story in self.watch(timeout):
            yield from points.fresh(story)

    def points(self) -> Points:
        """A reader of its metrics, for whoever watches by himself. Raises KeyMissing."""
        return Points(self.id, self._client.store, self._client.identity)

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
        NoAgreement, ResultRejected (no agreeing worker's copy is right), StorageError (none can be had), and what
        `wait` raises.
        """
        self.wait(timeout)
        story = self.story()
        raise_unless_agreed(story, repr(self), self._amount(story, story.returned))
        opened, winner = open_agreed(
            [self._claim(story, seat) for seat in story.agreed],
            job=self.id,
            store=self._client.store,
            identity=self._client.identity,
            output_bytes=self.spec.resources.output_bytes,
        )
        if opened.payload is None or opened.receipt.sealed is None:
            raise function_failed(opened, repr(self), store=self._client.store, identity=self._client.identity)
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
            except (Reverted, WrongChain):
                raise
            except ChainError as error:
                if time.monotonic() > give_up:
                    raise Unreachable(
                        f"{error}. {self!r} goes on without us: client.run({self.hex!r}) finds it again"
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

    def _claim(self, story: Story, seat: SeatStory) -> Claim:
        if seat.root_hash is None or seat.receipt_digest is None:
            raise ResultRejected(f"{seat.worker} has revealed nothing in {self!r}")
        return Claim(seat.worker, seat.root_hash, seat.receipt_digest, self._amount(story, seat.pay or 0))

    def _seat(self, story: Story, seat: SeatStory) -> SeatStatus:
        pay = None if seat.pay is None else self._amount(story, seat.pay)
        return SeatStatus(seat.worker, seat.number, seat.extra, seat.phase, pay)

    def _amount(self, story: Story, units: int) -> Amount:
        return Amount(units, self._client.token(story.terms.pay_token))

"""One bought run: follow it, read its metrics, get its result. All it needs is on chain: any process can resume it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from tensorgrid.chain.audit_history import Snapshot
from tensorgrid.chain.plugins import Acceptance
from tensorgrid.domain.arrays import Kind
from tensorgrid.domain.errors import (
    ChainError,
    InsufficientFunds,
    KeyMissing,
    NotContinuable,
    ResultRejected,
    Reverted,
    SpecInvalid,
    StillRunning,
    StorageError,
    Unreachable,
    WrongChain,
)
from tensorgrid.domain.jobs import JobId, JobState, JobTerms
from tensorgrid.domain.money import Amount
from tensorgrid.domain.receipts import Scalar
from tensorgrid.domain.refusals import FreeTooSmall
from tensorgrid.domain.specs import MAX_SPEC_BYTES, JobSpec
from tensorgrid.ordering.continuing import rest_of
from tensorgrid.ordering.funding import have_free
from tensorgrid.runs.access import Access
from tensorgrid.runs.audit import (
    AuditReport,
    Partial,
    check_opening,
    raise_unless_clean,
    raise_unless_delivered,
    raise_unless_whole,
    report_of,
)
from tensorgrid.runs.audit_story import AuditStory
from tensorgrid.runs.closing import overdue_call
from tensorgrid.runs.ending import function_failed, open_agreed, raise_unless_agreed
from tensorgrid.runs.handing import hand_call, job_keys, owes_key
from tensorgrid.runs.outcome import Claim, Provenance, Result, read_log, read_receipt
from tensorgrid.runs.points import Points
from tensorgrid.runs.status import RunStatus, status_of
from tensorgrid.runs.story import SeatStory, Story
from tensorgrid.runs.trained import Remains
from tensorgrid.storage.cid import Cid
from tensorgrid.text import plain_lines, short_id

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 30.0
"""How long a node that is away is asked again before waiting ends with Unreachable; the job goes on without us."""
CLOSE_AFTER = 5
"""Chain seconds past a deadline after which we close the job ourselves: workers, who live on it, come first."""


T = TypeVar("T")


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
        return status_of(self.id, story, self._client.token(story.terms.pay_token))

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

    def hand(self) -> None:
        """Of a private job: hand its key to the worker. `wait` does it by itself; a delegate may, too.

        Raises SpecInvalid for a public job, KeyMissing without an identity that the job's key is sealed to, Reverted
        (WrongState: not taken yet, or over; KeyAlreadyHanded, DeadlinePassed, NotRequester).
        """
        story, contracts = self.story(), self._client.contracts
        self._client.sender.transact(hand_call(contracts, story, self.spec, self._client.identity))

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
            self._hand_if_due(story)
            self._close_if_due(story)
            time.sleep(POLL_SECONDS)

    def look(self) -> Story:
        """The job's life up to now, for whoever follows several at once; what is due by then is done, as by `watch`.

        Raises JobUnknown, Unreachable.
        """
        story = self._patiently(self.story)
        if story.state.ended:
            return story
        self._hand_if_due(story)
        self._close_if_due(story)
        return self._patiently(self.story)

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
        """What each run printed, by worker, once it has revealed; safe to print. Broken logs are left out.

        Of a worker that failed for reasons of its own: its last words, which nothing on chain binds.
        """
        logs = {worker: plain_lines(text) for worker, text in self.points().last_words(self.story()).items()}
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
        """Wait, then fetch, check against the chain, and open what the workers agreed on, or the auditors found right.

        kind: "torch" or "numpy" for its tensors; torch where it is installed when left out.

        Raises FunctionFailed (agreed: it raised or reached a limit), JobNotTaken, JobCancelled, WorkersSilent,
        NoAgreement, JobRejected, ResultRejected (no agreeing worker's copy is right), StorageError (none can be had),
        with verify="audit" AuditFailed, NotAudited, PartlyDone and KeyNotHanded, and what `wait` raises.
        """
        self.wait(timeout)
        story = self.story()
        back = self._amount(story, story.returned)
        if story.audit is not None:
            raise_unless_clean(story, repr(self), back)
            found = self._opened(story, story.audit, kind)
            raise_unless_whole(story.audit, repr(self), back)
            return found
        raise_unless_agreed(story, repr(self), back)
        return self._open(story, story.in_order if story.silent else story.agreed, kind)

    # ------------------------------------------------------------------------------------------------- the audit tier

    def audit(self) -> AuditReport:
        """With verify="audit": which segments were drawn, who replayed them and what each said, as far as it has come.

        Raises SpecInvalid for a job of another kind, ResultRejected, JobUnknown, Unreachable.
        """
        story = self.story()
        audit, trace, continues = self._must_be_audited(story), None, None
        with suppress(StorageError, ResultRejected, KeyMissing, SpecInvalid):  # what is not ours to read is left out
            continues = self.spec.resume.job if self.spec.resume is not None else None
            trace = self._remains(story, audit).trace() if audit.opening is not None else None
        token = self._client.token(story.terms.pay_token)
        return report_of(self.id, story, audit, token, trace, continues)

    def resume(
        self, *, budget: Amount | str | None = None, steps: int | None = None, unaudited: bool = False, **options: Any
    ) -> Run:
        """With verify="audit": wait, then buy the rest of a training that did not come to its end, as a new job that
        begins with this one's last whole state. Its result is the whole model.

        budget: of the new job; when left out, this one's in proportion. steps: calls of tg.checkpoint of the whole
        training, where they are not a multiple of checkpoint_every. unaudited: also where no auditor has found the
        worker right: nobody then knows what the state is worth. options: as of `submit`. The state becomes an input of
        the new job, which everybody can read.

        Raises NotContinuable, AuditFailed, ResultRejected, StorageError and what `Client.submit` raises.
        """
        self.wait(options.pop("timeout", None))
        story = self.story()
        audit = self._must_be_audited(story)
        raise_unless_delivered(story, repr(self), self._amount(story, story.returned))
        if not (story.agreed or unaudited):
            raise NotContinuable(f"{self!r} has no clean audit; pass unaudited=True to go on from it all the same")
        client, token = self._client, self._client.token(story.terms.pay_token)
        saved = self._remains(story, audit).state(self.spec)
        rest = rest_of(client.contracts, self.spec, story.terms, token, saved, steps)
        more = options if budget is None else {**options, "budget": budget}
        found: Run = client.submit(rest.packed, **{**rest.options, **more})
        return found

    def _remains(self, story: Story, audit: AuditStory) -> Remains:
        worker, client = story.first_seats[0], self._client
        assert audit.opening is not None, "asked of those who have shown something"
        check_opening(self.id, worker, audit.opening)
        return Remains(self.id, self._claim(story, worker), audit.opening, client.store, client.identity)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """With verify="audit": what the worker has told of its trace while it ran: `up_to` segments done, `head` of the
        trace there, `log.block`. In chain order. Raises SpecInvalid for a job of another kind, JobUnknown, Unreachable.
        """
        return tuple(self._must_be_audited(self.story()).snapshots)

    def partial(self, timeout: float | None = None, *, kind: Kind | None = None) -> Partial:
        """With verify="audit": wait, then open what was made, also where `result` raises NotAudited or PartlyDone.

        Raises AuditFailed and the other errors of a job that has made nothing, and what `result` raises otherwise.
        """
        self.wait(timeout)
        story = self.story()
        audit, worker = self._must_be_audited(story), story.first_seats[:1]
        raise_unless_delivered(story, repr(self), self._amount(story, story.returned))
        return Partial(
            result=self._opened(story, audit, kind),
            segment=audit.done,
            segments=audit.plan.segments,
            paid=self._amount(story, worker[0].pay or 0),
            audited=bool(story.agreed),
            left=lambda: self._remains(story, audit).state(self.spec),
        )

    def _opened(self, story: Story, audit: AuditStory, kind: Kind | None) -> Result:
        """The worker's result, held against its commitment, whose opening the chain has shown."""
        worker = story.first_seats[0]
        if audit.opening is not None:
            check_opening(self.id, worker, audit.opening)
        return self._open(story, [worker], kind)

    def _must_be_audited(self, story: Story) -> AuditStory:
        if story.audit is None:
            raise SpecInvalid(f'{self!r} is not audited; only verify="audit" is')
        return story.audit

    # ------------------------------------------------------------------------------------------------ the accept tier

    def delivery(self, timeout: float | None = None, *, kind: Kind | None = None) -> Result:
        """With verify="accept": wait until the worker has delivered, and open it, so that it can be judged in time.

        Nobody has checked it. Raises SpecInvalid for a job of another kind, and what `result` raises.
        """
        for story in self.watch(timeout):
            self._must_be_silent(story)
            if story.committed_at is not None:
                return self._open(story, story.in_order, kind)
        return self.result(timeout, kind=kind)

    def reject(self) -> Amount:
        """With verify="accept": refuse what was delivered, within the time the terms give. A jury decides.

        The bond it asks is locked of our money, deposited from the wallet where it is not there already, and returned:
        it comes back (`claim`) unless the jury finds the work right. Raises SpecInvalid for a job of another kind,
        InsufficientFunds, Reverted (WindowOver, AlreadyRejected, NothingToReject).
        """
        story, contracts = self.story(), self._client.contracts
        acceptance = self._must_be_silent(story)
        call = acceptance.reject(story.terms, story.held)
        with suppress(FreeTooSmall):  # the bond may still be in the wallet; any other refusal comes before it moves
            contracts.simulate(call, self._client.sender.address)
        bond = self._amount(story, acceptance.bond_for(story.terms))
        have_free(self._client.sender, contracts, bond, acceptance.address)
        self._client.sender.transact(call)
        return bond

    def claim(self) -> Amount:
        """Bring the bond of a rejected job home into the wallet, once the jury has decided or its time is over.

        Returns what came, with what else of this token was free for bonds; nothing when the bond is lost.
        Raises SpecInvalid for a job of another kind, Reverted (CaseUndecided).
        """
        story, contracts, sender = self.story(), self._client.contracts, self._client.sender
        acceptance = self._must_be_silent(story)
        if story.bond:
            sender.transact(acceptance.release_bond(story.terms))
        token = story.terms.pay_token
        free = contracts.escrow.balance(acceptance.address, token, sender.address).free
        if free:
            sender.transact(contracts.escrow.withdraw(acceptance.address, token, free, sender.address))
        return self._amount(story, free)

    def _must_be_silent(self, story: Story) -> Acceptance:
        acceptance = self._client.contracts.acceptance
        if acceptance is None or not story.silent:
            raise SpecInvalid(f'{self!r} is checked by other workers; only verify="accept" leaves that to you')
        return acceptance

    # ------------------------------------------------------------------------------------------------------- the parts

    def _open(self, story: Story, seats: Sequence[SeatStory], kind: Kind | None) -> Result:
        keys = job_keys(self.spec, self._client.identity)
        opened, winner = open_agreed(
            [self._claim(story, seat) for seat in seats],
            job=self.id,
            store=self._client.store,
            identity=self._client.identity,
            output_bytes=self.spec.resources.output_bytes,
            roots=None if keys is None else keys.roots,
        )
        if opened.payload is None or opened.receipt.sealed is None:
            raise function_failed(opened, repr(self), store=self._client.store, identity=self._client.identity)
        return Result(
            opened.payload,
            Provenance(
                job=self.id,
                worker=winner.worker,
                agreed_by=tuple(seat.worker for seat in story.vouchers),
                paid=winner.pay,
                cost=self._amount(story, story.cost),
                root=opened.root,
                sealed_cid=opened.receipt.sealed.cid,
                environment=opened.receipt.environment,
                transactions=tuple(story.transactions),
            ),
            kind,
        )

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
            call = overdue_call(self._client.contracts, story, self._client.connection.now() - CLOSE_AFTER)
            if call is not None:
                self._client.sender.transact(call)
        except (ChainError, KeyMissing, InsufficientFunds):
            # somebody else was first, the node is away, or we only watch or have no gas: the next look decides
            return

    def _hand_if_due(self, story: Story) -> None:
        """Whoever follows a private job hands its key: until then its worker may not begin."""
        try:
            if story.hand_by is not None and owes_key(story, self._client.connection.now()):
                self.hand()
        except (ChainError, StorageError, KeyMissing, InsufficientFunds):
            return  # a delegate was first, something is away, or we only watch: the next look decides

    def _claim(self, story: Story, seat: SeatStory) -> Claim:
        if seat.receipt_digest is None:
            raise ResultRejected(f"{seat.worker} has shown nothing in {self!r}")
        return Claim(seat.worker, seat.root_hash, seat.receipt_digest, self._amount(story, seat.pay or 0))

    def _amount(self, story: Story, units: int) -> Amount:
        return Amount(units, self._client.token(story.terms.pay_token))

"""The worker's life: follow -> plan -> outbox -> submit, until told to stop or until waiting cannot help."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FrameType

import structlog

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.follow import Batch, Follower
from tensorgrid.domain.errors import ChainError, InsufficientFunds
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.calls import LOCAL, call_for
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.gate import Gate
from tensorgrid_worker.journal import Journal
from tensorgrid_worker.logs import JobLog, short
from tensorgrid_worker.offers import RAISE_EPOCH, ask_to_cancel
from tensorgrid_worker.planner import Action, Do, JobView, Memory, plan, unfinished
from tensorgrid_worker.records import JobRecord, Preparation, apply, rewind
from tensorgrid_worker.rows import Result, Status
from tensorgrid_worker.standing import Standing
from tensorgrid_worker.submitter import PROGRESS, Submitter
from tensorgrid_worker.view import ViewReader
from tensorgrid_worker.workshop import Workshop

log = structlog.get_logger()

CAPACITY = 1
LONGEST_BACKOFF = 5.0
MOST_PROGRESS = 2
STANDING_SECONDS = 10.0


class Daemon:
    """Two loops beside the workshop's threads: the main thread follows and plans, `submit` owns the nonces."""

    def __init__(
        self,
        *,
        config: WorkerConfig,
        contracts: Contracts,
        journal: Journal,
        submitter: Submitter,
        workshop: Callable[[Callable[[JobId, int, bytes], None], Callable[[], None]], Workshop],
        me: str,
        sandbox: str,
    ) -> None:
        self._config, self._contracts, self._me, self._sandbox = config, contracts, me, sandbox
        self._journal, self._submitter = journal, submitter
        self._gate = Gate.of(config, contracts.deployment, contracts.parameters.values().min_stake)
        self._view = ViewReader(contracts, me)
        self._follower = Follower(
            contracts.connection,
            contracts,
            cursor=journal.cursor(),
            confirmations=config.confirmations,
            names=("JobBoard", "ReplicationVerifier"),
        )
        self._records = journal.open_jobs()
        self._head = -1
        self._wake_plan, self._wake_submit = threading.Event(), threading.Event()
        self._drain_by: float | None = None
        self._offers_withdrawn = False
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._told: dict[JobId, str] = {}
        self._judged: set[JobId] = set()
        self._standing = Standing(contracts, me, config.hardware_class)
        self._workshop = workshop(self._publish, self._wake_plan.set)

    # ------------------------------------------------------------------------------------------------------------ life

    def run(self) -> None:
        """Until drained or stopped. Raises what killed one of the threads."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        submit = threading.Thread(target=self._guarded(self._submit_loop), name="submit", daemon=True)
        submit.start()
        try:
            self._follow_loop()
        finally:
            self._stopped.set()
            self._wake_submit.set()
            self._workshop.close()
            submit.join(timeout=10)
        failure = self._failure or self._workshop.failure
        if failure is not None:
            raise failure

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """First: finish what is ours, take nothing. Second: stop at once; the journal knows how to go on."""
        if self._drain_by is None:
            self._drain_by = time.monotonic() + self._config.drain_seconds
        else:
            self._drain_by = 0.0
        self._wake_plan.set()

    def _guarded(self, loop: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                loop()
            except BaseException as error:
                self._failure = error
                self._wake_plan.set()

        return run

    def _over(self) -> bool:
        return self._failure is not None or self._workshop.failure is not None

    # ------------------------------------------------------------------------------------------------- follow and plan

    def _follow_loop(self) -> None:
        backoff, ready, standing_at, woken = self._config.poll_seconds, False, 0.0, True
        while not self._over():
            pause = self._config.poll_seconds
            try:
                done = self._tick(woken=woken)
                if time.monotonic() >= standing_at:
                    standing_at = time.monotonic() + STANDING_SECONDS
                    self._standing.look()
                if backoff > self._config.poll_seconds:
                    log.info("chain.back")
                backoff = self._config.poll_seconds
                if not ready:
                    ready = True
                    log.info("worker.ready", worker=self._me, sandbox=self._sandbox, block=self._head)
                if done:
                    return
            except ChainError as error:
                if self._drain_by is not None and time.monotonic() > self._drain_by:
                    return
                if backoff == self._config.poll_seconds:
                    log.warning("chain.unreachable", reason=str(error))
                backoff = pause = min(backoff * 2, LONGEST_BACKOFF)
                self._follower.cursor = self._journal.cursor()  # what was read and not recorded is read again
            woken = self._wake_plan.wait(pause)
            self._wake_plan.clear()
            self._wake_submit.set()  # a command may have left something in the outbox

    def _tick(self, *, woken: bool) -> bool:
        """One round, idle when neither the chain nor we moved. True when a draining worker has nothing left to do."""
        batch = self._follower.poll()
        while not batch.caught_up:
            self._step(batch, [])
            batch = self._follower.poll()
        self._withdraw_offers(batch.head.timestamp)
        idle = batch.head.number == self._head and not batch.events and batch.rewound_to is None
        if idle and not woken and self._drain_by is None:
            return False
        return self._step(batch, None)

    def _withdraw_offers(self, now: int) -> None:
        """Who leaves must not be seated any more; said on chain once, and only when an offer is still out."""
        if self._drain_by is None or self._offers_withdrawn:
            return
        if self._journal.offers_until() > now:
            ask_to_cancel(self._journal, self._contracts, self._contracts.offers.epoch_of(self._me))
            log.info("offers.cancelled", worker=self._me)
        self._offers_withdrawn = True

    def _step(self, batch: Batch, views: list[JobView] | None) -> bool:
        """Fold the batch in, plan on it, and write all of it in one transaction. `views` []: only fold."""
        records = dict(self._records)
        gone, changed = self._fold(records, batch)
        changed |= self._note_inspections(records)
        memory, actions = Memory(self._me), []
        if views is None:
            changed |= self._judge_terms(records) | self._forget_stale(records, batch.head.timestamp)
            views = self._view.read(records, batch.head)
            memory = self._memory(views)
            actions = plan(views, memory, CAPACITY, batch.head.timestamp)
        seen = {view.record.id: view for view in views}
        calls = [(a.job, str(a.do), self._call(a, seen, memory)) for a in actions if a.do not in LOCAL]
        closed = [action.job for action in actions if action.do is Do.CLOSE]
        closed += [job for job, record in records.items() if record.ended and not record.number_of(self._me)]
        self._journal.record(
            cursor=batch.cursor,
            rewound_to=batch.rewound_to,
            jobs=[records[job] for job in changed if job in records],
            gone=gone,
            calls=calls,
            closed=closed,
        )
        self._records = {job: record for job, record in records.items() if job not in closed}
        self._head = batch.head.number
        self._act(actions, seen)
        for job in closed:
            self._told.pop(job, None)
            self._judged.discard(job)
            self._workshop.forget(job)
        self._wake_submit.set()
        return self._drained(views, memory)

    def _call(self, action: Action, seen: Mapping[JobId, JobView], memory: Memory) -> Call:
        passenger = seen[action.settles] if action.settles else None
        return call_for(self._contracts, seen[action.job], action.do, memory.results.get(action.job), passenger)

    def _fold(self, records: dict[JobId, JobRecord], batch: Batch) -> tuple[list[JobId], set[JobId]]:
        changed: set[JobId] = set()
        if batch.rewound_to is not None:
            log.warning("chain.rewound", to=batch.rewound_to)
            changed |= set(rewind(records, batch.rewound_to))
            self._view.forget_seeds()
        for event in batch.events:
            job = apply(records, event, self._me)
            if job is not None:
                changed.add(job)
        return [job for job in changed if job not in records], changed

    def _judge_terms(self, records: dict[JobId, JobRecord]) -> set[JobId]:
        """Refuse what we do not want, once per process; only of jobs that are still open after all events were read."""
        refused: set[JobId] = set()
        for job, record in list(records.items()):
            if job in self._judged or record.ended or record.preparation is not Preparation.NEW:
                continue
            if record.assigned_block and not record.extra_block and not record.number_of(self._me):
                continue  # there is no seat to be had
            self._judged.add(job)
            if record.number_of(self._me):  # posted with our offer, or the journal was lost after the take
                self._joblog(job).say("job.ours", price=record.terms.price, block=record.posted_block)
                continue
            if refusal := self._gate.refusal(record.terms, self._me):
                records[job] = replace(record, preparation=Preparation.REFUSED, reason=refusal)
                refused.add(job)
                log.info("job.refused", job=short(job), reason=refusal)
            else:
                self._joblog(job).say("job.posted", price=record.terms.price, block=record.posted_block)
        return refused

    def _forget_stale(self, records: dict[JobId, JobRecord], now: int) -> set[JobId]:
        """Files of jobs that we can no longer take: nobody is bound to end those on chain, and disks fill up."""
        stale = set()
        for job, record in list(records.items()):
            terms = record.terms
            last = terms.take_by + (terms.work_time + terms.settle_time if record.assigned_block else 0)
            if record.preparation is Preparation.READY and not record.number_of(self._me) and now > last:
                records[job] = replace(record, preparation=Preparation.NEW)
                stale.add(job)
                self._workshop.forget(job)
        return stale

    def _note_inspections(self, records: dict[JobId, JobRecord]) -> set[JobId]:
        changed = set()
        for job, refusal in self._workshop.verdicts().items():
            if job in records:
                state = Preparation.REFUSED if refusal else Preparation.READY
                records[job] = replace(records[job], preparation=state, reason=refusal)
                changed.add(job)
                if refusal:
                    self._joblog(job).say("job.refused", reason=refusal)
                    self._workshop.forget(job)
        return changed

    def _memory(self, views: list[JobView]) -> Memory:
        kept = self._journal.results()
        results: dict[JobId, Result] = {}
        for view in views:
            for result in kept.get(view.record.id, []):
                if _belongs(result, view):
                    results[view.record.id] = result
        return Memory(
            me=self._me,
            running=self._workshop.running(),
            busy=self._workshop.busy(),
            outbox=self._journal.kinds(),
            results=results,
            draining=self._drain_by is not None,
            stagger=self._config.stagger_seconds,
            patience=self._config.settle_patience_seconds,
        )

    # --------------------------------------------------------------------------------------------------------- actions

    def _act(self, actions: list[Action], views: dict[JobId, JobView]) -> None:
        for action in actions:
            view = views[action.job]
            match action.do:
                case Do.INSPECT:
                    self._workshop.inspect(action.job, view.record.terms)
                case Do.RUN:
                    self._workshop.run(action.job, view.record.terms, view.seed)
                case Do.STOP:
                    self._workshop.stop(action.job)
                case Do.CLOSE:
                    self._joblog(action.job).say("job." + view.record.ended_as, outcome=view.record.outcome or "none")
                case _:
                    self._joblog(action.job).say("job." + action.do, block=self._head)
                    if action.settles:
                        self._joblog(action.settles).say("job.settle", block=self._head, within=short(action.job))
        for job, refusal in self._view.refusals.items():
            if refusal and self._told.get(job) != refusal:
                self._told[job] = refusal
                self._joblog(job).say("job.not_taken", reason=refusal)

    def _publish(self, job: JobId, sequence: int, digest: bytes) -> None:
        """From the pump's thread. On a chain too busy to take it, progress is what is left out."""
        waiting = [row for row in self._journal.outbox(Status.NEW, Status.SENT) if row.kind.startswith(PROGRESS)]
        if len(waiting) >= MOST_PROGRESS:
            return
        self._journal.enqueue(job, f"{PROGRESS}{sequence}", self._contracts.board.progress(job, digest))
        self._wake_submit.set()

    def _drained(self, views: list[JobView], memory: Memory) -> bool:
        if self._drain_by is None:
            return False
        if time.monotonic() > self._drain_by:
            return True
        if any(unfinished(view, memory) for view in views) or self._workshop.running():
            return False
        under_way = self._journal.outbox(Status.NEW, Status.SENT)
        return not any(row.status is Status.SENT or row.kind.startswith(RAISE_EPOCH) for row in under_way)

    def _joblog(self, job: JobId) -> JobLog:
        return JobLog(self._config.home / "logs", job)

    # ---------------------------------------------------------------------------------------------------------- submit

    def _submit_loop(self) -> None:
        backoff = self._config.poll_seconds
        while not self._stopped.is_set():
            self._wake_submit.wait()
            self._wake_submit.clear()
            try:
                self._submitter.step(self._head)
                backoff = self._config.poll_seconds
            except (ChainError, InsufficientFunds) as error:
                log.warning("tx.delayed", reason=str(error), again_in=round(backoff, 1))
                self._wake_submit.set()
                self._stopped.wait(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)


def _belongs(result: Result, view: JobView) -> bool:
    """What was committed to is what will be opened; before that, what was computed with the job's seed as it is now."""
    if view.committed:
        mine = view.held[view.number - 1]
        return result.commitment(mine.worker, extra=view.is_extra, silent=view.job.silent) == mine.commitment
    return result.seed == view.seed

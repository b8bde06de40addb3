"""The worker's life: follow -> plan -> outbox -> submit, until told to stop or until waiting cannot help."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

import structlog

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.follow import Batch, Follower
from tensorgrid.chain.witness import Witnesses
from tensorgrid.domain.errors import ChainError, InsufficientFunds
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.capability.upkeep import Upkeep
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.gate import Gate
from tensorgrid_worker.jobs.slots import Load
from tensorgrid_worker.jobs.workshop import Workshop
from tensorgrid_worker.logs import JobLog, JobLogShelf, in_context, naming, short
from tensorgrid_worker.loop.backoff import Backoff
from tensorgrid_worker.loop.calls import CARRYING, LOCAL, call_for, due, passenger_of
from tensorgrid_worker.loop.census import Census
from tensorgrid_worker.loop.openings import Openings
from tensorgrid_worker.loop.planner import UNDER_WAY, Action, Do, JobView, Memory, plan, unfinished, work_deadline
from tensorgrid_worker.loop.recovery import Recovery
from tensorgrid_worker.loop.submitter import Submitter
from tensorgrid_worker.loop.trust import HELD, Trust
from tensorgrid_worker.loop.view import ViewReader
from tensorgrid_worker.memory.cancelling import ask_to_cancel
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.pulse import Pulse
from tensorgrid_worker.memory.records import JobRecord, Preparation, apply, rewind
from tensorgrid_worker.memory.rows import PROGRESS, RAISE_EPOCH, Status
from tensorgrid_worker.policy.base import NOT_NOW
from tensorgrid_worker.standing import Standing

log = structlog.get_logger()

QUIET_SECONDS = 0.1
"""Between two looks that we ourselves have asked for: a hundred ended runs are not a hundred looks."""
SEEN_SECONDS = 15.0
BELIEVED = 3
"""Blocks after which a step that was mined must show in the chain's state; if it does not, it is planned again."""
MOST_PROGRESS = 2
TAKES = frozenset({Do.TAKE, Do.TAKE_EXTRA})
STANDING_SECONDS = 10.0


class Daemon:
    """Two loops beside the workshop's threads: the one in `run` follows and plans, `submit` owns the nonces.

    Several may run in threads of one process, each with a home and a key of its own.
    """

    def __init__(
        self,
        *,
        config: WorkerConfig,
        contracts: Contracts,
        journal: Journal,
        submitter: Submitter,
        workshop: Callable[[Callable[[JobId, int, bytes], None], Callable[[], None]], Workshop],
        openings: Openings,
        witnesses: Witnesses | None = None,
        upkeep: Upkeep | None = None,
        me: str,
        sandbox: str,
    ) -> None:
        self._config, self._contracts, self._me, self._sandbox = config, contracts, me, sandbox
        self.pulse = Pulse(me, sandbox, config.poll_seconds)
        self._shelf = JobLogShelf(config.home / "logs", days=config.job_log_days, megabytes=config.job_log_megabytes)
        self._journal, self._submitter = journal, submitter
        self._gate = Gate.of(config, contracts.deployment, contracts.parameters.values().min_stake)
        self._view = ViewReader(contracts, me, believed=0 if config.confirmations else SEEN_SECONDS)
        self._follower = Follower(
            contracts.connection,
            contracts,
            cursor=journal.cursor(),
            confirmations=config.confirmations,
            names=("JobBoard", "ReplicationVerifier"),
        )
        self._records = journal.open_jobs()
        self._recorded = self._follower.cursor
        self._head = -1
        self._wake_plan, self._wake_submit = threading.Event(), threading.Event()
        self._drain_by: float | None = None
        self._offers_withdrawn = False
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._told: dict[JobId, str] = {}
        self._judged: set[JobId] = set()
        self._judging: set[JobId] = set()  # in this round, which may fail before it is recorded
        self._openings, self._trust = openings, Trust(contracts, witnesses)
        self._rewound = True  # as far as we know, until the first full look
        submitter.held = HELD
        self._census = Census(contracts, me)
        self._recovery = Recovery(contracts, openings, journal)
        self._standing = Standing(contracts, me, config.hardware_class)
        self._upkeep = upkeep
        self._workshop = workshop(self._publish, self._wake_plan.set)

    # ------------------------------------------------------------------------------------------------------------ life

    def run(self) -> None:
        """Until drained or stopped. Raises what killed one of the threads. Changes nothing of its process."""
        with naming(self._me):
            self._live()

    def _live(self) -> None:
        self._recovery.load()
        submit = threading.Thread(target=in_context(self._guarded(self._submit_loop)), name="submit", daemon=True)
        submit.start()
        try:
            self._follow_loop()
        finally:
            self._stopped.set()
            self._wake_submit.set()
            self._workshop.close()
            if self._upkeep is not None:
                self._upkeep.close()
            submit.join(timeout=10)
            self._trust.close()
        failure = self._failure or self._workshop.failure
        if failure is not None:
            raise failure

    def drain(self) -> None:
        """Finish what is ours, take nothing, then end. From any thread, before `run` too."""
        if self._drain_by is None:
            self._drain_by = time.monotonic() + self._config.drain_seconds
        self._wake_plan.set()

    def stop(self) -> None:
        """End at once; the journal knows how to go on. From any thread."""
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

    def _told_to_stop(self) -> bool:
        return self._drain_by is not None and time.monotonic() > self._drain_by

    def _over(self) -> bool:
        return self._failure is not None or self._workshop.failure is not None

    # ------------------------------------------------------------------------------------------------- follow and plan

    def _follow_loop(self) -> None:
        backoff, ready, standing_at, woken = Backoff(self._config.poll_seconds), False, 0.0, True
        while not self._over():
            pause = self._config.poll_seconds
            self.pulse.beat()
            try:
                done = self._tick(woken=woken)
                if time.monotonic() >= standing_at:
                    standing_at = time.monotonic() + STANDING_SECONDS
                    self._keep_up()
                    self.pulse.standing = self._standing.look()
                    self._count_seats()
                    self._shelf.prune()
                self._show_pulse()
                if backoff.failed:
                    log.info("chain.back")
                backoff.reset()
                if not ready:
                    ready = True
                    log.info("worker.ready", worker=self._me, sandbox=self._sandbox, block=self._head)
                if done:
                    return
            except (ChainError, sqlite3.OperationalError, OSError) as error:
                if self._told_to_stop():
                    return
                self.pulse.reached = not isinstance(error, ChainError)
                if not backoff.failed:
                    away = isinstance(error, ChainError)
                    log.warning("chain.unreachable" if away else "disk.failed", reason=str(error))
                pause = backoff.after(error)
                self._follower.cursor = self._recorded  # what was read and not recorded is read again
            looked = time.monotonic()
            woken = self._wake_plan.wait(pause)
            time.sleep(max(0.0, looked + QUIET_SECONDS - time.monotonic()))
            self._wake_plan.clear()
            self._wake_submit.set()  # a command may have left something in the outbox

    def _show_pulse(self) -> None:
        pulse, cursor = self.pulse, self._follower.cursor
        pulse.reached, pulse.head, pulse.draining = True, self._head, self._drain_by is not None
        pulse.cursor = cursor.number if cursor is not None else -1
        pulse.jobs_open, pulse.jobs_running = len(self._records), len(self._workshop.running())

    def _tick(self, *, woken: bool) -> bool:
        """One round, idle when neither the chain nor we moved. True when a draining worker has nothing left to do."""
        batch = self._follower.poll()
        while not batch.caught_up:
            self._step(batch, [])
            if self._told_to_stop():
                return True
            batch = self._follower.poll()
        self._withdraw_offers(batch.head.timestamp)
        idle = batch.head.number == self._head and not batch.events and batch.rewound_to is None
        if idle and not woken and self._drain_by is None and not self._trust.held:
            return False
        return self._step(batch, None)

    def _keep_up(self) -> None:
        """Measure when idle, beat, and follow the registry into another class: for jobs that are still to be taken."""
        if self._upkeep is None:
            return
        open_jobs = (record for record in self._records.values() if not record.ended)
        to_run = any(seat.seat.worker == self._me and not seat.sealed_block for job in open_jobs for seat in job.seats)
        if self._upkeep.step(busy=to_run or bool(self._workshop.running() or self._taking(self._records))):
            settings, contracts = self._upkeep.settings, self._contracts
            self._gate = Gate.of(settings, contracts.deployment, contracts.parameters.values().min_stake)
            self._standing = Standing(contracts, self._me, settings.hardware_class)

    def _count_seats(self) -> None:
        """Read logs again where those that were read do not account for the stake that is locked."""
        again, cursor = self._census.read_again_from(self._records, self._follower.cursor)
        if again:
            self._follower.cursor = cursor
            self._wake_plan.set()

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
        records, self._judging = dict(self._records), set()
        if batch.rewound_to is not None:
            self._rewound = True
            self._submitter.held = HELD  # until what is on its way has been compared with the new chain
            self._wake_plan.set()
        gone, changed = self._fold(records, batch)
        changed |= self._note_inspections(records)
        memory, actions = Memory(self._me), []
        if views is None:
            changed |= self._judge_terms(records) | self._forget_stale(records, batch.head.timestamp)
            views = self._view.read(records, batch.head, self._taking(records))
            self._trust.look(batch.head)
            memory = self._memory(views, batch.head.number)
            if batch.rewound_to is None:
                self._recovery.recall(views, memory.results, self._submitter.nothing(), after_rewind=self._rewound)
                self._rewound, self._submitter.held = False, self._trust.held
            actions = self._still_wanted(plan(views, memory, self._config.capacity, batch.head.timestamp), records)
        seen = {view.record.id: view for view in views}
        actions = [action for action in actions if self._trust.allows(action, seen[action.job])]
        for action in actions:
            if action.do is Do.COMMIT and not seen[action.job].job.silent:  # before it is signed
                self._openings.keep(memory.results[action.job])
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
            due={(a.job, str(a.do)): due(seen[a.job], a.do) for a in actions if a.do not in LOCAL},
        )
        self._recorded = batch.cursor
        self._judged |= self._judging
        self._records = {job: record for job, record in records.items() if job not in closed}
        self._head = batch.head.number
        self._act(actions, seen)
        for job in closed:
            self._told.pop(job, None)
            self._judged.discard(job)
            self._recovery.forget(job)
            self._workshop.forget(job)
        self._wake_submit.set()
        return self._drained(views, memory)

    def _call(self, action: Action, seen: Mapping[JobId, JobView], memory: Memory) -> Call:
        passenger = seen[action.settles] if action.settles else None
        result, secrets = memory.results.get(action.job), self._openings.secrets
        return call_for(self._contracts, seen[action.job], action.do, result, passenger, secrets)

    def _fold(self, records: dict[JobId, JobRecord], batch: Batch) -> tuple[list[JobId], set[JobId]]:
        changed: set[JobId] = set()
        if batch.rewound_to is not None:
            log.warning("chain.rewound", to=batch.rewound_to)
            records |= self._journal.ended_above(batch.rewound_to)
            changed |= set(rewind(records, batch.rewound_to))
            self._view.forget_seeds()
        for event in batch.events:
            if self._trust.invented(event):
                continue
            job = apply(records, event, self._me)
            if job is not None:
                changed.add(job)
        return [job for job in changed if job not in records], changed

    def _judge_terms(self, records: dict[JobId, JobRecord]) -> set[JobId]:
        """Refuse what we do not want, once per process unless a policy said "not now"; only of jobs that are still open
        after all events were read.
        """
        refused: set[JobId] = set()
        for job, record in list(records.items()):
            waiting = record.preparation is Preparation.REFUSED and record.reason.startswith(NOT_NOW)
            fresh = record.preparation is Preparation.NEW and job not in self._judged
            if record.ended or not (fresh or waiting):
                continue
            if record.assigned_block and not record.extra_block and not record.number_of(self._me):
                continue  # there is no seat to be had
            self._judging.add(job)
            if record.number_of(self._me):  # posted with our offer, or the journal was lost after the take
                if waiting:  # refused while its take was under way: what is ours is done
                    records[job] = replace(record, preparation=Preparation.NEW, reason="")
                    refused.add(job)
                self._joblog(job).say("job.ours", price=record.terms.price, block=record.posted_block)
                continue
            refusal = self._gate.refusal(record.terms, self._me)
            if waiting and refusal == record.reason:
                continue
            if refusal:
                records[job] = replace(record, preparation=Preparation.REFUSED, reason=refusal)
                refused.add(job)
                log.info("job.refused", job=short(job), reason=refusal)
            else:
                if waiting:
                    records[job] = replace(record, preparation=Preparation.NEW, reason="")
                    refused.add(job)
                self._joblog(job).say("job.posted", price=record.terms.price, block=record.posted_block)
        return refused

    def _still_wanted(self, actions: list[Action], records: Mapping[JobId, JobRecord]) -> list[Action]:
        """Between a job's inspection and its take hours may pass, and the owner's hours too."""
        wanted, loads = [], self._workshop.loads() if self._config.capacity > 1 else {}
        ours = self._owed(records) & loads.keys()
        for action in actions:
            refusal = ""
            if action.do in TAKES:
                record = records[action.job]
                refusal = self._unwanted(record) or self._crowded(record, loads, ours - {record.id})
            if not refusal:
                wanted.append(action)
                ours |= {action.job} & loads.keys()
            elif self._told.get(action.job) != refusal:
                self._told[action.job] = refusal
                self._joblog(action.job).say("job.not_taken", reason=refusal)
        return wanted

    def _crowded(self, record: JobRecord, loads: Mapping[JobId, Load], ours: AbstractSet[JobId]) -> str:
        """Who has room for several jobs could take more than can be done in time, and silence costs the bond."""
        if record.id not in loads:
            return ""
        seconds = record.terms.work_time - self._config.work_margin_seconds
        return self._workshop.crowded(loads[record.id], [loads[job] for job in ours], seconds)

    def _owed(self, records: Mapping[JobId, JobRecord]) -> set[JobId]:
        """Jobs of which we owe a commitment, or shall once our take is mined."""
        unsealed = {
            job
            for job, record in records.items()
            if not record.ended and (number := record.number_of(self._me)) and not record.seats[number - 1].sealed_block
        }
        taking = {job for (job, kind), status in self._journal.kinds().items() if kind in TAKES and status in UNDER_WAY}
        return unsealed | taking

    def _unwanted(self, record: JobRecord) -> str:
        """Why not to take it just now, in words."""
        if self._drain_by is not None:
            return f"{NOT_NOW}this worker drains"
        paused = self._upkeep.pause() if self._upkeep is not None else ""
        return paused or self._gate.refusal(record.terms, self._me)

    def _taking(self, records: Mapping[JobId, JobRecord]) -> frozenset[JobId]:
        """Jobs whose take is under way. What is not signed yet is asked about again: dear gas may hold it for hours."""
        taking = set()
        for row in self._journal.outbox(Status.NEW, Status.SENT):
            if row.kind not in TAKES or row.job not in records:
                continue
            if row.status is Status.NEW and (refusal := self._unwanted(records[row.job])):
                self._journal.take_back(row.id, refusal)
                self._joblog(row.job).say("job.not_taken", reason=refusal)
            else:
                taking.add(row.job)
        return frozenset(taking)

    def _forget_stale(self, records: dict[JobId, JobRecord], now: int) -> set[JobId]:
        """Files of jobs that we can no longer take: nobody is bound to end those on chain, and disks fill up."""
        stale = set()
        for job, record in list(records.items()):
            terms = record.terms
            last = terms.take_by + (terms.work_time + terms.settle_time if record.assigned_block else 0)
            if record.number_of(self._me) or now <= last:
                continue
            if record.preparation is Preparation.READY:
                records[job] = replace(record, preparation=Preparation.NEW)
                stale.add(job)
            elif not self._workshop.holds(job):  # of a job that was never complete there may be gigabytes, too
                continue
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

    def _memory(self, views: list[JobView], head: int) -> Memory:
        return Memory(
            me=self._me,
            running=self._workshop.running(),
            busy=self._workshop.busy(),
            carried=self._carried(),
            outbox=self._journal.kinds(seen=head - BELIEVED),
            results=self._recovery.results(views),
            draining=self._drain_by is not None,
            stagger=self._config.stagger_seconds,
            patience=self._config.settle_patience_seconds,
        )

    def _carried(self) -> frozenset[JobId]:
        rows = self._journal.outbox(Status.NEW, Status.SENT)
        carrying = [row.call for row in rows if row.call.name == CARRYING]
        return frozenset(job for call in carrying if (job := passenger_of(self._contracts, call)) is not None)

    # --------------------------------------------------------------------------------------------------------- actions

    def _act(self, actions: list[Action], views: dict[JobId, JobView]) -> None:
        for action in actions:
            view = views[action.job]
            match action.do:
                case Do.INSPECT:
                    # Who has a seat already (by an offer, or before the journal was lost) does the job, liked or not.
                    self._workshop.inspect(action.job, view.record.terms, None if view.number else self._gate.judge)
                case Do.RUN:
                    if self._upkeep is not None:
                        self._upkeep.close()  # a measurement fills the memory that the job needs
                    self._workshop.run(action.job, view.record.terms, view.seed, work_deadline(view))
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
        if self._told_to_stop():
            return True
        if any(unfinished(view, memory) for view in views) or self._workshop.running():
            return False
        under_way = self._journal.outbox(Status.NEW, Status.SENT)
        return not any(row.status is Status.SENT or row.kind.startswith(RAISE_EPOCH) for row in under_way)

    def _joblog(self, job: JobId) -> JobLog:
        return JobLog(self._config.home / "logs", job)

    # ---------------------------------------------------------------------------------------------------------- submit

    def _submit_loop(self) -> None:
        backoff = Backoff(self._config.poll_seconds)
        while not self._stopped.is_set():
            self._wake_submit.wait()
            self._wake_submit.clear()
            try:
                self._submitter.step(self._head)
                backoff.reset()
            except (ChainError, InsufficientFunds, sqlite3.OperationalError, OSError) as error:
                pause = backoff.after(error)
                log.warning("tx.delayed", reason=str(error), again_in=round(pause, 1))
                self._wake_submit.set()
                self._stopped.wait(pause)

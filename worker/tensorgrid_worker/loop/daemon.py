"""The worker's life: follow -> plan -> outbox -> submit, until told to stop or until waiting cannot help."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.follow import Batch, Follower
from tensorgrid.chain.relays import Relays
from tensorgrid.chain.witness import Witnesses
from tensorgrid.domain.errors import ChainError, InsufficientFunds
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.traces import Segment
from tensorgrid.parameters.distance import load_bounds
from tensorgrid.privacy import Identity
from tensorgrid_worker.auditing.aftermath import Aftermath
from tensorgrid_worker.auditing.bench import Bench
from tensorgrid_worker.auditing.cases import CaseReader
from tensorgrid_worker.auditing.desk import Desk
from tensorgrid_worker.auditing.fetching import Fetcher
from tensorgrid_worker.auditing.rounds import seed_rounds
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.capability import fingerprints
from tensorgrid_worker.capability.upkeep import Upkeep
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.control import abandoned, forget_abandoned
from tensorgrid_worker.jobs.gate import Gate
from tensorgrid_worker.jobs.schedulers import Schedulers
from tensorgrid_worker.jobs.snapshots import Snap
from tensorgrid_worker.jobs.workshop import Publish, Workshop
from tensorgrid_worker.logs import JobLog, JobLogShelf, in_context, naming, short
from tensorgrid_worker.loop.backoff import Backoff
from tensorgrid_worker.loop.calls import CARRYING, LOCAL, call_for, due, passenger_of
from tensorgrid_worker.loop.census import Census
from tensorgrid_worker.loop.drawing import Drawing
from tensorgrid_worker.loop.handed import KeyReader
from tensorgrid_worker.loop.interest import Interest
from tensorgrid_worker.loop.larder import Larder
from tensorgrid_worker.loop.openings import Openings
from tensorgrid_worker.loop.planner import Action, Do, JobView, Memory, plan, room_for, unfinished, work_deadline
from tensorgrid_worker.loop.recovery import Recovery
from tensorgrid_worker.loop.submitter import Submitter
from tensorgrid_worker.loop.trust import HELD, Trust
from tensorgrid_worker.loop.view import ViewReader
from tensorgrid_worker.memory.cancelling import ask_to_cancel
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.pulse import Pulse
from tensorgrid_worker.memory.records import JobRecord, Preparation, apply, rewind
from tensorgrid_worker.memory.rows import PROGRESS, RAISE_EPOCH, SNAPSHOT, Status
from tensorgrid_worker.standing import Standing

log = structlog.get_logger()

QUIET_SECONDS, LONGEST_QUIET = 0.1, 0.5
"""Between two looks that we ourselves have asked for: a hundred ended runs are not a hundred looks."""
QUIET_SHARE = 2
"""So much longer than the last look itself took: with hundreds of jobs, the machine is there for running them."""
SEEN_SECONDS = 15.0
BELIEVED = 3
"""Blocks after which a step that was mined must show in the chain's state; if it does not, it is planned again."""
MOST_PROGRESS = 2
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
        workshop: Callable[[Publish, Snap, Callable[[], None]], Workshop],
        openings: Openings,
        witnesses: Witnesses | None = None,
        upkeep: Upkeep | None = None,
        identity: Identity | None = None,
        me: str,
        sandbox: str,
    ) -> None:
        self._config, self._contracts, self._me, self._sandbox = config, contracts, me, sandbox
        self.pulse = Pulse(me, sandbox, config.poll_seconds)
        self._shelf = JobLogShelf(config.home / "logs", days=config.job_log_days, megabytes=config.job_log_megabytes)
        self._journal, self._submitter = journal, submitter
        believed = 0 if config.confirmations else SEEN_SECONDS
        self._view = ViewReader(contracts, me, believed, lambda: fingerprints.kept(config.home), config.dispute_bond)
        self._follower = Follower(
            contracts.connection,
            contracts,
            cursor=journal.cursor(),
            confirmations=config.confirmations,
            names=("JobBoard", "ReplicationVerifier", *(["AuditVerifier"] if contracts.audit else [])),
        )
        self._records = journal.open_jobs()
        self._recorded = self._follower.cursor
        self._head = -1
        self._wake_plan, self._wake_submit = threading.Event(), threading.Event()
        self._drain_by: float | None = None
        self._offers_withdrawn = False
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._openings, self._trust = openings, Trust(contracts, witnesses)
        self._rewound = True  # as far as we know, until the first full look
        submitter.held = HELD
        self._census = Census(contracts, me)
        self._recovery = Recovery(contracts, openings, journal)
        self._standing = Standing(contracts, me, config.hardware_class)
        self._upkeep = upkeep
        self._workshop = workshop(self._publish, self._snap, self._wake_plan.set)
        self._view.keys = KeyReader(contracts, me, identity, self._workshop.inputs)
        relays = Relays(config.beacon_relays or contracts.deployment.relays)
        self._fetcher = Fetcher(contracts.beacon, relays, self._wake_plan.set)
        self._schedulers = Schedulers(contracts)
        tools = Tools(self._workshop.inputs, self._workshop.executor, self._workshop.slots)
        self._desk = Desk(
            contracts=contracts,
            tools=tools,
            identity=identity,
            wake=self._wake_plan.set,
            joblog=self._joblog,
            bounds=load_bounds(config.distance_bounds),
            proofs=self._fetcher,
        )
        self._bench = Bench(
            contracts,
            me,
            cases=CaseReader(contracts, me, self._view.seed, self._view.unfit_to_replay),
            tools=tools,
            errands=self._desk.errands,
            salt=openings.secrets.ballot,
            joblog=self._joblog,
            identity=identity,
        )
        self._aftermath = Aftermath(contracts, me)
        self._larder = Larder(self._workshop, me, config.waiting_input_bytes)
        self._interest = Interest(
            config=config,
            gate=self._gate(config),
            journal=journal,
            workshop=self._workshop,
            me=me,
            upkeep=upkeep,
            joblog=self._joblog,
        )
        self._drawing = Drawing(contracts, me, self._fetcher, self._interest.least_price)

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
            self._desk.close()
            self._fetcher.close()
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
            pause, began = self._config.poll_seconds, time.monotonic()
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
                    self._larder.begin(self._records)
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
            quiet = min(max(QUIET_SECONDS, QUIET_SHARE * (looked - began)), LONGEST_QUIET)
            woken = self._wake_plan.wait(pause)
            time.sleep(max(0.0, looked + quiet - time.monotonic()))
            self._wake_plan.clear()
            self._wake_submit.set()  # a command may have left something in the outbox

    def _show_pulse(self) -> None:
        pulse, cursor = self.pulse, self._follower.cursor
        pulse.reached, pulse.head, pulse.draining = True, self._head, self._drain_by is not None
        pulse.cursor = cursor.number if cursor is not None else -1
        running = self._workshop.running() | self._desk.running()
        pulse.jobs_open, pulse.jobs_running = len(self._records), len(running)

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
        working = self._workshop.running() or self._desk.running()
        if self._upkeep.step(busy=to_run or bool(working or self._interest.taking(self._records))):
            settings = self._upkeep.settings
            self._interest.gate = self._gate(settings)
            self._standing = Standing(self._contracts, self._me, settings.hardware_class)

    def _gate(self, settings: WorkerConfig) -> Gate:
        least = self._contracts.parameters.values().min_stake
        return Gate.of(settings, self._contracts.deployment, least, self._schedulers.draws)

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
        records, over = dict(self._records), list[JobId]()
        self._interest.draining = self._drain_by is not None
        if batch.rewound_to is not None:
            self._rewound = True
            self._submitter.held = HELD  # until what is on its way has been compared with the new chain
            self._wake_plan.set()
        gone, changed = self._fold(records, batch)
        changed |= self._note_inspections(records)
        memory, actions, only_fold = Memory(self._me), [], views is not None
        if views is None:
            taking, now = self._interest.taking(records), batch.head.timestamp
            changed |= self._interest.judge(records) | self._larder.clear(records, taking, now)
            over = self._larder.over(records, taking, now)
            views = self._view.read(records, batch.head, taking)
            self._trust.look(batch.head)
            memory = self._memory(views, batch.head.number)
            if batch.rewound_to is None:
                self._recovery.recall(views, memory.results, self._submitter.nothing(), after_rewind=self._rewound)
                self._rewound, self._submitter.held = False, self._trust.held
            actions = self._interest.still(plan(views, memory, self._config.capacity, now), records)
        held = self._bench.holds | self._aftermath.holding(records)
        actions = [action for action in actions if action.do is not Do.CLOSE or action.job not in held]
        seen = {view.record.id: view for view in views}
        actions = self._trust.allowed(actions, seen)
        actions = self._openable(actions, seen, memory)
        calls = [(a.job, str(a.do), self._call(a, seen, memory)) for a in actions if a.do not in LOCAL]
        audits = [view.audit for view in views if view.audit is not None]
        seeds = seed_rounds((view.record for view in views if view.audited), self._me)
        sending = self._desk.step(audits, memory.outbox, memory.results, batch.head, seeds)
        if not only_fold and batch.rewound_to is None:
            draining = self._drain_by is not None
            if room_for(views, memory, self._config.capacity) > 0:
                sending += self._drawing.step(views, memory.outbox, batch.head)
            sending += self._bench.step(records, memory.outbox, batch.head, draining=draining)
            sending += self._aftermath.step(records, memory.outbox)
        calls += [(each.job, each.kind, each.call) for each in sending]
        closed = [action.job for action in actions if action.do is Do.CLOSE]
        others = (record for record in records.values() if record.ended and not record.number_of(self._me))
        closed += [record.id for record in others if record.id not in held]
        closed += [job for job in over if job not in closed]
        self._journal.record(
            cursor=batch.cursor,
            rewound_to=batch.rewound_to,
            jobs=[records[job] for job in changed if job in records],
            gone=gone,
            calls=calls,
            closed=closed,
            due={(a.job, str(a.do)): due(seen[a.job], a.do) for a in actions if a.do not in LOCAL}
            | {(each.job, each.kind): each.due for each in sending},
        )
        self._recorded = batch.cursor
        self._interest.recorded()
        self._records = {job: record for job, record in records.items() if job not in closed}
        self._head = batch.head.number
        self._act(actions, seen)
        for job in closed:
            self._interest.forget(job)
            self._recovery.forget(job)
            self._desk.forget(job)
            self._workshop.forget(job)
            forget_abandoned(self._config.home, job)
        self._wake_submit.set()
        return self._drained(views, memory)

    def _openable(self, actions: list[Action], seen: Mapping[JobId, JobView], memory: Memory) -> list[Action]:
        """Without commits whose openings cannot be kept, before they are signed: they are planned again. A disk that is
        full for one job must not keep the others' reveals from being sent."""
        kept = []
        for action in actions:
            if action.do is Do.COMMIT and not seen[action.job].job.silent:
                try:
                    self._openings.keep(memory.results[action.job])
                except OSError as error:
                    log.warning("opening.not_kept", job=short(action.job), reason=str(error), todo="free some disk")
                    continue
            kept.append(action)
        return kept

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
            self._bench.forget_all()
            self._aftermath.forget_all()
            self._desk.forget_all()
        for event in batch.events:
            if self._trust.invented(event):
                continue
            job = apply(records, event, self._me)
            if job is not None:
                changed.add(job)
        return [job for job in changed if job not in records], changed

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
            abandoned=self._abandoned(views),
            margin=self._config.work_margin_seconds,
        )

    def _abandoned(self, views: list[JobView]) -> frozenset[JobId]:
        asked = abandoned(self._config.home)
        if self._drain_by is not None and self._config.drain_abandons:
            asked |= {view.record.id for view in views if view.audited}
        return asked

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
                    judge = None if view.number else self._interest.gate.judge
                    self._workshop.inspect(action.job, view.record.terms, judge)
                case Do.RUN:
                    if self._upkeep is not None:
                        self._upkeep.close()  # a measurement fills the memory that the job needs
                    self._workshop.run(action.job, view.record.terms, view.seed, work_deadline(view))
                case Do.LEAVE:
                    self._workshop.leave(action.job, at_once=action.at_once)
                case Do.STOP:
                    self._workshop.stop(action.job)
                case Do.CLOSE:
                    self._joblog(action.job).say("job." + view.record.ended_as, outcome=view.record.outcome or "none")
                case _:
                    self._joblog(action.job).say("job." + action.do, block=self._head)
                    if action.settles:
                        self._joblog(action.settles).say("job.settle", block=self._head, within=short(action.job))
        for job, refusal in self._view.refusals.items():
            if refusal:
                self._interest.tell(job, refusal)

    def _publish(self, job: JobId, sequence: int, digest: bytes) -> None:
        """From the pump's thread."""
        self._send_if_free(job, f"{PROGRESS}{sequence}", self._contracts.board.progress(job, digest))

    def _snap(self, job: JobId, segment: Segment) -> None:
        """From the thread that runs the job."""
        if self._contracts.snapshots is not None:
            call = self._contracts.snapshots.snapshot(job, segment.index, segment.link)
            self._send_if_free(job, f"{SNAPSHOT}{segment.index}", call)

    def _send_if_free(self, job: JobId, kind: str, call: Call) -> None:
        """What costs nobody anything when it is left out is, on a chain too busy to take it."""
        family = kind.partition(":")[0]
        waiting = [row for row in self._journal.outbox(Status.NEW, Status.SENT) if row.kind.startswith(family)]
        if len(waiting) < MOST_PROGRESS:
            self._journal.enqueue(job, kind, call)
            self._wake_submit.set()

    def _drained(self, views: list[JobView], memory: Memory) -> bool:
        if self._drain_by is None:
            return False
        if self._told_to_stop():
            return True
        if any(unfinished(view, memory) for view in views) or self._workshop.running() or self._desk.running():
            return False
        if self._bench.sits:
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

"""What happens away from the chain, each on a thread of its own: fetching inputs, running jobs."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import StorageError
from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid.domain.specs import JobSpec
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.executor import Executor, Run, RunFailed, RunKilled, RunStopped, Task
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused, Judge, NotNow
from tensorgrid_worker.jobs.lastwords import TRIES, LastWords
from tensorgrid_worker.jobs.leave import Leave
from tensorgrid_worker.jobs.progress import ProgressPump
from tensorgrid_worker.jobs.receipts import Receipts
from tensorgrid_worker.jobs.slots import Load, Slots, crowded
from tensorgrid_worker.jobs.snapshots import Snap, Snapshots
from tensorgrid_worker.jobs.traces import remake_seconds
from tensorgrid_worker.logs import JobLog, in_context
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import PROGRESS, Result

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
INSPECTORS, MOST_INSPECTIONS = 2, 64
Publish = Callable[[JobId, int, bytes], None]


@dataclass(slots=True)
class _Pause:
    """A job's next try after a failure of ours: doubling waits."""

    until: float = 0.0
    length: float = FIRST_PAUSE


@dataclass(slots=True, order=True)
class _Current:
    """A job that runs, or waits for its turn: the one whose result is due first comes first."""

    due: int
    job: JobId
    terms: JobTerms = field(compare=False)
    seed: bytes = field(compare=False)
    stop: threading.Event = field(default_factory=threading.Event, compare=False)


class Workshop:
    """`inspect` and `run` return at once; their outcomes are asked for by `verdicts`, and found in the journal."""

    def __init__(
        self,
        *,
        inputs: Inputs,
        executor: Executor,
        receipts: Receipts,
        journal: Journal,
        gpus: list[Gpu],
        logs: Path,
        worker: str,
        publish: Publish,
        wake: Callable[[], None],
        min_progress_seconds: float,
        snap: Snap = lambda *_: None,
        snapshot_segments: int = 0,
        capacity: int = 1,
        max_threads: int = 1,
        waiting_bytes: int = 4 << 30,
        audits: str = "",
    ) -> None:
        """`audits`: address of the verifier whose jobs are bound together with their trace; empty: there is none."""
        self.inputs, self.executor, self._receipts, self._journal = inputs, executor, receipts, journal
        self._audits = audits
        self._logs, self._worker, self._publish, self._wake = logs, worker, publish, wake
        self._capacity, self.slots = capacity, Slots(max_threads, gpus)
        self._snap, self._snapshot_segments = snap, snapshot_segments
        self._min_progress, self._most_waiting = min_progress_seconds, waiting_bytes
        self._last_words = LastWords(inputs, worker, publish)
        self._lock = threading.Lock()
        self._inspecting: set[JobId] = set()
        self._verdicts: dict[JobId, str] = {}  # "" ready, else why refused
        self._pauses: dict[JobId, _Pause] = {}
        self._leaves: dict[JobId, Leave] = {}
        self._kills: dict[JobId, int] = {}
        self._to_inspect: deque[Callable[[], None]] = deque()
        self._inspectors = self._runners = 0  # threads at work
        self._queue: list[_Current] = []  # a heap
        self._current: dict[JobId, _Current] = {}  # in the queue, or running
        self._loads: dict[JobId, Load] = {}  # of what was inspected
        self._waiting: dict[JobId, int] = {}  # bytes of what was inspected for a take
        self._threads: list[threading.Thread] = []
        self.failure: BaseException | None = None

    # ------------------------------------------------------------------------------------------------ asked by the loop

    def busy(self) -> frozenset[JobId]:
        """Under inspection, or waiting for the next try."""
        now = time.monotonic()
        with self._lock:
            return frozenset(self._inspecting | {job for job, pause in self._pauses.items() if pause.until > now})

    def running(self) -> frozenset[JobId]:
        """Those that wait for their turn too."""
        with self._lock:
            return frozenset(self._current)

    def verdicts(self) -> dict[JobId, str]:
        """Inspections that ended since the last call: "" when all is there and right, else why the job is refused."""
        with self._lock:
            found, self._verdicts = self._verdicts, {}
            return found

    def loads(self) -> dict[JobId, Load]:
        """What each inspected job may take of the machine."""
        with self._lock:
            return dict(self._loads)

    def crowded(self, new: Load, others: Iterable[Load], seconds: int) -> str:
        """Why a further run could end too late behind those that are owed already; empty when there is time."""
        return crowded(new, others, threads=self.slots.threads, gpus=self.slots.gpus, seconds=seconds)

    def inspect(self, job: JobId, terms: JobTerms, judge: Judge | None = None) -> None:
        """Nothing when enough are under way: it is planned again. `judge`: of jobs that are still to be taken."""
        with self._lock:
            if job in self._inspecting or len(self._inspecting) >= MOST_INSPECTIONS:
                return
            self._inspecting.add(job)
            self._to_inspect.append(lambda: self._inspect(job, terms, judge))
            if self._inspectors == INSPECTORS:
                return
            self._inspectors += 1
        self._spawn("inspect", self._inspect_all)

    def run(self, job: JobId, terms: JobTerms, seed: bytes, due: int = 0) -> None:
        """Now, or when its turn comes: the job whose result is due first (chain time) is run first."""
        with self._lock:
            if job in self._current:
                return
            self._waiting.pop(job, None)
            self._current[job] = current = _Current(due, job, terms, seed)
            heapq.heappush(self._queue, current)
            if self._runners == self._capacity:
                return
            self._runners += 1
        self._spawn("execute", self._run_all)

    def leave(self, job: JobId, *, at_once: bool = False) -> None:
        """End the run of an audited job early: what is whole is stored as its result. Idempotent."""
        self._leave_of(job).ask(at_once=at_once)

    def stop(self, job: JobId) -> None:
        """Kill the run of that job, or take it out of the queue."""
        with self._lock:
            current = self._current.get(job)
            if current is None:
                return
            current.stop.set()
            if current in self._queue:
                self._queue.remove(current)
                heapq.heapify(self._queue)
                del self._current[job]

    def holds(self, job: JobId) -> bool:
        """Whether something of that job lies on disk."""
        return self.inputs.folder(job).exists()

    def waiting(self) -> dict[JobId, int]:
        """Bytes on disk of each job that was inspected before it was taken, and not forgotten since."""
        with self._lock:
            return dict(self._waiting)

    def spec(self, job: JobId, terms: JobTerms) -> JobSpec | None:
        """As it lies here; None when it has gone."""
        return self.inputs.spec(job, terms)

    def sweep(self, known: Collection[JobId], untaken: Iterable[JobId]) -> None:
        """Remove what lies on disk of any job that is not known: left by a crash, or by a journal that was lost."""
        self.inputs.sweep(known)
        sizes = {job: self.inputs.size(job) for job in untaken}
        with self._lock:
            self._waiting |= sizes

    def forget(self, job: JobId) -> None:
        """Remove what an ended job left on disk."""
        self.inputs.forget(job)
        self._last_words.forget(job)
        with self._lock:
            self._pauses.pop(job, None)
            self._loads.pop(job, None)
            self._waiting.pop(job, None)
            self._leaves.pop(job, None)
            self._kills.pop(job, None)

    def close(self) -> None:
        """Kill what runs and wait for it."""
        with self._lock:
            self._to_inspect.clear()
            for current in self._current.values():
                current.stop.set()
        for thread in self._threads:
            thread.join(timeout=10)

    # --------------------------------------------------------------------------------------------------- on the threads

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                target()
            except BaseException as error:  # the loop must not wait for ever for a thread that died
                self.failure = error
            finally:
                self._wake()

        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=in_context(guarded), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _inspect_all(self) -> None:
        """The calling thread's life: one inspection after the other until none is left."""
        while True:
            with self._lock:
                if not self._to_inspect:
                    self._inspectors -= 1
                    return
                inspect = self._to_inspect.popleft()
            inspect()
            self._wake()

    def _run_all(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._runners -= 1
                    return
                current = heapq.heappop(self._queue)
            try:
                self._run(current)
            finally:
                with self._lock:
                    self._current.pop(current.job, None)
            self._wake()

    def _inspect(self, job: JobId, terms: JobTerms, judge: Judge | None) -> None:
        log = JobLog(self._logs, job)
        verdict: str | None = None
        try:
            if judge is not None and sum(self.waiting().values()) > self._most_waiting:
                raise NotNow("jobs that wait to be taken fill the disk that they may fill")
            need = self.inputs.prepare(job, terms, judge).spec.resources
            with self._lock:
                self._loads[job] = Load(need.wall_seconds, need.threads, need.gpus)
                if judge is not None:
                    self._waiting[job] = self.inputs.size(job)
            verdict = ""
            log.say("job.prepared")
        except JobRefused as error:
            verdict = str(error)
        except NotNow as error:
            if self._pause(job) == FIRST_PAUSE:  # told once, asked again at growing intervals
                log.say("job.waits", reason=str(error))
        except (StorageError, OSError) as error:
            self._pause(job)
            log.say("inputs.unavailable", reason=str(error))
        except Exception as error:  # a fault of ours that strangers' bytes have found: it costs their job, not us
            verdict = f"its inspection failed: {type(error).__name__}"
            log.say("inspect.fault", reason=repr(error))
        with self._lock:
            self._inspecting.discard(job)
            if verdict is not None:
                self._verdicts[job] = verdict
                self._pauses.pop(job, None)

    def _run(self, current: _Current) -> None:
        job, log = current.job, JobLog(self._logs, current.job)
        try:
            if current.stop.is_set():
                raise RunStopped("the job ended before its turn came")
            self._run_and_store(current, log)
            with self._lock:
                self._pauses.pop(job, None)
        except RunStopped as error:
            log.say("run.stopped", reason=str(error))
        except (RunFailed, StorageError, OSError, JobRefused) as error:
            self._pause(job)
            if isinstance(error, RunKilled):
                self._count_kill(job)
            log.say("run.failed", reason=str(error))
            self._last_words.after(job, current.terms, error)
        except Exception as error:  # as in _inspect: other jobs still wait for their reveals
            self._pause(job)
            log.say("run.fault", reason=repr(error))
            self._last_words.after(job, current.terms, error)

    def _run_and_store(self, current: _Current, log: JobLog) -> None:
        job = current.job
        prepared = self.inputs.prepare(job, current.terms)  # again: files may have gone or been changed since the take
        wants = prepared.spec.resources
        with self.slots.of(wants.threads, wants.gpus, current.stop) as gpus:
            task = prepared.task(current.seed, gpus)
            run = self._execute(current, task, log)
        result = self._store(current, task, run, log)
        self._journal.keep_result(result)
        log.say("result.stored", exit=result.exit.name.lower(), receipt=result.receipt.hex())

    def _execute(self, current: _Current, task: Task, log: JobLog) -> Run:
        job, spec = current.job, task.spec
        log.say("run.started", wall_seconds=spec.resources.wall_seconds)
        first = sum(1 for known, kind in self._journal.kinds() if known == job and kind.startswith(PROGRESS))
        store = self.inputs.store

        def publish(sequence: int, digest: bytes) -> None:
            self._publish(job, sequence, digest)

        every = max(spec.progress_seconds, self._min_progress)
        pump = ProgressPump(job, self._worker, spec, store, publish, every=every, first_sequence=first)
        with pump:
            snapshots = Snapshots(job, self._snap, segments=self._snapshot_segments, seconds=every)
            run = self.executor.run(
                task, on_point=pump.add, stop=current.stop, on_segment=snapshots.add, leave=self._leave_of(job)
            )
        if run.traced is not None and current.terms.verifier == self._audits:
            plan = AuditTerms.unpack(current.terms.verifier_params)
            worst, given = remake_seconds(run.traced, run.seconds, plan.drawn), plan.respond_time + plan.audit_time
            if worst > given:
                todo = "give kept states more room: max_state_bytes, and the disk"
                log.say("audit.remake_slow", worst=round(worst), given=given, todo=todo)
        log.say("run.left" if run.left else "run.ended", exit=run.exit.name.lower(), seconds=round(run.seconds, 2))
        return run

    def _store(self, current: _Current, task: Task, run: Run, log: JobLog) -> Result:
        """A store that fails now must not cost the run: tried again until the job is over."""
        terms, pause = current.terms, FIRST_PAUSE
        segments = AuditTerms.unpack(terms.verifier_params).segments if terms.verifier == self._audits else 0
        while True:
            try:
                return self._receipts.of_run(
                    current.job, current.seed, task.spec, run, segments=segments, roots=task.roots
                )
            except StorageError as error:
                log.say("store.failed", reason=str(error), again_in=pause)
            if current.stop.wait(pause):
                raise RunStopped("the worker stops before the result could be stored; the job will be run again")
            pause = min(pause * 2, LONGEST_PAUSE)

    def _leave_of(self, job: JobId) -> Leave:
        with self._lock:
            return self._leaves.setdefault(job, Leave())

    def _count_kill(self, job: JobId) -> None:
        """A machine that kills a job again and again will not end it: what is whole is worth more than another try."""
        with self._lock:
            self._kills[job] = self._kills.get(job, 0) + 1
            hopeless = self._kills[job] >= TRIES
        if hopeless:
            self.leave(job, at_once=True)

    def _pause(self, job: JobId) -> float:
        """How long, seconds."""
        with self._lock:
            pause = self._pauses.setdefault(job, _Pause())
            length = pause.length
            pause.until = time.monotonic() + length
            pause.length = min(length * 2, LONGEST_PAUSE)
            return length

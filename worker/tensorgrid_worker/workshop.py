"""What happens away from the chain, each on a thread of its own: fetching inputs, running jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tensorgrid.domain.errors import StorageError
from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid_worker.executor import Executor, Run, RunFailed, RunStopped, Task
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.inputs import Inputs, JobRefused
from tensorgrid_worker.journal import Journal
from tensorgrid_worker.logs import JobLog
from tensorgrid_worker.progress import ProgressPump
from tensorgrid_worker.receipts import Receipts
from tensorgrid_worker.rows import Result
from tensorgrid_worker.submitter import PROGRESS

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
MOST_INSPECTIONS = 4
Publish = Callable[[JobId, int, bytes], None]


@dataclass(slots=True)
class _Pause:
    """A job's next try after a failure of ours: doubling waits."""

    until: float = 0.0
    length: float = FIRST_PAUSE


@dataclass(slots=True)
class _Current:
    job: JobId
    stop: threading.Event = field(default_factory=threading.Event)


class Workshop:
    """`inspect` and `run` return at once; their outcomes are asked for by `refused`, `ready` and the journal."""

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
    ) -> None:
        self._inputs, self._executor, self._receipts, self._journal = inputs, executor, receipts, journal
        self._gpus, self._logs, self._worker, self._publish, self._wake = gpus, logs, worker, publish, wake
        self._min_progress = min_progress_seconds
        self._lock = threading.Lock()
        self._inspecting: set[JobId] = set()
        self._verdicts: dict[JobId, str] = {}  # "" ready, else why refused
        self._pauses: dict[JobId, _Pause] = {}
        self._current: _Current | None = None
        self._threads: list[threading.Thread] = []
        self.failure: BaseException | None = None

    # ------------------------------------------------------------------------------------------------ asked by the loop

    def busy(self) -> frozenset[JobId]:
        """Under inspection, or waiting for the next try."""
        now = time.monotonic()
        with self._lock:
            return frozenset(self._inspecting | {job for job, pause in self._pauses.items() if pause.until > now})

    def running(self) -> frozenset[JobId]:
        current = self._current
        return frozenset() if current is None else frozenset({current.job})

    def verdicts(self) -> dict[JobId, str]:
        """Inspections that ended since the last call: "" when all is there and right, else why the job is refused."""
        with self._lock:
            found, self._verdicts = self._verdicts, {}
            return found

    def inspect(self, job: JobId, terms: JobTerms) -> None:
        """Nothing when enough are under way: it is planned again."""
        with self._lock:
            if job in self._inspecting or len(self._inspecting) >= MOST_INSPECTIONS:
                return
            self._inspecting.add(job)
        self._spawn("inspect", lambda: self._inspect(job, terms))

    def run(self, job: JobId, terms: JobTerms, seed: bytes) -> None:
        """Nothing when another job runs."""
        if self._current is None:
            self._current = current = _Current(job)
            self._spawn("execute", lambda: self._run(current, terms, seed))

    def stop(self, job: JobId) -> None:
        """Kill the run of that job, if it is the one."""
        current = self._current
        if current is not None and current.job == job:
            current.stop.set()

    def forget(self, job: JobId) -> None:
        """Remove what an ended job left on disk."""
        self._inputs.forget(job)
        with self._lock:
            self._pauses.pop(job, None)

    def close(self) -> None:
        """Kill what runs and wait for it."""
        current = self._current
        if current is not None:
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
        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _inspect(self, job: JobId, terms: JobTerms) -> None:
        log = JobLog(self._logs, job)
        verdict: str | None = None
        try:
            self._inputs.prepare(job, terms)
            verdict = ""
            log.say("job.prepared")
        except JobRefused as error:
            verdict = str(error)
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

    def _run(self, current: _Current, terms: JobTerms, seed: bytes) -> None:
        job, log = current.job, JobLog(self._logs, current.job)
        try:
            self._run_and_store(current, terms, seed, log)
            with self._lock:
                self._pauses.pop(job, None)
        except RunStopped as error:
            log.say("run.stopped", reason=str(error))
        except (RunFailed, StorageError, OSError, JobRefused) as error:
            self._pause(job)
            log.say("run.failed", reason=str(error))
        except Exception as error:  # as in _inspect: other jobs still wait for their reveals
            self._pause(job)
            log.say("run.fault", reason=repr(error))
        finally:
            self._current = None

    def _run_and_store(self, current: _Current, terms: JobTerms, seed: bytes, log: JobLog) -> None:
        job = current.job
        prepared = self._inputs.prepare(job, terms)  # again: files may have gone or been changed since the take
        gpus = tuple(self._gpus[: prepared.spec.resources.gpus])
        task = Task(prepared.spec, seed, prepared.folder, gpus)
        log.say("run.started", wall_seconds=prepared.spec.resources.wall_seconds)
        first = sum(1 for known, kind in self._journal.kinds() if known == job and kind.startswith(PROGRESS))
        store = self._inputs.store

        def publish(sequence: int, digest: bytes) -> None:
            self._publish(job, sequence, digest)

        every = max(prepared.spec.progress_seconds, self._min_progress)
        pump = ProgressPump(job, self._worker, prepared.spec, store, publish, every=every, first_sequence=first)
        with pump:
            run = self._executor.run(task, on_point=pump.add, stop=current.stop)
        log.say("run.ended", exit=run.exit.name.lower(), seconds=round(run.seconds, 2))
        result = self._store(job, seed, task, run, log, current.stop)
        self._journal.keep_result(result)
        log.say("result.stored", exit=result.exit.name.lower(), receipt=result.receipt.hex())

    def _store(self, job: JobId, seed: bytes, task: Task, run: Run, log: JobLog, stop: threading.Event) -> Result:
        """A store that fails now must not cost the run: tried again until the job is over."""
        pause = FIRST_PAUSE
        while True:
            try:
                return self._receipts.of_run(job, seed, task.spec, run)
            except StorageError as error:
                log.say("store.failed", reason=str(error), again_in=pause)
            if stop.wait(pause):
                raise RunStopped("the worker stops before the result could be stored; the job will be run again")
            pause = min(pause * 2, LONGEST_PAUSE)

    def _pause(self, job: JobId) -> None:
        with self._lock:
            pause = self._pauses.setdefault(job, _Pause())
            pause.until = time.monotonic() + pause.length
            pause.length = min(pause.length * 2, LONGEST_PAUSE)

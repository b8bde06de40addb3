"""What audits take time for, on threads: one at a time per job, which has one folder; tried again after a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import structlog

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.jobs.executor import RunStopped
from tensorgrid_worker.logs import in_context, short

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
Work = Callable[[threading.Event], Any]


@dataclass(slots=True)
class _Errand:
    job: JobId
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    pause: float = FIRST_PAUSE
    again_at: float = 0.0
    done: bool = False
    result: Any = None


class Errands:
    """`wake`: called from the threads when one has ended."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._errands: dict[tuple[JobId, Hashable], _Errand] = {}

    def start(self, job: JobId, what: Hashable, work: Work, *, seconds: float) -> bool:
        """Unless it has ended well, is under way, its next try is not due, or another of the job runs; whether it was
        started. Stopped after `seconds`: what is late is of no use."""
        with self._lock:
            errand = self._errands.setdefault((job, what), _Errand(job))
            others = any(each.thread is not None for each in self._errands.values() if each.job == job)
            if errand.done or others or time.monotonic() < errand.again_at:
                return False
            errand.stop.clear()
            name = what[0] if isinstance(what, tuple) else what
            target = in_context(lambda: self._do(errand, str(name), work, seconds))
            errand.thread = threading.Thread(target=target, name="audit", daemon=True)
        errand.thread.start()
        return True

    def result(self, job: JobId, what: Hashable) -> Any:
        """None as long as there is none."""
        with self._lock:
            errand = self._errands.get((job, what))
            return errand.result if errand is not None and errand.done else None

    def running(self) -> frozenset[JobId]:
        with self._lock:
            return frozenset(errand.job for errand in self._errands.values() if errand.thread is not None)

    def forget(self, job: JobId) -> None:
        """The job has ended: nobody waits for the answer."""
        with self._lock:
            for key in [key for key in self._errands if key[0] == job]:
                self._errands.pop(key).stop.set()

    def close(self) -> None:
        """Stop what runs and wait for it."""
        with self._lock:
            errands = list(self._errands.values())
        for errand in errands:
            errand.stop.set()
        for errand in errands:
            if errand.thread is not None:
                errand.thread.join(timeout=10)

    def _do(self, errand: _Errand, name: str, work: Work, seconds: float) -> None:
        late = threading.Timer(max(0.0, seconds), errand.stop.set)
        late.daemon = True
        late.start()
        try:
            result, done = work(errand.stop), True
        except Exception as error:  # strangers' bytes and this machine's faults cost this try, never the daemon
            result, done = None, False
            self._failed(errand, name, error)
        finally:
            late.cancel()
        with self._lock:
            errand.result, errand.done, errand.thread = result, done, None
        self._wake()

    def _failed(self, errand: _Errand, name: str, error: Exception) -> None:
        known = isinstance(error, TensorgridError | OSError)
        event = "audit.stopped" if isinstance(error, RunStopped) else "audit.failed" if known else "audit.fault"
        reason = str(error) if known else repr(error)
        log.warning(event, job=short(errand.job), what=name, reason=reason, again_in=errand.pause)
        errand.again_at = time.monotonic() + errand.pause
        errand.pause = min(errand.pause * 2, LONGEST_PAUSE)

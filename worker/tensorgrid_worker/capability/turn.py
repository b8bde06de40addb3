"""One measurement on a thread of its own, which gives way to a job at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from threading import Event

import structlog

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker.capability.machine import fingerprint
from tensorgrid_worker.capability.measured import Measured
from tensorgrid_worker.capability.record import Record
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.executor import RunStopped

log = structlog.get_logger()

Measure = Callable[[bytes, Event], list[Measured]]
"""(nonce, stop) -> one entry per device. Raises TensorgridError."""


class Turn:
    """`begin`, then `running` until `take` has something, or nothing because it was stopped or failed."""

    def __init__(self, measure: Measure, gpus: Sequence[Gpu]) -> None:
        self._measure, self._gpus = measure, gpus
        self._stop, self._found = Event(), list[Record]()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self, nonce: bytes) -> None:
        """Nothing when one runs."""
        if self.running:
            return
        self._stop = Event()
        self._thread = threading.Thread(target=self._run, args=(nonce, self._stop), name="measure", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Kills the child; `take` will have nothing."""
        self._stop.set()

    def close(self) -> None:
        """Stop it and wait."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def take(self) -> Record | None:
        """The record of a measurement that ended since the last call."""
        return self._found.pop() if self._found else None

    def _run(self, nonce: bytes, stop: Event) -> None:
        try:
            measured = self._measure(nonce, stop)
        except RunStopped:
            log.info("capability.put_off", reason="a job came")
        except (TensorgridError, OSError) as error:  # a failed look is no finding: the old record stands
            log.warning("capability.not_measured", reason=str(error))
        except Exception as error:
            log.warning("capability.fault", reason=repr(error))
        else:
            if not stop.is_set():
                machine = fingerprint(self._gpus)
                self._found.append(Record(tuple(measured), int(time.time()), nonce.hex(), machine))

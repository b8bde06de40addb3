"""What audits need of the rest of the worker: inputs, sandbox, store and machine parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tensorgrid.domain.jobs import JobId
from tensorgrid.storage.base import BlobStore
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.jobs.inputs import Inputs
from tensorgrid_worker.jobs.slots import Slots


@dataclass(frozen=True, slots=True)
class Tools:
    """Shared by all audits of one worker; safe from several threads."""

    inputs: Inputs
    executor: Executor
    slots: Slots

    @property
    def store(self) -> BlobStore:
        return self.inputs.store

    @contextmanager
    def task(self, audit: AuditPicture, stop: Event, *, urgent: bool = False) -> Iterator[Task]:
        """The job, ready to be run or replayed, once the machine has room for it. `urgent`: a clock runs that costs our
        stake, so paid jobs are not waited for.

        Raises JobRefused, NotNow, StorageError, RunStopped.
        """
        prepared = self.inputs.prepare(audit.id, audit.terms)
        wants = prepared.spec.resources
        with self.slots.of(wants.threads, wants.gpus, stop, urgent=urgent) as gpus:
            yield prepared.task(audit.seed, gpus)

    def reading(self, audit: AuditPicture) -> Task:
        """The job, for who only reads what its run has left. Raises JobRefused, NotNow, StorageError."""
        prepared = self.inputs.prepare(audit.id, audit.terms)
        return prepared.task(audit.seed)

    def room(self, job: JobId) -> Path:
        """A folder for states on their way, which is not part of any run."""
        folder = self.inputs.folder(job) / "audit"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

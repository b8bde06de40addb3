"""What a requester is told when a run fails for the worker's own reasons, so that no receipt will carry its log.

One sealed note and one transaction per job. Sentences of a fixed list: an error's own words name paths of this machine.
"""

from __future__ import annotations

from collections.abc import Callable

from tensorgrid.domain.errors import StorageError
from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid.domain.notes import note_blob
from tensorgrid.privacy import seal
from tensorgrid_worker.jobs.executor import RunFailed
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused

NOTE_SEQUENCE = 2**53 - 1
"""Of every note: the outbox knows it as the same transaction, however often the run fails."""
TRIES = 3
"""Failures of one job before its requester hears of it: most pass by themselves."""
AGAIN = "it is tried again as long as the deadline lets"


class LastWords:
    """`after(...)` on every failure; speaks on the TRIES-th. `publish`: as of progress."""

    def __init__(self, inputs: Inputs, worker: str, publish: Callable[[JobId, int, bytes], None]) -> None:
        self._inputs, self._worker, self._publish = inputs, worker, publish
        self._failures: dict[JobId, int] = {}

    def after(self, job: JobId, terms: JobTerms, error: Exception) -> bool:
        """Whether something was said now. Never raises: this is a courtesy in the middle of a failure."""
        self._failures[job] = self._failures.get(job, 0) + 1
        if self._failures[job] != TRIES:
            return False
        try:
            spec = self._inputs.spec(job, terms)  # for whom to seal
            if spec is None:
                return False
            blob = note_blob(job, self._worker, NOTE_SEQUENCE, _sentence(error), _log(error))
            cid = self._inputs.store.put(seal(blob.to_bytes(), spec.recipients))
            self._publish(job, NOTE_SEQUENCE, cid.digest)
        except Exception:  # the store is what fails, perhaps, or the disk under the journal
            return False
        return True

    def forget(self, job: JobId) -> None:
        self._failures.pop(job, None)


def _sentence(error: Exception) -> str:
    match error:
        case RunFailed():
            return f"the sandbox of this worker did not start the job; {AGAIN}"
        case JobRefused():
            return "the inputs that this worker had checked are not what they were, and cannot be had again"
        case StorageError():
            return f"this worker's store or an input's store fails; {AGAIN}"
        case OSError():
            return f"the disk or the system of this worker fails; {AGAIN}"
    return f"a fault of this worker ({type(error).__name__}); {AGAIN}"


def _log(error: Exception) -> str:
    """Only what came out of the sandbox is the requester's to read."""
    return error.output if isinstance(error, RunFailed) else ""

"""From a finished run to what is committed to: payload -> root -> sealed blob -> receipt -> commitment."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import ResultRejected, StateRejected
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.manifests import trace_to_bytes
from tensorgrid.domain.payload import payload_root
from tensorgrid.domain.receipts import MAX_LOG_BYTES, Environment, Receipt, SealedRef
from tensorgrid.domain.results import result_root
from tensorgrid.domain.specs import JobSpec
from tensorgrid.domain.traces import Trace, audit_root
from tensorgrid.privacy import seal
from tensorgrid.storage.base import BlobStore
from tensorgrid_worker.jobs.endings import ended
from tensorgrid_worker.jobs.executor import Run
from tensorgrid_worker.memory.rows import Result, TraceMark


class Receipts:
    """Seals to the spec's recipients and stores. The plaintext never reaches a store."""

    def __init__(
        self, store: BlobStore, worker: str, environment: Environment, salt: Callable[[JobId, bytes], bytes]
    ) -> None:
        """`salt(job, seed)`: 32 bytes, the same every time (openings.Secrets)."""
        self._store, self._worker, self._environment, self._salt = store, worker, environment, salt

    def of_run(
        self, job: JobId, seed: bytes, spec: JobSpec, run: Run, *, segments: int = 0, roots: bytes | None = None
    ) -> Result:
        """Store the sealed parts and the receipt. Raises StorageError.

        roots: key of a private job's roots. segments: that an audited job's terms pay for; its result is bound together
        with its trace. A payload that does not parse is the function's fault: the exit class becomes RAISED, and the
        log says why.
        """
        exit_class, payload, log = run.exit, run.payload, run.log
        if exit_class is ExitClass.OK:
            try:
                root = result_root(job, ExitClass.OK, payload_root(payload or b"", roots))
            except ResultRejected as error:
                exit_class, payload = ExitClass.RAISED, None
                log = (log + f"[worker] {error}\n".encode())[-MAX_LOG_BYTES:]
        trace = None
        if segments:
            trace, as_paid = ended(run.traced, spec, seed, job, exit_class, segments)
            if as_paid is not exit_class:
                exit_class = as_paid
                words = f"[worker] it has not the 1 to {segments} segments of its terms\n"
                log = (log + words.encode())[-MAX_LOG_BYTES:]
        if exit_class is not ExitClass.OK:
            root = result_root(job, exit_class)
        receipt = Receipt(
            job=job,
            worker=self._worker,
            exit=exit_class,
            sealed=self._put(payload, spec) if exit_class is ExitClass.OK and payload is not None else None,
            log=self._put(log, spec),
            environment=self._environment,
            trace=None if trace is None else self._put(_told(trace, job, exit_class), spec),
            state=None if trace is None else self._left_state(run, trace, spec, segments),
        )
        data = receipt.to_bytes()
        self._store.put(data)
        mark = None if trace is None else TraceMark(root, trace.root(), len(trace.segments))
        shown = root if mark is None else audit_root(job, mark.result, mark.trace, mark.done)
        return Result(
            job=job,
            seed=seed,
            exit=exit_class,
            salt=self._salt(job, seed),
            root=shown,
            root_hash=keccak256(shown),
            receipt=receipt.digest,
            mark=mark,
        )

    def _left_state(self, run: Run, trace: Trace, spec: JobSpec, segments: int) -> SealedRef | None:
        """The last whole state of a run that did not come to its end: whoever has it can go on from there."""
        last = sum(one.roots is not None and one.steps == trace.every for one in trace.segments)
        if last == segments or run.traced is None or last not in run.traced.kept.segments:
            return None
        with tempfile.TemporaryDirectory(dir=run.traced.kept.folder) as room:
            try:
                data = run.traced.kept.take(last, Path(room) / "state").read_bytes()
            except StateRejected:
                return None
        return self._put(data, spec)

    def _put(self, plain: bytes, spec: JobSpec) -> SealedRef:
        sealed = seal(plain, spec.recipients)
        return SealedRef(self._store.put(sealed), len(sealed))


def _told(trace: Trace, job: JobId, exit_class: ExitClass) -> bytes:
    return trace_to_bytes(trace, job, None if exit_class is ExitClass.OK else exit_class)

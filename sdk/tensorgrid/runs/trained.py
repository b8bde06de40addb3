"""What an audited run has left beside its result: its whole trace, and the state that somebody else can go on from.

Sealed to the requester, named in the worker's receipt, and believed only where they fit what stands on chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid.chain.audit_history import Snapshot
from tensorgrid.domain.audits import AuditOpening
from tensorgrid.domain.errors import BlobTooLarge, NotContinuable, ResultRejected, StateRejected, TraceInvalid
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.manifests import MAX_MANIFEST_BYTES, trace_from_bytes
from tensorgrid.domain.receipts import Receipt, SealedRef
from tensorgrid.domain.specs import JobSpec
from tensorgrid.domain.states import SavedState, StateFile
from tensorgrid.domain.traces import Trace
from tensorgrid.privacy import Identity, open_sealed, sealed_size_limit
from tensorgrid.runs.outcome import Claim, read_receipt
from tensorgrid.storage.base import BlobStore


@dataclass(frozen=True, slots=True)
class SnapshotMismatch:
    """The worker has shown `shown` as link `segment` of his trace while he ran, in `block`, and in the end committed to
    `committed` (None: his trace ends before it): he has changed what he had done. 32 bytes each."""

    segment: int
    block: int
    shown: bytes
    committed: bytes | None

    def __str__(self) -> str:
        if self.committed is None:
            return f"segment {self.segment} was shown in block {self.block} and left out of the trace in the end"
        return f"segment {self.segment} was another one in block {self.block}: the worker has changed his trace since"


def mismatches(snapshots: list[Snapshot], trace: Trace) -> tuple[SnapshotMismatch, ...]:
    """Those that are not in the trace that was committed to."""
    links = dict(enumerate(trace.links, 1))
    return tuple(
        SnapshotMismatch(one.up_to, one.log.block, one.head, links.get(one.up_to))
        for one in snapshots
        if links.get(one.up_to) != one.head
    )


@dataclass(frozen=True, slots=True)
class Remains:
    """Of one audited run, fetched when they are asked for. `opening`: held against the worker's commitment already."""

    job: JobId
    claim: Claim
    opening: AuditOpening
    store: BlobStore
    identity: Identity

    def trace(self) -> Trace:
        """All roots of the run, held against the chain. Raises ResultRejected, StorageError."""
        return self._trace(self._receipt())

    def state(self, spec: JobSpec) -> SavedState:
        """The last whole state, held against the trace. Raises NotContinuable where none was left, ResultRejected,
        StorageError."""
        if spec.private is not None:
            raise NotContinuable("a private job's state would lie open as another job's input; begin a new job")
        receipt = self._receipt()
        if receipt.state is None or spec.checkpoint is None:
            raise NotContinuable("the worker has left no state to go on from: the job came to its end, or never began")
        trace, data = self._trace(receipt), self._opened(receipt.state, spec.checkpoint.keep_bytes)
        segment = sum(one.roots is not None and one.steps == trace.every for one in trace.segments)
        try:
            state = StateFile.parse(data)
            found = (state.step, state.roots())
        except StateRejected as error:
            raise ResultRejected(f"the state that the worker left is malformed: {error}") from error
        step = spec.origin + segment * trace.every
        roots = trace.segments[segment - 1].roots if segment else None
        if roots is None or found != (step, roots):
            raise ResultRejected("the state that the worker left is not the one of its trace; keep it as evidence")
        return SavedState(self.job, segment, step, roots.root(), data)

    def _receipt(self) -> Receipt:
        return read_receipt(self.claim, job=self.job, store=self.store)

    def _trace(self, receipt: Receipt) -> Trace:
        if receipt.trace is None:
            raise ResultRejected("the worker's receipt names no trace")
        try:
            trace = trace_from_bytes(self._opened(receipt.trace, MAX_MANIFEST_BYTES), self.job)
            right = (trace.root(), len(trace.segments)) == (self.opening.trace_root, self.opening.done)
        except TraceInvalid as error:
            raise ResultRejected(f"the worker's trace is malformed: {error}") from error
        if not right:
            raise ResultRejected("the trace that the worker stored is not the one under the root on chain; keep it")
        return trace

    def _opened(self, ref: SealedRef, most: int) -> bytes:
        limit = sealed_size_limit(most)
        if ref.bytes > limit:
            raise BlobTooLarge(f"the worker names a blob of {ref.bytes} bytes, at most {limit} are read")
        return open_sealed(self.store.get(ref.cid, max_bytes=limit), self.identity)

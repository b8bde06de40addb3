"""One slice of a batch as it was posted: its job, its items, and what came of them once the job has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tensorgrid.domain.batches import BatchSlice, check_slice, items_in, outputs_in, pack_slice
from tensorgrid.domain.errors import (
    AuditFailed,
    JobFailed,
    JobNotTaken,
    PartlyDone,
    ResultRejected,
    SpecInvalid,
    WorkersSilent,
)
from tensorgrid.domain.jobs import AcceptanceClocks, JobTerms
from tensorgrid.domain.money import Amount
from tensorgrid.domain.payload import Payload
from tensorgrid.domain.specs import AUDIT, Checkpoint, JobSpec
from tensorgrid.ordering.continuing import class_name_of
from tensorgrid.ordering.packing import PackedJob
from tensorgrid.ordering.tiers import ACCEPT, REPLICATE
from tensorgrid.runs.run import Run
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.cid import cid_of_bytes

MONEY_IS_BACK = (JobNotTaken, WorkersSilent, AuditFailed)
"""After these, what comes back pays for another try."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a slice whose job has ended. outputs: by index, as bytes. why: of the items without one. again: the item from
    which on the money is back, so that those without an output can be posted again; None: it is spent."""

    outputs: Mapping[int, bytes]
    why: JobFailed | ResultRejected | None = None
    again: int | None = None


@dataclass(slots=True)
class Slice:
    """tries: how often its items were posted before. own: indices that no later slice has been posted for."""

    run: Run
    batch: BatchSlice
    tries: int = 0
    done: bool = False
    own: set[int] = field(default_factory=set)

    def outcome(self) -> Outcome:
        """Of a job that has ended. Raises StorageError (its result cannot be had now), KeyMissing, Unreachable."""
        try:
            return Outcome(self._outputs(self.run.result(kind="numpy").payload))
        except PartlyDone as error:
            return self._partial(error)
        except MONEY_IS_BACK as error:
            return Outcome({}, error, self.batch.first)
        except (JobFailed, ResultRejected) as error:
            return Outcome({}, error)

    def _partial(self, error: PartlyDone) -> Outcome:
        """What lies behind the segments that were paid was audited by nobody, whatever the result holds there."""
        end = self.batch.first + error.done * (self.run.spec.checkpoint.every if self.run.spec.checkpoint else 1)
        try:
            outputs = self._outputs(self.run.partial(kind="numpy").result.payload)
        except (JobFailed, ResultRejected) as other:
            return Outcome({}, other, end)
        return Outcome({index: data for index, data in outputs.items() if index < end}, error, end)

    def _outputs(self, payload: bytes) -> dict[int, bytes]:
        found = outputs_in(Payload.parse(payload), self.batch)
        return {index: bytes(data) for index, data in found.items()}


def rest_of_slice(spec: JobSpec, first: int, store: BlobStore) -> PackedJob:
    """The same work from item `first` on, under the same root. Raises StorageError, SpecInvalid."""
    batch = spec.batch
    if batch is None:
        raise SpecInvalid("this job is no slice of a batch; submit it again instead")
    if first == batch.first:
        return PackedJob(spec, ())
    data = store.get(batch.cid, max_bytes=batch.size)
    left = items_in(data, batch)[first - batch.first :]
    blob = pack_slice(first, left, check_slice(data, batch).prove(first, len(left)))
    shorter = replace(batch, first=first, items=len(left), cid=cid_of_bytes(blob), size=len(blob))
    kept = spec.checkpoint and Checkpoint(spec.checkpoint.every, spec.checkpoint.keep_bytes)
    return PackedJob(replace(spec, batch=shorter, checkpoint=kept), (blob,))


def options_again(spec: JobSpec, terms: JobTerms, back: Amount) -> dict[str, Any]:
    """What `Client.submit` is told of a slice that is posted again with what came back. Raises NotContinuable."""
    assert spec.batch is not None, "asked of slices"
    options: dict[str, Any] = {"budget": back, "gpu": class_name_of(terms), "stake": terms.stake}
    if spec.tier == AUDIT:
        options["steps"] = spec.batch.items
    if spec.tier == REPLICATE:
        options |= {"replicas": terms.workers, "any_score": True}
    if spec.tier == ACCEPT:
        options["reject_within"] = AcceptanceClocks.unpack(terms.verifier_params).window
    return options

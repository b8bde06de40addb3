"""From an audited run that ended early to the order of the rest: a new job, whose first state is its last one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import NotContinuable
from tensorgrid.domain.jobs import JobTerms, hardware_class
from tensorgrid.domain.money import Amount, Token
from tensorgrid.domain.specs import Checkpoint, JobSpec, Resume
from tensorgrid.domain.states import SavedState
from tensorgrid.ordering.packing import PackedJob
from tensorgrid.ordering.posting import CPU, GPU_CLASSES, proposal_of
from tensorgrid.storage.cid import cid_of_bytes


@dataclass(frozen=True, slots=True)
class Rest:
    """What is still to be bought: the job, and the options that `Client.submit` takes for it."""

    packed: PackedJob
    options: dict[str, Any]


def rest_of(
    contracts: Contracts, spec: JobSpec, terms: JobTerms, token: Token, saved: SavedState, steps: int | None
) -> Rest:
    """The same code, inputs and readers. steps: calls of tg.checkpoint of the whole training; None: as many as the
    segments of the earlier job had room for. The budget is the earlier one's share of what is left, rounded up.

    Raises NotContinuable when nothing is left, or the class is not known here.
    """
    assert spec.checkpoint is not None, "only audited jobs leave states"
    promised = AuditTerms.unpack(terms.verifier_params).segments * spec.checkpoint.every
    whole = spec.origin + promised if steps is None else steps
    left = whole - saved.step
    if left < 1:
        raise NotContinuable(f"{saved.step} of {whole} steps are done; there is nothing left to buy")
    every = _every(left, spec.checkpoint.every, proposal_of(contracts).segments)
    resume = Resume(saved.job, saved.segment, saved.step, saved.root, cid_of_bytes(saved.data), len(saved.data))
    changed = replace(spec, resume=resume, checkpoint=Checkpoint(every, spec.checkpoint.keep_bytes))
    budget = Amount(-(-terms.escrow * left // promised), token)
    options = {"budget": budget, "steps": left, "gpu": class_name_of(terms), "stake": terms.stake}
    return Rest(PackedJob(changed, (saved.data,)), options)


def _every(left: int, every: int, segments: int) -> int:
    """As before, or shorter where the network would find too few segments in what is left."""
    return every if -(-left // every) >= segments else max(1, left // segments)


def class_name_of(terms: JobTerms) -> str | None:
    """What `gpu` was. Raises NotContinuable for a class that has no name here."""
    for name in (CPU, *GPU_CLASSES):
        if hardware_class(name) == terms.hardware_class:
            return None if name == CPU else name
    raise NotContinuable("the class of the earlier job has no name here; name it with gpu=...")

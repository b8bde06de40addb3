"""From a function and its arguments to a JobSpec, with every blob it names stored.

Arguments: JSON values travel inside the spec (of a private job in a sealed file); arrays and tensors become inputs,
each a safetensors file fetched by CID.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tensorgrid.bundle import bundle_of
from tensorgrid.domain.arrays import kind_of, pack_input
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.encoding import canonical_json
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobkeys import ARGUMENTS, BUNDLE, JobKeys, label_of, new_job_key
from tensorgrid.domain.specs import (
    AUDIT,
    PRIVATE_TIERS,
    BundleRef,
    Checkpoint,
    InputRef,
    JobSpec,
    Resources,
    SealedParts,
)
from tensorgrid.lint import lint_source, refuse
from tensorgrid.ordering.auditing import every_of
from tensorgrid.ordering.options import JobOptions
from tensorgrid.ordering.terms import parse_duration, parse_size
from tensorgrid.privacy import seal, seal_blob
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.cid import cid_of_bytes


@dataclass(frozen=True, slots=True)
class PackedJob:
    """A spec and the blobs it names, nothing stored yet: all checks come before the first byte leaves."""

    spec: JobSpec
    blobs: tuple[bytes, ...]

    def store(self, store: BlobStore) -> None:
        """Put every blob and the spec. Idempotent. Raises StorageError."""
        for blob in (*self.blobs, self.spec.to_bytes()):
            store.put(blob)


def pack(
    function: Callable[..., Any],
    arguments: dict[str, Any],
    options: JobOptions,
    *,
    gpus: int,
    recipients: Sequence[str],
) -> PackedJob:
    """Raises SpecInvalid, FunctionNotPortable, NotRepeatable (of a job that is to be audited)."""
    if options.private and options.verify not in PRIVATE_TIERS:
        raise SpecInvalid(
            f"private=True is not sold with verify={options.verify!r}; choose verify={PRIVATE_TIERS[0]!r}, where one "
            "worker and the auditors of a few segments are given the key"
        )
    if options.tolerance is not None:
        raise SpecInvalid("tolerance is for the outputs of a batch's items; use map, or leave it out")
    bundle = bundle_of(function)
    if options.verify == AUDIT and options.lint:
        refuse(lint_source(bundle.source, gpu=gpus > 0))
    values: dict[str, Any] = {}
    inputs: dict[str, InputRef] = {}
    blobs = [bundle.source]
    for name, value in arguments.items():
        if kind_of(value) is None:
            values[name] = _json_value(name, value)
            continue
        data, kind = pack_input(value)
        inputs[name] = InputRef(cid=cid_of_bytes(data), bytes=len(data), kind=kind)
        blobs.append(data)
    spec = JobSpec(
        bundle=BundleRef(cid=cid_of_bytes(bundle.source), entry=bundle.entry, bytes=len(bundle.source)),
        arguments=values,
        inputs=inputs,
        resources=Resources(
            gpus=gpus,
            memory_bytes=parse_size(options.memory),
            threads=options.threads,
            wall_seconds=parse_duration(options.wall),
            output_bytes=parse_size(options.output),
        ),
        progress_seconds=options.progress_every,
        recipients=tuple(dict.fromkeys(recipients)),
        tier=options.verify,
        checkpoint=_checkpoint(options) if options.verify == AUDIT else None,
    )
    spec.to_bytes()
    packed = PackedJob(spec, tuple(dict.fromkeys(blobs)))
    return sealed_job(packed) if options.private else packed


def sealed_job(plain: PackedJob) -> PackedJob:
    """The same job with code, arguments and inputs sealed under a new job key, which is sealed to the recipients."""
    spec, job_key = plain.spec, new_job_key()
    keys, blobs = JobKeys.of(job_key), {cid_of_bytes(blob): blob for blob in plain.blobs}

    def seal_part(data: bytes, label: str) -> tuple[Cid, int]:
        sealed = seal_blob(data, keys.blob(label))
        sealed_blobs.append(sealed)
        return cid_of_bytes(sealed), len(sealed)

    sealed_blobs: list[bytes] = []
    code = seal_part(blobs[spec.bundle.cid], BUNDLE)
    arguments = seal_part(canonical_json(dict(spec.arguments)), ARGUMENTS)
    inputs = {
        name: InputRef(*seal_part(blobs[ref.cid], label_of(name)), kind=ref.kind) for name, ref in spec.inputs.items()
    }
    private = SealedParts(*arguments, key=seal(job_key, spec.recipients), check=keys.check)
    bundle = BundleRef(cid=code[0], entry=spec.bundle.entry, bytes=code[1])
    found = replace(spec, bundle=bundle, arguments={}, inputs=inputs, private=private)
    found.to_bytes()
    return PackedJob(found, tuple(sealed_blobs))


def _checkpoint(options: JobOptions) -> Checkpoint:
    return Checkpoint(every_of(options.steps, options.checkpoint_every), parse_size(options.keep_bytes))


def _json_value(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    try:
        canonical_json(value)
    except SpecInvalid as error:
        raise SpecInvalid(
            f"argument {name!r} ({type(value).__name__}) cannot travel: pass JSON values, numpy arrays or torch tensors"
        ) from error
    return value

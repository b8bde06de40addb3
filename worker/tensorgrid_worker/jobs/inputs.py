"""Everything a job needs, fetched and checked BEFORE the worker takes it: afterwards the stake is at risk."""

from __future__ import annotations

import mmap
import re
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.batches import BatchSlice, check_slice
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.encoding import parse_json, sha256
from tensorgrid.domain.errors import BlobTooLarge, SpecInvalid, StateRejected, StorageError, TensorgridError
from tensorgrid.domain.jobkeys import JobKeys
from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid.domain.payload import ITEM_BYTES
from tensorgrid.domain.specs import MAX_SPEC_BYTES, RUNTIME, JobSpec, Resume
from tensorgrid.storage.base import BlobStore
from tensorgrid.storage.cid import cid_of_file
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.launching import Task
from tensorgrid_worker.jobs.sealed import fetch_sealed, keep_keys, kept_keys, unseal
from tensorgrid_worker.jobs.traces import roots_of
from tensorgrid_worker.policy.base import Refusal
from tensorgrid_worker.runtime.launch import ITEMS
from tensorgrid_worker.runtime.trace import ORIGIN

MAX_INPUT_HEADER = 64 * 1024
KEEP_FREE_BYTES = 512 << 20
"""Of the scratch folder's disk: strangers' inputs never take what the journal and a result need."""
INPUT_TENSOR = "value"
_FOLDER = re.compile(r"[0-9a-f]{64}")

Judge = Callable[[JobTerms, JobSpec], Refusal | None]
"""The owner's policies, asked once the spec is known."""


class NotNow(TensorgridError):
    """A job that the owner's policies refuse for the moment; it is asked about again while it is open."""


class JobRefused(TensorgridError):
    """A job that this worker will never take. Says why; said once per job."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked job: its spec, and its folder with in/spec.json, in/bundle.py and in/inputs/*.safetensors.

    Of a private job: `keys`, None while they are not here; then its code and inputs still lie sealed. `broken`: why
    they do not open, which is the job's fault; empty: they do.
    """

    spec: JobSpec
    folder: Path
    keys: JobKeys | None = None
    broken: str = ""

    def task(self, seed: bytes, gpus: tuple[Gpu, ...] = ()) -> Task:
        """To be run, or replayed. Raises JobRefused where its keys are not here."""
        if self.spec.private is not None and self.keys is None:
            raise JobRefused("the keys of this private job are not here; only those who are handed them can run it")
        return Task(self.spec, seed, self.folder, gpus, None if self.keys is None else self.keys.roots, self.broken)


class Inputs:
    """Fetches into `scratch`/<job id>/. Safe to call again: what is there already is checked anew and kept."""

    def __init__(self, store: BlobStore, scratch: Path, config: WorkerConfig, gpus: int) -> None:
        self.store = store
        self._scratch, self._config, self._gpus = scratch, config, gpus

    def folder(self, job: JobId) -> Path:
        return self._scratch / job.hex()

    def prepare(self, job: JobId, terms: JobTerms, judge: Judge | None = None) -> Prepared:
        """`judge` only before the take: who has a seat must do the job, whatever he would say of it now.

        Raises JobRefused for good, NotNow and StorageError for now (BlobNotFound: perhaps later).
        """
        try:
            return self._prepare(job, terms, judge)
        except (SpecInvalid, BlobTooLarge) as error:  # wrong bytes are the store's fault: perhaps not for ever
            raise JobRefused(str(error)) from error

    def forget(self, job: JobId) -> None:
        shutil.rmtree(self.folder(job), ignore_errors=True)

    def keep_keys(self, job: JobId, keys: JobKeys) -> None:
        """Of a private job, until it is forgotten. Raises OSError."""
        keep_keys(self.folder(job), keys)

    def keys(self, job: JobId) -> JobKeys | None:
        return kept_keys(self.folder(job))

    def roots(self, job: JobId) -> bytes | None:
        """Key of a private job's roots."""
        keys = self.keys(job)
        return None if keys is None else keys.roots

    def spec(self, job: JobId, terms: JobTerms) -> JobSpec | None:
        """As it lay here when it was inspected; None when it has gone."""
        try:
            data = (self.folder(job) / "in" / "spec.json").read_bytes()
        except OSError:
            return None
        return JobSpec.from_bytes(data) if sha256(data) == terms.spec_digest else None

    def size(self, job: JobId) -> int:
        """Bytes of its files on disk."""
        return sum(path.stat().st_size for path in self.folder(job).rglob("*") if path.is_file())

    def sweep(self, known: Collection[JobId]) -> None:
        """Remove the folders of all jobs but these."""
        kept = {job.hex() for job in known}
        for folder in self._scratch.glob("*"):
            if _FOLDER.fullmatch(folder.name) and folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _prepare(self, job: JobId, terms: JobTerms, judge: Judge | None) -> Prepared:
        folder = self.folder(job)
        inside = folder / "in"
        cid = Cid.of_digest(terms.spec_digest)
        kept = _kept(cid, inside / "spec.json")
        data = self.store.get(cid, max_bytes=MAX_SPEC_BYTES) if kept is None else (inside / "spec.json").read_bytes()
        spec = JobSpec.from_bytes(data)
        check_spec(spec, terms, self._config, self._gpus)
        (inside / "inputs").mkdir(parents=True, exist_ok=True, mode=0o700)
        (inside / "spec.json").write_bytes(data)
        if judge is not None and (refusal := judge(terms, spec)) is not None:
            raise (NotNow if refusal.passing else JobRefused)(str(refusal))
        if spec.private is not None:
            fetch_sealed(spec, spec.private, folder, self._fetch)
            keys = self.keys(job)
            return Prepared(spec, folder, keys, "" if keys is None else unseal(spec, keys, folder, _check_unsealed))
        self._fetch(spec.bundle.cid, inside / "bundle.py", spec.bundle.bytes)
        for name, ref in spec.inputs.items():
            target = inside / "inputs" / f"{name}.safetensors"
            self._fetch(ref.cid, target, ref.bytes)
            check_input(name, ref.bytes, target)
        if spec.resume is not None:
            self._fetch(spec.resume.cid, inside / ORIGIN, spec.resume.size)
            check_origin(spec.resume, inside / ORIGIN)
        if spec.batch is not None:
            self._fetch(spec.batch.cid, inside / ITEMS, spec.batch.size)
            check_items(spec.batch, inside / ITEMS)
        return Prepared(spec, folder)

    def _fetch(self, cid: Cid, target: Path, size: int) -> None:
        # Whoever took the job must not need its requester's good will again: what is here and right is not asked for.
        found = _kept(cid, target)
        if found is None:
            if shutil.disk_usage(target.parent).free < size + KEEP_FREE_BYTES:
                raise StorageError(f"no room for the {size} bytes of {cid}; free space on the disk of {self._scratch}")
            found = self.store.fetch(cid, target, max_bytes=size)
        if found != size:
            raise JobRefused(f"{cid} has {found} bytes, the spec says {size}")


def _kept(cid: Cid, path: Path) -> int | None:
    """Size of the file when it is here and is what `cid` names."""
    try:
        return path.stat().st_size if cid_of_file(path) == cid else None
    except FileNotFoundError:
        return None


def check_spec(spec: JobSpec, terms: JobTerms, config: WorkerConfig, gpus: int) -> None:
    """Whether this machine and these clocks can carry the job. Raises JobRefused."""
    need = spec.resources
    limits = (
        ("wall_seconds", need.wall_seconds, config.max_wall_seconds),
        ("memory_bytes", need.memory_bytes, config.max_memory_bytes),
        ("output_bytes", need.output_bytes, config.max_output_bytes),
        ("threads", need.threads, config.max_threads),
        ("gpus", need.gpus, gpus),
        ("bytes of inputs", _input_bytes(spec), config.max_input_bytes),
        ("bytes of kept states", spec.checkpoint.keep_bytes if spec.checkpoint else 0, config.max_state_bytes),
    )
    for name, wanted, most in limits:
        if wanted > most:
            raise JobRefused(f"the job wants {wanted} {name}, this worker gives {most}")
    if spec.runtime != RUNTIME:
        raise JobRefused(f"the job wants the runtime {spec.runtime}, this worker has {RUNTIME}")
    # A run that may last as long as the work deadline allows cannot also be sealed, stored and committed by then.
    waits = AuditTerms.unpack(terms.verifier_params).wrap_time if spec.private is not None else 0
    if need.wall_seconds + config.work_margin_seconds + waits > terms.work_time:
        raise JobRefused(
            f"{need.wall_seconds} s of wall time and {config.work_margin_seconds + waits} s around it do not fit into "
            f"the {terms.work_time} s that the terms give"
        )


def _input_bytes(spec: JobSpec) -> int:
    return spec.input_bytes + (0 if spec.resume is None else spec.resume.size)


def check_origin(resume: Resume, path: Path) -> None:
    """The state that the job begins with is the one that its spec names. Raises JobRefused, OSError."""
    try:
        step, roots = roots_of(path)
    except StateRejected as error:
        raise JobRefused(f"the state to go on from cannot be read: {error}") from error
    if (step, roots.root()) != (resume.step, resume.root):
        raise JobRefused("the state to go on from is not the one that the spec names")


def check_items(batch: BatchSlice, path: Path) -> None:
    """A slice's file holds the items that its batch's root names, and no others.

    Raises JobRefused, OSError.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # unmapped with the last view of it
    try:
        check_slice(memoryview(mapped), batch)
    except SpecInvalid as error:
        raise JobRefused(str(error)) from error


def _check_unsealed(name: str, size: int, path: Path) -> None:
    try:
        check_input(name, size, path)
    except JobRefused as error:
        raise SpecInvalid(str(error)) from error


def check_input(name: str, bytes_: int, path: Path) -> None:
    """A safetensors file of so many bytes with the one tensor "value", looked at by its header alone.

    The tensor itself is read inside the sandbox only. Raises JobRefused.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= MAX_INPUT_HEADER:
            raise JobRefused(f"input {name}: its header claims {size} bytes")
        text = file.read(size)
    try:
        header = parse_json(text, "its header")
        entry = header[INPUT_TENSOR]
        others = header.keys() - {INPUT_TENSOR, "__metadata__"}
        begin, end = entry["data_offsets"]
        known = entry["dtype"] in ITEM_BYTES
    except (SpecInvalid, ValueError, KeyError, TypeError, AttributeError) as error:
        raise JobRefused(f"input {name} is no safetensors file with the tensor {INPUT_TENSOR!r}") from error
    if others or not known or begin != 0 or end != bytes_ - 8 - size:
        raise JobRefused(f"input {name} holds other things than one tensor {INPUT_TENSOR!r}")

"""What is to be computed: code, arguments, inputs, resources, readers of the result. Canonical JSON, strict."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tensorgrid.domain import schema
from tensorgrid.domain.batches import BatchSlice
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json, sha256
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobkeys import KEY_BYTES
from tensorgrid.domain.jobs import JobId
from tensorgrid.domain.recipients import recipient_bytes
from tensorgrid.domain.tolerance import Tolerance

VERSION = 1
RUNTIME = "python-torch-1"
TIERS = ("replicate", "accept", "audit")
AUDIT = "audit"
PRIVATE_TIERS = (AUDIT,)
"""In which code and inputs may be sealed."""
KINDS = ("numpy", "torch")

MAX_SPEC_BYTES = 128 * 1024
MAX_BUNDLE_BYTES = 1024 * 1024
MAX_INPUT_BYTES = 64 << 30
MAX_ARGUMENTS = 256
MAX_RECIPIENTS = 16
MAX_SEALED_KEY = 4096
MAX_WALL_SECONDS = 30 * 24 * 3600
MAX_OUTPUT_BYTES = 64 << 30
MAX_MEMORY_BYTES = 16 << 40
MIN_MEMORY_BYTES = 16 << 20
MAX_KEEP_BYTES = 1 << 40
MAX_EVERY = 2**16 - 1
MAX_SEGMENT = 2**16 - 1
MAX_STEP = 2**40

InputKind = Literal["numpy", "torch"]

_RUNTIME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_KEYS = (
    "version bundle arguments inputs resources runtime progress_seconds recipients verification checkpoint acceptance"
    " expected"
).split()
_RESERVED = ("acceptance", "expected")
"""Named in version 1 so that later tiers need no new one; null until a tier uses them."""
_PRIVATE, _BATCH = "private", "batch"
_OPTIONAL = ("resume", _PRIVATE, _BATCH)
"""Left out where they say nothing, so that a spec without them has the bytes that it always had."""


@dataclass(frozen=True, slots=True)
class BundleRef:
    """The source text of the function: its blob, the name to call, its size in bytes."""

    cid: Cid
    entry: str
    bytes: int

    def __post_init__(self) -> None:
        _name(self.entry, "bundle.entry")
        schema.integer(self.bytes, 1, MAX_BUNDLE_BYTES, "bundle.bytes")


@dataclass(frozen=True, slots=True)
class InputRef:
    """An array argument: a safetensors file with the one tensor "value", handed to the function as `kind`."""

    cid: Cid
    bytes: int
    kind: InputKind

    def __post_init__(self) -> None:
        schema.integer(self.bytes, 8, MAX_INPUT_BYTES, "inputs.bytes")
        if self.kind not in KINDS:
            raise SpecInvalid(f"inputs.kind must be one of {', '.join(KINDS)}")


@dataclass(frozen=True, slots=True)
class Resources:
    """What one run may use: whole GPUs, bytes of memory, CPU threads, wall seconds, bytes of plaintext output."""

    memory_bytes: int
    wall_seconds: int
    output_bytes: int
    gpus: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        schema.integer(self.gpus, 0, 64, "resources.gpus")
        schema.integer(self.memory_bytes, MIN_MEMORY_BYTES, MAX_MEMORY_BYTES, "resources.memory_bytes")
        schema.integer(self.threads, 1, 1024, "resources.threads")
        schema.integer(self.wall_seconds, 1, MAX_WALL_SECONDS, "resources.wall_seconds")
        schema.integer(self.output_bytes, 1, MAX_OUTPUT_BYTES, "resources.output_bytes")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How an audited run is cut: `every` calls of tg.checkpoint per segment; `keep_bytes`: the most disk that its
    states may take on the worker, each one alone included."""

    every: int
    keep_bytes: int

    def __post_init__(self) -> None:
        schema.integer(self.every, 1, MAX_EVERY, "checkpoint.every")
        schema.integer(self.keep_bytes, 1, MAX_KEEP_BYTES, "checkpoint.keep_bytes")


@dataclass(frozen=True, slots=True)
class Resume:
    """The state that an audited run goes on from: of an earlier `job`, after its segment `segment` and `step` calls of
    tg.checkpoint in all. root: its state root, 32 bytes. cid, size: its file, an input like any other."""

    job: JobId
    segment: int
    step: int
    root: bytes
    cid: Cid
    size: int

    def __post_init__(self) -> None:
        schema.integer(self.segment, 1, MAX_SEGMENT, "resume.segment")
        schema.integer(self.step, 1, MAX_STEP, "resume.step")
        schema.integer(self.size, 8, MAX_INPUT_BYTES, "resume.state.bytes")
        if len(self.job) != 32 or len(self.root) != 32:
            raise SpecInvalid("resume.job and resume.root have 32 bytes")

    def to_json(self) -> dict[str, Any]:
        return {
            "job": "0x" + self.job.hex(),
            "segment": self.segment,
            "step": self.step,
            "root": "0x" + self.root.hex(),
            "state": {"cid": str(self.cid), "bytes": self.size},
        }

    @classmethod
    def of_json(cls, value: Any) -> Resume:
        """Raises SpecInvalid."""
        found = schema.fields(value, ("job", "segment", "step", "root", "state"), "resume")
        state = schema.fields(found["state"], ("cid", "bytes"), "resume.state")
        job, root = JobId(schema.job(found["job"], "resume.job")), schema.bytes32(found["root"], "resume.root")
        cid = schema.cid(state["cid"], "resume.state.cid")
        return cls(job, found["segment"], found["step"], root, cid, state["bytes"])


@dataclass(frozen=True, slots=True)
class SealedParts:
    """Of a private job, whose bundle and inputs name sealed files: the arguments' file, its size in bytes, and the job
    key, sealed to the recipients (an age file): whoever may read the result can check it, and hand the key on.
    check: JobKeys.check, so that nobody can pass off other keys as the job's."""

    arguments: Cid
    size: int
    key: bytes
    check: bytes

    def __post_init__(self) -> None:
        schema.integer(self.size, 1, MAX_SPEC_BYTES, "private.bytes")
        if not 1 <= len(self.key) <= MAX_SEALED_KEY:
            raise SpecInvalid(f"private.key must have 1 to {MAX_SEALED_KEY} bytes")
        if len(self.check) != KEY_BYTES:
            raise SpecInvalid(f"private.check must have {KEY_BYTES} bytes; use JobKeys.check")


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A specification that can be signed and run; constructing it checks it.

    arguments: plain JSON values by parameter name. inputs: arrays by parameter name. recipients: "age1..." texts, at
    least one. checkpoint: with the tier "audit", and with it alone. resume: there, where the run goes on from an
    earlier one. private: then arguments is empty, and nothing is gone on from. batch: the function is called once per
    item of it. Raises SpecInvalid naming the field.
    """

    bundle: BundleRef
    resources: Resources
    recipients: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, InputRef] = field(default_factory=dict)
    runtime: str = RUNTIME
    progress_seconds: int = 2
    tier: str = "replicate"
    checkpoint: Checkpoint | None = None
    resume: Resume | None = None
    private: SealedParts | None = None
    batch: BatchSlice | None = None

    def __post_init__(self) -> None:
        for name in schema.sized(self.inputs, MAX_ARGUMENTS, "inputs"):
            _name(name, "inputs")
        check_arguments(self.arguments, self.inputs)
        schema.matching(self.runtime, _RUNTIME, "runtime")
        schema.integer(self.progress_seconds, 1, 3600, "progress_seconds")
        _check_recipients(self.recipients)
        if self.tier not in TIERS:
            raise SpecInvalid(f"verification.tier {schema.shown(self.tier)} is not offered; use {' or '.join(TIERS)}")
        if (self.tier == AUDIT) != (self.checkpoint is not None):
            raise SpecInvalid('checkpoint belongs to the tier "audit", and to it alone; give both or neither')
        if self.resume is not None and (self.checkpoint is None or self.resume.size > self.checkpoint.keep_bytes):
            raise SpecInvalid("resume belongs to a job with checkpoints, with room in keep_bytes for its state")
        if self.private is not None:
            self._check_private()
        if self.batch is not None and (self.private is not None or self.resume is not None):
            raise SpecInvalid("a batch is neither private nor gone on from; leave private and resume out")
        if self.tolerance is not None and self.tier != AUDIT:
            raise SpecInvalid('batch.tolerance belongs to the tier "audit", and to it alone; leave it out')

    def _check_private(self) -> None:
        if self.tier not in PRIVATE_TIERS:
            raise SpecInvalid(f"a private job cannot have verify={self.tier!r}; use verify={PRIVATE_TIERS[0]!r}")
        if self.arguments:
            raise SpecInvalid("a private job's arguments lie in a sealed file; leave arguments empty")
        if self.resume is not None:
            raise SpecInvalid("a private job cannot go on from another's state, which would lie open; begin anew")

    @property
    def origin(self) -> int:
        """Calls of tg.checkpoint that earlier jobs have done."""
        return 0 if self.resume is None else self.resume.step

    @property
    def tolerance(self) -> Tolerance | None:
        """What machines that compute unlike may differ by, in an item's output."""
        return None if self.batch is None else self.batch.tolerance

    @property
    def input_bytes(self) -> int:
        """Of its arrays, and of a batch's items."""
        return sum(ref.bytes for ref in self.inputs.values()) + (0 if self.batch is None else self.batch.size)

    def to_bytes(self) -> bytes:
        """Canonical JSON. Raises SpecInvalid when larger than MAX_SPEC_BYTES or not JSON."""
        data = canonical_json(
            {
                "version": VERSION,
                "bundle": _with_cid(self.bundle),
                "arguments": dict(self.arguments),
                "inputs": {name: _with_cid(ref) for name, ref in self.inputs.items()},
                "resources": asdict(self.resources),
                "runtime": self.runtime,
                "progress_seconds": self.progress_seconds,
                "recipients": list(self.recipients),
                "verification": {"tier": self.tier},
                "checkpoint": None if self.checkpoint is None else asdict(self.checkpoint),
                **dict.fromkeys(_RESERVED),
                **({} if self.resume is None else {"resume": self.resume.to_json()}),
                **({} if self.private is None else {_PRIVATE: _sealed_json(self.private)}),
                **({} if self.batch is None else {_BATCH: self.batch.to_json()}),
            }
        )
        _check_size(len(data))
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> JobSpec:
        """Parse and check a stranger's bytes. Raises SpecInvalid."""
        _check_size(len(data))
        raw = parse_canonical_json(data, "the spec")
        given = [key for key in _OPTIONAL if isinstance(raw, dict) and key in raw]
        value = schema.fields(raw, (*_KEYS, *given), "the spec")
        schema.version(value["version"], VERSION, "the spec")
        if used := [key for key in _RESERVED if value[key] is not None]:
            raise SpecInvalid(f"{', '.join(used)} must be null: no tier of this release uses it")
        bundle = schema.fields(value["bundle"], ("cid", "entry", "bytes"), "bundle")
        resources = schema.fields(value["resources"], Resources.__dataclass_fields__, "resources")
        if not isinstance(value["recipients"], list):
            raise SpecInvalid("recipients must be a list of age1... texts")
        return cls(
            bundle=BundleRef(schema.cid(bundle["cid"], "bundle.cid"), bundle["entry"], bundle["bytes"]),
            resources=Resources(**resources),
            recipients=tuple(value["recipients"]),
            arguments=value["arguments"],
            inputs={name: _input(ref) for name, ref in schema.sized(value["inputs"], MAX_ARGUMENTS, "inputs").items()},
            runtime=value["runtime"],
            progress_seconds=value["progress_seconds"],
            tier=schema.fields(value["verification"], ("tier",), "verification")["tier"],
            checkpoint=_checkpoint(value["checkpoint"]),
            resume=Resume.of_json(value["resume"]) if "resume" in given else None,
            private=_sealed_parts(value[_PRIVATE]) if _PRIVATE in given else None,
            batch=BatchSlice.of_json(value[_BATCH]) if _BATCH in given else None,
        )

    @property
    def digest(self) -> bytes:
        """sha256 of the canonical bytes: JobTerms.spec_digest."""
        return sha256(self.to_bytes())


def check_arguments(arguments: Any, inputs: Mapping[str, InputRef]) -> None:
    """JSON values by parameter name, none of which is an input's. Raises SpecInvalid."""
    for name in schema.sized(arguments, MAX_ARGUMENTS, "arguments"):
        _name(name, "arguments")
    if both := sorted(arguments.keys() & inputs.keys()):
        raise SpecInvalid(f"{', '.join(both)}: named in arguments and in inputs; name each once")


def _input(value: Any) -> InputRef:
    ref = schema.fields(value, ("cid", "bytes", "kind"), "inputs")
    return InputRef(schema.cid(ref["cid"], "inputs.cid"), ref["bytes"], ref["kind"])


def _checkpoint(value: Any) -> Checkpoint | None:
    return None if value is None else Checkpoint(**schema.fields(value, ("every", "keep_bytes"), "checkpoint"))


def _sealed_parts(value: Any) -> SealedParts:
    found = schema.fields(value, ("arguments", "bytes", "key", "check"), _PRIVATE)
    key = schema.hex_bytes(found["key"], MAX_SEALED_KEY, "private.key")
    check = schema.bytes32(found["check"], "private.check")
    return SealedParts(schema.cid(found["arguments"], "private.arguments"), found["bytes"], key, check)


def _sealed_json(parts: SealedParts) -> dict[str, Any]:
    key, check = "0x" + parts.key.hex(), "0x" + parts.check.hex()
    return {"arguments": str(parts.arguments), "bytes": parts.size, "key": key, "check": check}


def _with_cid(ref: BundleRef | InputRef) -> dict[str, Any]:
    return {name: getattr(ref, name) for name in ref.__dataclass_fields__} | {"cid": str(ref.cid)}


def _name(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > 128 or not value.isidentifier() or keyword.iskeyword(value):
        raise SpecInvalid(f"{what}: {schema.shown(value)} is not a Python name")
    return value


def _check_size(size: int) -> None:
    if size > MAX_SPEC_BYTES:
        raise SpecInvalid(f"a spec of {size} bytes, at most {MAX_SPEC_BYTES} are allowed; pass large values as arrays")


def _check_recipients(recipients: Any) -> None:
    if not isinstance(recipients, tuple) or not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise SpecInvalid(f"recipients must be 1 to {MAX_RECIPIENTS} age1... texts: nobody else can open the result")
    for recipient in recipients:
        if not isinstance(recipient, str):
            raise SpecInvalid("recipients must be age1... texts")
        recipient_bytes(recipient)
    if len(set(recipients)) != len(recipients):
        raise SpecInvalid("a recipient is named twice; name each once")

"""What a worker says about its run: the receipt its commitment binds, and the progress it shows meanwhile.

Receipts are public canonical JSON named by a raw CID; progress is the same, sealed. Both come from strangers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tensorgrid.domain import schema
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json, sha256
from tensorgrid.domain.errors import ResultRejected, SpecInvalid
from tensorgrid.domain.jobs import ExitClass, JobId

VERSION = 1
MAX_RECEIPT_BYTES = 16 * 1024
MAX_LOG_BYTES = 256 * 1024
"""Of plaintext log; the sealed form is a little longer."""
MAX_PROGRESS_BYTES = 190 * 1024
"""Of plaintext progress, so that its sealed form stays one raw block."""
MAX_POINTS = 4096
MAX_SEALED_BYTES = 128 << 30

Scalar = str | int | float | bool | None
Point = Mapping[str, Scalar]

_RECEIPT_KEYS = ("version", "job", "worker", "exit", "sealed", "log", "environment")
_OF_TRAININGS = ("trace", "state")
"""Named in receipts of audited jobs alone."""
_PROGRESS_KEYS = ("version", "job", "worker", "sequence", "points", "points_total")
_ENVIRONMENT_KEYS = ("python", "torch", "platform")
_POINT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_MAX_POINT_FIELDS = 64
_MAX_POINT_TEXT = 256


@dataclass(frozen=True, slots=True)
class SealedRef:
    """An age-encrypted blob and its size in bytes."""

    cid: Cid
    bytes: int

    def __post_init__(self) -> None:
        schema.blob_bytes(self.bytes, "sealed bytes", MAX_SEALED_BYTES)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where it ran; torch is None where the job's runtime has none."""

    python: str
    torch: str | None
    platform: str

    def __post_init__(self) -> None:
        schema.text(self.python, 128, "environment.python")
        schema.text(self.platform, 256, "environment.platform")
        if self.torch is not None:
            schema.text(self.torch, 128, "environment.torch")


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a run ended and where its sealed parts are. `worker` is a lower-case 0x-address.

    There is a sealed result if exit is OK, and only then. Of an audited job: `trace`, all of its roots
    (manifests.trace_to_bytes), and where it did not come to its end `state`, the last one that it came to. Raises
    SpecInvalid when built wrongly.
    """

    job: JobId
    worker: str
    exit: ExitClass
    sealed: SealedRef | None
    log: SealedRef | None
    environment: Environment
    trace: SealedRef | None = None
    state: SealedRef | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "worker", schema.address(str(self.worker).lower(), "worker"))
        if len(self.job) != 32:
            raise SpecInvalid("a job id has 32 bytes")
        if (self.sealed is not None) != (self.exit is ExitClass.OK):
            raise SpecInvalid("a sealed result belongs to exit ok, and to it alone")

    def to_bytes(self) -> bytes:
        """Canonical JSON, at most MAX_RECEIPT_BYTES."""
        environment = self.environment
        return canonical_json(
            {
                "version": VERSION,
                "job": "0x" + self.job.hex(),
                "worker": self.worker,
                "exit": self.exit.name.lower(),
                "sealed": _ref_json(self.sealed),
                "log": _ref_json(self.log),
                "environment": {name: getattr(environment, name) for name in _ENVIRONMENT_KEYS},
                **{name: _ref_json(ref) for name in _OF_TRAININGS if (ref := getattr(self, name)) is not None},
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Receipt:
        """Parse and check a stranger's bytes. Raises ResultRejected."""
        try:
            value = _parsed(data, MAX_RECEIPT_BYTES, _RECEIPT_KEYS, "the receipt", _OF_TRAININGS)
            return cls(
                job=JobId(schema.job(value["job"], "job")),
                worker=schema.address(value["worker"], "worker"),
                exit=_exit(value["exit"]),
                sealed=_ref(value["sealed"], "sealed"),
                log=_ref(value["log"], "log"),
                environment=Environment(**schema.fields(value["environment"], _ENVIRONMENT_KEYS, "environment")),
                **{name: _there(value[name], name) for name in _OF_TRAININGS if name in value},
            )
        except SpecInvalid as error:
            raise ResultRejected(f"a worker's receipt is malformed: {error}") from error

    @property
    def digest(self) -> bytes:
        """sha256 of the canonical bytes: what the commitment binds."""
        return sha256(self.to_bytes())

    @property
    def cid(self) -> Cid:
        return Cid.of_digest(self.digest)


@dataclass(frozen=True, slots=True)
class ProgressBlob:
    """The points reported so far: the newest ones that fit, and how many there were in all.

    `sequence` counts a worker's blobs from 0. Raises SpecInvalid when built wrongly.
    """

    job: JobId
    worker: str
    sequence: int
    points: tuple[Point, ...]
    points_total: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "worker", schema.address(str(self.worker).lower(), "worker"))
        schema.integer(self.sequence, 0, 2**53 - 1, "sequence")
        if len(self.points) > MAX_POINTS:
            raise SpecInvalid(f"a progress blob holds at most {MAX_POINTS} points; use ProgressBlob.fitting")
        schema.integer(self.points_total, len(self.points), 2**53 - 1, "points_total")
        for point in self.points:
            check_point(point)

    @classmethod
    def fitting(
        cls, job: JobId, worker: str, sequence: int, points: Sequence[Point], points_total: int
    ) -> ProgressBlob:
        """With the newest of `points` that stay within MAX_POINTS and MAX_PROGRESS_BYTES."""
        room, first = MAX_PROGRESS_BYTES - 512, len(points)
        while first > max(0, len(points) - MAX_POINTS):
            room -= len(canonical_json(dict(points[first - 1]))) + 1
            if room < 0:
                break
            first -= 1
        return cls(job, worker, sequence, tuple(points[first:]), points_total)

    def to_bytes(self) -> bytes:
        """Canonical JSON, to be sealed. Raises SpecInvalid when larger than MAX_PROGRESS_BYTES."""
        data = canonical_json(
            {
                "version": VERSION,
                "job": "0x" + self.job.hex(),
                "worker": self.worker,
                "sequence": self.sequence,
                "points": [dict(point) for point in self.points],
                "points_total": self.points_total,
            }
        )
        if len(data) > MAX_PROGRESS_BYTES:
            raise SpecInvalid(f"progress of {len(data)} bytes, at most {MAX_PROGRESS_BYTES}; use ProgressBlob.fitting")
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> ProgressBlob:
        """Parse and check a stranger's opened bytes. Raises ResultRejected."""
        try:
            value = _parsed(data, MAX_PROGRESS_BYTES, _PROGRESS_KEYS, "the progress")
            if not isinstance(value["points"], list):
                raise SpecInvalid("points must be a list")
            return cls(
                job=JobId(schema.job(value["job"], "job")),
                worker=schema.address(value["worker"], "worker"),
                sequence=value["sequence"],
                points=tuple(value["points"]),
                points_total=value["points_total"],
            )
        except SpecInvalid as error:
            raise ResultRejected(f"a worker's progress is malformed: {error}") from error


def check_point(point: Any) -> None:
    """One point of progress: 1 to 64 named JSON scalars. Raises SpecInvalid."""
    if not isinstance(point, Mapping) or not 1 <= len(point) <= _MAX_POINT_FIELDS:
        raise SpecInvalid(f"a point must be an object of 1 to {_MAX_POINT_FIELDS} scalars")
    for name, value in point.items():
        schema.matching(name, _POINT_NAME, "a point's name")
        if isinstance(value, str):
            if len(value) > _MAX_POINT_TEXT:
                raise SpecInvalid(f"a point's text may have {_MAX_POINT_TEXT} characters")
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise SpecInvalid("a point's number must be finite")
        elif value is not None and not isinstance(value, int):
            raise SpecInvalid(f"a point's values must be JSON scalars, not {type(value).__name__}")


def _parsed(data: bytes, most: int, keys: Sequence[str], what: str, optional: Sequence[str] = ()) -> dict[str, Any]:
    if len(data) > most:
        raise SpecInvalid(f"{what} has {len(data)} bytes, at most {most} are allowed")
    raw = parse_canonical_json(data, what)
    given = [key for key in optional if isinstance(raw, dict) and key in raw]
    value = schema.fields(raw, (*keys, *given), what)
    schema.version(value["version"], VERSION, what)
    return value


def _exit(value: Any) -> ExitClass:
    for exit_class in ExitClass:
        if value == exit_class.name.lower():
            return exit_class
    raise SpecInvalid(f"unknown exit {schema.shown(value)}")


def _ref(value: Any, what: str) -> SealedRef | None:
    if value is None:
        return None
    ref = schema.fields(value, ("cid", "bytes"), what)
    return SealedRef(schema.cid(ref["cid"], f"{what}.cid"), ref["bytes"])


def _there(value: Any, what: str) -> SealedRef:
    ref = _ref(value, what)
    if ref is None:
        raise SpecInvalid(f"{what} is left out where there is none")
    return ref


def _ref_json(ref: SealedRef | None) -> dict[str, Any] | None:
    return None if ref is None else {"cid": str(ref.cid), "bytes": ref.bytes}

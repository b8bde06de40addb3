"""A whole trace as a file: what a worker keeps until its job is over, and lends to whoever goes on with it.

Not for auditors before they have answered: the state roots in it are what they have to find.
"""

from __future__ import annotations

from typing import Any

from tensorgrid.domain import schema
from tensorgrid.domain.audit_terms import MOST_SEGMENTS
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json
from tensorgrid.domain.errors import SpecInvalid, TraceInvalid
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.traces import MOST_STEPS, StateRoots, Trace

VERSION = 1
MAX_MANIFEST_BYTES = 4 << 20
_KEYS = ("version", "job", "spec", "seed", "every", "start", "segments", "failed")


def trace_to_bytes(trace: Trace, job: JobId, failed: ExitClass | None = None) -> bytes:
    """Canonical JSON. `failed`: how the run ended whose last segment has no state. Raises SpecInvalid."""
    whole = [segment for segment in trace.segments if segment.roots is not None]
    if (len(whole) < len(trace.segments)) != (failed is not None):
        raise SpecInvalid("a trace says how its run failed where its last segment has no state, and only there")
    return canonical_json(
        {
            "version": VERSION,
            "job": _hex(job),
            "spec": _hex(trace.spec_digest),
            "seed": _hex(trace.seed),
            "every": trace.every,
            "start": _roots_json(trace.start),
            "segments": [
                {"steps": s.steps, "state": _roots_json(s.roots), "metrics": _hex(s.metrics)} for s in whole if s.roots
            ],
            "failed": None if failed is None else failed.name.lower(),
        }
    )


def trace_from_bytes(data: bytes, job: JobId) -> Trace:
    """A stranger's bytes, their links computed anew. Raises TraceInvalid: gaps and another order have no links."""
    try:
        if len(data) > MAX_MANIFEST_BYTES:
            raise SpecInvalid(f"it has {len(data)} bytes, at most {MAX_MANIFEST_BYTES} are read")
        value = schema.fields(parse_canonical_json(data, "the trace"), _KEYS, "the trace")
        schema.version(value["version"], VERSION, "the trace")
        if schema.job(value["job"], "job") != job:
            raise SpecInvalid("it is of another job")
        trace = Trace(
            schema.bytes32(value["spec"], "spec"),
            schema.bytes32(value["seed"], "seed"),
            schema.integer(value["every"], 1, MOST_STEPS, "every"),
            _roots(value["start"]),
        )
        for one in schema.listed(value["segments"], MOST_SEGMENTS, "segments"):
            segment = schema.fields(one, ("steps", "state", "metrics"), "a segment")
            steps = schema.integer(segment["steps"], 1, trace.every, "steps")
            trace.add(steps, _roots(segment["state"]), schema.bytes32(segment["metrics"], "metrics"))
        failed = None if value["failed"] is None else _failure(value["failed"])
        if failed is not None:
            trace.fail(job, failed)
        if trace_to_bytes(trace, job, failed) != data:
            raise SpecInvalid("hex digits are written small")
        return trace
    except SpecInvalid as error:
        raise TraceInvalid(f"a trace is malformed: {error}; ask its worker for it again") from error


def _failure(value: Any) -> ExitClass:
    for exit_class in ExitClass:
        if exit_class is not ExitClass.OK and value == exit_class.name.lower():
            return exit_class
    raise SpecInvalid(f"no run fails with {schema.shown(value)}")


def _roots(value: Any) -> StateRoots:
    parts = schema.listed(value, 4, "a state")
    if len(parts) != 4:
        raise SpecInvalid("a state has four roots")
    return StateRoots(*(schema.bytes32(part, "a state's root") for part in parts))


def _roots_json(roots: StateRoots) -> list[str]:
    return [_hex(part) for part in roots.parts]


def _hex(data: bytes) -> str:
    return "0x" + data.hex()

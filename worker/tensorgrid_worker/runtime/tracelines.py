"""What the runner tells the worker of a trace, one JSON object a line.

Written here by us, and read as a stranger's: the job's code runs in the same process and could write the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from tensorgrid.domain import schema
from tensorgrid.domain.audit_terms import MOST_SEGMENTS
from tensorgrid.domain.encoding import parse_json
from tensorgrid.domain.errors import SpecInvalid, TraceInvalid
from tensorgrid.domain.states import MOST_CALLS
from tensorgrid.domain.traces import StateRoots

TRACE_FD = "TENSORGRID_TRACE_FD"
MOST_LINE_BYTES = 4096
MOST_WORDS = 300
_KEYS = {
    "start": ("step", "state"),
    "step": ("step", "state"),
    "segment": ("index", "step", "state", "metrics", "kept", "stride"),
    "unloadable": ("reason",),
    "ended": ("step",),
}


@dataclass(frozen=True, slots=True)
class Began:
    """The loop begins at `step`, in this state."""

    step: int
    state: StateRoots


@dataclass(frozen=True, slots=True)
class Stepped:
    """The state after `step` steps in all."""

    step: int
    state: StateRoots


@dataclass(frozen=True, slots=True)
class SegmentEnded:
    """Segment `index`, from 1, ended with `step` steps in all.

    metrics: their digest; None where the run did not begin before the segment. kept: offset and bytes of its state in
    the file of kept ones, None: not kept. stride: those not divisible by it are no longer kept.
    """

    index: int
    step: int
    state: StateRoots
    metrics: bytes | None
    kept: tuple[int, int] | None
    stride: int


@dataclass(frozen=True, slots=True)
class Unloadable:
    """The start state does not load into what the job's code built."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The job's function returned after `step` steps in all."""

    step: int


Line = Began | Stepped | SegmentEnded | Unloadable | Ended


def written(line: Line) -> bytes:
    """With its line break."""
    match line:
        case Began():
            value = {"kind": "start", "step": line.step, "state": _hexes(line.state)}
        case Stepped():
            value = {"kind": "step", "step": line.step, "state": _hexes(line.state)}
        case SegmentEnded():
            value = {
                "kind": "segment",
                "index": line.index,
                "step": line.step,
                "state": _hexes(line.state),
                "metrics": line.metrics and "0x" + line.metrics.hex(),
                "kept": line.kept and list(line.kept),
                "stride": line.stride,
            }
        case Unloadable():
            printable = "".join(c if c.isascii() and c.isprintable() else "?" for c in line.reason)
            value = {"kind": "unloadable", "reason": printable[:MOST_WORDS] or "?"}
        case Ended():
            value = {"kind": "ended", "step": line.step}
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def read(data: bytes) -> Line:
    """One line without its break. Raises TraceInvalid."""
    try:
        return _read(data)
    except SpecInvalid as error:
        raise TraceInvalid(f"the job's trace is malformed: {error}") from error


def _read(data: bytes) -> Line:
    if len(data) > MOST_LINE_BYTES:
        raise SpecInvalid(f"a line has {len(data)} bytes, at most {MOST_LINE_BYTES} are allowed")
    value = parse_json(data, "a line")
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _KEYS:
        raise SpecInvalid("a line is of no known kind")
    found = schema.fields(value, ("kind", *_KEYS[kind]), "a line")
    if kind == "unloadable":
        return Unloadable(schema.text(found["reason"], MOST_WORDS, "reason"))
    step = schema.integer(found["step"], 0, MOST_CALLS, "step")
    match kind:
        case "ended":
            return Ended(step)
        case "start":
            return Began(step, _roots(found["state"]))
        case "step":
            return Stepped(step, _roots(found["state"]))
    return SegmentEnded(
        schema.integer(found["index"], 1, MOST_SEGMENTS, "index"),
        step,
        _roots(found["state"]),
        None if found["metrics"] is None else schema.bytes32(found["metrics"], "metrics"),
        None if found["kept"] is None else _extent(found["kept"]),
        schema.integer(found["stride"], 1, 2 * MOST_SEGMENTS, "stride"),
    )


def _hexes(state: StateRoots) -> list[str]:
    return ["0x" + part.hex() for part in state.parts]


def _roots(value: object) -> StateRoots:
    if not isinstance(value, list) or len(value) != 4:
        raise SpecInvalid("state must be a list of four roots")
    return StateRoots(*(schema.bytes32(part, "state") for part in value))


def _extent(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise SpecInvalid("kept must be [offset, bytes]")
    return schema.blob_bytes(value[0], "kept"), schema.blob_bytes(value[1], "kept")

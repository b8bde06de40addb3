"""What a worker opens to the auditors of a sitting: start states, sealed, and what proves both ends of each segment.

The start's proof is open: whoever has the start state can check it against the trace root. The end's proof is encrypted
under the end state itself: who replayed the segment can read it, and nobody else.

    key = HKDF-SHA256(state root, salt = JobId, info = "tensorgrid/end-proof" || u32 index), ChaCha20-Poly1305, nonce 0
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from tensorgrid.domain import schema
from tensorgrid.domain.audit_terms import MOST_SEGMENTS
from tensorgrid.domain.audits import AuditOpening, ShownResult
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json, sha256
from tensorgrid.domain.errors import OpeningRejected, SpecInvalid
from tensorgrid.domain.jobs import ZERO32, ExitClass, JobId
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.domain.results import result_root
from tensorgrid.domain.traces import StateRoots, Trace, first_link, next_link, prove, proven

VERSION = 1
MAX_OPENING_BYTES = 1 << 20
MAX_RESULT_BYTES = 4096
"""Of the sealed proof of the result."""
MOST_SEATS = 5
MOST_NODES = 12
"""Of a proof: a trace has at most 2**12 segments."""
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class StartLeaf:
    """The link before a segment, opened but for its state: link = next_link(before, index - 1, state, metrics).

    Of the first segment nothing is open: its link 0 follows from spec, seed and the state that every replay begins in.
    """

    before: bytes
    metrics: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OpenedEnd:
    """The state behind a segment, sealed to an auditor who cannot find it, and the digest of its metrics."""

    state: SealedRef
    metrics: bytes


@dataclass(frozen=True, slots=True)
class OpenedSegment:
    """One drawn segment. state, leaf: None for segment 1 alone. end_proof: encrypted, see `end_proof`. end: for an
    auditor of another fingerprint alone, whose seat's check nobody can answer (`UNANSWERABLE`)."""

    index: int
    state: SealedRef | None
    leaf: StartLeaf | None
    end_proof: bytes
    end: OpenedEnd | None = None

    def __post_init__(self) -> None:
        schema.integer(self.index, 1, MOST_SEGMENTS, "index")
        if (self.index == 1) != (self.state is None) or (self.state is None) != (self.leaf is None):
            raise SpecInvalid("a start state and its leaf belong to every segment but the first")

    def starts_from(self, state: bytes, trace: bytes, segments: int) -> bool:
        """Whether a state of this root is the one that the trace says. True for segment 1: see `ends_in`."""
        if self.leaf is None:
            return True
        link = next_link(self.leaf.before, self.index - 1, state, self.leaf.metrics)
        return proven(trace, segments, self.index - 1, link, self.leaf.proof)

    def ends_in(self, found: Found, job: JobId, trace: bytes, segments: int) -> bool:
        """Whether the trace has this segment end as the replay did. False also where the proof cannot be read."""
        try:
            proof = read_end_proof(self.end_proof, job, self.index, found.end)
        except OpeningRejected:
            return False
        return proven(trace, segments, self.index, self.links(found)[self.index], proof)

    def links(self, found: Found) -> dict[int, bytes]:
        """Of the trace as the replay found it, before and behind this segment, by their numbers."""
        if self.leaf is None:
            before = first_link(found.spec_digest, found.seed, found.start)
        else:
            before = next_link(self.leaf.before, self.index - 1, found.start, self.leaf.metrics)
        return {self.index - 1: before, self.index: next_link(before, self.index, found.end, found.metrics)}


@dataclass(frozen=True, slots=True)
class Found:
    """What an auditor found: state roots before and after the segment, the digest of its metrics; spec and seed."""

    spec_digest: bytes
    seed: bytes
    start: bytes
    end: bytes
    metrics: bytes


@dataclass(frozen=True, slots=True)
class OpenedSeat:
    """`worker`: the auditor in the seat, a lower-case 0x-address; its segments, ascending. `result`: what proves that
    the result is the last state's model, sealed to the auditor; None where he replays the last segment, whose end it
    names. `keys`: of a private job (JobKeys), sealed to the auditor.
    """

    worker: str
    segments: tuple[OpenedSegment, ...]
    result: bytes | None = None
    keys: bytes | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """The manifest of one sitting. Raises SpecInvalid when built wrongly."""

    job: JobId
    sitting: int
    seats: tuple[OpenedSeat, ...]

    def __post_init__(self) -> None:
        schema.integer(self.sitting, 0, 255, "sitting")
        if not 1 <= len(self.seats) <= MOST_SEATS or len({seat.worker for seat in self.seats}) != len(self.seats):
            raise SpecInvalid(f"an opening is for 1 to {MOST_SEATS} auditors, each named once")
        for seat in self.seats:
            indices = [segment.index for segment in seat.segments]
            if indices != sorted(set(indices)):
                raise SpecInvalid("a seat's segments are in order, each named once")

    def to_bytes(self) -> bytes:
        """Canonical JSON, at most MAX_OPENING_BYTES. Raises SpecInvalid."""
        seats = [
            {
                "worker": seat.worker,
                "segments": [_segment_json(one) for one in seat.segments],
                "result": None if seat.result is None else _hex(seat.result),
                **({} if seat.keys is None else {"keys": _hex(seat.keys)}),
            }
            for seat in self.seats
        ]
        data = canonical_json(
            {"version": VERSION, "job": "0x" + self.job.hex(), "sitting": self.sitting, "seats": seats}
        )
        if len(data) > MAX_OPENING_BYTES:
            raise SpecInvalid(f"an opening of {len(data)} bytes, at most {MAX_OPENING_BYTES} are read")
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Opening:
        """Parse and check a stranger's bytes. Raises OpeningRejected."""
        try:
            if len(data) > MAX_OPENING_BYTES:
                raise SpecInvalid(f"it has {len(data)} bytes, at most {MAX_OPENING_BYTES} are read")
            keys = ("version", "job", "sitting", "seats")
            value = schema.fields(parse_canonical_json(data, "the opening"), keys, "the opening")
            schema.version(value["version"], VERSION, "the opening")
            seats = schema.listed(value["seats"], MOST_SEATS, "seats")
            found = cls(JobId(schema.job(value["job"], "job")), value["sitting"], tuple(_seat(seat) for seat in seats))
            if found.to_bytes() != data:
                raise SpecInvalid("hex digits are written small")
            return found
        except SpecInvalid as error:
            raise OpeningRejected(f"a worker's opening is malformed: {error}; accuse him") from error

    @property
    def digest(self) -> bytes:
        """sha256 of the canonical bytes, as it stands on chain; the blob's CIDv1 is raw over it."""
        return sha256(self.to_bytes())


def open_segment(
    trace: Trace, job: JobId, index: int, state: SealedRef | None, end: SealedRef | None = None
) -> OpenedSegment:
    """What a worker opens of a drawn segment. `state`: its start state, sealed to the auditor; `end`: the state behind
    it, where he computes on something else. Raises TraceInvalid."""
    links = trace.links
    leaf = None
    if index > 1:
        leaf = StartLeaf(trace.before(index - 1), trace.segments[index - 2].metrics, prove(links, index - 1))
    last = trace.segments[index - 1]
    shown = None if end is None else OpenedEnd(end, last.metrics)
    return OpenedSegment(index, state, leaf, end_proof(prove(links, index), job, index, last.state), shown)


def show_result(trace: Trace) -> ShownResult:
    """The last segment of a worker's own trace: its model is the result, or how the job failed is."""
    last = trace.segments[-1]
    parts = (ZERO32, ZERO32, ZERO32, ZERO32) if last.roots is None else last.roots.parts
    return ShownResult(trace.before(last.index), last.metrics, last.state, parts, prove(trace.links, last.index))


def proves_result(shown: ShownResult, job: JobId, opening: AuditOpening) -> bool:
    """Whether it binds the result to the last link of the trace; as AuditVerifier.respondResult asks."""
    failed = shown.parts[0] == ZERO32
    if failed:
        state = shown.state
        failures = (result_root(job, each) for each in ExitClass if each is not ExitClass.OK)
        bound = state == opening.result_root and state in failures
    else:
        state = StateRoots(*shown.parts).root()
        bound = result_root(job, ExitClass.OK, shown.parts[0]) == opening.result_root
    link = next_link(shown.before, opening.done, state, shown.metrics)
    return bound and proven(opening.trace_root, opening.done, opening.done, link, shown.proof)


def result_to_bytes(shown: ShownResult) -> bytes:
    """Canonical JSON, to be sealed to the auditor."""
    return canonical_json(
        {
            "before": _hex(shown.before),
            "metrics": _hex(shown.metrics),
            "state": _hex(shown.state),
            "parts": [_hex(part) for part in shown.parts],
            "proof": [_hex(node) for node in shown.proof],
        }
    )


def result_from_bytes(data: bytes) -> ShownResult:
    """A stranger's bytes. Raises OpeningRejected."""
    try:
        value = parse_canonical_json(data[: MAX_RESULT_BYTES + 1], "the proof of the result")
        found = schema.fields(value, ("before", "metrics", "state", "parts", "proof"), "the proof of the result")
        parts = [schema.bytes32(part, "a part") for part in schema.listed(found["parts"], 4, "parts")]
        if len(parts) != 4:
            raise SpecInvalid("a state has four parts")
        before, metrics, state = (schema.bytes32(found[name], name) for name in ("before", "metrics", "state"))
        proof = tuple(schema.bytes32(node, "proof") for node in schema.listed(found["proof"], MOST_NODES, "proof"))
        return ShownResult(before, metrics, state, (parts[0], parts[1], parts[2], parts[3]), proof)
    except SpecInvalid as error:
        raise OpeningRejected(f"a worker's proof of the result is malformed: {error}; accuse him") from error


def end_proof(proof: Sequence[bytes], job: JobId, index: int, state: bytes) -> bytes:
    """The proof of a segment's link, for those who know the state root it ends in."""
    data, tag = _cipher(job, index, state).encrypt_and_digest(b"".join(proof))
    return bytes(data + tag)


def read_end_proof(sealed: bytes, job: JobId, index: int, state: bytes) -> tuple[bytes, ...]:
    """Inverse of `end_proof`. Raises OpeningRejected for another state's, and for bytes that are no proof."""
    data, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    try:
        plain = bytes(_cipher(job, index, state).decrypt_and_verify(data, tag))
    except ValueError:
        raise OpeningRejected(f"the end of segment {index} does not open with the state found; accuse it") from None
    if len(plain) % 32:
        raise OpeningRejected(f"the end of segment {index} opens to no proof; accuse it")
    return tuple(plain[place : place + 32] for place in range(0, len(plain), 32))


def _cipher(job: JobId, index: int, state: bytes) -> Any:
    from Crypto.Cipher import ChaCha20_Poly1305
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    context = b"tensorgrid/end-proof" + struct.pack(">I", index)
    key = cast("bytes", HKDF(state, 32, job, SHA256, context=context))
    # One key for one proof of one leaf, so the nonce need not differ.
    return ChaCha20_Poly1305.new(key=key, nonce=bytes(12))


def _segment_json(segment: OpenedSegment) -> dict[str, Any]:
    state, leaf, end = segment.state, segment.leaf, segment.end
    shown = {} if end is None else {"end": {"state": _ref_json(end.state), "metrics": _hex(end.metrics)}}
    return {
        "index": segment.index,
        "state": None if state is None else _ref_json(state),
        "leaf": None
        if leaf is None
        else {"before": _hex(leaf.before), "metrics": _hex(leaf.metrics), "proof": [_hex(node) for node in leaf.proof]},
        "end_proof": _hex(segment.end_proof),
        **shown,
    }


def _ref_json(ref: SealedRef) -> dict[str, Any]:
    return {"cid": str(ref.cid), "bytes": ref.bytes}


def _seat(value: Any) -> OpenedSeat:
    private = isinstance(value, dict) and "keys" in value
    seat = schema.fields(value, ("worker", "segments", "result", *(["keys"] if private else [])), "a seat")
    keys = schema.hex_bytes(seat["keys"], MAX_RESULT_BYTES, "keys") if private else None
    segments = schema.listed(seat["segments"], MOST_SEGMENTS, "segments")
    result = None if seat["result"] is None else schema.hex_bytes(seat["result"], MAX_RESULT_BYTES, "result")
    return OpenedSeat(schema.address(seat["worker"], "worker"), tuple(_segment(one) for one in segments), result, keys)


def _segment(value: Any) -> OpenedSegment:
    shown = isinstance(value, dict) and "end" in value
    found = schema.fields(value, ("index", "state", "leaf", "end_proof", *(["end"] if shown else [])), "a segment")
    state = None if found["state"] is None else _ref(found["state"], "state")
    proof = schema.hex_bytes(found["end_proof"], MOST_NODES * 32 + _TAG_BYTES, "end_proof")
    return OpenedSegment(found["index"], state, _leaf(found["leaf"]), proof, _end(found["end"]) if shown else None)


def _end(value: Any) -> OpenedEnd:
    end = schema.fields(value, ("state", "metrics"), "end")
    return OpenedEnd(_ref(end["state"], "end.state"), schema.bytes32(end["metrics"], "end.metrics"))


def _ref(value: Any, name: str) -> SealedRef:
    ref = schema.fields(value, ("cid", "bytes"), name)
    return SealedRef(schema.cid(ref["cid"], f"{name}.cid"), ref["bytes"])


def _leaf(value: Any) -> StartLeaf | None:
    if value is None:
        return None
    leaf = schema.fields(value, ("before", "metrics", "proof"), "leaf")
    proof = schema.listed(leaf["proof"], MOST_NODES, "proof")
    return StartLeaf(
        schema.bytes32(leaf["before"], "before"),
        schema.bytes32(leaf["metrics"], "metrics"),
        tuple(schema.bytes32(node, "proof") for node in proof),
    )


def _hex(data: bytes) -> str:
    return "0x" + data.hex()

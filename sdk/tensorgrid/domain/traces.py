"""What a training run leaves behind, as hashes: a state, a segment, the whole trace, the proof of one segment in it.

state   = keccak256(0x04 || model || optimiser || rng || cursor), each the Merkle root of its part's leaves (results.py)
link 0  = keccak256(0x05 || spec digest || jobSeed || state 0)
link i  = keccak256(0x06 || link i-1 || u32 i || state i || metrics digest i), i = 1 to n
trace   = Merkle root over link 1 to link n in this order, with the nodes of results.py
audit   = keccak256(0x03 || JobId || result root || trace || u16 n)

A segment in which the job's code failed is the last one; its state is the result root of how the run ended.
All hashes are 32 bytes, all integers big-endian. The same bytes as contracts/types/TraceHash.sol.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blake3 import blake3

from tensorgrid.domain.audit_terms import MOST_SEGMENTS
from tensorgrid.domain.encoding import canonical_json, keccak256
from tensorgrid.domain.errors import TraceInvalid
from tensorgrid.domain.jobs import ZERO32, ExitClass, JobId
from tensorgrid.domain.results import JSON_DTYPE, Leaf, Tree, merkle_root, result_root

MOST_STEPS = 2**16 - 1
"""Of one segment."""
PARTS = ("model", "optimizer", "rng", "cursor")


@dataclass(frozen=True, slots=True)
class StateRoots:
    """The four parts of a state; 32 zero bytes for an empty one."""

    model: bytes
    optimizer: bytes
    rng: bytes
    cursor: bytes

    def __post_init__(self) -> None:
        if any(len(part) != 32 for part in self.parts):
            raise TraceInvalid("a state has four roots of 32 bytes")

    @property
    def parts(self) -> tuple[bytes, bytes, bytes, bytes]:
        return self.model, self.optimizer, self.rng, self.cursor

    def root(self) -> bytes:
        return keccak256(b"\x04" + b"".join(self.parts))


def part_root(tensors: Iterable[Leaf], text: bytes | None = None, key: bytes | None = None) -> bytes:
    """Of a part's tensors and the canonical text of its JSON value, None where there is none."""
    leaves = list(tensors)
    if text is not None:
        leaves.append(Leaf.of("", JSON_DTYPE, (), text, key))
    return merkle_root(leaves) if leaves else ZERO32


def metrics_digest(metrics: Sequence[Mapping[str, Any]], key: bytes | None = None) -> bytes:
    """Of a segment's metrics, one object per step. `key`: of a private job, whose few digits could be guessed."""
    text = canonical_json([dict(point) for point in metrics])
    return keccak256(text if key is None else blake3(text, key=key).digest())


NO_METRICS = metrics_digest(())


def first_link(spec_digest: bytes, seed: bytes, state: bytes) -> bytes:
    """Link 0: what the run starts from."""
    return keccak256(b"\x05" + spec_digest + seed + state)


def next_link(previous: bytes, index: int, state: bytes, metrics: bytes) -> bytes:
    """Link `index`, from 1 on."""
    return keccak256(b"\x06" + previous + struct.pack(">I", index) + state + metrics)


def audit_root(job: JobId, result: bytes, trace: bytes, segments: int) -> bytes:
    """What an audited job's commitment binds."""
    return keccak256(b"\x03" + job + result + trace + struct.pack(">H", segments))


# --------------------------------------------------------------------------------------------------------------- proofs


def trace_root(links: Sequence[bytes]) -> bytes:
    """Of link 1 to link n. Raises TraceInvalid for none, or too many."""
    return _levels(links)[-1][0]


def prove(links: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The neighbours on the way from link `index` (from 1) to the root, lowest first. Raises TraceInvalid."""
    levels = _levels(links)
    if not 1 <= index <= len(links):
        raise TraceInvalid(f"a trace of {len(links)} segments has no segment {index}")
    place, found = index - 1, []
    for level in levels[:-1]:
        if place ^ 1 < len(level):  # an odd last node moves up unchanged, and has no neighbour
            found.append(level[place ^ 1])
        place //= 2
    return tuple(found)


def proven(root: bytes, count: int, index: int, link: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `link` is link `index` (from 1) of the `count` ones under `root`. The proof's shape follows from both."""
    if not 1 <= index <= count <= MOST_SEGMENTS or any(len(node) != 32 for node in (link, *proof)):
        return False
    place, width, node, left = index - 1, count, link, list(proof)
    while width > 1:
        if place ^ 1 < width:
            if not left:
                return False
            other = left.pop(0)
            node = keccak256(b"\x01" + (other + node if place & 1 else node + other))
        place, width = place // 2, (width + 1) // 2
    return not left and node == root


def _levels(links: Sequence[bytes]) -> list[list[bytes]]:
    if not 1 <= len(links) <= MOST_SEGMENTS:
        raise TraceInvalid(f"a trace has 1 to {MOST_SEGMENTS} segments, not {len(links)}")
    return Tree(links).levels


# ---------------------------------------------------------------------------------------------------------------- trace


@dataclass(frozen=True, slots=True)
class Segment:
    """One link. `steps`: calls of tg.checkpoint in it. `roots`: None where the job's code failed in it."""

    index: int
    steps: int
    state: bytes
    metrics: bytes
    link: bytes
    roots: StateRoots | None = None


@dataclass(slots=True)
class Trace:
    """A run's trace as it grows, its state and links in order. `every`: steps of a whole segment.

    INVARIANT: segment k of the list has index k + 1, `every` steps but for the last, and follows the link before.
    """

    spec_digest: bytes
    seed: bytes
    every: int
    start: StateRoots
    segments: list[Segment] = field(default_factory=list)

    @property
    def first(self) -> bytes:
        """Link 0."""
        return first_link(self.spec_digest, self.seed, self.start.root())

    @property
    def links(self) -> list[bytes]:
        """Link 1 to link n."""
        return [segment.link for segment in self.segments]

    @property
    def ended(self) -> bool:
        """No further segment can follow: the last one is short, or failed."""
        return bool(self.segments) and (self.segments[-1].roots is None or self.segments[-1].steps < self.every)

    def add(self, steps: int, roots: StateRoots, metrics: bytes) -> Segment:
        """The next segment. Raises TraceInvalid after the last one, and for a length that no segment has."""
        if not 1 <= steps <= self.every:
            raise TraceInvalid(f"segment {len(self.segments) + 1} has {steps} steps, a segment has 1 to {self.every}")
        return self._append(steps, roots.root(), metrics, roots)

    def fail(self, job: JobId, exit_class: ExitClass) -> Segment:
        """The run failed in the segment that would have been next."""
        return self._append(0, result_root(job, exit_class), NO_METRICS, None)

    def root(self) -> bytes:
        """Raises TraceInvalid when there is no segment."""
        return trace_root(self.links)

    def before(self, index: int) -> bytes:
        """Link `index` - 1, the first one included."""
        return self.first if index == 1 else self.segments[index - 2].link

    def state_before(self, index: int) -> bytes:
        """The state that segment `index` starts from."""
        return self.start.root() if index == 1 else self.segments[index - 2].state

    def _append(self, steps: int, state: bytes, metrics: bytes, roots: StateRoots | None) -> Segment:
        index = len(self.segments) + 1
        if self.ended or index > MOST_SEGMENTS:
            raise TraceInvalid(f"no segment {index} can follow: {'the last one was short' if self.ended else 'enough'}")
        link = next_link(self.segments[-1].link if self.segments else self.first, index, state, metrics)
        segment = Segment(index, steps, state, metrics, link, roots)
        self.segments.append(segment)
        return segment

"""Traces, draws and fees of the audit tier in plain Python, written from the protocol and not from the contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.results import result_root

ZERO32 = bytes(32)


@dataclass(frozen=True)
class Plan:
    """verifierParams: bits and order as the interface says."""

    respond: int
    take: int
    audit: int
    move: int
    segments: int
    drawn: int
    auditors: int
    audit_bps: int
    reaudit_bps: int
    steps: int

    def pack(self) -> bytes:
        sizes = (32, 32, 32, 32, 16, 8, 8, 16, 16, 16)
        values = (
            self.respond, self.take, self.audit, self.move, self.segments,
            self.drawn, self.auditors, self.audit_bps, self.reaudit_bps, self.steps,
        )  # fmt: skip
        packed = at = 0
        for value, size in zip(values, sizes, strict=True):
            assert value < 1 << size
            packed |= value << at
            at += size
        return packed.to_bytes(32, "big")

    def first(self, done: int) -> int:
        return min(self.auditors * self.drawn, (done + 1) // 2)

    def further(self, done: int) -> int:
        most = self.segments * 10_000 // (2 * self.audit_bps)
        return min(30, most, done - self.first(done))

    def repeated(self, done: int) -> int:
        return min(self.first(done), done - self.first(done))

    def fee(self, price: int, count: int) -> int:
        return ceil(Fraction(price * count * self.audit_bps, 10_000 * self.segments))

    @property
    def reserve_bps(self) -> int:
        return ceil(Fraction(5 * self.auditors * self.drawn * self.audit_bps, self.segments))


# ---- the draw


def sample(seed: bytes, places: int, count: int) -> list[int]:
    """`count` different numbers below `places`, ascending."""
    taken: set[int] = set()
    for j in range(places - count, places):
        pick = int.from_bytes(keccak256(seed + j.to_bytes(32, "big")), "big") % (j + 1)
        taken.add(j if pick in taken else pick)
    return sorted(taken)


def draw_first(seed: bytes, done: int, count: int) -> list[int]:
    return [value + i + 1 for i, value in enumerate(sample(seed, done - count + 1, count))]


def draw_fresh(seed: bytes, done: int, drawn: Sequence[int], count: int) -> list[int]:
    left = [index for index in range(1, done + 1) if index not in drawn]
    return [left[i] for i in sample(seed, len(left), count)]


# ---- the trace


def node(left: bytes, right: bytes) -> bytes:
    return keccak256(b"\x01" + left + right)


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """From the leaves to the root; an odd last node moves up unchanged."""
    made = [list(leaves)]
    while len(made[-1]) > 1:
        below = made[-1]
        pairs = [node(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        made.append(pairs + below[len(pairs) * 2 :])
    return made


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Of the index-th leaf, counted from 1."""
    found, at = [], index - 1
    for level in levels(leaves)[:-1]:
        other = at ^ 1
        if other < len(level):
            found.append(level[other])
        at //= 2
    return found


def state_root(parts: Sequence[bytes]) -> bytes:
    return keccak256(b"\x04" + b"".join(parts))


@dataclass
class Trace:
    """What a worker commits to. `lies`: states that are not what a replay finds, by segment."""

    job: JobId
    spec_digest: bytes
    seed: bytes
    done: int
    lies: Mapping[int, bytes] = field(default_factory=dict)
    failed: ExitClass | None = None  # the last segment ended so
    other_model: bytes | None = None  # delivered in place of the trained one

    @property
    def counted(self) -> int:
        """Segments that are drawn from, and paid."""
        return self.done - (self.failed in (ExitClass.WALL_LIMIT, ExitClass.MEMORY_LIMIT))

    def truth(self, index: int) -> bytes:
        """What a replay of the segment finds."""
        if index == self.done:
            return result_root(self.job, self.failed) if self.failed else state_root(self.parts)
        return keccak256(b"state" + self.job + index.to_bytes(4, "big"))

    @property
    def parts(self) -> list[bytes]:
        return [keccak256(name + self.job) for name in (b"model", b"optimiser", b"random", b"cursor")]

    def state(self, index: int) -> bytes:
        return self.lies.get(index) or self.truth(index)

    def metrics(self, index: int) -> bytes:
        return keccak256(b"metrics%d" % index)

    def leaves(self) -> list[bytes]:
        """R_0 to R_n."""
        chain = [keccak256(b"\x05" + self.spec_digest + self.seed + self.state(0))]
        for i in range(1, self.done + 1):
            chain.append(keccak256(b"\x06" + chain[-1] + i.to_bytes(4, "big") + self.state(i) + self.metrics(i)))
        return chain

    @property
    def root(self) -> bytes:
        return levels(self.leaves()[1:])[-1][0]

    @property
    def result(self) -> bytes:
        if self.failed:
            return result_root(self.job, self.failed)
        return result_root(self.job, ExitClass.OK, self.other_model or self.parts[0])

    @property
    def audit_root(self) -> bytes:
        return keccak256(b"\x03" + self.job + self.result + self.root + self.done.to_bytes(2, "big"))

    def shown(self, index: int, roots: Sequence[bytes]) -> tuple[object, ...]:
        """IAuditVerifier.Shown."""
        chain = self.leaves()
        first = index == 1
        return (
            chain[0] if first else chain[index - 2],
            self.state(index - 1),
            ZERO32 if first else self.metrics(index - 1),
            self.state(index),
            self.metrics(index),
            [] if first else proof(chain[1:], index - 1),
            proof(chain[1:], index),
            list(roots),
        )

    def shown_result(self) -> tuple[object, ...]:
        """IAuditVerifier.ShownResult."""
        chain, n = self.leaves(), self.done
        parts = [ZERO32] * 4 if self.failed else self.parts
        return (chain[n - 1], self.metrics(n), self.state(n), parts, proof(chain[1:], n))


def check(roots: Sequence[bytes]) -> bytes:
    return keccak256(b"".join(roots))

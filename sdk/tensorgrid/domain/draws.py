"""Which segments are audited: a draw that nobody could foresee when the trace was fixed. The same as AuditDraw.sol.

Segments are counted from 1. Samples are Floyd's: `count` distinct numbers below `free`, each set equally likely.
"""

from __future__ import annotations

from collections.abc import Collection

from tensorgrid.domain.encoding import keccak256, word
from tensorgrid.domain.jobs import JobId


def draw_seed(job: JobId, value: bytes) -> bytes:
    """keccak256(abi.encode(JobId, value)); `value`: of the sitting's beacon round, 32 bytes."""
    return keccak256(job + value)


def first_draw(seed: bytes, segments: int, auditors: int, drawn: int) -> list[list[int]]:
    """Per auditor seat his segments, ascending; no two of all are neighbours, so no end is another's start.

    A short trace gives fewer than `auditors` * `drawn`, and perhaps a seat without any.
    """
    count = min(auditors * drawn, (segments + 1) // 2)
    chosen = [value + place + 1 for place, value in enumerate(sample(seed, count, segments - count + 1))]
    return [chosen[seat::auditors] for seat in range(auditors)]


def further_draw(seed: bytes, segments: int, known: Collection[int], count: int) -> list[int]:
    """At most `count` segments that are not among `known`, ascending."""
    left = [index for index in range(1, segments + 1) if index not in known]
    count = min(count, len(left))
    return [left[place] for place in sample(seed, count, len(left))]


def re_audit_draw(seed: bytes, segments: int, known: Collection[int]) -> list[int]:
    """All `known` ones and as many fresh ones, as far as there are, ascending."""
    return sorted({*known, *further_draw(seed, segments, known, len(known))})


def sample(seed: bytes, count: int, free: int) -> list[int]:
    """`count` distinct numbers of 0 to `free` - 1, ascending. Raises ValueError when there are not so many."""
    if not 0 <= count <= free:
        raise ValueError(f"{count} of {free} numbers cannot be drawn")
    taken: set[int] = set()
    for last in range(free - count, free):
        number = int.from_bytes(keccak256(seed + word(last)), "big") % (last + 1)
        taken.add(last if number in taken else number)
    return sorted(taken)

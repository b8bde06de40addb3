"""Draws of segments: what always holds, that all are equally likely, and that nobody sees them before."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.domain.draws import draw_seed, first_draw, further_draw, re_audit_draw, sample
from tensorgrid.domain.jobs import JobId

JOB = JobId(b"\x07" * 32)
SEEDS = st.binary(min_size=32, max_size=32)


def seed(number: int) -> bytes:
    return draw_seed(JOB, number.to_bytes(32, "big"))


@given(SEEDS, st.integers(1, 4096), st.integers(1, 2), st.integers(1, 8))
def test_first_draw__never_neighbours__every_seat_its_own(
    value: bytes, segments: int, auditors: int, drawn: int
) -> None:
    seats = first_draw(value, segments, auditors, drawn)
    assert len(seats) == auditors
    together = sorted(index for seat in seats for index in seat)
    assert len(together) == min(auditors * drawn, (segments + 1) // 2)
    assert all(1 <= index <= segments for index in together)
    assert all(right - left > 1 for left, right in itertools.pairwise(together))
    assert all(seat == sorted(seat) and len(seat) <= drawn for seat in seats)


@given(SEEDS, st.integers(1, 300), st.sets(st.integers(1, 300), max_size=20), st.integers(0, 40))
def test_further_draw__only_what_was_not_drawn(value: bytes, segments: int, known: set[int], count: int) -> None:
    fresh = further_draw(value, segments, known, count)
    left = set(range(1, segments + 1)) - known
    assert fresh == sorted(set(fresh)) and set(fresh) <= left
    assert len(fresh) == min(count, len(left))


@given(SEEDS, st.integers(8, 300))
def test_re_audit__all_known_and_as_many_fresh(value: bytes, segments: int) -> None:
    known = [index for seat in first_draw(value, segments, 2, 2) for index in seat]
    drawn = re_audit_draw(value, segments, known)
    assert set(known) <= set(drawn) and len(drawn) == 2 * len(known) == len(set(drawn))


def test_sample__each_number_equally_likely() -> None:
    seen = Counter(number for draw in range(2000) for number in sample(seed(draw), 3, 10))
    assert sum(seen.values()) == 6000 and set(seen) == set(range(10))
    # 600 expected of each, with a deviation of 20: a bias of a fifth would show.
    assert all(abs(times - 600) < 100 for times in seen.values())


def test_first_draw__each_segment_about_equally_likely() -> None:
    seen = Counter(index for draw in range(3000) for seat in first_draw(seed(draw), 20, 2, 2) for index in seat)
    assert set(seen) == set(range(1, 21))
    assert all(500 < times < 900 for times in seen.values())


def test_draw__fixed_seeds__fixed_segments() -> None:
    """The Solidity twin is held to the same numbers."""
    assert first_draw(seed(1), 100, 2, 2) == first_draw(seed(1), 100, 2, 2) != first_draw(seed(2), 100, 2, 2)


def test_sample__more_than_there_are__refused() -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        sample(seed(1), 5, 4)

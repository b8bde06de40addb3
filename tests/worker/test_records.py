"""Events in, reorganisations out."""

from __future__ import annotations

import random

import pytest
from tests.worker.jobs import FOURTH, JOB, ME, SECOND, THIRD, history, make_seat, make_terms

from tensorgrid.domain.jobs import ZERO32, JobId
from tensorgrid_worker.memory.records import (
    JobRecord,
    apply,
    rewind,
    seats_from_text,
    seats_to_text,
    terms_from_text,
    terms_to_text,
)


def fold(upto: int, start: dict[JobId, JobRecord] | None = None, after: int = 0) -> dict[JobId, JobRecord]:
    records = dict(start or {})
    for event in history():
        if after < event.log.block <= upto:
            apply(records, event, ME)
    return records


def test_apply__whole_life() -> None:
    record = fold(20)[JOB]
    assert record.workers == (SECOND, ME, THIRD, FOURTH)
    assert (record.number_of(ME), record.number_of("0x00")) == (2, 0)
    assert (record.posted_block, record.assigned_block, record.extra_block, record.ended_block) == (10, 14, 16, 20)
    assert (record.ended_as, record.outcome) == ("settled", "paid 1000000")
    sealed = {SECOND: b"\x02" * 32, ME: b"\x01" * 32, THIRD: b"\x03" * 32, FOURTH: b"\x04" * 32}
    assert record.held == tuple(make_seat(worker, commitment) for worker, commitment in sealed.items())


def test_apply__committed_by_some__the_others_seats_are_empty() -> None:
    assert [seat.commitment for seat in fold(14)[JOB].held] == [ZERO32, ZERO32, b"\x03" * 32]


def test_apply__told_twice__counts_once() -> None:
    records = fold(20)
    once = dict(records)
    for event in history():
        apply(records, event, ME)
    assert records == once


def test_apply__unknown_job__ignored() -> None:
    records: dict[JobId, JobRecord] = {}
    assert [apply(records, event, ME) for event in history()[1:]] == [None] * 12
    assert records == {}


@pytest.mark.parametrize("block", range(9, 21))
def test_rewind__as_if_it_had_never_happened(block: int) -> None:
    records = fold(20)
    rewind(records, block)
    assert records == fold(block)
    assert fold(20, records, after=block) == fold(20)


def test_rewind__random_walks__always_consistent() -> None:
    chance = random.Random(4)
    for _ in range(200):
        records, at = fold(20), 20
        for _ in range(5):
            back = chance.randint(9, at)
            rewind(records, back)
            at = chance.randint(back, 20)
            records = fold(at, records, after=back)
            assert records == fold(at)


def test_terms__to_text_and_back() -> None:
    terms = make_terms(nonce=2**256 - 1, price=2**128 - 1)
    assert terms_from_text(terms_to_text(terms)) == terms


def test_seats__to_text_and_back() -> None:
    seats = fold(20)[JOB].seats
    assert seats_from_text(seats_to_text(seats)) == seats

"""Openings: an auditor who replayed can check both ends; nobody else can read the end; strangers' bytes are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sdk.test_traces import JOB, SEED, SPEC, make_trace

from tensorgrid.domain.audits import AuditOpening
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json
from tensorgrid.domain.errors import OpeningRejected, SpecInvalid
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.openings import (
    Found,
    OpenedSeat,
    OpenedSegment,
    Opening,
    end_proof,
    open_segment,
    proves_result,
    read_end_proof,
    result_from_bytes,
    result_to_bytes,
    show_result,
)
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.domain.results import result_root
from tensorgrid.domain.traces import Trace, prove
from tensorgrid.storage.cid import cid_of_bytes

STATE = SealedRef(cid_of_bytes(b"state"), 1000)
AUDITOR, OTHER = "0x" + "a" * 40, "0x" + "b" * 40
TRACE = make_trace(11)
OPENING = Opening(
    JOB,
    1,
    (
        OpenedSeat(AUDITOR, (open_segment(TRACE, JOB, 1, None), open_segment(TRACE, JOB, 9, STATE))),
        OpenedSeat(OTHER, (open_segment(TRACE, JOB, 4, STATE),)),
    ),
)


def found(trace: Trace, index: int, **changes: bytes) -> Found:
    segment = trace.segments[index - 1]
    value = {"start": trace.state_before(index), "end": segment.state, "metrics": segment.metrics} | changes
    return Found(SPEC, SEED, **value)


@pytest.mark.parametrize("count", [1, 2, 7, 11, 100])
def test_honest_opening__both_ends_check_out(count: int) -> None:
    trace = make_trace(count)
    for index in range(1, count + 1):
        segment = open_segment(trace, JOB, index, None if index == 1 else STATE)
        assert segment.starts_from(trace.state_before(index), trace.root(), count)
        assert segment.ends_in(found(trace, index), JOB, trace.root(), count)


@pytest.mark.parametrize("index", [2, 7])
def test_attack_other_start_state__seen(index: int) -> None:
    segment = open_segment(TRACE, JOB, index, STATE)
    assert not segment.starts_from(b"\x99" * 32, TRACE.root(), 11)
    assert not segment.starts_from(TRACE.state_before(index), b"\x99" * 32, 11)


@pytest.mark.parametrize("index", [1, 2, 7])
@pytest.mark.parametrize("change", ["start", "end", "metrics"])
def test_attack_replay_found_otherwise__does_not_check_out(index: int, change: str) -> None:
    segment = open_segment(TRACE, JOB, index, None if index == 1 else STATE)
    assert not segment.ends_in(found(TRACE, index, **{change: b"\x99" * 32}), JOB, TRACE.root(), 11)


def test_attack_reading_the_end_without_a_replay__does_not_open() -> None:
    state = TRACE.segments[3].state
    sealed = end_proof(prove(TRACE.links, 4), JOB, 4, state)
    assert read_end_proof(sealed, JOB, 4, state) == prove(TRACE.links, 4)
    for job, index, root in ((JOB, 4, b"\0" * 32), (JOB, 5, state), (JobId(b"\1" * 32), 4, state)):
        with pytest.raises(OpeningRejected, match="does not open"):
            read_end_proof(sealed, job, index, root)
    for wrong in (b"", sealed[:-1], sealed + b"\0", bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(OpeningRejected):
            read_end_proof(wrong, JOB, 4, state)


def test_attack_end_proof_of_no_whole_nodes__refused() -> None:
    sealed = end_proof((b"short",), JOB, 4, b"\1" * 32)
    with pytest.raises(OpeningRejected, match="no proof"):
        read_end_proof(sealed, JOB, 4, b"\1" * 32)


def test_bytes_and_value_are_one() -> None:
    data = OPENING.to_bytes()
    assert Opening.from_bytes(data) == OPENING
    assert OPENING.digest == cid_of_bytes(data).digest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["version"], 2),
        (["job"], "0x00"),
        (["sitting"], -1),
        (["sitting"], True),
        (["seats"], []),
        (["seats"], [None]),
        (["seats", 0, "worker"], "0x" + "A" * 40),
        (["seats", 1, "worker"], AUDITOR),
        (["seats", 0, "segments"], {}),
        (["seats", 0, "segments", 0, "index"], 0),
        (["seats", 0, "segments", 0, "index"], 4097),
        (["seats", 0, "segments", 0, "index"], 9),
        (["seats", 0, "segments", 0, "state"], {"cid": str(STATE.cid), "bytes": 5}),
        (["seats", 0, "segments", 1, "index"], 1),
        (["seats", 0, "segments", 1, "state"], None),
        (["seats", 0, "segments", 1, "state", "bytes"], 1 << 52),
        (["seats", 0, "segments", 1, "state", "cid"], "../../etc/passwd"),
        (["seats", 0, "segments", 1, "leaf"], None),
        (["seats", 0, "segments", 1, "leaf", "proof"], ["0x" + "00" * 32] * 13),
        (["seats", 0, "segments", 1, "leaf", "proof", 0], "0x00"),
        (["seats", 0, "segments", 1, "leaf", "before"], "0x" + "AB" * 32),
        (["seats", 0, "segments", 1, "end_proof"], "0x" + "00" * 500),
        (["seats", 0, "segments", 1, "end_proof"], 7),
    ],
    ids=range(23),
)
def test_attack_malformed__refused(path: list[Any], value: Any) -> None:
    manifest = parse_canonical_json(OPENING.to_bytes(), "it")
    place = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(OpeningRejected) as caught:
        Opening.from_bytes(canonical_json(manifest))
    assert str(caught.value).isprintable()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_attack_noise__refused(noise: bytes) -> None:
    for data in (noise, b"{" + noise, b"[" * 100_000):
        with pytest.raises(OpeningRejected):
            Opening.from_bytes(data)


def test_built_wrongly__refused() -> None:
    segment = open_segment(TRACE, JOB, 9, STATE)
    for wrong in (
        lambda: OpenedSegment(9, None, None, b""),
        lambda: Opening(JOB, 0, (OpenedSeat(AUDITOR, (segment, segment)),)),
        lambda: Opening(JOB, 0, (OpenedSeat(AUDITOR, ()),) * 2),
    ):
        with pytest.raises(SpecInvalid):
            wrong()


# ----------------------------------------------------------------------------------------------------------- the result


def said(trace: Trace, result: bytes) -> AuditOpening:
    return AuditOpening(b"\0" * 32, result, b"\0" * 32, trace.root(), len(trace.segments))


def model_result(trace: Trace) -> bytes:
    roots = trace.segments[-1].roots
    assert roots is not None
    return result_root(JOB, ExitClass.OK, roots.model)


@pytest.mark.parametrize("count", [1, 2, 7, 11, 100])
def test_result__the_last_states_model__proven_and_read_back(count: int) -> None:
    trace = make_trace(count)
    shown = result_from_bytes(result_to_bytes(show_result(trace)))
    assert shown == show_result(trace)
    assert proves_result(shown, JOB, said(trace, model_result(trace)))
    assert not proves_result(shown, JOB, said(make_trace(count + 1), model_result(trace)))


def test_attack_result_of_another_model__not_proven() -> None:
    other = result_root(JOB, ExitClass.OK, b"\x99" * 32)
    assert not proves_result(show_result(TRACE), JOB, said(TRACE, other))
    parts = (b"\x99" * 32, *show_result(TRACE).parts[1:])
    assert not proves_result(replace(show_result(TRACE), parts=parts), JOB, said(TRACE, other))


def test_result_of_a_run_that_failed__proven_as_that_failure_and_no_other() -> None:
    trace = make_trace(3)
    trace.fail(JOB, ExitClass.WALL_LIMIT)
    shown = show_result(trace)
    assert proves_result(shown, JOB, said(trace, result_root(JOB, ExitClass.WALL_LIMIT)))
    assert not proves_result(shown, JOB, said(trace, result_root(JOB, ExitClass.RAISED)))
    assert not proves_result(show_result(make_trace(4)), JOB, said(trace, model_result(make_trace(4))))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_as_a_proof_of_the_result__refused(data: bytes) -> None:
    with pytest.raises(OpeningRejected, match="accuse"):
        result_from_bytes(data)

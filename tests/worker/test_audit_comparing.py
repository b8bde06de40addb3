"""An auditor whose machine computes on something else: what he is shown, what he finds, and what he may say of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.worker.audits import AUDIT_BY, SERVED_AT, served
from tests.worker.foreign import AUDITOR, CALIBRATED, IDENTITY, OTHER, TwoMachines, honest, state_file, unlike

from tensorgrid.chain.connection import BlockRef
from tensorgrid.domain.audits import UNANSWERABLE, check_of
from tensorgrid.domain.openings import OpenedSeat, Opening
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.parameters.distance import Bounds
from tensorgrid.privacy import open_sealed, seal
from tensorgrid_worker.auditing.calls import call_of
from tensorgrid_worker.auditing.desk import Desk
from tensorgrid_worker.auditing.findings import Compared, Served
from tensorgrid_worker.auditing.plan import Known, Move, Step, steps
from tensorgrid_worker.jobs.replays import ReplayEnd

FAKED = unlike(-1.0)
IDLE = Event()


@pytest.fixture
def world(tmp_path: Path) -> TwoMachines:
    return TwoMachines(tmp_path, learns=unlike(0.01))


def seat_of(world: TwoMachines, given_: Served) -> OpenedSeat:
    return world.opening(given_).seats[0]


def with_end(world: TwoMachines, given_: Served, sealed: bytes) -> Opening:
    """The opening with other bytes as the end of each segment."""
    opening = world.opening(given_)
    ref = SealedRef(world.store.put(sealed), len(sealed))
    segments = tuple(
        one if one.end is None else replace(one, end=replace(one.end, state=ref)) for one in opening.seats[0].segments
    )
    return replace(opening, seats=(replace(opening.seats[0], segments=segments), *opening.seats[1:]))


# --------------------------------------------------------------------------------------------------------- serving


def test_seat_of_another_fingerprint__is_shown_the_ends_and_no_answer_counts(world: TwoMachines) -> None:
    given_ = world.serve()
    for segment in seat_of(world, given_).segments:
        assert segment.end is not None
        shown = open_sealed(world.store.blobs[segment.end.state.cid], IDENTITY)
        assert shown == world.kept.files[segment.index]
    assert given_.checks[0] == UNANSWERABLE


def test_seat_of_the_same_fingerprint__is_shown_no_end(world: TwoMachines) -> None:
    given_ = world.serve()
    assert all(segment.end is None for segment in world.opening(given_).seats[1].segments)
    states = [world.trace.segments[index - 1].state for index in world.picture.segments(3)]
    assert given_.checks[1] == check_of(states)


def test_ends_not_kept__none_is_shown_and_his_answer_counts(world: TwoMachines) -> None:
    """Doing segments again for him could make the worker late, which costs his stake."""
    starts = {index - 1 for number in (2, 3) for index in world.picture.segments(number)}
    world.kept.files = {segment: data for segment, data in world.kept.files.items() if segment in starts}
    given_ = world.serve()
    assert all(segment.end is None for segment in seat_of(world, given_).segments)
    assert given_.checks[0] != UNANSWERABLE
    assert world.compare(given_) == Compared(suspicious=False)


def test_unanswerable__is_the_check_of_no_states() -> None:
    """States are rows of 32 bytes; the text that it is the hash of is none."""
    assert len(b"tensorgrid: no states hash to this check") % 32
    assert check_of([]) != UNANSWERABLE


# ------------------------------------------------------------------------------------------------------- comparing


@pytest.mark.parametrize("off", [0.0, 0.01, 0.049, 0.14], ids=["equal", "near", "at the bound", "in doubt"])
def test_honest_worker__a_machine_as_far_as_that__no_suspicion(tmp_path: Path, off: float) -> None:
    world = TwoMachines(tmp_path, learns=unlike(off))
    found = world.compare(world.serve())
    assert not found.suspicious
    assert len(found.reasons) == len(world.picture.segments(AUDITOR)) == world.machine.replays


def test_ends_beyond_three_bounds__suspicion(tmp_path: Path) -> None:
    world = TwoMachines(tmp_path, learns=unlike(0.16))
    found = world.compare(world.serve())
    assert found.suspicious
    assert "suspicious, 0.16 fp32" in found.reasons[0]


def test_one_faked_segment_of_the_seat__suspicion(tmp_path: Path) -> None:
    index = TwoMachines(tmp_path).picture.segments(AUDITOR)[1]

    def works(numbers: tuple[float, ...]) -> tuple[float, ...]:
        return numbers if numbers[0] == index - 0.5 else honest(numbers)

    world = TwoMachines(tmp_path, works=works)
    found = world.compare(world.serve())
    assert found.suspicious
    assert [("suspicious" in reason) for reason in found.reasons] == [False, True]


def test_uncalibrated_class__nothing_is_suspicious(tmp_path: Path) -> None:
    world = TwoMachines(tmp_path, works=FAKED, bounds=Bounds())
    assert not world.compare(world.serve()).suspicious


def test_nothing_is_left_in_the_room(world: TwoMachines, tmp_path: Path) -> None:
    world.compare(world.serve())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("end", [ReplayEnd.UNLOADABLE, ReplayEnd.FAILED, ReplayEnd.EARLY, ReplayEnd.BROKEN])
def test_replay_that_does_not_get_there__no_suspicion(tmp_path: Path, end: ReplayEnd) -> None:
    world = TwoMachines(tmp_path, works=FAKED)
    world.machine.ends = end
    assert not world.compare(world.serve()).suspicious


def test_store_without_the_opening__no_suspicion(tmp_path: Path) -> None:
    world = TwoMachines(tmp_path, works=FAKED)
    given_ = world.serve()
    world.store.blobs.clear()
    assert world.compare(given_) == Compared(suspicious=False)


def test_end_of_another_state__is_not_under_the_root_and_says_nothing(tmp_path: Path) -> None:
    """Whom he would frame is the worker: an end counts only as far as the worker has committed to it."""
    world = TwoMachines(tmp_path)
    given_ = world.serve()
    other = seal(state_file((9.0, 9.0), 4), [IDENTITY.recipient])
    found = world.compare(given_, with_end(world, given_, other))
    assert not found.suspicious
    assert all("not under the trace root" in reason for reason in found.reasons)
    assert world.machine.replays == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_as_an_end__never_a_crash_and_no_suspicion(world: TwoMachines, data: bytes) -> None:
    given_ = world.serve()
    for sealed in (data, seal(data, [IDENTITY.recipient])):
        assert not world.compare(given_, with_end(world, given_, sealed or b"\0")).suspicious


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), byte=st.integers(1, 255))
def test_one_byte_changed_in_the_opening__never_a_crash(world: TwoMachines, place: int, byte: int) -> None:
    given_ = world.serve()
    data = bytearray(world.opening(given_).to_bytes())
    data[place % len(data)] ^= byte
    picture = world.served(given_, world.store.put(bytes(data)).digest)
    assert not world.comparing.compare(picture, IDLE).suspicious


def test_oversized_end__never_fetched(world: TwoMachines) -> None:
    given_ = world.serve()
    opening = world.opening(given_)
    first = opening.seats[0].segments[0]
    assert first.end is not None
    huge = replace(first, end=replace(first.end, state=SealedRef(first.end.state.cid, 1 << 30)))
    seats = (replace(opening.seats[0], segments=(huge, *opening.seats[0].segments[1:])), *opening.seats[1:])
    assert "none has more than" in world.compare(given_, replace(opening, seats=seats)).reasons[0]


# -------------------------------------------------------------------------------------------------------- planning


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        (Known(), SERVED_AT, Step.DECLINE),
        (Known(comparable=True), SERVED_AT, Step.COMPARE),
        (Known(comparable=True), (SERVED_AT + AUDIT_BY) // 2, Step.COMPARE),
        (Known(comparable=True), (SERVED_AT + AUDIT_BY) // 2 + 1, Step.DECLINE),
        (Known(comparable=True, compared=Compared(suspicious=True)), SERVED_AT, Step.DECLINE),
    ],
    ids=["not calibrated", "to be compared", "still in time", "too late", "compared"],
)
def test_auditor_of_another_fingerprint__compares_where_it_can_tell__and_declines_in_time(
    known: Known, now: int, expected: Step
) -> None:
    assert [move.step for move in steps(served(AUDITOR, computes=OTHER), known, now)] == [expected]


def test_calibration__asked_of_the_jobs_class_and_segment_length(world: TwoMachines) -> None:
    assert world.comparing.bounds(world.picture)
    terms = replace(world.picture.terms, hardware_class=b"\x46" * 32)
    assert not world.comparing.bounds(replace(world.picture, terms=terms))


@pytest.mark.parametrize(
    ("compared", "expected"),
    [(None, False), (Compared(suspicious=False), False), (Compared(suspicious=True), True)],
    ids=["not compared", "near", "far"],
)
def test_declining__says_what_the_comparison_said(
    world: TwoMachines, compared: Compared | None, expected: bool
) -> None:
    sent: list[tuple[int, bool]] = []
    verifier: Any = SimpleNamespace(decline=lambda *told: sent.append(told[-2:]))
    picture = world.served(world.serve(), bytes(32))
    call_of(verifier, picture, Move(Step.DECLINE, AUDIT_BY), Known(compared=compared), None, None)
    assert sent == [(AUDITOR, expected)]


def test_daemon__seat_of_another_fingerprint__compares_then_declines_with_its_suspicion(tmp_path: Path) -> None:
    world = TwoMachines(tmp_path, works=FAKED)
    given_ = world.serve()
    picture, sent, woken = world.served(given_, given_.manifest), list[bool](), Event()
    verifier = SimpleNamespace(decline=lambda *told: sent.append(told[-1]))
    contracts: Any = SimpleNamespace(audit=verifier, registry=None, beacon=None)
    tools: Any = world

    def joblog(_: object) -> Any:
        return SimpleNamespace(say=lambda *_, **__: None)

    desk = Desk(contracts=contracts, tools=tools, identity=IDENTITY, wake=woken.set, joblog=joblog, bounds=CALIBRATED)
    head = BlockRef(7, "0x" + "7" * 64, SERVED_AT, "0x" + "6" * 64)
    assert desk.step([picture], {}, {}, head) == []
    assert woken.wait(20)
    assert [each.kind for each in desk.step([picture], {}, {}, head)] == ["decline"]
    assert sent == [True]
    desk.close()

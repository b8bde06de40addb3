"""What a worker opens is a stranger's: whatever it is, the auditor replays, and ends with findings or tries again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.worker.audits import AUDIT_BY, DRAW, FINGERPRINT, PLAN, SERVED_AT, make_audit, make_picture
from tests.worker.jobs import JOB, SEED

from tensorgrid.domain.audits import RESULT, AuditOpening, AuditRecord, check_of
from tensorgrid.domain.errors import BlobNotFound, SpecInvalid, StateRejected
from tensorgrid.domain.jobkeys import NO_KEYS
from tensorgrid.domain.jobs import ZERO32, ExitClass
from tensorgrid.domain.openings import OpenedSeat, Opening, open_segment, result_to_bytes, show_result
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.domain.results import result_root
from tensorgrid.domain.specs import Checkpoint
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.traces import NO_METRICS, Trace
from tensorgrid.privacy import Identity, seal
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid_worker.auditing.checking import Checking
from tensorgrid_worker.auditing.opened import Opened
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.jobs.replays import Replay, Replayed, ReplayEnd
from tensorgrid_worker.runtime.tracelines import SegmentEnded

DONE = 20
IDENTITY = Identity.generate()
SPEC_DIGEST = b"\x09" * 32
CHECKPOINT = Checkpoint(PLAN.steps, keep_bytes=10_000)


def state_file(segment: int) -> bytes:
    """The state behind a segment: one number."""
    tensors = {"model/w": ("F32", (1,), segment.to_bytes(4, "little"))}
    cursor = {"step": segment * PLAN.steps}
    return pack_payload(tensors, {"model": None, "optimizer": None, "rng": None, "cursor": cursor})


STATES = [StateFile.parse(state_file(segment)).roots() for segment in range(DONE + 1)]


def honest_trace() -> Trace:
    trace = Trace(SPEC_DIGEST, SEED, PLAN.steps, STATES[0])
    for roots in STATES[1:]:
        trace.add(PLAN.steps, roots, NO_METRICS)
    return trace


@dataclass
class Store:
    blobs: dict = field(default_factory=dict)

    def put(self, data):
        self.blobs[cid_of_bytes(data)] = data
        return cid_of_bytes(data)

    def get(self, cid, *, max_bytes):
        if cid not in self.blobs:
            raise BlobNotFound(f"{cid} is not here; wait")
        return self.blobs[cid]


@dataclass
class Spec:
    digest: bytes = SPEC_DIGEST
    checkpoint: Checkpoint = CHECKPOINT
    origin: int = 0
    resume: None = None


@dataclass
class Executor:
    """Replays the honest training, from wherever it is told to."""

    begun: list = field(default_factory=list)
    unloadable: bool = False

    def replay(self, task, wanted: Replay, *, stop):
        self.begun.append(wanted.first)
        if self.unloadable and wanted.start is not None:
            return Replayed(ReplayEnd.UNLOADABLE, None, None, {}, {}, 0, 0.0, b"", reason="no")
        first, last = wanted.first // PLAN.steps, min(wanted.last // PLAN.steps, DONE)
        if wanted.start is not None:
            assert StateFile.parse(wanted.start.read_bytes()).roots() == STATES[first], "only checked states are loaded"
        segments = {
            index: SegmentEnded(index, index * PLAN.steps, STATES[index], NO_METRICS, None, 1)
            for index in range(first + 1, last + 1)
        }
        end = ReplayEnd.DONE if wanted.last <= DONE * PLAN.steps else ReplayEnd.EARLY
        return Replayed(end, None, STATES[first], {}, segments, last * PLAN.steps, 0.0, b"")


@dataclass
class Tools:
    store: Store
    executor: Executor
    folder: Path
    inputs: Tools = None

    def spec(self, job, terms):
        return Spec()

    def room(self, job):
        return self.folder

    @contextmanager
    def task(self, audit, stop):
        yield Task(Spec(), SEED, self.folder)


class World:
    """An honest worker's opening to an auditor's seat, for a test to spoil."""

    def __init__(self, folder, draw=DRAW, number=2, shown=None):
        self.store, self.executor = Store(), Executor()
        tools = Tools(self.store, self.executor, folder)
        tools.inputs = tools
        self.checking = Checking(tools, Opened(tools, IDENTITY), lambda _: shown or {})
        self.trace = honest_trace()
        self.opening = AuditOpening(
            ZERO32, result_root(JOB, ExitClass.OK, STATES[DONE].model), ZERO32, self.trace.root(), DONE
        )
        audit = make_audit(served=True, clock=SERVED_AT, done=DONE)
        record = AuditRecord(draw, ZERO32, FINGERPRINT)
        self.picture = make_picture(
            number, audit=audit, record=record, audit_by=AUDIT_BY, opening=self.opening, draw=draw
        )
        self.indices = self.picture.segments(number)
        self.roots = tuple(self.trace.segments[index - 1].state for index in self.indices)

    def seat(self, **changes):
        segments = []
        for index in self.indices:
            sealed = seal(state_file(index - 1), [IDENTITY.recipient])
            ref = SealedRef(self.store.put(sealed), len(sealed)) if index > 1 else None
            segments.append(open_segment(self.trace, JOB, index, ref))
        shown = None
        if DONE not in self.indices:
            shown = seal(result_to_bytes(show_result(self.trace)), [IDENTITY.recipient])
        me = self.picture.held[self.picture.number - 1].worker.lower()
        return replace(OpenedSeat(me, tuple(segments), shown), **changes)

    def check(self, data=None, *, seat=None, roots=None, opening=None, patient=False):
        data = Opening(JOB, 1, (seat or self.seat(),)).to_bytes() if data is None else data
        digest = self.store.put(data).digest
        record = replace(self.picture.record, checks=(check_of(roots or self.roots),) * 2)
        picture = replace(self.picture, manifest=digest, record=record, opening=opening or self.opening)
        return self.checking.audit(picture, Event(), patient=patient)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_honest_opening__every_end_found__nothing_wrong(world):
    found = world.check()
    assert (found.roots, found.wrong, found.reasons) == (world.roots, (), ())
    assert world.executor.begun == [(index - 1) * PLAN.steps for index in world.indices]


@pytest.mark.parametrize("draw", [bytes([number]) * 32 for number in range(1, 9)])
def test_honest_opening__any_draw__nothing_wrong(tmp_path, draw):
    assert World(tmp_path, draw).check().wrong == ()


@pytest.mark.parametrize("right", [True, False], ids=["as committed", "another one"])
def test_snapshot_of_a_replayed_segment__another_than_was_committed__said_and_not_accused_of(tmp_path, right):
    trace = honest_trace()
    shown = {index: trace.links[index - 1] if right else b"\7" * 32 for index in range(1, DONE + 1)}
    world = World(tmp_path, shown=shown)
    with capture_logs() as lines:
        assert world.check().wrong == ()
    told = {line["segment"] for line in lines if line["event"] == "audit.snapshot_mismatch"}
    looked_at = {near for index in world.indices for near in (index - 1, index) if near}
    assert told == (set() if right else looked_at)


def test_attack_start_state_of_another_segment__replayed_from_the_beginning_and_accused(world):
    states = [world.store.put(seal(state_file(index), [IDENTITY.recipient])) for index in world.indices]
    segments = tuple(
        replace(one, state=SealedRef(cid, len(world.store.blobs[cid])))
        for one, cid in zip(world.seat().segments, states, strict=True)
    )
    found = world.check(seat=world.seat(segments=segments))
    assert found.roots == world.roots, "the truth is found all the same"
    assert found.wrong == (0, 1)
    assert world.executor.begun == [0, 0]


def test_attack_state_that_does_not_load__replayed_from_the_beginning_and_accused(world):
    world.executor.unloadable = True
    found = world.check()
    assert (found.roots, found.wrong) == (world.roots, (0, 1))


def test_attack_state_sealed_to_another__accused(world):
    sealed = seal(state_file(world.indices[0] - 1), [Identity.generate().recipient])
    seat = world.seat()
    first = replace(seat.segments[0], state=SealedRef(world.store.put(sealed), len(sealed)))
    assert world.check(seat=replace(seat, segments=(first, *seat.segments[1:]))).wrong == (0,)


def test_attack_oversized_state__never_fetched_and_accused(world):
    seat = world.seat()
    first = replace(seat.segments[0], state=SealedRef(seat.segments[0].state.cid, 1 << 30))
    found = world.check(seat=replace(seat, segments=(first, *seat.segments[1:])))
    assert found.wrong == (0,)
    assert "none has more than" in found.reasons[0]


def test_attack_segment_left_out__accused(world):
    seat = world.seat()
    assert world.check(seat=replace(seat, segments=seat.segments[1:])).wrong == (0,)


def test_attack_faked_segment__accused_where_it_is(world):
    fake = Trace(SPEC_DIGEST, SEED, PLAN.steps, STATES[0])
    for index, roots in enumerate(STATES[1:], 1):
        fake.add(PLAN.steps, replace(roots, model=b"\x66" * 32) if index == world.indices[1] else roots, NO_METRICS)
    world.trace = fake
    found = world.check(opening=replace(world.opening, trace_root=fake.root()))
    assert (found.roots, found.wrong) == (world.roots, (1,))


def test_attack_result_of_another_model__accused_first(world):
    found = world.check(opening=replace(world.opening, result_root=result_root(JOB, ExitClass.OK, b"\x67" * 32)))
    assert found.wrong == (RESULT,)


def test_attack_last_segment_faked__accused_alone_though_the_result_is_its_model(tmp_path):
    world = next(one for draw in range(256) if DONE in (one := World(tmp_path, bytes([draw]) * 32, number=3)).indices)
    fake = Trace(SPEC_DIGEST, SEED, PLAN.steps, STATES[0])
    for index, roots in enumerate(STATES[1:], 1):
        fake.add(PLAN.steps, replace(roots, model=b"\x66" * 32) if index == DONE else roots, NO_METRICS)
    world.trace = fake
    opening = replace(world.opening, trace_root=fake.root(), result_root=result_root(JOB, ExitClass.OK, b"\x66" * 32))
    assert world.check(opening=opening).wrong == (world.indices.index(DONE),)


@pytest.mark.parametrize(
    "sealed",
    [None, b"", b"\x00" * 100, seal(b"{}", [IDENTITY.recipient])],
    ids=["missing", "empty", "no age file", "sealed, but empty"],
)
def test_attack_result_not_proven__accused(world, sealed):
    assert DONE not in world.indices
    assert world.check(seat=world.seat(result=sealed)).wrong == (RESULT,)


def test_attack_check_of_other_states__accused(world):
    assert world.check(roots=(b"\x68" * 32,)).wrong == (0,)


def test_attack_opening_of_another_sitting__all_accused(world):
    found = world.check(Opening(JOB, 2, (world.seat(),)).to_bytes())
    assert found.claims() == (0, RESULT)
    assert found.claims((0, RESULT)) == (1,)  # where both fall, the other segment is still to be shown


@pytest.mark.parametrize("part", ["opening", "state"])
def test_store_without_it__tried_again_at_first__then_replayed_without(world, part):
    seat = world.seat()
    if part == "state":
        world.store.blobs.clear()
        with pytest.raises(BlobNotFound):
            world.check(seat=seat, patient=True)
        assert world.check(seat=seat).wrong == (0, 1)
        return
    picture = replace(world.picture, manifest=b"\x69" * 32, record=replace(world.picture.record, checks=(ZERO32,)))
    with pytest.raises(BlobNotFound):
        world.checking.audit(picture, Event(), patient=True)
    found = world.checking.audit(picture, Event(), patient=False)
    assert (found.roots, found.claims()) == (world.roots, (0, RESULT))


def test_private_job__its_opening_cannot_be_had__silent_and_nobody_is_accused(world):
    """Without its keys the job fails here, whatever its worker has done."""
    plan = replace(PLAN, wrap_time=60)
    terms = replace(world.picture.terms, verifier_params=plan.pack())
    picture = replace(world.picture, terms=terms, manifest=b"\x69" * 32)
    for patient in (True, False):
        with pytest.raises(BlobNotFound):
            world.checking.audit(picture, Event(), patient=patient)
    assert world.executor.begun == []


@pytest.mark.parametrize("sealed", [None, b"junk"], ids=["none", "junk"])
def test_attack_private_job_opened_without_keys_that_work__counts_as_none(world, sealed):
    assert world.checking._opened.keys(world.seat(keys=sealed)) == NO_KEYS


def test_private_job__this_worker_has_no_identity__says_so_and_accuses_nobody(world):
    with pytest.raises(StateRejected, match=r"identity\.age"):
        Opened(world.checking._tools, None).keys(world.seat())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_as_an_opening__findings_and_the_truth(world, data):
    found = world.check(data)
    assert found.roots == world.roots
    assert found.wrong


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), byte=st.integers(1, 255))
def test_one_byte_changed_in_an_opening__never_a_crash(world, place, byte):
    data = bytearray(Opening(JOB, 1, (world.seat(),)).to_bytes())
    data[place % len(data)] ^= byte
    assert world.check(bytes(data)).roots == world.roots


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400))
def test_any_bytes_as_a_state__findings_and_the_truth(world, data):
    seat = world.seat()
    sealed = seal(data, [IDENTITY.recipient])
    first = replace(seat.segments[0], state=SealedRef(world.store.put(sealed), len(sealed)))
    found = world.check(seat=replace(seat, segments=(first, *seat.segments[1:])))
    assert (found.roots, found.wrong) == (world.roots, (0,))


def test_opening_refuses_what_it_cannot_say():
    with pytest.raises(SpecInvalid):
        Opening(JOB, 1, ())

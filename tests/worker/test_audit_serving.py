"""What a worker serves to a sitting's auditors: where one of them means harm, and where kept states are damaged."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.audits import PLAN, make_picture
from tests.worker.jobs import JOB, SEED, make_terms
from tests.worker.test_audit_checking import DONE, STATES, Spec, honest_trace, state_file

from tensorgrid.domain.errors import StateRejected
from tensorgrid.domain.jobkeys import JobKeys
from tensorgrid.domain.openings import OpenedSeat
from tensorgrid.privacy import Identity, open_sealed, recipient_bytes
from tensorgrid.provable import seal_provably
from tensorgrid_worker.auditing.serving import Serving
from tensorgrid_worker.auditing.sources import NotKept, Source
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.jobs.replays import Replay, Replayed, ReplayEnd
from tensorgrid_worker.jobs.traces import KeptStates, Traced
from tensorgrid_worker.runtime.trace import STATES as STATES_FILE

ADDRESS = "0x" + "A" * 40


@pytest.mark.parametrize("key", [bytes(32), bytes([1]) + bytes(31)], ids=["zero", "of small order"])
def test_attack_auditor_without_a_usable_key__the_sitting_is_served_without_him(key: bytes) -> None:
    registry = SimpleNamespace(profile_of=lambda _: SimpleNamespace(recipient=key))
    serving = Serving(SimpleNamespace(registry=registry), None, None)
    picture = SimpleNamespace(id=bytes(32), held=[None, SimpleNamespace(worker=ADDRESS)])
    seat = serving._seat(picture, 2, [3, 7], None)
    assert (seat.worker, seat.segments, seat.result) == (ADDRESS.lower(), (), None)


@dataclass
class World:
    """A worker's machine: `slots` counts how often room on it was taken, `begun` how far each replay went."""

    folder: Path
    slots: int = 0
    begun: list[tuple[int, int]] = field(default_factory=list)

    @property
    def executor(self) -> World:
        return self

    @property
    def store(self) -> Any:
        return SimpleNamespace(put=lambda _: None)

    def room(self, _: object) -> Path:
        return self.folder

    def reading(self, _: object) -> Task:
        return Task(Spec(), SEED, self.folder)

    @contextmanager
    def task(self, *_: object, urgent: bool) -> Any:
        assert urgent, "a clock runs that costs our stake"
        self.slots += 1
        yield self.reading(None)

    def replay(self, task: Task, wanted: Replay, *, stop: Event) -> Replayed:
        assert self.slots, "nothing is run without room on the machine"
        first, last = wanted.first // PLAN.steps, wanted.last // PLAN.steps
        if wanted.start is not None:
            assert wanted.start.read_bytes() == state_file(first), "only whole states are gone on from"
        self.begun.append((first, last))
        wanted.export.write_bytes(state_file(last))
        return Replayed(ReplayEnd.DONE, None, STATES[first], {}, {}, wanted.last, 0.0, b"")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def traced(world: World, kept: list[int], damaged: list[int]) -> Traced:
    """With states in a file, as a run leaves them, some of which the job's own process has garbled."""
    data, extents = b"", {}
    for segment in kept:
        whole = state_file(segment)
        extents[segment] = (len(data), len(whole))
        data += bytes(len(whole)) if segment in damaged else whole
    path = world.folder / STATES_FILE
    path.write_bytes(data)
    trace = honest_trace()
    return Traced(trace, KeptStates(path, extents, trace))


def source(world: World, left: Traced | None, *, runs: bool = True) -> Source:
    world.slots += runs
    return Source(world, make_picture(), world.reading(None), honest_trace(), left, Event(), runs=runs)


def states_of(found: Source, segments: list[int]) -> None:
    found.ready(segments)
    for segment in segments:
        assert found.state_after(segment) == state_file(segment)
    found.close()


def test_states__all_kept_and_whole__nothing_is_run(world: World) -> None:
    states_of(source(world, traced(world, [3, 6, 9], [])), [3, 9])
    assert world.begun == []


def test_attack_job_garbles_every_kept_state__all_are_made_again_in_one_pass(world: World) -> None:
    kept = list(range(1, DONE))
    states_of(source(world, traced(world, kept, kept)), [12, 3, 19, 7])
    assert world.begun == [(0, 3), (3, 7), (7, 12), (12, 19)], "each goes on where the one before has ended"
    assert [path.name for path in world.folder.iterdir()] == [STATES_FILE], "and nothing is left of it"


def test_damaged_state__a_whole_one_is_nearer_than_what_was_made__goes_on_from_there(world: World) -> None:
    states_of(source(world, traced(world, [4, 8, 12, 16], [4, 16])), [4, 16])
    assert world.begun == [(0, 4), (12, 16)]


def test_states_file__gone_or_unreadable__counts_as_damaged(world: World) -> None:
    left = traced(world, [4], [])
    (world.folder / STATES_FILE).unlink()
    with pytest.raises(StateRejected, match="cannot be read"):
        left.kept.take(4, world.folder / "target")
    states_of(source(world, left), [4])
    assert world.begun == [(0, 4)]


def test_damaged_state__without_room_on_the_machine__nothing_is_run(world: World) -> None:
    with pytest.raises(NotKept):
        source(world, traced(world, [4], [4]), runs=False).state_after(4)
    assert world.begun == []


# -------------------------------------------------------------------------------------------------------- a sitting


def tries_of(world: World, left: Traced, *, keeps: bool = True) -> list[str]:
    """To serve the states behind segments 4 and 8: whether with room on the machine, and how each try went."""
    tries, asked = list[str](), list[set[int]]()

    class Watched(Serving):
        def _seat(self, audit: Any, number: int, segments: list[int], source: Source) -> OpenedSeat:
            tries.append("with room" if source._runs else "without")
            assert [source.state_after(index - 1) for index in segments] == [state_file(4), state_file(8)]
            return OpenedSeat(ADDRESS.lower(), ())

    def kept(_: object, segments: set[int]) -> bool:
        asked.append(segments)
        return keeps

    traces = SimpleNamespace(keeps=kept, take=lambda *_: (honest_trace(), left))
    segments = SimpleNamespace(auditors=(2,), segments={2: [5, 9]}.__getitem__)
    picture = make_picture()
    audit = SimpleNamespace(
        **vars(segments), id=JOB, held=picture.held, plan=PLAN, audit=picture.audit, draw=picture.draw
    )
    Watched(None, world, traces).prepare(audit, Event())  # type: ignore[arg-type]
    assert asked == [{4, 8}]
    return tries


def test_serving__states_kept_and_whole__waits_for_no_room_on_the_machine(world: World) -> None:
    assert tries_of(world, traced(world, [4, 8], [])) == ["without"]
    assert world.slots == 0


def test_serving__states_not_kept__takes_room_at_once(world: World) -> None:
    assert tries_of(world, traced(world, [4], []), keeps=False) == ["with room"]


@pytest.mark.parametrize("damaged", [[4], [8], [4, 8]])
def test_serving__kept_state_is_damaged__goes_on_with_room_and_gpus(world: World, damaged: list[int]) -> None:
    assert tries_of(world, traced(world, [4, 8], damaged)) == ["without", "with room"]
    assert world.slots == 1 and len(world.begun) == len(damaged)


def test_private_job__keys_are_sealed_to_the_auditor_so_that_a_jury_can_make_them_again() -> None:
    identity, keys = Identity.from_seed(b"w" * 32), JobKeys.of(b"\7" * 32)
    profile = SimpleNamespace(recipient=recipient_bytes(identity.recipient), fingerprint=b"")
    tools = SimpleNamespace(inputs=SimpleNamespace(keys=lambda _: keys, spec=lambda *_: None))
    serving = Serving(SimpleNamespace(registry=SimpleNamespace(profile_of=lambda _: profile)), tools, None)
    setattr(serving, "_segment", lambda *_: None)  # noqa: B010 - states are another matter
    picture = replace(make_picture(), terms=make_terms(verifier_params=replace(PLAN, wrap_time=60).pack()))
    seat = serving._seat(picture, 2, [DONE], SimpleNamespace(trace=honest_trace()))
    assert seat.keys == seal_provably(keys.to_bytes(), identity.recipient)
    assert open_sealed(seat.keys, identity) == keys.to_bytes()

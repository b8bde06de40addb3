"""An auditor of a batch whose machine computes on something else: he compares outputs, as its requester asks."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.worker.audits import SERVED_AT
from tests.worker.batches import slice_task
from tests.worker.conftest import MIB, MakeTask, bubblewrap_or_skip
from tests.worker.foreign import AUDITOR, IDENTITY
from tests.worker.foreign_slices import FIRST, HONEST, NEAR, SLICE, Does, Outputs, TwoSliceMachines, off_by, writes

from tensorgrid.chain.connection import BlockRef
from tensorgrid.domain.audits import UNANSWERABLE
from tensorgrid.domain.distance import Verdict
from tensorgrid.domain.items import pack_failure
from tensorgrid.domain.likeness import of_states
from tensorgrid.domain.states import StateFile
from tensorgrid_worker.auditing.desk import Desk
from tensorgrid_worker.auditing.findings import Compared
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.jobs.replays import Replay, ReplayEnd

FAKED = off_by(0.1)


def puts(data: bytes) -> Does:
    """A worker who commits to these bytes as the output of every item."""

    def step(outputs: Outputs, place: int) -> None:
        outputs[SLICE.names[place]] = data

    return step


def spoils_others(outputs: Outputs, place: int) -> None:
    """Computes its item, and changes the slice's last one beside it, in each step."""
    HONEST(outputs, place)
    outputs[SLICE.names[-1]] = bytes([place])


def compared(world: TwoSliceMachines) -> Compared:
    return world.compare(world.serve())


# --------------------------------------------------------------------------------------------------------- serving


def test_tolerance__seat_of_another_fingerprint_is_shown_the_ends__though_no_class_is_calibrated(
    tmp_path: Path,
) -> None:
    world = TwoSliceMachines(tmp_path)
    given_ = world.serve()
    assert all(segment.end is not None for segment in world.opening(given_).seats[0].segments)
    assert all(segment.end is None for segment in world.opening(given_).seats[1].segments)
    assert given_.checks[0] == UNANSWERABLE != given_.checks[1]


def test_no_tolerance__no_end_is_shown__and_nothing_is_compared(tmp_path: Path) -> None:
    world = TwoSliceMachines(tmp_path, works=FAKED, tolerance=None)
    given_ = world.serve()
    assert all(segment.end is None for segment in world.opening(given_).seats[0].segments)
    assert not world.comparing.can_compare(world.picture)
    assert world.compare(given_) == Compared(suspicious=False)
    assert world.machine.replays == 0


# ------------------------------------------------------------------------------------------------------- comparing


@pytest.mark.parametrize("share", [0.0, 1e-6, -1e-6, 9.9e-4, -9.9e-4], ids=str)
def test_honest_worker__machines_within_the_tolerance__no_suspicion(tmp_path: Path, share: float) -> None:
    world = TwoSliceMachines(tmp_path, works=off_by(share))
    found = compared(world)
    assert not found.suspicious
    assert len(found.reasons) == len(world.picture.segments(AUDITOR)) == world.machine.replays
    assert all("within, its output is as near as its requester asks" in reason for reason in found.reasons)


ATTACKS: dict[str, Does] = {
    "faked": FAKED,
    "just beyond": off_by(1.1e-3),
    "another label": writes(lambda place: {"score": place + 0.5, "label": place + 1}),
    "no label": writes(lambda place: {"score": place + 0.5}),
    "called a failure": puts(pack_failure(ValueError())),
    "left out": puts(b""),
    "no output at all": puts(b"\xff" * 64),
    "changes others, too": spoils_others,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_outputs_no_honest_machine_comes_to__suspicion(tmp_path: Path, name: str) -> None:
    found = compared(TwoSliceMachines(tmp_path, works=ATTACKS[name]))
    assert found.suspicious
    assert "suspicious, item 000000" in found.reasons[0]


def test_one_faked_item_among_the_drawn__suspicion__of_that_one(tmp_path: Path) -> None:
    index = TwoSliceMachines(tmp_path).picture.segments(AUDITOR)[1]

    def works(outputs: Outputs, place: int) -> None:
        (FAKED if place == index - 1 else HONEST)(outputs, place)

    found = compared(TwoSliceMachines(tmp_path, works=works))
    assert ["suspicious" in reason for reason in found.reasons] == [False, True]
    assert f"item {FIRST + index - 1:08d}" in found.reasons[1]


@pytest.mark.parametrize("end", [ReplayEnd.UNLOADABLE, ReplayEnd.FAILED, ReplayEnd.EARLY, ReplayEnd.BROKEN])
def test_replay_that_does_not_get_there__no_suspicion(tmp_path: Path, end: ReplayEnd) -> None:
    world = TwoSliceMachines(tmp_path, works=FAKED)
    world.machine.ends = end
    assert not compared(world).suspicious


@pytest.mark.parametrize("gone", ["the opening", "the states"])
def test_what_the_store_does_not_have__no_suspicion(tmp_path: Path, gone: str) -> None:
    world = TwoSliceMachines(tmp_path, works=FAKED)
    given_ = world.serve()
    kept = {} if gone == "the opening" else {cid: data for cid, data in world.store.blobs.items() if data[:1] == b"{"}
    world.store.blobs = kept
    assert not world.compare(given_).suspicious


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_attack_any_bytes_as_outputs__suspicion__never_a_crash(tmp_path: Path, data: bytes) -> None:
    assert compared(TwoSliceMachines(tmp_path, works=puts(data))).suspicious


# -------------------------------------------------------------------------------------------------------- planning


def test_spec_that_is_not_here_yet__may_name_a_tolerance(tmp_path: Path) -> None:
    world = TwoSliceMachines(tmp_path, tolerance=None)
    world._spec = None
    assert world.comparing.can_compare(world.picture)


@pytest.mark.parametrize(("works", "expected"), [(off_by(1e-6), False), (FAKED, True)], ids=["honest", "faked"])
def test_daemon__compares_then_declines__with_a_suspicion_where_it_is_unlike(
    tmp_path: Path, works: Does, expected: bool
) -> None:
    world = TwoSliceMachines(tmp_path, works=works)
    given_ = world.serve()
    picture, sent, woken = world.served(given_, given_.manifest), list[bool](), Event()
    verifier = SimpleNamespace(decline=lambda *told: sent.append(told[-1]))
    contracts: Any = SimpleNamespace(audit=verifier, registry=None, beacon=None)
    tools: Any = world

    def joblog(_: object) -> Any:
        return SimpleNamespace(say=lambda *_, **__: None)

    desk = Desk(contracts=contracts, tools=tools, identity=IDENTITY, wake=woken.set, joblog=joblog)
    head = BlockRef(7, "0x" + "7" * 64, SERVED_AT, "0x" + "6" * 64)
    assert desk.step([picture], {}, {}, head) == []
    assert woken.wait(20)
    assert [each.kind for each in desk.step([picture], {}, {}, head)] == ["decline"]
    assert sent == [expected]
    desk.close()


# ------------------------------------------------------------------------------------------------- in the sandbox


SCORES = """
def job(x):
    import numpy as np
    return {"scores": np.float32([x, x * x]) / 3 + %s, "label": x, "mean": x / 7}
"""


def test_states_of_real_runs__compared_as_they_are(make_task: MakeTask) -> None:
    """What a run keeps of its outputs is what the rule reads, and a replay writes."""
    executor = Executor(bubblewrap_or_skip(), tmp_bytes=64 * MIB, processes=256)
    calls = [{"x": value} for value in range(6)]

    def task_with(noise: str) -> Task:
        return slice_task(make_task, SCORES % noise, calls, first=1, items=4, audited=True)

    worker = task_with("0")
    run = executor.run(worker, on_point=lambda _: None, stop=Event())
    assert run.traced is not None and worker.spec.batch is not None, run.log.decode()
    found = {}
    for noise in ("0", "1e-5", "1"):
        auditor = task_with(noise)
        start = run.traced.kept.take(2, auditor.folder / "start")
        mine, his = auditor.folder / "mine", run.traced.kept.take(3, auditor.folder / "his")
        ended = executor.replay(auditor, Replay(start, 2, 3, export=mine), stop=Event())
        assert ended.end is ReplayEnd.DONE, ended.reason + ended.log.decode()
        states = (StateFile.parse(path.read_bytes()) for path in (mine, his))
        found[noise] = of_states(*states, worker.spec.batch.names[2:3], NEAR)
    assert {noise: verdict for noise, (verdict, _) in found.items()} == {
        "0": Verdict.WITHIN, "1e-5": Verdict.WITHIN, "1": Verdict.SUSPICIOUS
    }  # fmt: skip
    assert found["1"][1] == "item 00000003: array 'scores'"

"""Slices of batches in the real sandbox: one call per item, failures are results, and audits go by item."""

from __future__ import annotations

from threading import Event
from typing import Any

import numpy as np
import pytest
from tests.worker.batches import slice_task
from tests.worker.conftest import MIB, MakeTask, bubblewrap_or_skip

from tensorgrid.domain.arrays import result_of
from tensorgrid.domain.batches import outputs_in
from tensorgrid.domain.items import failure_of
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.payload import Payload, payload_root
from tensorgrid_worker.jobs.executor import Executor, Run, Task
from tensorgrid_worker.jobs.replays import Replay, ReplayEnd
from tensorgrid_worker.runtime import plain
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.plain import Plain

SQUARES = """
def job(x, plus=0):
    if x == 3:
        raise ValueError("three: " + str(id(object())))
    return {"y": x * x + plus}
"""
CALLS = [{"x": value} for value in range(8)]


def executor_of(sandbox: Sandbox) -> Executor:
    return Executor(sandbox, tmp_bytes=64 * MIB, processes=256)


def run_of(task: Task, sandbox: Sandbox) -> Run:
    return executor_of(sandbox).run(task, on_point=lambda _: None, stop=Event())


def outputs(task: Task, run: Run) -> dict[int, Any]:
    """By index: what the function returned, or the name of the exception's type."""
    assert run.exit is ExitClass.OK and run.payload is not None and task.spec.batch is not None, run.log.decode()
    found = outputs_in(Payload.parse(run.payload), task.spec.batch)
    return {index: failure_of(data) or result_of(data, "numpy") for index, data in found.items()}


def test_slice__each_item_is_a_call__one_raises__the_others_go_on(sandbox: Sandbox, make_task: MakeTask) -> None:
    task = slice_task(make_task, SQUARES, CALLS, first=2, items=4, arguments={"plus": 1})
    run = run_of(task, sandbox)
    assert outputs(task, run) == {2: {"y": 5}, 3: "ValueError", 4: {"y": 17}, 5: {"y": 26}}
    assert b"item 3:" in run.log and b"ValueError: three" in run.log, "its words are in the sealed log"
    assert b"three" not in (run.payload or b"")


def test_slice__arrays_and_shared_arrays__come_and_go(make_task: MakeTask) -> None:
    import safetensors.numpy

    weights = safetensors.numpy.save({"value": np.eye(3, dtype=np.float32)})
    calls = [{"x": np.full(3, value, np.float32)} for value in range(3)]
    source = "def job(x, w):\n    return {'y': w @ x, 'sum': float(x.sum())}"
    task = slice_task(make_task, source, calls, inputs={"w": ("numpy", weights)})
    found = outputs(task, run_of(task, Plain()))
    assert [found[n]["y"].tolist() for n in range(3)] == [[n, n, n] for n in range(3)]
    assert found[2]["sum"] == 6


def test_slice__random_numbers__follow_from_the_items_place_alone(make_task: MakeTask) -> None:
    source = "import random\ndef job(x):\n    return {'drawn': [random.random() for _ in range(x)][0]}"
    calls = [{"x": value} for value in (1, 5, 1, 1)]
    whole, tail = (slice_task(make_task, source, calls, first=first) for first in (0, 2))
    all_of_it, end_of_it = (outputs(task, run_of(task, Plain())) for task in (whole, tail))
    assert {index: all_of_it[index] for index in (2, 3)} == end_of_it
    assert len({found["drawn"] for found in all_of_it.values()}) == 4


CHANGES = """
def job(x, told, w):
    told["seen"].append(x)
    w += 1
    {steal}
    return {{"seen": told["seen"], "w": float(w.sum()), "x": x}}
"""
STEAL = "import torch; torch.from_numpy(w).mul_(2); told['seen'] += told['seen']"


@pytest.mark.parametrize(("kind", "steal"), [("numpy", "pass"), ("numpy", STEAL), ("torch", "w.data.mul_(2)")])
def test_attack_arguments_changed_in_place__the_next_call_does_not_find_it(
    make_task: MakeTask, kind: str, steal: str
) -> None:
    """Or an auditor, who computes a drawn item alone, would find another output than its honest worker."""
    import safetensors.numpy

    if kind == "torch" or "torch" in steal:
        pytest.importorskip("torch")
    given = {"w": (kind, safetensors.numpy.save({"value": np.ones(3, np.float32)}))}
    source, told = CHANGES.format(steal=steal), {"seen": []}
    tasks = [
        slice_task(make_task, source, CALLS[:4], first=first, arguments={"told": told}, inputs=given)
        for first in (0, 3)
    ]
    whole, alone = (outputs(task, run_of(task, Plain())) for task in tasks)
    assert whole[3] == alone[3]
    assert len({(found["w"], len(found["seen"])) for found in whole.values()}) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("return 5", "SpecInvalid"),
        ("return {'x': object()}", "SpecInvalid"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("return job(x)", "RecursionError"),
        ("raise type('Bad\\u202e', (Exception,), {})()", "Exception"),
        ("raise type('x' * 9999, (Exception,), {})()", "x" * 128),
    ],
)
def test_item__that_goes_wrong__is_a_failure_of_its_own(make_task: MakeTask, body: str, kind: str) -> None:
    source = f"def job(x):\n    if x:\n        {body}\n    return {{}}"
    task = slice_task(make_task, source, CALLS[:3])
    assert outputs(task, run_of(task, Plain())) == {0: {}, 1: kind, 2: kind}


def test_item__out_of_memory__ends_the_slice__as_a_machine_does(make_task: MakeTask) -> None:
    task = slice_task(make_task, "def job(x):\n    raise MemoryError", CALLS)
    assert run_of(task, Plain()).exit is ExitClass.MEMORY_LIMIT


def test_slice__output_too_large_in_all__says_so(make_task: MakeTask) -> None:
    source = "def job(x):\n    return {'y': 'a' * 9000}"
    task = slice_task(make_task, source, CALLS, output_bytes=64 * 1024)
    assert run_of(task, Plain()).exit is ExitClass.OUTPUT_TOO_LARGE


def test_attack_item_bytes_that_are_no_item__a_failure_like_any(make_task: MakeTask) -> None:
    from dataclasses import replace

    from tensorgrid.domain.batches import BatchSlice, Stretch, item_leaf, pack_slice
    from tensorgrid.storage.cid import cid_of_bytes
    from tensorgrid_worker.runtime.launch import ITEMS

    task = slice_task(make_task, SQUARES, CALLS[:1])
    junk = b"\xff" * 64
    blob = pack_slice(0, [junk], ())
    batch = BatchSlice(Stretch(1, 0, [item_leaf(0, junk)]).root, 1, 0, 1, "numpy", cid_of_bytes(blob), len(blob))
    task = replace(task, spec=replace(task.spec, batch=batch))
    (task.folder / "in" / "spec.json").write_bytes(task.spec.to_bytes())
    (task.folder / "in" / ITEMS).write_bytes(blob)
    assert outputs(task, run_of(task, Plain())) == {0: "ResultRejected"}


class TestAudited:
    """Each item is one step and one segment, which a replay computes again from the outputs before it."""

    def test_every_item__replays_to_the_same_state__and_the_result_is_the_last_one(self, make_task: MakeTask) -> None:
        wall = bubblewrap_or_skip()
        task = slice_task(make_task, SQUARES, CALLS, first=1, items=6, audited=True)
        run = run_of(task, wall)
        assert run.traced is not None and run.payload is not None, run.log.decode()
        trace = run.traced.trace
        assert [segment.steps for segment in trace.segments] == [1] * 6
        assert payload_root(run.payload) == trace.segments[-1].roots.model  # type: ignore[union-attr]
        for index in (1, 3, 6):
            start = None if index == 1 else run.traced.kept.take(index - 1, task.folder / f"start{index}")
            wanted = Replay.of_segment(index, trace.every, start, final=index == 6)
            found = executor_of(wall).replay(task, wanted, stop=Event())
            assert found.end is ReplayEnd.DONE, found.reason + found.log.decode()
            assert found.state_of(JobId(bytes(32)), index) == trace.segments[index - 1].state

    def test_audited_or_not__the_same_result(self, make_task: MakeTask) -> None:
        tasks = [slice_task(make_task, SQUARES, CALLS, first=1, items=4, audited=audited) for audited in (True, False)]
        first, second = (run_of(task, Plain()) for task in tasks)
        assert first.payload == second.payload is not None, first.log.decode()


def test_slice__outputs_packed_quickly_or_not__the_same_bytes() -> None:
    from tensorgrid.domain.arrays import pack_result

    assert plain.packed({"y": 5}) == pack_result({"y": 5})

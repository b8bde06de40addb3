"""A training that is cut off goes on bit for bit; one that is left early keeps what is whole; a third begins there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.worker.conftest import MIB, READER, MakeTask
from tests.worker.jobs import ME
from tests.worker.test_traces import COUNTING, JOB

from tensorgrid.domain.cids import Cid
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.manifests import trace_from_bytes
from tensorgrid.domain.payload import Payload, payload_root
from tensorgrid.domain.receipts import Environment, Receipt, SealedRef
from tensorgrid.domain.specs import Checkpoint, Resume
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.traces import Segment
from tensorgrid.privacy import open_sealed
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.jobs.endings import ended
from tensorgrid_worker.jobs.executor import Executor, Run, RunFailed, RunKilled, RunStopped, Task
from tensorgrid_worker.jobs.interrupted import interrupted
from tensorgrid_worker.jobs.leave import Leave
from tensorgrid_worker.jobs.receipts import Receipts
from tensorgrid_worker.jobs.replays import Replay, ReplayEnd
from tensorgrid_worker.jobs.traces import LINES
from tensorgrid_worker.runtime.trace import ORIGIN, STATES
from tensorgrid_worker.sandbox.plain import Plain

EVERY, STEPS = 4, 22
KILL = "import os; step == 13 and not os.path.exists(mark) and (open(mark, 'w').close(), os.kill(os.getpid(), 9))"

MakeAudited = Callable[..., Task]


@pytest.fixture
def make_audited(make_task: MakeTask) -> MakeAudited:
    def make(*, keep_bytes: int = 8 * MIB, resume: Resume | None = None, **changes: Any) -> Task:
        task = make_task(COUNTING.replace('fault=""', 'fault="", mark=""'), **changes)
        spec = replace(task.spec, tier="audit", checkpoint=Checkpoint(EVERY, keep_bytes), resume=resume)
        (task.folder / "in" / "spec.json").write_bytes(spec.to_bytes())
        return replace(task, spec=spec)

    return make


def executor() -> Executor:
    return Executor(Plain(), tmp_bytes=64 * MIB, processes=256)


def run_of(task: Task, **more: Any) -> Run:
    return executor().run(task, on_point=lambda _: None, stop=more.pop("stop", Event()), **more)


def whole(make_audited: MakeAudited, **changes: Any) -> Run:
    """The same job without an interruption."""
    return run_of(make_audited(arguments={"steps": STEPS}, **changes))


def stop_after(task: Task, segments: int, by: Executor | None = None) -> None:
    """As when the daemon is stopped, or its machine loses power."""
    stop, seen = Event(), list[Segment]()

    def on_segment(segment: Segment) -> None:
        seen.append(segment)
        if len(seen) == segments:
            stop.set()

    with pytest.raises(RunStopped):
        (by or executor()).run(task, on_point=lambda _: None, stop=stop, on_segment=on_segment)


def slow(**more: Any) -> dict[str, Any]:
    """Time enough to be stopped in."""
    return {"steps": STEPS, "fault": "import time; time.sleep(0.05)", **more}


class TestCutOff:
    def test_run__goes_on_from_the_last_kept_state__to_the_same_bits(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments=slow())
        stop_after(task, 3)
        again = list[Segment]()
        run = run_of(task, on_segment=again.append)
        straight = run_of(make_audited(arguments=slow()))
        assert run.traced is not None and straight.traced is not None, run.log.decode()
        assert [one.index for one in again] == [4, 5, 6]
        assert run.traced.trace == straight.traced.trace and run.payload == straight.payload
        assert run.traced.kept.segments == [1, 2, 3, 4, 5, 6]

    def test_states_kept_before__are_still_whole_behind_the_end(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments=slow(), keep_bytes=16 * 1024)
        stop_after(task, 4)
        run = run_of(task)
        assert run.traced is not None
        for index in [one for one in run.traced.kept.segments if one < 6]:  # the last one is short
            run.traced.kept.take(index, task.folder / f"state{index}")

    @pytest.mark.parametrize("what", ["seed", "spec"])
    def test_another_task__begins_anew(self, make_audited: MakeAudited, what: str) -> None:
        task = make_audited(arguments=slow())
        stop_after(task, 2)
        other = replace(task, seed=b"\x77" * 32) if what == "seed" else make_audited(arguments=slow(mark="x"))
        if what == "spec":
            shutil.copytree(task.folder / "out", other.folder / "out", dirs_exist_ok=True)
        assert interrupted(other) is None and interrupted(task) is not None

    def test_damaged_state__an_earlier_one_is_taken__none_begins_anew(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments=slow())
        stop_after(task, 3)
        found = interrupted(task)
        assert found is not None and found.segments >= 3
        states = task.folder / "out" / STATES
        last = found.kept[-1]
        data = bytearray(states.read_bytes())
        data[last[1] + last[2] - 1] ^= 1
        states.write_bytes(data)
        earlier = interrupted(task)
        assert earlier is not None and earlier.segments == found.segments - 1
        states.write_bytes(b"")
        assert interrupted(task) is None

    def test_attack_carriage_returns_in_the_trace__cut_as_they_were_read(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments=slow())
        stop_after(task, 3)
        lines = task.folder / "out" / LINES
        lines.write_bytes(lines.read_bytes().replace(b"{", b"{\r\r"))
        found = interrupted(task)
        assert found is not None and found.segments >= 3
        assert run_of(task).exit is ExitClass.OK

    def test_kept_states_beyond_the_room_that_is_left_now__the_run_goes_on_all_the_same(
        self, make_audited: MakeAudited
    ) -> None:
        task = make_audited(arguments=slow(), keep_bytes=6 * 1024)
        with_room = Executor(Plain(), tmp_bytes=64 * MIB, processes=256, state_bytes=8 * MIB)
        stop_after(task, 4, with_room)
        found = interrupted(task)
        assert found is not None and sum(found.kept[-1][1:]) > 6 * 1024, "more than the spec counts on"
        run = run_of(task)  # by a worker whose disk has no more than that to give
        straight = run_of(make_audited(arguments=slow(), keep_bytes=6 * 1024))
        assert run.exit is ExitClass.OK and run.traced is not None and straight.traced is not None, run.log.decode()
        assert run.traced.trace == straight.traced.trace

    def test_what_lies_there_is_no_trace_any_more__this_machines_fault_and_no_end_of_the_job(
        self, make_audited: MakeAudited, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = make_audited(arguments=slow())
        stop_after(task, 2)
        found = interrupted(task)
        assert found is not None
        changed = replace(found, lines=found.lines[1:])
        monkeypatch.setattr("tensorgrid_worker.jobs.executor.interrupted", lambda _: changed)
        with pytest.raises(RunFailed, match="cannot be gone on from"):
            run_of(task)

    def test_killed_from_outside__is_no_end_of_the_job__and_goes_on(
        self, make_audited: MakeAudited, tmp_path: Path
    ) -> None:
        task = make_audited(arguments={"steps": STEPS, "fault": KILL, "mark": str(tmp_path / "killed")})
        with pytest.raises(RunKilled, match="goes on"):
            run_of(task)
        run = run_of(task)
        straight = whole(make_audited)
        assert run.exit is ExitClass.OK and run.traced is not None and straight.traced is not None
        assert [one.state for one in run.traced.trace.segments] == [one.state for one in straight.traced.trace.segments]


class TestLeft:
    def test_asked_while_it_runs__ends_behind_a_segment__with_its_model(self, make_audited: MakeAudited) -> None:
        task, leave, seen = make_audited(arguments=slow()), Leave(), list[Segment]()
        run = run_of(task, leave=leave, on_segment=lambda one: (seen.append(one), leave.ask())[0])
        assert run.left and run.exit is ExitClass.OK and run.traced is not None and run.payload is not None
        done = len(run.traced.trace.segments)
        assert 1 < done < 6
        straight = run_of(make_audited(arguments=slow()))
        assert straight.traced is not None
        assert run.traced.trace.segments == straight.traced.trace.segments[:done]
        assert payload_root(run.payload) == run.traced.trace.segments[-1].roots.model  # type: ignore[union-attr]
        assert Payload.parse(run.payload).json.keys() == {"value"}

    def test_its_trace__done_once_more_to_the_end__still_is_the_one_committed_to(
        self, make_audited: MakeAudited
    ) -> None:
        task, leave = make_audited(arguments=slow()), Leave()
        run = run_of(task, leave=leave, on_segment=lambda _: leave.ask())
        assert run.traced is not None
        told, exit_class = ended(run.traced, task.spec, task.seed, JOB, ExitClass.OK, 6)
        again = run_of(task, anew=True)
        assert again.traced is not None
        cut = again.traced.upto(len(told.segments))
        same, _ = ended(cut, task.spec, task.seed, JOB, ExitClass.OK, 6)
        assert exit_class is ExitClass.OK and same.root() == told.root()

    def test_asked_between_two_runs__nothing_is_run(self, make_audited: MakeAudited) -> None:
        task, leave = make_audited(arguments=slow()), Leave()
        stop_after(task, 2)
        leave.ask(at_once=True)
        (task.folder / "in" / "bundle.py").unlink()  # whoever ran it would fail
        run = run_of(task, leave=leave)
        assert run.left and run.traced is not None and len(run.traced.trace.segments) >= 2

    def test_asked_before_anything_is_whole__waits_for_the_first_segment(self, make_audited: MakeAudited) -> None:
        leave = Leave()
        leave.ask(at_once=True)
        run = run_of(make_audited(arguments=slow()), leave=leave)
        assert run.left and run.traced is not None and len(run.traced.trace.segments) >= 1

    @pytest.mark.parametrize(
        ("end", "expected"),
        [("pass", ExitClass.OK), ("step == 13 and os.kill(os.getpid(), 9)", ExitClass.MEMORY_LIMIT)],
        ids=["runs on", "kills itself"],
    )
    def test_attack_job_that_spoils_all_that_is_kept_of_it__is_run_to_its_end(
        self, make_audited: MakeAudited, monkeypatch: pytest.MonkeyPatch, end: str, expected: ExitClass
    ) -> None:
        task = make_audited(arguments={"steps": STEPS, "fault": f"import os, time; time.sleep(0.05); {end}"})
        leave = Leave()
        monkeypatch.setattr("tensorgrid_worker.jobs.executor.interrupted", lambda _: None)
        with pytest.raises(RunFailed, match="run to its end"):
            run_of(task, leave=leave, on_segment=lambda _: leave.ask(at_once=True))
        run = run_of(task, leave=leave)
        assert (run.exit, run.left) == (expected, False)

    def test_replay_of_its_last_segment__ends_where_it_was_left(self, make_audited: MakeAudited) -> None:
        task, leave = make_audited(arguments=slow()), Leave()
        run = run_of(task, leave=leave, on_segment=lambda _: leave.ask())
        assert run.traced is not None
        done = len(run.traced.trace.segments)
        start = run.traced.kept.take(done - 1, task.folder / "start")
        found = executor().replay(task, Replay.of_segment(done, EVERY, start), stop=Event())
        assert found.end is ReplayEnd.DONE
        assert found.state_of(JOB, done) == run.traced.trace.segments[-1].state


class TestContinued:
    """A job that begins with the state that another has left."""

    def continued(self, make_audited: MakeAudited, root: bytes | None = None) -> tuple[Task, StateFile, Run]:
        first, leave = make_audited(arguments=slow()), Leave()
        run = run_of(first, leave=leave, on_segment=lambda _: leave.ask())
        assert run.traced is not None
        done = len(run.traced.trace.segments)
        path = run.traced.kept.take(done, first.folder / "left")
        state = StateFile.parse(path.read_bytes())
        resume = Resume(
            JobId(b"\x01" * 32),
            done,
            state.step,
            root or state.roots().root(),
            Cid.of_digest(b"\x02" * 32),
            path.stat().st_size,
        )
        task = make_audited(arguments=slow(), resume=resume, seed=b"\x42" * 32)
        shutil.copyfile(path, task.folder / "in" / ORIGIN)
        return task, state, run

    def test_begins_with_that_state__and_counts_its_steps_on(self, make_audited: MakeAudited) -> None:
        task, state, _ = self.continued(make_audited)
        points = list[Any]()
        run = executor().run(task, on_point=points.append, stop=Event())
        assert run.exit is ExitClass.OK and run.traced is not None, run.log.decode()
        trace = run.traced.trace
        assert trace.start == state.roots()
        assert sum(one.steps for one in trace.segments) == STEPS - state.step
        assert points[-1]["step"] == STEPS and points[0]["step"] == state.step + EVERY

    def test_every_segment__replays_to_the_same_bits(self, make_audited: MakeAudited) -> None:
        task, _, _ = self.continued(make_audited)
        run = run_of(task)
        assert run.traced is not None
        trace = run.traced.trace
        for index in range(1, len(trace.segments) + 1):
            start = None if index == 1 else run.traced.kept.take(index - 1, task.folder / f"start{index}")
            final = index == len(trace.segments)
            found = executor().replay(task, Replay.of_segment(index, EVERY, start, final=final), stop=Event())
            assert found.end is ReplayEnd.DONE, found.reason
            assert found.state_of(JOB, index) == trace.segments[index - 1].state
        assert found.began is not None and found.began.root() == trace.state_before(index)

    def test_cut_off_itself__goes_on(self, make_audited: MakeAudited) -> None:
        task, _, _ = self.continued(make_audited)
        straight = run_of(task, anew=True)
        shutil.rmtree(task.folder / "out")
        stop_after(task, 1)
        run = run_of(task)
        assert run.traced is not None and straight.traced is not None
        assert run.traced.trace == straight.traced.trace and run.payload == straight.payload

    def test_state_that_the_code_does_not_take__is_the_jobs_failure_for_everybody(
        self, make_audited: MakeAudited
    ) -> None:
        task, _, _ = self.continued(make_audited)
        bundle = task.folder / "in" / "bundle.py"
        bundle.write_text(bundle.read_text().replace('state["value"]', 'state["other"]'))
        run = run_of(task)
        assert run.exit is ExitClass.RAISED
        found = executor().replay(task, Replay.of_segment(1, EVERY, None), stop=Event())
        assert found.end is ReplayEnd.FAILED and found.exit is ExitClass.RAISED and found.failed_in == 1

    def test_state_that_is_not_the_specs__breaks_the_trace(self, make_audited: MakeAudited) -> None:
        task, _, _ = self.continued(make_audited, root=b"\x13" * 32)
        run = run_of(task)
        assert run.exit is ExitClass.RAISED and b"does not begin in the state" in run.log


def test_nothing_whole__nothing_to_go_on_from(make_audited: MakeAudited) -> None:
    task = make_audited(arguments=slow())
    assert interrupted(task) is None
    (task.folder / "out").mkdir(exist_ok=True)
    (task.folder / "out" / LINES).write_bytes(b"{")
    assert interrupted(task) is None


class TestReceipt:
    """What the requester is given beside the result: sealed to him."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path / "store")

    def receipt(self, store: LocalStore, task: Task, run: Run, segments: int = 6) -> Receipt:
        receipts = Receipts(store, ME, Environment("3.11", None, "test"), lambda *_: bytes(32))
        result = receipts.of_run(JOB, task.seed, task.spec, run, segments=segments)
        assert result.mark is not None
        found = Receipt.from_bytes(store.get(Cid.of_digest(result.receipt), max_bytes=10_000))
        assert found.trace is not None
        trace = trace_from_bytes(self.opened(store, found.trace), JOB)
        assert (trace.root(), len(trace.segments)) == (result.mark.trace, result.mark.done)
        return found

    def opened(self, store: LocalStore, ref: SealedRef) -> bytes:
        return open_sealed(store.get(ref.cid, max_bytes=ref.bytes), READER)

    def test_left_early__has_the_state_behind_the_last_segment(
        self, make_audited: MakeAudited, store: LocalStore
    ) -> None:
        task, leave = make_audited(arguments=slow()), Leave()
        run = run_of(task, leave=leave, on_segment=lambda _: leave.ask())
        found = self.receipt(store, task, run)
        assert found.state is not None and run.traced is not None
        state = StateFile.parse(self.opened(store, found.state))
        last = run.traced.trace.segments[-1]
        assert (state.step, state.roots()) == (last.index * EVERY, last.roots)

    def test_failed_in_the_middle__has_the_last_whole_one(self, make_audited: MakeAudited, store: LocalStore) -> None:
        task = make_audited(arguments={"steps": STEPS, "fault": "step == 13 and 1 / 0"})
        found = self.receipt(store, task, run_of(task))
        assert found.exit is ExitClass.RAISED and found.state is not None
        assert StateFile.parse(self.opened(store, found.state)).step == 12

    def test_whole__needs_none(self, make_audited: MakeAudited, store: LocalStore) -> None:
        task = make_audited(arguments={"steps": 24})
        assert self.receipt(store, task, run_of(task)).state is None

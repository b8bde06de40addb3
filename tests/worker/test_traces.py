"""Audited runs in the real sandbox: each segment of each kind of model replays to the same bits, from kept states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import safetensors.torch
import torch
from tests.worker.conftest import MIB, MakeTask, bubblewrap_or_skip

from tensorgrid.domain.errors import StateRejected, TraceInvalid
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.manifests import trace_from_bytes, trace_to_bytes
from tensorgrid.domain.payload import Payload, payload_root
from tensorgrid.domain.results import result_root
from tensorgrid.domain.specs import Checkpoint
from tensorgrid.domain.traces import Segment, StateRoots
from tensorgrid_worker.jobs.executor import Executor, Run, Task
from tensorgrid_worker.jobs.replays import Replay, Replayed, ReplayEnd
from tensorgrid_worker.jobs.traces import LineReader, load
from tensorgrid_worker.runtime.tracelines import Began, Ended, SegmentEnded, Stepped, Unloadable, read, written
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.plain import Plain

JOB = JobId(b"\x05" * 32)
KINDS = (Path(__file__).parents[2] / "scripts" / "audit" / "jobs.py").read_text()
TEXT = safetensors.torch.save({"value": torch.frombuffer(bytearray(KINDS.encode()), dtype=torch.uint8)})
EVERY, STEPS = 4, 14

COUNTING = """
import random
import tensorgrid as tg

class Model:
    def __init__(self):
        self.value = 0
    def state_dict(self):
        return {"value": self.value}
    def load_state_dict(self, state):
        self.value = state["value"]

def job(steps, fault=""):
    model = Model()
    state = tg.State(model=model)
    for step in range(tg.resume(state), steps):
        model.value += random.randrange(1000)
        exec(fault)
        tg.checkpoint(state, {"done": step})
"""
"""No torch: most of what can go wrong needs none, and starts ten times sooner."""

MakeAudited = Callable[..., Task]


@pytest.fixture
def make_audited(make_task: MakeTask) -> MakeAudited:
    """make_audited(source, entry=..., every=..., keep_bytes=..., **as make_task) -> Task of the audit tier."""

    def make(source: str = COUNTING, *, every: int = EVERY, keep_bytes: int = 8 * MIB, **changes: Any) -> Task:
        task = make_task(source, **changes)
        spec = replace(task.spec, tier="audit", checkpoint=Checkpoint(every, keep_bytes))
        (task.folder / "in" / "spec.json").write_bytes(spec.to_bytes())
        return replace(task, spec=spec)

    return make


def executor_of(sandbox: Sandbox) -> Executor:
    return Executor(sandbox, tmp_bytes=64 * MIB, processes=256)


def run_of(task: Task, sandbox: Sandbox, seen: list[Segment] | None = None) -> Run:
    on_segment = (lambda _: None) if seen is None else seen.append
    return executor_of(sandbox).run(task, on_point=lambda _: None, stop=Event(), on_segment=on_segment)


def replay_of(task: Task, sandbox: Sandbox, wanted: Replay) -> Replayed:
    return executor_of(sandbox).replay(task, wanted, stop=Event())


def replayed(task: Task, run: Run, index: int, sandbox: Sandbox) -> Replayed:
    """Segment `index`, from the state kept before it."""
    assert run.traced is not None
    trace = run.traced.trace
    start = None if index == 1 else run.traced.kept.take(index - 1, task.folder / f"start{index}")
    return replay_of(task, sandbox, Replay.of_segment(index, trace.every, start, final=index == len(trace.segments)))


class TestModels:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "entry", ["mlp", *(pytest.param(kind, marks=pytest.mark.stories) for kind in ("cnn", "rnn")), "gpt"]
    )
    def test_every_segment__replays_to_the_same_bits(self, make_audited: MakeAudited, entry: str) -> None:
        wall = bubblewrap_or_skip()
        inputs = {"text": ("torch", TEXT)} if entry == "gpt" else None
        task = make_audited(KINDS, entry=entry, arguments={"steps": STEPS}, inputs=inputs)
        run = run_of(task, wall)
        assert run.exit is ExitClass.OK and run.traced is not None and run.payload is not None, run.log.decode()
        trace = run.traced.trace
        assert [segment.steps for segment in trace.segments] == [4, 4, 4, 2]
        assert payload_root(run.payload) == trace.segments[-1].roots.model  # type: ignore[union-attr]
        for index in (1, 3, 4):
            found = replayed(task, run, index, wall)
            assert found.end is ReplayEnd.DONE, found.reason + found.log.decode()
            assert found.began is not None and found.began.root() == trace.state_before(index)
            assert found.state_of(JOB, index) == trace.segments[index - 1].state
            assert found.segments[index].metrics == trace.segments[index - 1].metrics

    def test_another_seed__another_trace(self, make_audited: MakeAudited) -> None:
        runs = [run_of(make_audited(arguments={"steps": 4}, seed=bytes([n]) * 32), Plain()) for n in (1, 1, 2)]
        first, same, other = [run.traced.trace.root() for run in runs if run.traced is not None]
        assert first == same != other


class TestRun:
    def test_result__is_the_model_of_the_last_state(self, make_audited: MakeAudited, sandbox: Sandbox) -> None:
        run = run_of(make_audited(arguments={"steps": 8}), sandbox)
        assert run.exit is ExitClass.OK and run.payload is not None, run.log.decode()
        assert Payload.parse(run.payload).json.keys() == {"value"}

    def test_every_wall__lets_trace_and_states_out_and_a_start_in(
        self, make_audited: MakeAudited, wall: Sandbox
    ) -> None:
        task = make_audited(arguments={"steps": 8})
        run = run_of(task, wall)
        assert run.traced is not None and run.traced.kept.segments == [1, 2], run.log.decode()
        assert replayed(task, run, 2, wall).state_of(JOB, 2) == run.traced.trace.segments[1].state

    def test_segments__are_told_while_it_runs__and_lie_in_a_file(self, make_audited: MakeAudited) -> None:
        task, seen = make_audited(arguments={"steps": 10}), list[Segment]()
        run = run_of(task, Plain(), seen)
        assert run.traced is not None and run.traced.trace.segments == seen
        again = load(task.spec, task.seed, task.folder / "out")
        assert again is not None and again.trace == run.traced.trace
        assert again.kept.segments == run.traced.kept.segments == [1, 2, 3]
        data = trace_to_bytes(run.traced.trace, JOB)
        assert trace_from_bytes(data, JOB).root() == run.traced.trace.root()

    def test_cap_on_kept_states__thins_them_out(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments={"steps": 40}, keep_bytes=16 * 1024)
        run = run_of(task, Plain())
        assert run.exit is ExitClass.OK and run.traced is not None, run.log.decode()
        kept = run.traced.kept
        stride = kept.segments[0]
        assert stride > 1 and all(index % stride == 0 for index in kept.segments)
        assert (task.folder / "out" / "states").stat().st_size <= 16 * 1024
        assert kept.nearest(stride + 1) == stride and kept.nearest(stride - 1) == 0
        kept.take(stride, task.folder / "state")
        with pytest.raises(StateRejected, match="no state was kept"):
            kept.take(stride + 1, task.folder / "state")

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("def job(): return {'x': 1}", "calls tg.resume before"),
            ("import tensorgrid as tg\ndef job(): tg.checkpoint(tg.State(model=tg))", "cannot carry"),
            (COUNTING.replace("tg.resume(state)", "0") + "\n", "the state that tg.resume was given"),
            (
                COUNTING.replace("state = tg", "state = old = tg").replace("in range(", "in range(tg.resume(old) + "),
                "once, before",
            ),
            (
                COUNTING.replace("        tg.check", "        model.value = 16**20000\n        tg.check"),
                "set it higher",
            ),
            (COUNTING + "    model.value = 5\n    return {}", "changed after the last"),
            (COUNTING.replace("def state_dict(self):", "def state_dict(self):\n        return {}"), "holds nothing"),
        ],
        ids=["no loop", "no state", "no resume", "resumed twice", "too large", "changed", "empty"],
    )
    def test_jobs_mistake__raised_and_told(self, make_audited: MakeAudited, source: str, words: str) -> None:
        arguments = {"steps": 4} if "steps" in source else {}
        run = run_of(make_audited(source, arguments=arguments, keep_bytes=16 * 1024), Plain())
        assert run.exit is ExitClass.RAISED and words in run.log.decode(), run.log.decode()

    def test_forked_child__cannot_tell_of_the_loop(self, make_audited: MakeAudited) -> None:
        fault = "import os; child = step == 2 and os.fork()\nif child: os.wait()"
        run = run_of(make_audited(arguments={"steps": 8, "fault": fault}), Plain())
        assert (
            run.exit is ExitClass.OK and run.traced is not None and b"in the process that the job began in" in run.log
        )
        honest = run_of(
            make_audited(arguments={"steps": 8, "fault": fault.replace("os.fork()", "1").replace("os.wait()", "0")}),
            Plain(),
        )
        assert len(run.traced.trace.segments) == 2 and honest.traced is not None
        assert run.traced.trace.segments[-1].metrics == honest.traced.trace.segments[-1].metrics

    def test_too_many_segments__raised_and_told(self, make_audited: MakeAudited) -> None:
        run = run_of(make_audited(arguments={"steps": 4097}, every=1, keep_bytes=16 * 1024), Plain())
        assert run.exit is ExitClass.RAISED and "at most 4096 segments" in run.log.decode()
        assert run.traced is not None and len(run.traced.trace.segments) == 4096

    @pytest.mark.parametrize("line", ["b'not json'", 'b\'{"kind":"ended","step":3}\'', "b'x' * 5000"])
    def test_attack_job_writes_into_its_trace__no_result(self, make_audited: MakeAudited, line: str) -> None:
        fault = f"import tensorgrid.training.recording as r, os; os.write(r._recorder._fd, {line} + b'\\n')"
        run = run_of(make_audited(arguments={"steps": 8, "fault": fault}), Plain())
        assert run.exit is ExitClass.RAISED and run.payload is None and b"trace" in run.log

    def test_attack_job_scribbles_over_its_kept_states__seen_when_taken(self, make_audited: MakeAudited) -> None:
        fault = (
            "import tensorgrid.training.recording as r, os; step == 7 and os.pwrite(r._recorder._keep, b'!' * 9000, 0)"
        )
        task = make_audited(arguments={"steps": 8, "fault": fault})
        run = run_of(task, Plain())
        assert run.traced is not None
        with pytest.raises(StateRejected, match="not the one of the trace"):
            run.traced.kept.take(1, task.folder / "state")

    def test_room__more_than_the_spec_counts_on__more_states_are_kept(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments={"steps": 40}, keep_bytes=16 * 1024)
        few = run_of(task, Plain()).traced
        large = Executor(Plain(), tmp_bytes=64 * MIB, processes=256, state_bytes=8 * MIB)
        many = large.run(task, on_point=lambda _: None, stop=Event(), anew=True).traced
        assert few is not None and many is not None and few.trace.root() == many.trace.root()
        assert len(few.kept.segments) < 10 == len(many.kept.segments)
        again = load(task.spec, task.seed, task.folder / "out")
        assert again is not None and again.kept.segments == many.kept.segments


CURIOUS = """
import hashlib, os, re, resource, sys
import tensorgrid as tg

def look():
    folders = {}
    for top in {inside}:
        for folder, names, files in os.walk(top):
            folders[folder] = (sorted(names), sorted((name, os.path.getsize(os.path.join(folder, name)))
                for name in files if name != "states"))
    limits = [resource.getrlimit(kind) for kind in range(10)]
    with open("/proc/self/cmdline", "rb") as words, open("/proc/self/environ", "rb") as first:
        told = [words.read(), first.read()]
    seen = [folders, sorted(os.environ.items()), sys.argv, limits, told, len(os.listdir("/proc/self/fd"))]
    return re.sub("_FD(=|', ')[0-9]+", "_FD", repr(seen))  # numbers of the worker's own, other ones with every start

SEEN = look()

class Model:
    value = 0
    def state_dict(self):
        return {"value": self.value, "seen": self.seen}
    def load_state_dict(self, state):
        self.value = state["value"]
    seen = hashlib.sha256(SEEN.encode()).hexdigest()

def job(steps):
    model = Model()
    state = tg.State(model=model)
    print(SEEN)
    for step in range(tg.resume(state), steps):
        model.value += 1
        tg.checkpoint(state)
"""
"""What it sees when it is imported is part of its state: a replay that looks otherwise ends elsewhere."""


class TestReplay:
    def test_code_that_looks_around__sees_the_same_in_run_and_replay(self, make_audited: MakeAudited) -> None:
        wall = bubblewrap_or_skip()
        task = make_audited(CURIOUS.replace("{inside}", "('/job', '/tmp', '/dev/shm')"), arguments={"steps": 8})
        run = run_of(task, wall)
        assert run.exit is ExitClass.OK and run.traced is not None, run.log.decode()
        assert b"TENSORGRID" in run.log and b"/job/in" in run.log
        for found in (replayed(task, run, 2, wall), replay_of(task, wall, Replay(last=8, step_roots=True))):
            assert found.end is ReplayEnd.DONE, found.reason
            assert found.state_of(JOB, 2) == run.traced.trace.segments[1].state

    def test_single_steps__from_a_state_in_the_middle(self, make_audited: MakeAudited, sandbox: Sandbox) -> None:
        """What a bisection needs: the root after each step, and any step's own start state."""
        task = make_audited(arguments={"steps": 12})
        run = run_of(task, sandbox)
        assert run.traced is not None
        start = run.traced.kept.take(1, task.folder / "s1")
        whole = replay_of(task, sandbox, Replay(start, 4, 8, step_roots=True))
        assert whole.end is ReplayEnd.DONE and sorted(whole.states) == [5, 6, 7, 8]
        assert whole.states[8] == run.traced.trace.segments[1].roots
        first = replay_of(task, sandbox, Replay(start, 4, 6, export=task.folder / "s6"))
        assert first.end is ReplayEnd.DONE and first.states[6] == whole.states[6], first.reason
        last = replay_of(task, sandbox, Replay(task.folder / "s6", 6, 7))
        assert last.end is ReplayEnd.DONE and last.states[7] == whole.states[7]
        assert last.began == whole.states[6]

    def test_fewer_steps_than_told__ends_early(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments={"steps": 6})
        found = replay_of(task, Plain(), Replay(last=8))
        assert found.end is ReplayEnd.EARLY and found.step == 6 and "after 6 steps" in found.reason
        assert found.state_of(JOB, 1) is not None

    @pytest.mark.parametrize(
        "trap",
        [
            "\n        except BaseException: pass\n        finally: pass",
            "\n        finally:\n            while step == 3: pass",
        ],
    )
    def test_attack_swallows_the_stop__gets_none(self, make_audited: MakeAudited, trap: str) -> None:
        source = COUNTING.replace(
            '        tg.checkpoint(state, {"done": step})',
            '        try:\n            tg.checkpoint(state, {"done": step})' + trap,
        )
        found = replay_of(make_audited(source, arguments={"steps": 1000}), Plain(), Replay(last=4))
        assert found.end is ReplayEnd.DONE and found.step == 4

    def test_endless_step__wall_limit(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments={"steps": 8, "fault": "while True: pass"}, wall_seconds=1)
        found = replay_of(task, Plain(), Replay(last=4))
        assert found.end is ReplayEnd.FAILED and found.exit is ExitClass.WALL_LIMIT

    def test_failed_segment__replays_to_the_same_failure(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments={"steps": 8, "fault": "if step == 5: raise ValueError('mine')"})
        run = run_of(task, Plain())
        assert run.exit is ExitClass.RAISED and run.traced is not None
        trace = run.traced.trace
        trace.fail(JOB, run.exit)
        found = replayed(task, run, 2, Plain())
        assert found.end is ReplayEnd.FAILED and found.state_of(JOB, 1) is None
        assert found.state_of(JOB, 2) == trace.segments[1].state == result_root(JOB, ExitClass.RAISED)

    def test_attack_other_state__does_not_load__typed(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments={"steps": 8})
        other = make_audited(
            COUNTING.replace('"value": self', '"other": self').replace('["value"]', '["other"]'), arguments={"steps": 8}
        )
        run = run_of(other, Plain())
        assert run.traced is not None
        start = run.traced.kept.take(1, task.folder / "s1")
        for state in (start, task.folder / "in" / "bundle.py"):
            found = replay_of(task, Plain(), Replay(state, 4, 8))
            assert found.end is ReplayEnd.UNLOADABLE and found.reason, found

    def test_attack_state_that_loads_as_another__typed(self, make_audited: MakeAudited) -> None:
        """A load_state_dict that rounds would have an honest replay start elsewhere, and accuse an honest worker."""
        task = make_audited(COUNTING.replace('state["value"]', 'state["value"] // 10'), arguments={"steps": 8})
        run = run_of(task, Plain())
        assert run.traced is not None
        found = replayed(task, run, 2, Plain())
        assert found.end is ReplayEnd.UNLOADABLE and "model came out unlike" in found.reason

    def test_attack_state_of_another_step__broken(self, make_audited: MakeAudited) -> None:
        task = make_audited(arguments={"steps": 12})
        run = run_of(task, Plain())
        assert run.traced is not None
        start = run.traced.kept.take(1, task.folder / "s1")
        assert replay_of(task, Plain(), Replay(start, 8, 12)).end is ReplayEnd.BROKEN

    def test_attack_job_leaves_by_itself__failed(self, make_audited: MakeAudited) -> None:
        for code in (0, 20, 21):
            task = make_audited(arguments={"steps": 8, "fault": f"import os; os._exit({code})"})
            found = replay_of(task, Plain(), Replay(last=4))
            assert found.end is ReplayEnd.FAILED and found.exit is ExitClass.RAISED


ROOTS = StateRoots(*(bytes([n]) * 32 for n in range(4)))


class TestLines:
    @pytest.mark.parametrize(
        "line",
        [
            Began(0, ROOTS),
            Stepped(7, ROOTS),
            SegmentEnded(2, 8, ROOTS, b"\x07" * 32, (4096, 100), 4),
            SegmentEnded(2, 8, ROOTS, None, None, 1),
            Unloadable("no such key"),
            Ended(9),
        ],
    )
    def test_written_and_read(self, line: Any) -> None:
        assert read(written(line).rstrip(b"\n")) == line

    def test_hostile_reason__is_made_printable(self) -> None:
        found = read(written(Unloadable("\x1b[2J\n" + "é" * 5000)).rstrip(b"\n"))
        assert isinstance(found, Unloadable) and found.reason.isprintable() and len(found.reason) <= 300

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"[]",
            b"{}",
            b'{"kind":[]}',
            b'{"kind":"ended"}',
            b'{"kind":"ended","step":-1}',
            b"\xff",
            b"[" * 4000,
            b" " * 5000,
        ],
    )
    def test_attack_malformed__typed(self, text: bytes) -> None:
        with pytest.raises(TraceInvalid):
            read(text)

    def test_reader__stops_at_the_first_wrong_line(self) -> None:
        seen: list[Any] = []
        reader = LineReader(lambda line, _: seen.append(line))
        whole = written(Ended(1)) + b"junk\n" + written(Ended(2))
        for byte in whole:
            reader.feed(bytes([byte]))
        assert seen == [Ended(1)] and "malformed" in reader.broken

"""Attacks on the worker off the chain: by the job itself and by its requester."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import safetensors.numpy
from tests.worker.conftest import MIB, RunCode, bubblewrap_or_skip, make_spec
from tests.worker.jobs import JOB, ME, SCHEDULER, STRANGER, TOKEN, VERIFIER, make_record, make_terms

from tensorgrid.domain.cids import Cid
from tensorgrid.domain.errors import BlobNotFound, StorageError
from tensorgrid.domain.jobs import ExitClass, JobId, JobTerms, ReplicationClocks
from tensorgrid.domain.payload import json_of_payload
from tensorgrid.parameters import NetworkParameters
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs import inputs as inputs_module
from tensorgrid_worker.jobs.gate import MOST_LEAST_STAKES, Gate
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused
from tensorgrid_worker.jobs.workshop import Workshop
from tensorgrid_worker.loop.larder import Larder
from tensorgrid_worker.memory.records import Preparation
from tensorgrid_worker.policy.base import Free
from tensorgrid_worker.policy.house import House

CODE = b"def job(x): return {'sum': float(x.sum())}"
ARRAY = safetensors.numpy.save({"value": np.arange(4.0)})

# ------------------------------------------------------------------------------------------------------- the job itself


def test_job_kills_and_stops_its_parents__only_its_own_world(run_code: RunCode) -> None:
    code = """
import os, signal
def job():
    for number in (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM):
        for pid in (1, os.getppid()):
            os.kill(pid, number)
    try:
        os.kill(-1, signal.SIGKILL)  # everybody but itself: nobody is there
    except ProcessLookupError:
        return {"alone": True}
"""
    run = run_code(bubblewrap_or_skip(), code, wall_seconds=5)
    assert run.exit is ExitClass.OK and run.payload is not None, run.log.decode()
    assert json_of_payload(run.payload) == {"alone": True}


def test_job_stops_itself__wall_limit(run_code: RunCode) -> None:
    code = "import os, signal\ndef job():\n    os.kill(os.getpid(), signal.SIGSTOP)\n    return {}"
    assert run_code(bubblewrap_or_skip(), code, wall_seconds=1).exit is ExitClass.WALL_LIMIT


def test_job_daemonises_twice__dies_with_its_namespace(run_code: RunCode) -> None:
    word = f"survivor-{time.monotonic_ns()}"
    code = f"""
import os
def job():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/bin/sleep", ["{word}", "60"])
        os._exit(0)
    os.wait()
    return {{}}
"""
    assert run_code(bubblewrap_or_skip(), code).exit is ExitClass.OK
    deadline = time.monotonic() + 3
    while (found := _running(word)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not found


def test_job_eats_the_machines_memory__is_the_kernels_first_choice(run_code: RunCode) -> None:
    """Memory limits hold per process; many processes, or anonymous files, get past them. Then the job goes, not we."""
    sandbox = bubblewrap_or_skip()
    if not sandbox._first_to_go():
        pytest.skip("choom is missing")
    code = """
def job():
    scores = [int(open(f"/proc/{pid}/oom_score_adj").read()) for pid in (1, "self")]
    try:
        open("/proc/self/oom_score_adj", "w").write("0")
        lowered = True
    except OSError:
        lowered = False
    return {"scores": scores, "lowered": lowered}
"""
    run = run_code(sandbox, code)
    assert run.payload is not None, run.log.decode()
    assert json_of_payload(run.payload) == {"scores": [1000, 1000], "lowered": False}


def test_job_forges_the_control_line_and_floods_progress__only_points_arrive(run_code: RunCode) -> None:
    code = """
import os
def job():
    for fd in range(64):
        if fd != int(os.environ["TENSORGRID_PROGRESS_FD"]):
            try:
                os.write(fd, b"started\\n{\\"forged\\": 1}\\n")
            except OSError:
                pass
    out = int(os.environ["TENSORGRID_PROGRESS_FD"])
    for _ in range(64):
        os.write(out, b"x" * 60000)  # one line without an end
    os.write(out, b'\\n{"epoch": 1}\\n{"epoch": "\\x1b[2J"}\\n{"a": "\\\\ud800"}\\n{"a": ' + b"9" * 400 + b"}\\n")
    return {}
"""
    points: list[Any] = []
    run = run_code(bubblewrap_or_skip(), code, points=points)
    assert run.exit is ExitClass.OK
    assert points == [{"epoch": 1}]  # a bare control character is not even JSON


def test_job_hangs_in_the_last_flush__wall_limit(run_code: RunCode) -> None:
    code = """
import sys, time
class Trap:
    def write(self, text): return len(text)
    def flush(self): time.sleep(1000)
def job():
    sys.stdout = sys.stderr = Trap()
    return {}
"""
    assert run_code(bubblewrap_or_skip(), code, wall_seconds=1).exit is ExitClass.WALL_LIMIT


# -------------------------------------------------------------------------------------------------------- the requester


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def config(tmp_path: Path) -> WorkerConfig:
    paths = {name: tmp_path / name for name in ("deployment", "keystore", "password_file", "home")}
    return WorkerConfig(rpc_url="http://127.0.0.1:1", store=str(tmp_path / "store"), max_threads=2, **paths)


@pytest.fixture
def inputs(store: LocalStore, config: WorkerConfig, tmp_path: Path) -> Inputs:
    return Inputs(store, tmp_path / "scratch", config, gpus=0)


def posted(store: LocalStore) -> JobTerms:
    for data in (CODE, ARRAY):
        store.put(data)
    return make_terms(spec_digest=store.put(make_spec(CODE, inputs={"x": ("numpy", ARRAY)}).to_bytes()).digest)


def test_requester_withdraws_inputs_after_the_take__job_still_runs(inputs: Inputs, store: LocalStore) -> None:
    """Else a no-show could be forced on whoever believed him."""

    class Gone(LocalStore):
        def get(self, cid: Cid, *, max_bytes: int) -> bytes:
            raise BlobNotFound(f"{cid} is not here any more")

        def fetch(self, cid: Cid, target: Path, *, max_bytes: int) -> int:
            raise BlobNotFound(f"{cid} is not here any more")

    terms = posted(store)
    inputs.prepare(JOB, terms)
    inputs.store = Gone(store.root)
    prepared = inputs.prepare(JOB, terms)
    assert (prepared.folder / "in" / "inputs" / "x.safetensors").read_bytes() == ARRAY
    (prepared.folder / "in" / "bundle.py").write_bytes(b"evil")
    with pytest.raises(BlobNotFound):
        inputs.prepare(JOB, terms)  # what is kept is checked


def test_requester_fills_the_disk_with_inputs__room_is_kept(
    inputs: Inputs, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = posted(store)
    monkeypatch.setattr(inputs_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=512 * MIB))
    with pytest.raises(StorageError, match="free space"):
        inputs.prepare(JOB, terms)
    assert not list(inputs.folder(JOB).rglob("*.safetensors"))


def test_requester_never_ends_his_jobs__their_files_go() -> None:
    forgotten: list[JobId] = []
    shop = SimpleNamespace(forget=forgotten.append, waiting=dict, holds=lambda _: False)
    larder = Larder(cast("Any", shop), ME, 1)
    record = make_record()
    late = record.terms.take_by + 1
    for kept, now in ((record, late - 1), (make_record(ME), late), (make_record(STRANGER, assigned_block=12), late)):
        assert larder.clear({JOB: kept}, (), now) == set()
    records = {JOB: record}
    assert larder.clear(records, (), late) == {JOB} == set(forgotten)
    assert records[JOB].preparation is Preparation.NEW  # should it open again, it is fetched and checked again


def test_requester_names_one_block_a_million_times__bomb_ends_at_the_declared_size(
    inputs: Inputs, store: LocalStore
) -> None:
    """A tiny dag-pb root can stand for any number of bytes; a node would send them all."""
    zeros = safetensors.numpy.save({"value": np.zeros(MIB, dtype=np.uint8)})
    cid = store.put(zeros)
    sent = 0

    class Bomb(LocalStore):
        def _pieces(self, wanted: Cid) -> Iterator[bytes]:
            nonlocal sent
            if wanted != cid:
                yield from super()._pieces(wanted)
                return
            while True:
                sent += 262_144
                yield bytes(262_144)

    spec = make_spec(CODE, inputs={"x": ("numpy", zeros)})
    store.put(CODE)
    terms = make_terms(spec_digest=store.put(spec.to_bytes()).digest)
    inputs.store = Bomb(store.root)
    with pytest.raises(JobRefused, match="more than"):
        inputs.prepare(JOB, terms)
    assert sent <= len(zeros) + 262_144
    assert cid_of_bytes(zeros).codec == "dag-pb"


SURROGATE = b'{"\\ud800":1}'
"""JSON that Python parses and no UTF-8 can say: one such spec once ended every worker that looked at it."""


def test_requester_spells_what_utf8_cannot__refused_and_workers_live(inputs: Inputs, store: LocalStore) -> None:
    for data in (SURROGATE, b'["\\ud800"]', b'{"version":"\\udfff"}'):
        terms = make_terms(spec_digest=store.put(data).digest)
        with pytest.raises(JobRefused):
            inputs.prepare(JOB, terms)


def test_requester_finds_a_fault_of_ours__costs_his_job_alone(inputs: Inputs, tmp_path: Path) -> None:
    class Broken(Inputs):
        def prepare(self, job: JobId, terms: JobTerms, judge: Any = None) -> Any:
            raise ZeroDivisionError("a fault")

    woken = threading.Event()
    broken = Broken(inputs.store, tmp_path, inputs._config, 0)
    nothing = cast("Any", None)
    shop = Workshop(
        inputs=broken,
        executor=nothing,
        receipts=nothing,
        journal=nothing,
        gpus=[],
        logs=tmp_path,
        worker=ME,
        publish=nothing,
        wake=woken.set,
        min_progress_seconds=1,
    )
    for start in (
        lambda: shop.inspect(JOB, make_terms()),
        lambda: shop.run(JOB, make_terms(), bytes(32)),
    ):
        woken.clear()
        start()
        assert woken.wait(5)
    assert shop.failure is None
    assert "ZeroDivisionError" in shop.verdicts()[JOB]
    assert JOB in shop.busy()  # the run waits for its next try


def gate(config: WorkerConfig) -> Gate:
    least = 100
    stake = config.max_stake or MOST_LEAST_STAKES * least
    house = House.of({}, {}, min_price=0, max_stake=stake)
    known = make_terms().hardware_class
    free = Free(0, 0)
    draws = {SCHEDULER}.__contains__
    return Gate(frozenset({TOKEN}), draws, VERIFIER, known, "cpu", house, lambda: free, config.min_reveal_seconds)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"verifier_params": ReplicationClocks(9, 0, 10).pack()}, "9 s to reveal"),
        ({"verifier_params": bytes(32)}, "0 s to reveal"),
        ({"stake": 1001, "no_show_bond": 1001}, "risks 1000"),
    ],
)
def test_requester_sets_traps_in_the_terms__not_taken_by_default(
    config: WorkerConfig, changes: dict[str, Any], words: str
) -> None:
    refusal = gate(config).refusal(make_terms(**changes), ME)
    assert words in refusal and bool(words) == bool(refusal)


def test_gate__default__takes_what_the_shipped_network_proposes(config: WorkerConfig) -> None:
    clocks = NetworkParameters.load("devnet").clocks
    params = ReplicationClocks(clocks.reveal, clocks.grace, clocks.extra_take).pack()
    assert not gate(config).refusal(make_terms(verifier_params=params), ME)


def test_requester_pays_with_wall_seconds_up_to_the_deadline__not_taken(inputs: Inputs, store: LocalStore) -> None:
    terms = posted(store)
    with pytest.raises(JobRefused, match="do not fit"):
        inputs.prepare(JOB, replace(terms, work_time=60 + inputs._config.work_margin_seconds - 1))


def _running(word: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cmdline").read_bytes().startswith(word.encode()):
                found.append(int(entry.name))
        except OSError:
            continue
    return found

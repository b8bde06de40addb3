"""The worker's side of a private job: what is fetched sealed, when it is opened, what a junk key leads to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.audits import PLAN
from tests.worker.conftest import MIB, make_spec
from tests.worker.jobs import JOB, ME, SECOND, make_record, make_terms
from tests.worker.test_private_cases import JUROR, ready

from tensorgrid.chain.jury import Decision
from tensorgrid.domain.encoding import canonical_json
from tensorgrid.domain.jobkeys import ARGUMENTS, BUNDLE, NO_KEYS, JobKeys
from tensorgrid.domain.jobs import ExitClass, Job, JobState, JobTerms
from tensorgrid.domain.results import result_root
from tensorgrid.domain.specs import BundleRef, Checkpoint, JobSpec, SealedParts
from tensorgrid.privacy import Identity, seal, seal_blob
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.auditing.bench import Bench
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.executor import Executor
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused
from tensorgrid_worker.jobs.launching import tell_call
from tensorgrid_worker.jobs.replays import Replay
from tensorgrid_worker.jobs.slots import Slots
from tensorgrid_worker.loop.calls import KEY_MISSED, call_for, due
from tensorgrid_worker.loop.handed import KeyReader
from tensorgrid_worker.loop.planner import Do, JobView, KeyState, Memory, plan
from tensorgrid_worker.runtime.launch import read_call
from tensorgrid_worker.sandbox.plain import Plain

CODE = b"def job(recipe): return {}"
JOB_KEY = b"\7" * 32
KEYS = JobKeys.of(JOB_KEY)
IDENTITY = Identity.from_seed(b"w" * 32)
WORK_BY, WRAP = 1_100, 30
PRIVATE = replace(PLAN, wrap_time=WRAP, share_bps=1_000)
SEED = b"\5" * 32


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def inputs(store: LocalStore, tmp_path: Path) -> Inputs:
    paths = {name: tmp_path / name for name in ("deployment", "keystore", "password_file", "home")}
    config = WorkerConfig(rpc_url="http://127.0.0.1:1", store=str(tmp_path / "store"), **paths)
    return Inputs(store, tmp_path / "scratch", config, gpus=0)


def sealed_spec(store: LocalStore, arguments: bytes = canonical_json({"recipe": "hers"})) -> JobSpec:
    code, values = seal_blob(CODE, KEYS.blob(BUNDLE)), seal_blob(arguments, KEYS.blob(ARGUMENTS))
    store.put(code)
    store.put(values)
    private = SealedParts(cid_of_bytes(values), len(values), seal(JOB_KEY, [IDENTITY.recipient]), KEYS.check)
    return replace(
        make_spec(CODE),
        bundle=BundleRef(cid_of_bytes(code), "job", len(code)),
        tier="audit",
        checkpoint=Checkpoint(2, MIB),
        private=private,
    )


def terms_of(store: LocalStore, spec: JobSpec) -> JobTerms:
    digest = store.put(spec.to_bytes()).digest
    return make_terms(spec_digest=digest, workers=1, verifier_params=PRIVATE.pack(), work_time=600)


# ---- inputs


def test_prepare__before_the_key__fetches_what_is_sealed_and_opens_nothing(store, inputs) -> None:
    terms = terms_of(store, sealed_spec(store))
    prepared = inputs.prepare(JOB, terms)
    assert prepared.keys is None
    assert not (prepared.folder / "in" / "bundle.py").exists()
    with pytest.raises(JobRefused, match="keys of this private job"):
        prepared.task(SEED)


def test_prepare__with_the_key__is_as_if_the_job_were_public(store, inputs) -> None:
    terms = terms_of(store, sealed_spec(store))
    inputs.keep_keys(JOB, KEYS)
    prepared = inputs.prepare(JOB, terms)
    assert (prepared.folder / "in" / "bundle.py").read_bytes() == CODE
    task = prepared.task(SEED)
    assert (task.roots, task.broken) == (KEYS.roots, "")
    tell_call(prepared.folder / "in", task.roots)
    call = read_call(str(prepared.folder / "in"))
    assert call["arguments"] == {"recipe": "hers"} and call["roots"] == KEYS.roots.hex()


def test_keys__kept__are_readable_by_us_alone_outside_of_what_the_sandbox_sees(inputs) -> None:
    inputs.keep_keys(JOB, KEYS)
    (file,) = inputs.folder(JOB).glob("keys*")
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.name != "in"
    assert inputs.keys(JOB) == KEYS
    inputs.forget(JOB)
    assert inputs.keys(JOB) is None


@pytest.mark.parametrize(
    "arguments", [b"[]", b"{", b'{"not a name":1}', b'{ "x":1}'], ids=["list", "cut", "name", "form"]
)
def test_prepare__arguments_that_are_none__are_the_jobs_fault(store, inputs, arguments: bytes) -> None:
    terms = terms_of(store, sealed_spec(store, arguments))
    inputs.keep_keys(JOB, KEYS)
    assert "sealed is no job" in inputs.prepare(JOB, terms).broken


@pytest.mark.parametrize(
    ("keys", "check", "reason"),
    [
        (NO_KEYS, KEYS.check, b"not those that its spec names"),
        (NO_KEYS, NO_KEYS.check, b"does not open"),
        (JobKeys(KEYS.content, b"r" * 32), KEYS.check, b"not those that its spec names"),
    ],
    ids=["another key", "a spec that names another", "another key of the roots"],
)
def test_attack_key_that_is_not_the_jobs__the_job_has_raised_for_everybody(store, inputs, keys, check, reason) -> None:
    spec = sealed_spec(store)
    terms = terms_of(store, replace(spec, private=replace(spec.private, check=check)))
    inputs.keep_keys(JOB, keys)
    task = inputs.prepare(JOB, terms).task(SEED)
    executor = Executor(Plain(), tmp_bytes=MIB, processes=8)
    run = executor.run(task, on_point=lambda _: None, stop=Event())
    assert run.exit is ExitClass.RAISED and reason in run.log
    found = executor.replay(task, Replay.of_segment(1, 2, None), stop=Event())
    assert found.state_of(JOB, 1) == result_root(JOB, ExitClass.RAISED)


# ---- whose key is here


@dataclass
class Chain:
    """What a key box has logged for us."""

    wrapped: bytes | None = None
    missed: bool = False
    address: str = "0x" + "e" * 40

    @property
    def key_box(self) -> Chain:
        return self

    @property
    def connection(self) -> Chain:
        return self

    def is_missed(self, requester: str, nonce: int) -> bool:
        return self.missed


class Reader(KeyReader):
    """Without a node."""

    def _handed(self, record: Any, box: Any) -> bytes | None:
        return box.wrapped


def state(inputs: Inputs, chain: Chain, now: int, identity: Identity | None = IDENTITY, **terms: Any) -> KeyState:
    params = terms.pop("verifier_params", PRIVATE.pack())
    record = replace(make_record(ME), terms=make_terms(workers=1, verifier_params=params, work_time=100))
    job = Job(JobState.ASSIGNED, 1, 0, False, False, False, 7, WORK_BY, 12, b"\x30" * 20)
    return Reader(chain, ME, identity, inputs).state(record, job, now)


HAND_BY = WORK_BY - 100 + WRAP


def test_key__of_a_public_job__is_nothing_to_wait_for(inputs) -> None:
    assert state(inputs, Chain(), 0, verifier_params=PLAN.pack()) is KeyState.PUBLIC


@pytest.mark.parametrize(
    ("now", "missed", "expected"),
    [
        (HAND_BY, False, KeyState.WAITING),
        (HAND_BY + 1, False, KeyState.LATE),
        (HAND_BY + 1, True, KeyState.MISSED),
    ],
    ids=["in-time", "late", "said"],
)
def test_key__not_handed__is_awaited_then_missed(inputs, now: int, missed: bool, expected: KeyState) -> None:
    assert state(inputs, Chain(missed=missed), now) is expected


def test_key__handed__is_opened_and_kept(inputs) -> None:
    assert state(inputs, Chain(seal(JOB_KEY, [IDENTITY.recipient])), HAND_BY) is KeyState.HERE
    assert inputs.keys(JOB) == KEYS
    assert state(inputs, Chain(), HAND_BY + 100) is KeyState.HERE, "after a restart, from the folder"


@pytest.mark.parametrize("wrapped", [b"junk", seal(JOB_KEY, [Identity.generate().recipient])], ids=["junk", "other"])
def test_key__that_is_none__is_kept_as_one_that_opens_nothing(inputs, wrapped: bytes) -> None:
    assert state(inputs, Chain(wrapped), HAND_BY) is KeyState.HERE
    assert inputs.keys(JOB) == NO_KEYS


# ---- the plan


def seen(key: KeyState, **changes: Any) -> JobView:
    record = replace(make_record(ME, assigned_block=14), terms=make_terms(workers=1, verifier_params=PRIVATE.pack()))
    job = Job(JobState.ASSIGNED, 1, 0, False, False, False, 7, WORK_BY, 12, b"\x30" * 20)
    return replace(JobView(record, job, record.held, 1, SEED, audited=True, key=key), **changes)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KeyState.PUBLIC, [Do.RUN]),
        (KeyState.WAITING, []),
        (KeyState.HERE, [Do.RUN]),
        (KeyState.LATE, [Do.MISS]),
        (KeyState.MISSED, [Do.COMMIT_MISSED]),
    ],
    ids=lambda value: value.value if isinstance(value, KeyState) else None,
)
def test_plan__by_where_the_key_is__works_waits_or_leaves(key: KeyState, expected: list[Do]) -> None:
    assert [action.do for action in plan([seen(key)], Memory(ME), 1, 1_050)] == expected


@pytest.mark.parametrize("do", [Do.MISS, Do.COMMIT_MISSED])
def test_leaving__is_due_by_the_work_deadline__or_the_bond_is_lost(do: Do) -> None:
    assert due(seen(KeyState.LATE), do) == WORK_BY


def test_leaving__commits_to_nothing_that_could_be_opened() -> None:
    calls: list[tuple[Any, ...]] = []

    class Board:
        def commit(self, *args: Any) -> str:
            calls.append(args)
            return "call"

    class Contracts:
        board, replication = Board(), None

    view = seen(KeyState.MISSED)
    assert call_for(Contracts(), view, Do.COMMIT_MISSED, None) == "call"
    assert calls == [(view.record.terms.ref(), 1, view.held, KEY_MISSED)]


def test_auditors_seat__waits_for_no_key_of_the_requester() -> None:
    view = seen(KeyState.PUBLIC, number=2, held=(*seen(KeyState.HERE).held, *make_record(SECOND).held))
    assert Do.MISS not in [action.do for action in plan([view], Memory(ME), 1, 1_050)]


# ---- a juror


def test_juror__fetches_what_is_sealed_before_the_seat__opens_it_with_the_keys_he_is_given(store, inputs) -> None:
    terms = terms_of(store, sealed_spec(store))
    case = ready(store)
    case = replace(case, audit=replace(case.audit, terms=terms), question=replace(case.question, low=0))
    said = SimpleNamespace(say=lambda *_, **__: None)
    tools = Tools(inputs, Executor(Plain(), tmp_bytes=MIB, processes=8), Slots(1, ()))
    bench = Bench(None, ME, cases=None, tools=tools, errands=None, salt=None, joblog=lambda _: said, identity=JUROR)
    code = inputs.folder(JOB) / "in" / "bundle.py"
    assert bench._fits(case) is True
    assert not code.exists() and inputs.keys(JOB) is None
    assert bench._judge_private(case, Event(), patient=False) is Decision.ACCUSED  # it is run, and ends elsewhere
    assert code.read_bytes() == CODE and inputs.keys(JOB) == KEYS

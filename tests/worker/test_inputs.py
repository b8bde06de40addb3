"""Nothing is taken before its spec, code and inputs lie here and are what they claim to be."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from tests.worker.conftest import make_spec
from tests.worker.jobs import JOB, ME, SCHEDULER, SECOND, TOKEN, VERIFIER, make_terms

from tensorgrid.domain.cids import Cid
from tensorgrid.domain.errors import BlobMismatch, BlobNotFound
from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.specs import Checkpoint, InputRef, JobSpec, Resume
from tensorgrid.domain.states import StateFile
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.gate import Gate
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused
from tensorgrid_worker.policy.base import Free
from tensorgrid_worker.policy.house import House
from tensorgrid_worker.runtime.trace import ORIGIN

CODE = b"def job(x): return {'sum': float(x.sum())}"
ARRAY = safetensors.numpy.save({"value": np.arange(4.0)})


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


def posted(store: LocalStore, spec: JobSpec | bytes, **changes: Any) -> JobTerms:
    """Terms that name the stored spec."""
    data = spec if isinstance(spec, bytes) else spec.to_bytes()
    store.put(CODE)
    return make_terms(spec_digest=store.put(data).digest, **changes)


def full_spec(store: LocalStore, **changes: Any) -> JobSpec:
    store.put(ARRAY)
    return make_spec(CODE, inputs={"x": ("numpy", ARRAY)}, **changes)


def test_prepare__all_there__laid_out_for_the_runner(store: LocalStore, inputs: Inputs) -> None:
    spec = full_spec(store)
    prepared = inputs.prepare(JOB, posted(store, spec))
    inside = prepared.folder / "in"
    assert prepared.spec == spec
    assert (inside / "spec.json").read_bytes() == spec.to_bytes()
    assert (inside / "bundle.py").read_bytes() == CODE
    assert (inside / "inputs" / "x.safetensors").read_bytes() == ARRAY
    assert inputs.prepare(JOB, posted(store, spec)).folder == prepared.folder
    inputs.forget(JOB)
    assert not prepared.folder.exists()


STATE = pack_payload(
    {"model/w": ("F32", (1,), b"1234")}, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": 8}}
)
ROOT = StateFile.parse(STATE).roots().root()


def continuing(store: LocalStore, data: bytes = STATE, step: int = 8, root: bytes = ROOT) -> JobSpec:
    resume = Resume(JobId(b"\1" * 32), 4, step, root, store.put(data), len(data))
    return replace(full_spec(store), tier="audit", checkpoint=Checkpoint(2, 1 << 20), resume=resume)


def test_prepare__a_job_that_goes_on_from_another__its_state_lies_there(store: LocalStore, inputs: Inputs) -> None:
    prepared = inputs.prepare(JOB, posted(store, continuing(store)))
    assert (prepared.folder / "in" / ORIGIN).read_bytes() == STATE


@pytest.mark.parametrize(
    "changes",
    [{"root": b"\7" * 32}, {"step": 9}, {"data": b"rubbish, and long enough"}],
    ids=["another root", "another step", "no state"],
)
def test_attack_state_to_go_on_from_is_not_what_the_spec_says__refused(
    store: LocalStore, inputs: Inputs, changes: dict[str, Any]
) -> None:
    terms = posted(store, continuing(store, **changes))
    with pytest.raises(JobRefused, match="the state to go on from"):
        inputs.prepare(JOB, terms)


def test_attack_state_to_go_on_from_is_too_large__counts_as_an_input(
    store: LocalStore, config: WorkerConfig, tmp_path: Path
) -> None:
    small = Inputs(store, tmp_path / "scratch", config.model_copy(update={"max_input_bytes": len(ARRAY)}), gpus=0)
    with pytest.raises(JobRefused, match="bytes of inputs"):
        small.prepare(JOB, posted(store, continuing(store)))


def test_attack_states_larger_than_the_worker_keeps__refused(store: LocalStore, inputs: Inputs) -> None:
    spec = replace(full_spec(store), tier="audit", checkpoint=Checkpoint(every=1, keep_bytes=5 << 30))
    with pytest.raises(JobRefused, match="bytes of kept states"):
        inputs.prepare(JOB, posted(store, spec))


def test_prepare__bundle_missing__perhaps_later(store: LocalStore, inputs: Inputs) -> None:
    terms = make_terms(spec_digest=store.put(make_spec(b"def job(): return {'elsewhere': 1}").to_bytes()).digest)
    with pytest.raises(BlobNotFound):
        inputs.prepare(JOB, terms)


def test_prepare__file_changed_on_disk__fetched_anew(store: LocalStore, inputs: Inputs) -> None:
    terms = posted(store, full_spec(store))
    bundle = inputs.prepare(JOB, terms).folder / "in" / "bundle.py"
    bundle.write_bytes(b"evil")
    inputs.prepare(JOB, terms)
    assert bundle.read_bytes() == CODE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wall_seconds": 4000}, "4000 wall_seconds"),
        ({"memory_bytes": 1 << 40}, "memory_bytes"),
        ({"output_bytes": 1 << 33}, "output_bytes"),
        ({"threads": 3}, "3 threads"),
        ({"gpus": 1}, "1 gpus"),
        ({"wall_seconds": 95}, "do not fit into the 100 s"),
    ],
)
def test_prepare__more_than_we_give__refused(
    store: LocalStore, inputs: Inputs, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(JobRefused, match=words):
        inputs.prepare(JOB, posted(store, make_spec(CODE, **changes)))


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b'{"version": 1}', b"x" * (129 * 1024)],
    ids=["empty", "no keys", "deep", "binary", "not canonical", "oversized"],
)
def test_prepare__malformed_spec__refused(store: LocalStore, inputs: Inputs, data: bytes) -> None:
    with pytest.raises(JobRefused):
        inputs.prepare(JOB, posted(store, data))


def test_prepare__mutated_specs__refused_or_taken_never_anything_else(store: LocalStore, inputs: Inputs) -> None:
    chance = random.Random(7)
    good = full_spec(store).to_bytes()
    for _ in range(100):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            inputs.prepare(JOB, posted(store, bytes(data)))
        except (JobRefused, BlobNotFound):
            pass


def test_prepare__store_serves_wrong_bytes__tried_again(inputs: Inputs, store: LocalStore) -> None:
    """A job that we have the seat of already must not be lost to a store that lies once."""

    class Liar(LocalStore):
        def get(self, cid: Cid, *, max_bytes: int) -> bytes:
            raise BlobMismatch(f"{cid} is something else")

    terms = posted(store, full_spec(store))
    inputs.store = Liar(store.root)
    with pytest.raises(BlobMismatch, match="something else"):
        inputs.prepare(JOB, terms)
    inputs.store = store
    inputs.prepare(JOB, terms)


def test_prepare__size_in_the_spec_is_a_lie__refused(store: LocalStore, inputs: Inputs) -> None:
    spec = full_spec(store)
    longer = replace(spec, inputs={"x": InputRef(cid_of_bytes(ARRAY), len(ARRAY) + 8, "numpy")})
    with pytest.raises(JobRefused, match="the spec says"):
        inputs.prepare(JOB, posted(store, longer))


def safetensors_file(header: Any, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 64,
        safetensors_file(b"not json"),
        safetensors_file([]),
        safetensors_file({"other": ENTRY}, b"1234"),
        safetensors_file({"value": ENTRY, "more": ENTRY}, b"1234"),
        safetensors_file({"value": ENTRY | {"data_offsets": [0, 8]}}, b"1234"),
        safetensors_file({"value": ENTRY | {"dtype": "PICKLE"}}, b"1234"),
        safetensors_file({"value": 3}, b"1234"),
        safetensors_file(b"[" * 5000),
    ],
)
def test_prepare__input_is_no_tensor_file__refused(store: LocalStore, inputs: Inputs, data: bytes) -> None:
    store.put(data)
    spec = make_spec(CODE, inputs={"x": ("numpy", data)})
    with pytest.raises(JobRefused, match="input x"):
        inputs.prepare(JOB, posted(store, spec))


GATE = Gate(
    frozenset({TOKEN}),
    {SCHEDULER}.__contains__,
    VERIFIER,
    make_terms().hardware_class,
    "cpu",
    House.of({}, {}, min_price=1000, max_stake=500),
    lambda: Free(0, 0),
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"pay_token": SECOND}, "does not accept"),
        ({"scheduler": SECOND}, "scheduler or verifier"),
        ({"verifier": SECOND}, "scheduler or verifier"),
        ({"hardware_class": b"\x01" * 32}, "other hardware"),
        ({"price": 999}, "works for 1000"),
        ({"stake": 501}, "risks 500"),
        ({"requester": ME}, "our own"),
    ],
)
def test_gate__terms(changes: dict[str, Any], words: str) -> None:
    refusal = GATE.refusal(make_terms(**changes), ME)
    assert words in refusal
    assert bool(refusal) == bool(words)

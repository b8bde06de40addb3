"""Generated specs, inputs, archives, answers of nodes and outputs of jobs: each is refused with a sentence, none is a
crash, and none leaves a file outside the job's folder. `make test-hostile` tries 10,000 of them and writes how many.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from tests.worker import hostile
from tests.worker.conftest import make_spec
from tests.worker.jobs import JOB, ME, make_terms

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.follow import Follower
from tensorgrid.domain.errors import BlobNotFound, BlobTooLarge, ResultRejected, StorageError, TensorgridError
from tensorgrid.domain.jobs import ExitClass
from tensorgrid.domain.payload import pack_payload, payload_root
from tensorgrid.domain.receipts import Environment, ProgressBlob, Receipt, SealedRef
from tensorgrid.storage.cid import Cid, cid_of_bytes
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.executor import collect
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused
from tensorgrid_worker.runtime.unpack import ArchiveRefused, Caps, unpack

ALL = int(os.environ.get("TENSORGRID_HOSTILE", "0"))
"""How many in all; 0: a quick look."""
KINDS = 7
"""Of which a whole run tries equally many."""
EACH = -(-ALL // KINDS) if ALL else 40
# Not shrunk: what matters is how many; a failure prints its example. Seeded by its own source: the same every time.
generated = settings(
    max_examples=EACH,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CODE = b"def job(x): return {}"
ARRAY = safetensors.numpy.save({"value": np.arange(4.0)})
SPEC = make_spec(CODE, inputs={"x": ("numpy", ARRAY)})
PAYLOAD = pack_payload({"a": ("F32", (2,), bytes(8))}, {"b": [1, "two"]})
PLACE = SealedRef(cid_of_bytes(CODE), 9)
RECEIPT = Receipt(JOB, ME, ExitClass.OK, PLACE, PLACE, Environment("3.11", None, "test")).to_bytes()
PROGRESS = ProgressBlob.fitting(JOB, ME, 0, [{"loss": 1.5}], 1).to_bytes()
TRIED: Counter[str] = Counter()
REFUSED: Counter[str] = Counter()
CRASHED: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def written(root: Path) -> Iterator[None]:
    """build/bench/hostile.json, of a whole run alone."""
    yield
    if ALL:
        report = {"tried": TRIED.total(), "crashes": CRASHED.total(), "kinds": dict(TRIED), "refused": dict(REFUSED)}
        target = root / "build/bench/hostile.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(report, indent=2) + "\n")


@contextmanager
def reading(kind: str, *refusals: type[Exception]) -> Iterator[None]:
    """What strangers' bytes are handed to: it ends well, or with one of `refusals`; anything else is a crash."""
    TRIED[kind] += 1
    try:
        yield
    except refusals as error:
        REFUSED[kind] += 1
        said(error)
    except HypothesisException:  # an example that it gave up while drawing it
        raise
    except Exception:
        CRASHED[kind] += 1
        raise


def said(error: Exception) -> None:
    """A sentence for the requester: printable, not endless."""
    text = str(error)
    assert 8 <= len(text) <= 2000, text
    assert all(letter.isprintable() for letter in text), repr(text)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """One folder, watched: in its `world` nothing may ever appear."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        (Path(folder) / "world").mkdir()
        (Path(folder) / "world" / "secret").write_text("not yours")
        yield Path(folder)


def assert_untouched(place: Path, *ours: str) -> None:
    """Nothing but what belongs there."""
    assert {path.name for path in place.iterdir()} <= {"world", *ours}
    assert [path.name for path in (place / "world").iterdir()] == ["secret"]
    assert (place / "world" / "secret").read_text() == "not yours"


class Shelf:
    """A store in memory: thousands of blobs that a disk would have to sync."""

    def __init__(self) -> None:
        self._blobs: dict[Cid, bytes] = {}

    def put(self, data: bytes | Path) -> Cid:
        assert isinstance(data, bytes)
        cid = cid_of_bytes(data)
        self._blobs[cid] = data
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        if not self.has(cid):
            raise BlobNotFound(f"{cid} is nowhere; ask its requester")
        if len(self._blobs[cid]) > max_bytes:
            raise BlobTooLarge(f"{cid} has more than {max_bytes} bytes")
        return self._blobs[cid]

    def fetch(self, cid: Cid, target: Path, *, max_bytes: int) -> int:
        return target.write_bytes(self.get(cid, max_bytes=max_bytes))

    def has(self, cid: Cid) -> bool:
        return cid in self._blobs


def inputs_at(place: Path) -> tuple[Shelf, Inputs]:
    paths = {name: place / name for name in ("deployment", "keystore", "password_file", "home")}
    config = WorkerConfig(rpc_url="http://127.0.0.1:1", store=str(place / "store"), max_threads=2, **paths)
    shelf = Shelf()
    return shelf, Inputs(shelf, place / "scratch", config, gpus=0)


@generated
@given(data=hostile.documents(SPEC.to_bytes()))
def test_spec__generated__prepared_or_refused(place: Path, data: bytes) -> None:
    store, inputs = inputs_at(place)
    for blob in (CODE, ARRAY):
        store.put(blob)
    with reading("specs", JobRefused, StorageError):
        inputs.prepare(JOB, make_terms(spec_digest=store.put(data).digest))
    inputs.forget(JOB)
    assert_untouched(place, "scratch")


@generated
@given(data=hostile.tensors(ARRAY))
def test_input__generated_tensor__prepared_or_refused(place: Path, data: bytes) -> None:
    assume(data)
    store, inputs = inputs_at(place)
    spec = make_spec(CODE, inputs={"x": ("numpy", data)})
    for blob in (CODE, data):
        store.put(blob)
    with reading("tensors", JobRefused):
        inputs.prepare(JOB, make_terms(spec_digest=store.put(spec.to_bytes()).digest))
    inputs.forget(JOB)
    assert_untouched(place, "scratch")


@generated
@given(data=hostile.documents(RECEIPT), other=hostile.documents(PROGRESS))
def test_manifest__generated__read_or_refused(data: bytes, other: bytes) -> None:
    for read, text in ((Receipt.from_bytes, data), (ProgressBlob.from_bytes, other)):
        with reading("manifests", TensorgridError):
            read(text)


@generated
@given(data=hostile.archives())
def test_archive__generated__unpacked_inside_or_refused(place: Path, data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        (Path(folder) / "archive").write_bytes(data)
        target = Path(folder) / "out"
        with reading("archives", ArchiveRefused, OSError):
            unpack(Path(folder) / "archive", target, Caps(members=20, total_bytes=1 << 16))
        assert {path.name for path in Path(folder).iterdir()} <= {"archive", "out"}
        found = list(target.rglob("*"))
        assert all((path.is_file() or path.is_dir()) and not path.is_symlink() for path in found)
        assert sum(path.stat().st_size for path in found if path.is_file()) <= 1 << 16
    assert_untouched(place, "scratch")


@generated
@given(data=st.one_of(hostile.tensors(PAYLOAD), hostile.turned(PAYLOAD)))
def test_payload__generated__rooted_or_rejected(data: bytes) -> None:
    with reading("payloads", ResultRejected):
        assert len(payload_root(data)) == 32


@generated
@given(kind=st.sampled_from(hostile.OUTPUTS), data=hostile.turned(PAYLOAD))
def test_output__generated__regular_files_alone(place: Path, kind: str, data: bytes) -> None:
    most = 1 << 16
    with tempfile.TemporaryDirectory(dir=place) as folder:
        path = Path(folder) / "payload.safetensors"
        hostile.leave_output(kind, path, data, place / "world" / "secret")
        with reading("outputs"):
            found = collect(path, most)
        if kind == "sparse":
            assert found is not None and len(found) == most + 1  # known to be too large, and no more read than that
        elif kind == "bytes":
            assert (found or b"") == data[: most + 1]
        else:
            REFUSED["outputs"] += 1
            assert found is None
    assert_untouched(place, "scratch")


HASH = "0x" + "12" * 32
BLOCK = {"number": "0x10", "hash": HASH, "timestamp": "0x64", "parentHash": HASH, "baseFeePerGas": "0x1"}
LOG = {"address": "0x" + "ab" * 20, "topics": [HASH, HASH], "data": "0x", "blockNumber": "0x9", "blockHash": HASH,
       "transactionHash": HASH, "logIndex": "0x0", "removed": False}  # fmt: skip


@generated
@given(data=st.data())
def test_node__generated_answers__typed_errors_alone(data: st.DataObject) -> None:
    """The follower's next look at a node that answers anything at all."""
    follower = Follower(_node(data), _contracts())
    with reading("answers of nodes", TensorgridError):
        assert follower.poll().cursor.number <= 1 << 53


def _node(data: st.DataObject) -> Connection:
    block = hostile.other_fields(json.dumps(BLOCK).encode()).map(json.loads)
    log = hostile.other_fields(json.dumps(LOG).encode()).map(json.loads)

    def answer(method: str, _: list[Any]) -> Any:
        right = st.just(BLOCK) if "Block" in method else st.just([LOG])
        wrong = block if "Block" in method else st.lists(log | hostile.JSON, max_size=3)
        result = data.draw(right | right | wrong | hostile.JSON)
        broken = st.sampled_from([{"error": result}, {"result": result, "error": None}, result])
        return data.draw(st.just({"result": result}) | st.just({"result": result}) | broken)

    connection = Connection.__new__(Connection)
    connection.shown_url, connection.chain_id, connection.timeout = "http://node", 1, 1
    connection._provider = SimpleNamespace(make_request=answer)  # type: ignore[assignment]
    return connection


def _contracts() -> Any:
    board = SimpleNamespace(address=LOG["address"])
    deployment = SimpleNamespace(contracts={"JobBoard": board}, start_block=1)
    return SimpleNamespace(deployment=deployment)

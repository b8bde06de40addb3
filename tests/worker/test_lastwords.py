"""A run that fails for the worker's own reasons leaves no receipt: its requester hears of it once, sealed."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
from tests.worker.conftest import READER, make_spec
from tests.worker.jobs import JOB, ME, make_terms

from tensorgrid.domain.cids import Cid
from tensorgrid.domain.errors import StorageError
from tensorgrid.domain.jobs import JobTerms
from tensorgrid.domain.notes import MAX_NOTE_LOG, note_blob, note_text
from tensorgrid.domain.receipts import MAX_PROGRESS_BYTES, ProgressBlob
from tensorgrid.privacy import open_sealed
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.executor import RunFailed
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused
from tensorgrid_worker.jobs.lastwords import AGAIN, NOTE_SEQUENCE, TRIES, LastWords

CODE = b"def job(): ..."


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def inputs(store: LocalStore, tmp_path: Path) -> Inputs:
    config = WorkerConfig(
        rpc_url="http://x", deployment=tmp_path, keystore=tmp_path, password_file=tmp_path, store="x", home=tmp_path
    )
    return Inputs(store, tmp_path / "scratch", config, 0)


@pytest.fixture
def terms(store: LocalStore, inputs: Inputs) -> JobTerms:
    """Of a job that is prepared."""
    store.put(CODE)
    found = make_terms(spec_digest=store.put(make_spec(CODE).to_bytes()).digest)
    inputs.prepare(JOB, found)
    return found


def read(store: LocalStore, digest: bytes) -> str:
    blob = ProgressBlob.from_bytes(open_sealed(store.get(Cid.of_digest(digest), max_bytes=300_000), READER))
    text = note_text(blob)
    assert text is not None and (blob.job, blob.worker) == (JOB, ME)
    return text


Said = list[tuple[Any, int, bytes]]


def words(inputs: Inputs) -> tuple[LastWords, Said]:
    said: Said = []
    return LastWords(inputs, ME, lambda *publication: said.append(publication)), said


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RunFailed("bwrap: /home/me/secret/path", "ImportError: no torch here"), "did not start the job"),
        (JobRefused("/home/me/secret/path"), "cannot be had again"),
        (StorageError("http://me:secret@store"), "store fails"),
        (OSError(28, "No space left", "/home/me/secret/path"), "the disk or the system"),
        (ZeroDivisionError("secret"), "a fault of this worker (ZeroDivisionError)"),
    ],
)
def test_last_words__after_some_failures__once_sealed_and_without_this_machines_names(
    inputs: Inputs, store: LocalStore, terms: JobTerms, error: Exception, expected: str
) -> None:
    speaker, said = words(inputs)
    for _ in range(TRIES + 4):
        speaker.after(JOB, terms, error)
    [(job, sequence, digest)] = said
    assert (job, sequence) == (JOB, NOTE_SEQUENCE)
    text = read(store, digest)
    assert expected in text and "secret" not in text
    assert ("no torch here" in text) is isinstance(error, RunFailed)


def test_last_words__one_failure_that_passes__is_nobodys_news(inputs: Inputs, terms: JobTerms) -> None:
    speaker, said = words(inputs)
    for _ in range(TRIES - 1):
        speaker.after(JOB, terms, OSError())
    assert said == []


@pytest.mark.parametrize("spoil", ["gone", "changed"])
def test_last_words__spec_is_gone_or_changed__sealed_to_nobody_else(
    inputs: Inputs, terms: JobTerms, spoil: str
) -> None:
    file = inputs.folder(JOB) / "in" / "spec.json"
    file.unlink() if spoil == "gone" else file.write_bytes(make_spec(b"other").to_bytes())
    speaker, said = words(inputs)
    for _ in range(TRIES):
        speaker.after(JOB, terms, OSError())
    assert said == []


def test_last_words__store_fails_too__no_second_failure(
    inputs: Inputs, terms: JobTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: bytes) -> Cid:
        raise StorageError("start it")

    monkeypatch.setattr(inputs.store, "put", down)
    speaker, said = words(inputs)
    assert not any(speaker.after(JOB, terms, OSError()) for _ in range(TRIES))
    assert said == []


def test_note__a_long_log__its_end_in_one_blob() -> None:
    log = "\x1b[2J☃" * 20_000 + "the end"
    blob = note_blob(JOB, ME, 0, "why", log)
    assert len(blob.to_bytes()) <= MAX_PROGRESS_BYTES
    text = note_text(ProgressBlob.from_bytes(blob.to_bytes()))
    assert text is not None and text.endswith("the end") and len(text) <= MAX_NOTE_LOG + 300


def test_note__blob_of_metrics__is_none() -> None:
    assert note_text(ProgressBlob(JOB, ME, 0, ({"epoch": 1},), 1)) is None
    assert note_text(ProgressBlob(JOB, ME, 0, (), 0)) is None
    assert note_text(ProgressBlob(JOB, ME, 0, ({"worker_note": 1},), 1)) is None


def test_workshop__runs_that_fail__tell_the_requester(
    inputs: Inputs, store: LocalStore, terms: JobTerms, tmp_path: Path
) -> None:
    from tensorgrid_worker.jobs.workshop import Workshop

    class Failing:
        def run(self, *_: Any, **__: Any) -> Any:
            raise RunFailed("the sandbox ended with 1", "bwrap: no namespaces")

    nothing, woken, said = cast("Any", None), threading.Event(), cast("Said", [])
    shop = Workshop(
        inputs=inputs,
        executor=cast("Any", Failing()),
        receipts=nothing,
        journal=cast("Any", type("Journal", (), {"kinds": lambda _: {}})()),
        gpus=[],
        logs=tmp_path / "logs",
        worker=ME,
        publish=lambda *publication: said.append(publication),
        wake=woken.set,
        min_progress_seconds=60,
    )
    for _ in range(TRIES):
        woken.clear()
        shop.run(JOB, terms, bytes(32))
        assert woken.wait(10)
        until = time.monotonic() + 5
        while shop.running() and time.monotonic() < until:
            time.sleep(0.01)
    assert [read(store, digest) for _, _, digest in said] == [
        f"[worker] the sandbox of this worker did not start the job; {AGAIN}\nbwrap: no namespaces"
    ]

"""A slice is taken only when its items lie here and are those under its batch's root."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.worker.batches import sliced
from tests.worker.conftest import make_spec
from tests.worker.jobs import JOB, make_terms

from tensorgrid.domain.batches import BatchSlice
from tensorgrid.domain.errors import BlobNotFound
from tensorgrid.domain.jobs import JobTerms
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.jobs.inputs import Inputs, JobRefused
from tensorgrid_worker.runtime.launch import ITEMS

CODE = b"def job(x): return {'y': x}"
BATCH, BLOB = sliced([{"x": value} for value in range(9)], 3, 4)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def inputs_with(store: LocalStore, tmp_path: Path, **limits: int) -> Inputs:
    paths = {name: tmp_path / name for name in ("deployment", "keystore", "password_file", "home")}
    config = WorkerConfig(rpc_url="http://127.0.0.1:1", store=str(tmp_path / "store"), **paths, **limits)  # type: ignore[arg-type]
    return Inputs(store, tmp_path / "scratch", config, gpus=0)


def posted(store: LocalStore, batch: BatchSlice) -> JobTerms:
    store.put(CODE)
    spec = replace(make_spec(CODE), batch=batch)
    return make_terms(spec_digest=store.put(spec.to_bytes()).digest)


def test_prepare__a_slice_that_is_right__its_items_lie_there(store: LocalStore, tmp_path: Path) -> None:
    store.put(BLOB)
    prepared = inputs_with(store, tmp_path).prepare(JOB, posted(store, BATCH))
    assert (prepared.folder / "in" / ITEMS).read_bytes() == BLOB


def test_attack_batch_root_without_available_leaves__not_taken(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(BlobNotFound):
        inputs_with(store, tmp_path).prepare(JOB, posted(store, BATCH))


@pytest.mark.parametrize("change", [{"root": b"\x07" * 32}, {"first": 2}, {"count": 8}, {"items": 3}])
def test_attack_root_of_other_leaves__refused_for_good(
    store: LocalStore, tmp_path: Path, change: dict[str, object]
) -> None:
    store.put(BLOB)
    with pytest.raises(JobRefused, match="slice"):
        inputs_with(store, tmp_path).prepare(JOB, posted(store, replace(BATCH, **change)))  # type: ignore[arg-type]


def test_attack_items_too_large__count_as_an_input(store: LocalStore, tmp_path: Path) -> None:
    store.put(BLOB)
    with pytest.raises(JobRefused, match="bytes of inputs"):
        inputs_with(store, tmp_path, max_input_bytes=len(BLOB) - 1).prepare(JOB, posted(store, BATCH))

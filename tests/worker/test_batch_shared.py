"""Arguments that all items share: read once, each call's own, and as any job would have found them."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorgrid.domain.arrays import pack_input
from tensorgrid.domain.errors import ResultRejected
from tensorgrid.domain.payload import Payload, pack_payload
from tensorgrid_worker.runtime.shared import COPIED_BYTES, Shared


def shared(folder: Path, data: bytes, kind: str, plain: Any = None) -> Shared:
    (folder / "inputs").mkdir()
    (folder / "inputs" / "w.safetensors").write_bytes(data)
    return Shared(str(folder), {"arguments": plain or {}, "inputs": {"w": kind}})


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int8", "bool", "complex64", "uint16"], ids=lambda dtype: str(dtype)
)
@pytest.mark.parametrize("shape", [(), (3, 5), (0, 4)], ids=["number", "table", "empty"])
def test_numpy_array__comes_as_it_was__writable(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    given = np.ones(shape, dtype)
    found = shared(tmp_path, pack_input(given)[0], "numpy")()["w"]
    assert type(found) is np.ndarray and found.dtype == given.dtype and found.shape == shape
    assert (found == given).all() and found.flags.writeable and found.flags.aligned


def test_torch_tensor__comes_as_it_was__the_next_call_finds_no_change(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    given = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    arguments = shared(tmp_path, pack_input(given)[0], "torch")
    first = arguments()["w"]
    assert first.dtype == given.dtype and bool((first == given).all())
    first.mul_(3)
    assert bool((arguments()["w"] == given).all())


@pytest.mark.parametrize("count", [5000, COPIED_BYTES], ids=["copied", "viewed"])
def test_attack_every_way_to_write_into_a_call_s_own__neither_the_next_nor_the_file_changes(
    tmp_path: Path, count: int
) -> None:
    given = np.arange(count, dtype=np.float64)  # several pages
    data = pack_input(given)[0]
    arguments = shared(tmp_path, data, "numpy", {"told": {"seen": []}})
    first, also = arguments(), arguments()
    first["w"] += 1
    first["w"].reshape(-1).view("u1")[-8:] = 255
    memoryview(first["w"]).cast("B")[:8] = b"\xff" * 8
    first["told"]["seen"].append(1)
    for later in (also, arguments()):
        assert (later["w"] == given).all() and later["told"] == {"seen": []}
    assert (tmp_path / "inputs" / "w.safetensors").read_bytes() == data


def test_file__is_read_once__however_many_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = shared(tmp_path, pack_input(np.ones(9, bool))[0], "numpy")
    read: list[int] = []
    parse = Payload.parse
    monkeypatch.setattr(Payload, "parse", lambda data: read.append(len(data)) or parse(data))
    for _ in range(5):
        assert arguments()["w"].all()
    assert len(read) == 1


def test_views_that_a_function_keeps__more_than_files_can_be_open__come_all_the_same(tmp_path: Path) -> None:
    given = np.arange(COPIED_BYTES // 4 + 1, dtype=np.float32)
    arguments = shared(tmp_path, pack_input(given)[0], "numpy")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (sum(1 for _ in Path("/proc/self/fd").iterdir()) + 8, hard))
    try:
        kept = [arguments()["w"] for _ in range(20)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    kept[0][:] = 0
    kept[-1][:] = 0
    assert all((each == given).all() for each in kept[1:-1])


def test_file_of_two_tensors__typed(tmp_path: Path) -> None:
    data = pack_payload(dict.fromkeys(("value", "other"), ("U8", (1,), b"1")))
    with pytest.raises(ResultRejected, match="holds 2 tensors"):
        shared(tmp_path, data, "numpy")()

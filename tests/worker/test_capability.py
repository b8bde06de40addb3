"""What is measured, how its answers are checked, and what a score is. On the CPU; no figure is judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from tests.worker.conftest import bubblewrap_or_skip

from tensorgrid.domain.errors import StorageError
from tensorgrid.storage.local import LocalStore
from tensorgrid_worker.capability import Measured, Part, measure
from tensorgrid_worker.capability.classes import class_of, table
from tensorgrid_worker.capability.disk import DiskProbe
from tensorgrid_worker.capability.links import NodeProbe, StoreProbe
from tensorgrid_worker.capability.measured import CapabilityUnknown
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.executor import RunStopped
from tensorgrid_worker.runtime.suite import freivalds, matmul, memory
from tensorgrid_worker.runtime.suite.inputs import Stream

NONCE = b"\x5a" * 32
N = 256


def gpu(name: str) -> Gpu:
    return Gpu(0, 0, "GPU-0", name, 80 << 30, "570.10", ())


# -------------------------------------------------------------------------------------------------------------- inputs


def test_stream__same_nonce__same_words_from_any_place() -> None:
    stream, whole = Stream(NONCE, "x", "cpu"), torch.empty(1000, dtype=torch.int64)
    stream.fill(whole)
    tail = torch.empty(10, dtype=torch.int64)
    Stream(NONCE, "x", "cpu").fill(tail, 990)
    assert torch.equal(whole[990:], tail)
    assert torch.equal(stream.at(torch.tensor([3, 7])), whole[[3, 7]])


def test_stream__other_nonce_or_label__other_words() -> None:
    words = {
        tuple(Stream(nonce, label, "cpu").bytes_matrix(8, 8).flatten().tolist())
        for nonce in (NONCE, b"b")
        for label in "xy"
    }
    assert len(words) == 4


def test_stream__looks_uniform() -> None:
    matrix = Stream(NONCE, "x", "cpu").float_matrix(500, 500)
    assert abs(float(matrix.mean())) < 0.01 and abs(float(matrix.var()) - 1 / 3) < 0.01
    assert float(matrix.abs().max()) <= 1


# ------------------------------------------------------------------------------------------------------------ Freivalds


@pytest.mark.parametrize("kind", ["fp32", "bf16", "int8"])
def test_product__right__passes_and_one_row_of_another_job__fails(kind: str) -> None:
    product = matmul._product(kind, NONCE, N, "cpu")
    product.step()
    assert product.check(product.a, product.b, product.c)
    product.c[17] = matmul._product(kind, b"other", N, "cpu").c.zero_()[17]
    assert not product.check(product.a, product.b, product.c)


def test_attack_int8_one_entry_off_by_one__fails() -> None:
    product = matmul._product("int8", NONCE, N, "cpu")
    product.step()
    product.c[3, 4] += 1
    assert not freivalds.exact(product.a, product.b, product.c)


@pytest.mark.parametrize(("bits", "name"), [(13, "TF32"), (16, "bfloat16")])
def test_attack_fp32_computed_with_fewer_bits__fails(bits: int, name: str) -> None:
    """What tensor cores would make of it, ten times faster."""
    product = matmul._product("fp32", NONCE, 1024, "cpu")

    def rounded(x: torch.Tensor) -> torch.Tensor:
        words = x.view(torch.int32) + (1 << (bits - 1))
        return ((words >> bits) << bits).view(torch.float32)

    assert freivalds.close_fp32(product.a, product.b, product.a @ product.b), name
    assert not freivalds.close_fp32(product.a, product.b, rounded(product.a) @ rounded(product.b)), name


# --------------------------------------------------------------------------------------------------------------- memory


def test_memory_size__fills_what_it_is_told() -> None:
    assert memory.size(NONCE, "cpu", 256 << 20) == (256 << 20, True)


def test_attack_memory_mapped_twice__is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = torch.empty(64 * memory.MIB // 8, dtype=torch.int64)
    monkeypatch.setattr(memory.torch, "empty", lambda *_, **__: one)  # every chunk is the same memory
    assert memory.size(NONCE, "cpu", 256 << 20) == (256 << 20, False)


# ---------------------------------------------------------------------------------------------------------------- suite


def test_measure__cpu_in_the_sandbox__every_part_is_right() -> None:
    (found,) = measure([], seconds=2, nonce=NONCE, sandbox=bubblewrap_or_skip())
    assert {name for name, part in found.parts.items() if part.ok} == {
        "matmul_fp32", "matmul_bf16", "matmul_int8", "memory_bandwidth", "memory_size",
    }  # fmt: skip
    assert found.class_name == "cpu" and found.device == "cpu"
    assert found.score == table()["cpu"].score(found.parts)
    assert Measured.of_json(json.loads(json.dumps(found.to_json()))) == found


def test_measure__stopped__leaves_nothing_running() -> None:
    stop = Event()
    stop.set()
    with pytest.raises(RunStopped):
        measure([], seconds=2, nonce=NONCE, sandbox=None, stop=stop)


@pytest.mark.parametrize(("seconds", "nonce"), [(0, NONCE), (-1, NONCE), (1, b"")])
def test_measure__nonsense__refused(seconds: float, nonce: bytes) -> None:
    with pytest.raises(CapabilityUnknown, match="try --seconds"):
        measure([], seconds=seconds, nonce=nonce, sandbox=None)


def test_disk_probe__measures_and_leaves_no_file(tmp_path: Path) -> None:
    found = DiskProbe(tmp_path)(NONCE, 0.2)
    assert all(part.ok and part.value > 0 for part in found.values())
    assert not list(tmp_path.iterdir())


def test_disk_probe__no_such_folder__a_part_that_failed(tmp_path: Path) -> None:
    assert not any(part.ok for part in DiskProbe(tmp_path / "nowhere")(NONCE, 0.2).values())


def test_store_probe__there_and_back(tmp_path: Path) -> None:
    assert all(part.ok for part in StoreProbe(LocalStore(tmp_path))(NONCE, 1).values())


def test_node_probe__silent_node__a_part_that_failed() -> None:
    def ask() -> None:
        raise StorageError("away")

    assert not NodeProbe(ask)(NONCE, 1)["node_answer"].ok


# -------------------------------------------------------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H200", "h200-sxm"),
        ("NVIDIA A100-SXM4-80GB", "a100-80gb"),
        ("NVIDIA A100-PCIE-40GB", "a100-40gb"),
        ("NVIDIA A10", "a10"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce RTX 3090 Ti", None),
        ("NVIDIA H100 NVL", None),
        ("NVIDIA A10G", None),
        ("Tesla K80", None),
        ("", None),
    ],
)
def test_class_of__name_of_nvml(name: str, class_name: str | None) -> None:
    found = class_of(gpu(name))
    assert (found.name if found else None) == class_name


def test_class_of__no_gpu__the_cpus() -> None:
    found = class_of(None)
    assert found is not None and found.name == "cpu"


def test_table__every_rung_is_of_the_same_silicon_and_promises_less() -> None:
    for found in table().values():
        model = table()[found.family]
        assert model.device == found.device
        if found is not model:
            assert all(found.references[name] <= model.references[name] for name in model.references)
            assert found.references != model.references


def of(shares: dict[str, float], class_name: str = "h100-sxm", ok: bool = True) -> dict[str, Part]:
    """Parts at a share of the class's references, 1 where none is given."""
    references = table()[class_name].references
    return {name: Part(int(reference * shares.get(name, 1)), "op/s", ok) for name, reference in references.items()}


def test_score__weakest_part_decides__rounded_down() -> None:
    wanted = table()["h100-sxm"]
    assert wanted.score(of({})) == 1000
    assert wanted.score(of({"matmul_bf16": 2.0, "memory_bandwidth": 0.8999})) == 899
    assert wanted.weakest(of({"memory_bandwidth": 0.5})) == "memory_bandwidth"


def test_score__part_missing_or_wrong__nothing() -> None:
    wanted = table()["h100-sxm"]
    parts = of({})
    assert wanted.score(parts | {"matmul_int8": Part(10**20, "op/s", False, "wrong result")}) == 0
    del parts["memory_size"]
    assert wanted.score(parts) == 0


DAMAGED: list[Callable[[dict[str, Any]], object]] = [
    lambda value: value.pop("parts"),
    lambda value: value.update(score=True),
    lambda value: value.update(score=-1),
    lambda value: value["parts"].update(x={"value": float("nan"), "unit": "B", "ok": True}),
    lambda value: value["parts"].update(x={"value": -1, "unit": "B", "ok": True}),
    lambda value: value["parts"].update(x=[]),
    lambda value: value.update(parts=[]),
]


@pytest.mark.parametrize("damage", DAMAGED)
def test_measured__damaged_json__refused(damage: Callable[[dict[str, Any]], object]) -> None:
    value = Measured("cpu", 1, {"a": Part(1, "B", True)}, "cpu", "x").to_json()
    damage(value)
    with pytest.raises(CapabilityUnknown, match="measure again"):
        Measured.of_json(value)

"""What replays bit for bit: the same on one machine over runs and threads, another when one part is another."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.worker.conftest import RunCode, bubblewrap_or_skip

from tensorgrid.domain.jobs import hardware_class
from tensorgrid.domain.payload import json_of_payload
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid_worker.capability import fingerprints
from tensorgrid_worker.capability.fingerprints import Fingerprint
from tensorgrid_worker.capability.measured import CapabilityUnknown
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.runtime import fingerprint
from tensorgrid_worker.sandbox.plain import Plain

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 143
model name\t: Intel(R) Xeon(R)
cpu MHz\t\t: {mhz}
cache size\t: 107520 KB
cpu cores\t: {cores}
flags\t\t: fpu smep sse4_2 avx2 fma {flags}

processor\t: 1
"""


def parts_of(tmp_path: Path, *, driver: str = "", mhz: str = "2000", cores: int = 4, flags: str = "") -> dict[str, str]:
    (tmp_path / "cpuinfo").write_text(CPUINFO.format(mhz=mhz, cores=cores, flags=flags))
    return fingerprint.parts(driver, tmp_path)


def test_take__same_machine_twice__same_value_inside_the_sandbox_and_without_it() -> None:
    first, second = fingerprints.take((), bubblewrap_or_skip()), fingerprints.take((), Plain())
    assert first.parts == second.parts and first.digest == second.digest and len(first.digest) == 32
    assert "deterministic" in first.parts["switches"] and "tf32" not in first.parts["switches"]


def test_threads_and_seed_of_a_job__not_the_workers_class(run_code: RunCode) -> None:
    source = "from tensorgrid_worker.runtime.fingerprint import run as job\n"
    runs = [
        run_code(Plain(), source, arguments={"driver": ""}, threads=threads, seed=bytes([threads]) * 32)
        for threads in (1, 2)
    ]
    one, two = (json_of_payload(run.payload or b"") for run in runs)
    assert one == two


def test_parts__what_no_sum_depends_on__same_value(tmp_path: Path) -> None:
    before = parts_of(tmp_path)
    assert parts_of(tmp_path, mhz="3512.4", cores=64) == before
    assert "smep" not in before["cpu instructions"]
    kernel_and_host = {os.uname().release, os.uname().nodename}
    assert not any(text in value for text in kernel_and_host for value in before.values())


@pytest.mark.parametrize("change", [{"driver": "575.57.08"}, {"flags": "avx512f"}, {"flags": "amx_tile"}])
def test_digest__driver_or_instruction_set_differs__another_value(tmp_path: Path, change: dict[str, str]) -> None:
    assert fingerprint.digest(parts_of(tmp_path)) != fingerprint.digest(parts_of(tmp_path, **change))


@pytest.mark.parametrize("name", sorted(fingerprint.parts("575.57.08")))
def test_digest__any_one_part_differs__another_value(name: str) -> None:
    found = fingerprint.parts("575.57.08")
    assert fingerprint.digest(found | {name: found[name] + "x"}) != fingerprint.digest(found)


def test_packages__one_that_computes_was_changed_by_pip__another_value(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint.parts()
    assert "numpy==" in before["packages"] and "typer" not in before["packages"]
    monkeypatch.setattr(fingerprint, "is_computing", lambda name: name != "numpy" and name in before["packages"])
    assert fingerprint.parts()["packages"] != before["packages"]


def test_kept__comes_back_as_it_was_and_goes_stale_with_the_driver(tmp_path: Path) -> None:
    card = Gpu(0, 0, "GPU-0", "NVIDIA H100", 80 << 30, "570.10", ())
    found = Fingerprint({"driver": "570.10"}, fingerprints.machine.fingerprint([card]), 7)
    assert fingerprints.load(tmp_path) is None
    found.save(tmp_path)
    kept = fingerprints.load(tmp_path)
    assert kept == found and kept.stale([card]) == []
    assert any("570.10 -> 575.57" in text or "575.57" in text for text in kept.stale([replace(card, driver="575.57")]))


@pytest.mark.parametrize("text", ["", "[]", '{"parts": 3, "machine": {}, "at": 1}', '{"parts": {}}', "\xff"])
def test_kept__damaged_file__a_typed_error_that_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / fingerprints.FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(CapabilityUnknown, match="register"):
        fingerprints.load(tmp_path)


def test_profile__takes_the_digest_as_it_is() -> None:
    found = Fingerprint({"torch": "2"}, {}, 0)
    profile = WorkerProfile("0x" + "1" * 40, hardware_class("cpu"), fingerprint=found.digest)
    assert profile.as_tuple()[2] == found.digest


def test_gpu__a_slice_of_it_or_another_model__another_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A double of CUDA: what a real card says is `pytest -m gpu`'s to show."""
    card = SimpleNamespace(name="NVIDIA H100", major=9, minor=0, multi_processor_count=132, L2_cache_size=52428800)

    def with_card(**changed: object) -> dict[str, str]:
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
        monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: SimpleNamespace(**vars(card) | changed))
        return fingerprint.parts("575.57.08")

    whole = with_card()
    assert whole["gpu 0"] == "NVIDIA H100, sm_90, 132 SM, L2 52428800 B" and whole["driver"] == "575.57.08"
    others = [with_card(multi_processor_count=16), with_card(name="NVIDIA H200"), with_card(L2_cache_size=1)]
    assert len({fingerprint.digest(found) for found in (whole, *others)}) == 4

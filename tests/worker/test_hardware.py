"""NVML's answers, from a stand-in for its library: this machine may have no GPU."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from tests.worker.conftest import MIB, MakeTask, bubblewrap_or_skip

from tensorgrid.domain.payload import json_of_payload
from tensorgrid_worker import hardware
from tensorgrid_worker.hardware import gpus
from tensorgrid_worker.jobs.executor import Executor
from tensorgrid_worker.jobs.wiper import Wiper
from tensorgrid_worker.sandbox.base import Child, Launch
from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap


class NVMLError(Exception):
    pass


class FakeNvml:
    """Two devices; minor numbers in the other order, as on machines with more than one kind."""

    NVMLError = NVMLError

    def __init__(self, *, broken: str = "") -> None:
        self.broken = broken
        self.shut = False

    def nvmlInit(self) -> None:
        if self.broken == "init":
            raise NVMLError("Driver Not Loaded")

    def nvmlShutdown(self) -> None:
        self.shut = True

    def nvmlSystemGetDriverVersion(self) -> str:
        return "570.10"

    def nvmlDeviceGetCount(self) -> int:
        if self.broken == "count":
            raise NVMLError("Unknown Error")
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetMinorNumber(self, handle: int) -> int:
        return 1 - handle

    def nvmlDeviceGetUUID(self, handle: int) -> bytes:
        return f"GPU-{handle}".encode()

    def nvmlDeviceGetName(self, handle: int) -> str:
        return "NVIDIA A10"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(total=24 << 30)


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    folder = tmp_path / "dev"
    folder.mkdir()
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "sda"):
        (folder / name).touch()
    return folder


def test_gpus__two__each_with_its_own_nodes(dev: Path) -> None:
    nvml = FakeNvml()
    first, second = gpus(nvml, dev)
    assert (first.uuid, first.name, first.memory_bytes, first.driver) == ("GPU-0", "NVIDIA A10", 24 << 30, "570.10")
    assert [node.name for node in first.nodes] == ["nvidia1", "nvidiactl", "nvidia-uvm"]
    assert [node.name for node in second.nodes] == ["nvidia0", "nvidiactl", "nvidia-uvm"]
    assert nvml.shut


@pytest.mark.parametrize("broken", ["init", "count"])
def test_gpus__no_driver__none(dev: Path, broken: str) -> None:
    assert gpus(FakeNvml(broken=broken), dev) == []


def test_gpus__this_machine__answers() -> None:
    assert isinstance(gpus(), list)


def test_run__assigned_gpu_alone_is_bound(dev: Path, make_task: MakeTask) -> None:
    """The second GPU's job gets the second GPU's nodes, and CUDA is told of that one only."""
    seen: list[Launch] = []

    class Recorder(Bubblewrap):
        def start(self, launch: Launch) -> Child:
            seen.append(launch)
            raise InterruptedError

    task = replace(make_task("def job(): return {}"), gpus=(gpus(FakeNvml(), dev)[1],))
    with pytest.raises(InterruptedError):
        Executor(Recorder(), tmp_bytes=MIB, processes=64, wiper=Wiper(python="true")).run(
            task, on_point=lambda _: None, stop=Event()
        )
    (launch,) = seen
    assert [path.name for path in launch.devices] == ["nvidia0", "nvidiactl", "nvidia-uvm"]
    assert launch.environment["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    limits: Any = launch.runner["limits"]
    assert limits["address_bytes"] == 0
    words = Bubblewrap()._arguments(launch)
    bound = [words[index + 1] for index, word in enumerate(words) if word == "--dev-bind"]
    assert bound == [str(path) for path in launch.devices]
    sealed = next(i for i, pair in enumerate(pairwise(words)) if pair == ("--remount-ro", "/dev"))
    assert words.index("--dev-bind") < sealed  # afterwards nothing can be mounted there any more


def test_environment__names_versions_and_no_machine() -> None:
    found = hardware.environment()
    assert found.python == platform.python_version()
    assert found.torch == metadata.version("torch")
    assert found.platform == f"{platform.system()}-{platform.machine()}".lower()


@pytest.mark.gpu
def test_run__on_a_real_gpu__sees_one_and_repeats_itself(make_task: MakeTask) -> None:
    if "+cpu" in metadata.version("torch"):
        pytest.skip("this torch is built without CUDA")
    code = """
        import torch
        def job():
            left = torch.randn(256, 256, device="cuda")
            return {"product": left @ left, "devices": torch.cuda.device_count()}
    """
    executor = Executor(bubblewrap_or_skip(), tmp_bytes=64 * MIB, processes=256)
    runs = []
    for _ in range(2):
        task = replace(make_task(code, memory_bytes=16 << 30, gpus=1), gpus=(gpus()[0],))
        runs.append(executor.run(task, on_point=lambda _: None, stop=Event()))
    assert runs[0].payload is not None, runs[0].log.decode()
    assert runs[0].payload == runs[1].payload
    assert json_of_payload(runs[0].payload) == {"devices": 1}

"""Which accelerators this machine has, through NVML; no driver means none, which is a valid answer."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.receipts import Environment

SHARED_NODES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
NO_GPU = "none"


class GpuMissing(TensorgridError):
    """The settings name a GPU that this machine does not show."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device as NVML tells of it; `memory_bytes` in all. `nodes`: the device files that use of it alone needs."""

    index: int
    minor: int
    uuid: str
    name: str
    memory_bytes: int
    driver: str
    nodes: tuple[Path, ...]


def gpus(nvml: Any = None, dev: Path = Path("/dev")) -> list[Gpu]:
    """All NVIDIA devices in NVML's order; empty without a driver. `nvml`: a stand-in for the pynvml module in tests."""
    if nvml is None:
        try:
            import pynvml
        except ImportError:
            return []
        nvml = pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []  # LibraryNotFound, DriverNotLoaded, NoPermission: this machine computes on its CPU
    try:
        driver = _text(nvml.nvmlSystemGetDriverVersion())
        return [_gpu(nvml, index, driver, dev) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return []
    finally:
        nvml.nvmlShutdown()


def chosen(found: list[Gpu], wanted: str) -> list[Gpu]:
    """Those of `found` that a worker may use. `wanted`: its setting `gpu`. Raises GpuMissing."""
    if not wanted:
        return found
    if wanted == NO_GPU:
        return []
    ours = [gpu for gpu in found if wanted in (gpu.uuid, str(gpu.index))]
    if not ours:
        seen = ", ".join(f"{gpu.index} ({gpu.uuid})" for gpu in found) or "none"
        raise GpuMissing(
            f"there is no GPU {wanted[:64]!a} here, NVML shows {seen}; mend the driver, or the setting gpu"
        )
    return ours


def environment() -> Environment:
    """What a receipt says of the machine: versions, no names. Read without importing torch."""
    try:
        torch: str | None = version("torch")
    except PackageNotFoundError:
        torch = None
    return Environment(
        python=platform.python_version(), torch=torch, platform=f"{platform.system()}-{platform.machine()}".lower()
    )


def gpu_variables(assigned: list[Gpu]) -> dict[str, str]:
    """Environment that shows a job its GPUs alone. CUDA numbers by what is visible, hence the UUIDs."""
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid for gpu in assigned)}


def _gpu(nvml: Any, index: int, driver: str, dev: Path) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    minor = int(nvml.nvmlDeviceGetMinorNumber(handle))
    names = (f"nvidia{minor}", *SHARED_NODES)
    return Gpu(
        index=index,
        minor=minor,
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        driver=driver,
        nodes=tuple(dev / name for name in names if (dev / name).exists()),
    )


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

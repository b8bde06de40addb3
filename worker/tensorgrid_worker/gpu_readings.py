"""How the GPUs are just now, through NVML; one reading, nothing kept."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

_NVML = threading.Lock()  # nvmlInit and nvmlShutdown count for the whole process


@dataclass(frozen=True, slots=True)
class GpuReading:
    """Bytes and degrees Celsius; `celsius` None where the device does not tell."""

    index: int
    total_bytes: int
    free_bytes: int
    celsius: int | None


def gpu_readings(nvml: Any = None) -> list[GpuReading]:
    """All NVIDIA devices; empty without a driver. `nvml`: a stand-in for the pynvml module in tests."""
    if nvml is None:
        try:
            import pynvml
        except ImportError:
            return []
        nvml = pynvml
    with _NVML:
        try:
            nvml.nvmlInit()
        except nvml.NVMLError:
            return []
        try:
            return [_reading(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError:
            return []
        finally:
            nvml.nvmlShutdown()


def _reading(nvml: Any, index: int) -> GpuReading:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    try:
        celsius: int | None = int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    except nvml.NVMLError:
        celsius = None
    return GpuReading(index, int(memory.total), int(memory.free), celsius)

"""What a GPU says of its own health through NVML: throttling, memory errors, heat."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tensorgrid_worker.hardware import Gpu

_NVML = threading.Lock()

# Bits of nvmlDeviceGetCurrentClocksEventReasons that tell of trouble; power capping and idling are everyday.
SW_THERMAL, HW_SLOWDOWN, HW_THERMAL, HW_POWER_BRAKE = 0x20, 0x08, 0x40, 0x80
REASONS = {
    SW_THERMAL: "too hot (software slows it down)",
    HW_SLOWDOWN: "hardware slowdown",
    HW_THERMAL: "too hot (hardware slows it down)",
    HW_POWER_BRAKE: "power brake",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`slowed`: it computes, but slower, so measure again. `broken`: its results cannot be trusted, so take nothing.

    Both in words, empty when all is well.
    """

    slowed: str = ""
    broken: str = ""


def conditions(gpus: Sequence[Gpu], nvml: Any = None) -> list[Condition]:
    """One per GPU; a GPU that NVML does not find any more is broken. `nvml`: a stand-in for pynvml in tests."""
    if not gpus:
        return []
    if nvml is None:
        try:
            import pynvml
        except ImportError:
            return [Condition() for _ in gpus]
        nvml = pynvml
    with _NVML:
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            return [Condition(broken=f"its driver does not answer: {error}") for _ in gpus]
        try:
            return [_condition(nvml, gpu) for gpu in gpus]
        finally:
            nvml.nvmlShutdown()


def _condition(nvml: Any, gpu: Gpu) -> Condition:
    try:
        handle = nvml.nvmlDeviceGetHandleByUUID(gpu.uuid)
    except nvml.NVMLError as error:
        return Condition(broken=f"it is gone: {error}")
    return Condition(slowed=_slowed(nvml, handle), broken=_broken(nvml, handle))


def _slowed(nvml: Any, handle: Any) -> str:
    words = []
    reasons = _ask(nvml, "nvmlDeviceGetCurrentClocksThrottleReasons", handle) or 0
    words += [text for bit, text in REASONS.items() if reasons & bit]
    celsius = _ask(nvml, "nvmlDeviceGetTemperature", handle, nvml.NVML_TEMPERATURE_GPU)
    limit = _ask(nvml, "nvmlDeviceGetTemperatureThreshold", handle, nvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN)
    if celsius is not None and limit and celsius >= limit:
        words.append(f"{celsius} °C, it slows down at {limit}")
    return ", ".join(words)


def _broken(nvml: Any, handle: Any) -> str:
    """Uncorrected errors since the driver was loaded: what was computed meanwhile may be wrong."""
    errors = _ask(
        nvml,
        "nvmlDeviceGetTotalEccErrors",
        handle,
        nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
        nvml.NVML_VOLATILE_ECC,
    )
    return f"{errors} uncorrected memory errors; reset or replace it" if errors else ""


def _ask(nvml: Any, function: str, *arguments: Any) -> int | None:
    """None where the device or the driver does not tell: consumer cards have no ECC."""
    try:
        return int(getattr(nvml, function)(*arguments))
    except (nvml.NVMLError, AttributeError):
        return None

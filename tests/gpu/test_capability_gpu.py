"""The suite on a real GPU: right answers, and rates beside plain PyTorch's own."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from tests.worker.conftest import bubblewrap_or_skip

from tensorgrid_worker.capability import Measured, measure
from tensorgrid_worker.hardware import gpus

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


@pytest.fixture(scope="module")
def measured() -> Measured:
    if "+cpu" in metadata.version("torch"):
        pytest.skip("this torch is built without CUDA")
    return measure(gpus()[:1], seconds=20, nonce=b"\x42" * 32, sandbox=bubblewrap_or_skip())[0]


def test_every_part__came_out_right(measured: Measured) -> None:
    wrong = {name: part.why for name, part in measured.parts.items() if not part.ok}
    assert not wrong
    assert {"pcie_to_device", "pcie_to_host", "memory_size"} <= measured.parts.keys()


def test_memory_size__nearly_all_that_nvml_states(measured: Measured) -> None:
    assert measured.parts["memory_size"].value >= 0.9 * gpus()[0].memory_bytes


def test_matmul__at_least_nine_tenths_of_plain_pytorch(measured: Measured, root: Path) -> None:
    command = [sys.executable, str(root / "scripts" / "bench_capability.py"), "--plain", "cuda"]
    plain = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    ratios = {name: measured.parts[name].value / rate for name, rate in plain.items()}
    print({name: round(ratio, 3) for name, ratio in ratios.items()})
    assert min(ratios.values()) >= 0.9

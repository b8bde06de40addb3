"""What replays bit for bit: everything of a machine that decides the bits of a sum, by name. Runs in the sandbox.

    {"driver": "575.57", ...} = parts(driver="575.57")

In: what chooses a kernel or the order in which it adds (processor model, its vector instructions and caches, GPU model
and its multiprocessors, driver, CUDA libraries), the code that computes (Python, libc, numpy, torch and how they were
built), and the switches that determinism.py sets, read back from torch.
Out: what a job brings itself, the same for worker and auditor (threads, seed, memory), and what no sum depends on
(kernel, host name, number of cores, a GPU's serial number, free memory). Every name too many would leave a worker with
fewer auditors; every name too few could slash an honest one.
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from tensorgrid.domain.computing import is_computing
from tensorgrid.domain.encoding import canonical_json, sha256

VERSION = 1
_ARITHMETIC = re.compile(r"avx\w*|amx\w*|fma4?|f16c|s?sse\w*|asimd\w*|sve\w*|sme\d*|i8mm|bf16|fphp|fcma", re.ASCII)
_CPU_LINES = (
    *("vendor_id", "cpu family", "model", "model name", "cache size"),
    *("CPU implementer", "CPU part", "CPU variant"),
)


def parts(driver: str = "", proc: Path = Path("/proc")) -> dict[str, str]:
    """By name, sorted. `driver`: of the GPU, as NVML says it; empty where only the CPU is sold. Raises ImportError."""
    found = dict(_cpu(proc)) | _python() | dict(_numpy()) | dict(_torch()) | dict(_libraries())
    if driver:
        found["driver"] = driver
    return dict(sorted(found.items()))


def digest(found: Mapping[str, str]) -> bytes:
    """32 bytes: sha256 of the canonical JSON of the version and the parts."""
    return sha256(canonical_json({"version": VERSION, "parts": dict(found)}))


def run(driver: str) -> dict[str, Any]:
    """The entry that the worker calls as a job."""
    return {"parts": parts(driver)}


def _cpu(proc: Path) -> Iterator[tuple[str, str]]:
    """Of the first core; libraries ask the processor itself, and dispatch on exactly these."""
    try:
        first = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
    except OSError:
        first = ""
    lines = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}
    said = [f"{name} {lines[name]}" for name in _CPU_LINES if name in lines]
    flags = (lines.get("flags") or lines.get("Features") or "").split()
    yield "cpu", f"{platform.machine()}; " + (", ".join(said) or platform.processor())
    yield "cpu instructions", " ".join(sorted({flag for flag in flags if _ARITHMETIC.fullmatch(flag)}))


def _python() -> dict[str, str]:
    return {
        "python": f"{sys.implementation.name} {platform.python_version()}",
        "libc": " ".join(platform.libc_ver()),  # its exp and log are those of math and of numpy
    }


def _numpy() -> Iterator[tuple[str, str]]:
    import numpy as np

    describe: Any = np.show_config  # its types know no mode
    blas = describe(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    yield "numpy", f"{np.__version__}, {blas.get('name', 'no blas')} {blas.get('version', '')}".strip()


def _torch() -> Iterator[tuple[str, str]]:
    import torch

    yield "torch", f"{torch.__version__}, {torch.version.git_version}"
    yield "torch build", hashlib.sha256(torch.__config__.show().encode()).hexdigest()[:32]
    yield "torch kernels", str(torch.backends.cpu.get_cpu_capability())
    yield "switches", _switches(torch)
    if torch.cuda.is_available():
        yield "cuda", f"{torch.version.cuda}, cudnn {torch.backends.cudnn.version()}"
        for index in range(torch.cuda.device_count()):
            yield f"gpu {index}", _gpu(torch.cuda.get_device_properties(index))


def _gpu(gpu: Any) -> str:
    # a slice of a GPU has fewer multiprocessors, and gets other kernels
    return f"{gpu.name}, sm_{gpu.major}{gpu.minor}, {gpu.multi_processor_count} SM, L2 {gpu.L2_cache_size} B"


def _switches(torch: Any) -> str:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    on = {
        "deterministic": torch.get_deterministic_debug_mode() == 2,
        "cudnn deterministic": cudnn.deterministic,
        "cudnn benchmark": cudnn.benchmark,
        "tf32": matmul.allow_tf32 or cudnn.allow_tf32,
        "reduced fp16": matmul.allow_fp16_reduced_precision_reduction,
        "reduced bf16": matmul.allow_bf16_reduced_precision_reduction,
        "flash": torch.backends.cuda.flash_sdp_enabled(),
        "memory efficient": torch.backends.cuda.mem_efficient_sdp_enabled(),
        "mkldnn": torch.backends.mkldnn.is_available(),
    }
    return ", ".join(name for name, value in on.items() if value)


def _libraries() -> Iterator[tuple[str, str]]:
    """Packages that compute: pip may have changed one of them alone."""
    names = {(found.metadata["Name"] or "").lower(): found.version for found in metadata.distributions()}
    yield "packages", " ".join(f"{name}=={names[name]}" for name in sorted(names) if is_computing(name))

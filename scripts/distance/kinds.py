"""The trainings that are measured, and settings in which machines differ. Imports torch only when one runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HALF, RATE, DATA, SLEEP = "half of the steps", "twice the learning rate", "other data", "no training"
CHEATS = (HALF, RATE, DATA, SLEEP)


@dataclass(frozen=True, slots=True)
class Setting:
    """What another machine would do otherwise: threads, and variables that choose kernels."""

    threads: int = 1
    variables: dict[str, str] = field(default_factory=dict)


_AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
_OLD = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "ONEDNN_MAX_CPU_ISA": "SSE41"}
WORKER = "worker"
SETTINGS = {
    WORKER: Setting(),
    "two threads": Setting(threads=2),
    "three threads": Setting(threads=3),
    "AVX2": Setting(variables=_AVX2),
    "SSE": Setting(variables=_OLD),
    "SSE, two threads": Setting(threads=2, variables=_OLD),
}
"""The first is the worker's; the others are the auditors' in turn."""


def unlike() -> list[str]:
    """The auditors' settings that are not the worker's own on this machine."""
    same = () if _has_avx512() else ("AVX2",)
    return [name for name in SETTINGS if name != WORKER and name not in same]


def _has_avx512() -> bool:
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


KINDS = {
    "mlp": "dense layers, dropout, AdamW",
    "cnn": "convolutions, batch-norm, SGD",
    "rnn": "a GRU, RMSprop",
    "gpt": "a transformer over bytes, AdamW",
    "gpt-bf16": "the same in bfloat16",
    "cnn-bias": "a bias in front of batch-norm, AdamW: what the linter warns of",
}


def train(kind: str, steps: int) -> Any:
    """One of KINDS, as a job would run it."""
    import torch

    from audit import harness, jobs

    if kind == "cnn-bias":
        return _biased(steps)
    if kind.startswith("gpt"):
        text = harness.text()[:20_000]
        if kind.endswith("bf16"):
            torch.set_default_dtype(torch.bfloat16)
        return jobs.gpt(text, steps)
    return getattr(jobs, kind)(steps)


def _biased(steps: int, rows: int = 256) -> Any:
    import torch
    from torch import nn

    import tensorgrid as tg

    x, y = torch.randn(rows, 1, 8, 8), torch.randint(0, 10, (rows,))
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 10)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def loss(module: Any, batch: Any, labels: Any) -> Any:
        return nn.functional.cross_entropy(module(batch), labels)

    return tg.fit(model, loss, tg.shuffled(x, y, size=32), optimizer, steps=steps)


def cheat(name: str) -> None:
    """From now on this process trains otherwise than the job says."""
    from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    if name == RATE:
        register_optimizer_step_pre_hook(lambda optimizer, *_: _scale(optimizer, 2.0))
        register_optimizer_step_post_hook(lambda optimizer, *_: _scale(optimizer, 0.5))
    elif name == DATA:
        from tensorgrid.training import steps

        key = steps._key  # noqa: SLF001 - of the order of the data, and of nothing else that is drawn from here on
        told = {b"epoch": b"other", b"step": b"step"}
        steps._key = lambda purpose, number: key(told[purpose], number)  # noqa: SLF001


def _scale(optimizer: Any, factor: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] *= factor

"""Two runs of one job are bit-equal; another seed is another run."""

from __future__ import annotations

import pytest
from tests.worker.conftest import RunCode, bubblewrap_or_skip

from tensorgrid.domain.jobs import ExitClass
from tensorgrid_worker.sandbox.base import Sandbox

CNN = """
import random
import numpy as np
import torch
from torch import nn

def job(steps):
    data = torch.randn(256, 1, 8, 8)
    labels = torch.randint(0, 10, (256,))
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(),
                          nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(144, 10))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(steps):
        pick = torch.randperm(256)[:64]
        loss = nn.functional.cross_entropy(model(data[pick]), labels[pick])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    extra = {"python": random.random(), "numpy": float(np.random.rand()), "words": list({"a", "b", "c", "d", "e"})}
    settings = {"deterministic": torch.are_deterministic_algorithms_enabled(), "threads": torch.get_num_threads()}
    return {**model.state_dict(), "loss": loss.detach(), **extra, **settings}
"""


def test_torch_cnn__three_processes__bit_equal(run_code: RunCode) -> None:
    sandbox = bubblewrap_or_skip()
    runs = [run_code(sandbox, CNN, arguments={"steps": 20}) for _ in range(3)]
    assert all(run.exit is ExitClass.OK for run in runs), runs[0].log.decode()
    assert runs[0].payload == runs[1].payload == runs[2].payload
    other = run_code(sandbox, CNN, arguments={"steps": 20}, seed=b"\x07" * 32)
    assert other.payload != runs[0].payload


def test_no_torch__seeded_all_the_same(sandbox: Sandbox, run_code: RunCode) -> None:
    code = """
        import random, sys
        def job():
            return {"x": random.random(), "hash": hash("x") % 997, "torch": "torch" in sys.modules}
    """
    first, second = run_code(sandbox, code), run_code(sandbox, code)
    assert first.payload is not None and first.payload == second.payload
    assert b'"torch":false' in first.payload.replace(b"\\", b"")


@pytest.mark.parametrize("line", ["x = torch.zeros(3); x.index_add_(0, torch.tensor([0, 0]), torch.ones(2))"])
def test_torch__deterministic_where_a_kernel_exists(run_code: RunCode, line: str) -> None:
    run = run_code(bubblewrap_or_skip(), f"import torch\ndef job():\n    {line}\n    return {{'x': x}}")
    assert run.exit is ExitClass.OK, run.log.decode()

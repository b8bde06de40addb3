"""No job finds what another left in a GPU's memory (the LeftoverLocals class of faults)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from tests.worker.conftest import MIB, MakeTask

from tensorgrid_worker import hardware
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.jobs.executor import Executor, RunFailed, Task
from tensorgrid_worker.jobs.wiper import Wiper
from tensorgrid_worker.sandbox.plain import Plain

GPU = Gpu(0, 0, "GPU-one", "fake", 1 << 30, "1", ())
OTHER = Gpu(1, 1, "GPU-two", "fake", 1 << 30, "1", ())


def counting(folder: Path, status: int = 0) -> str:
    """A stand-in for the interpreter that the wiper starts: notes what it was told to wipe."""
    program = folder / "python"
    program.write_text(f'#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES $*" >> {folder}/calls\nexit {status}\n')
    program.chmod(0o755)
    return str(program)


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def test_wiper__before_the_first_job_and_after_each(tmp_path: Path) -> None:
    wiper = Wiper(counting(tmp_path))
    assert wiper.ready([GPU]) is None and calls(tmp_path) == ["GPU-one"]
    wiper.after([GPU])
    assert wiper.ready([GPU]) is None and calls(tmp_path) == ["GPU-one"] * 2
    assert wiper.ready([OTHER]) is None and calls(tmp_path)[2:] == ["GPU-two"]


def test_wiper__cannot__no_job_gets_that_gpu(tmp_path: Path) -> None:
    wiper = Wiper(counting(tmp_path, status=1))
    wiper.after([GPU])
    assert "nvidia-smi" in str(wiper.ready([GPU]))


def test_wiper__no_gpu__starts_nothing(tmp_path: Path) -> None:
    wiper = Wiper(counting(tmp_path))
    assert wiper.ready([]) is None
    wiper.after([])
    assert calls(tmp_path) == []


def test_executor__gpu_not_clean__does_not_run(make_task: MakeTask) -> None:
    """Here there is no such GPU, so it cannot be wiped."""
    task = make_task("def job():\n    return {}")
    executor = Executor(Plain(), tmp_bytes=MIB, processes=64)
    with pytest.raises(RunFailed, match="another job left"):
        executor.run(Task(task.spec, task.seed, task.folder, (GPU,)), on_point=lambda _: None, stop=Event())


@pytest.mark.gpu
def test_attack_gpu_residue__next_process_finds_zeros() -> None:
    found = hardware.gpus()
    if not found:
        pytest.skip("this machine has no GPU")
    leave = "import torch; t=torch.full((1<<28,), 7, dtype=torch.int32, device='cuda'); torch.cuda.synchronize()"
    subprocess.run([sys.executable, "-c", leave], check=True, timeout=120)
    wiper = Wiper()
    wiper.after(found)
    look = "import torch; t=torch.empty(1<<28, dtype=torch.int32, device='cuda'); print(int((t==7).sum()))"
    seen = subprocess.run([sys.executable, "-c", look], check=True, timeout=120, capture_output=True, text=True)
    assert seen.stdout.strip() == "0"

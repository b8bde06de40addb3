"""Everything that makes two runs of the same job bit-equal, set before the job's code can look.

Seeds and switches are applied to random, numpy and torch at the moment somebody imports them, so a job that needs none
of them does not wait for them.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import importlib.machinery
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def environment(seed: bytes, threads: int) -> dict[str, str]:
    """Variables that must stand before the interpreter starts. `seed`: the 32 bytes of jobSeed."""
    fixed = {
        "PYTHONHASHSEED": str(int.from_bytes(seed[:4], "big")),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS is repeatable only with a workspace of a fixed size
        "MKL_DYNAMIC": "FALSE",
        "OMP_DYNAMIC": "FALSE",
        "NVIDIA_TF32_OVERRIDE": "0",
    }
    return fixed | {name: str(threads) for name in THREAD_VARIABLES}


def apply(seed: bytes, threads: int) -> None:
    """Seed Python's random, numpy and torch as soon as they are imported. `seed`: the 32 bytes of jobSeed."""
    actions: dict[str, Callable[[Any], None]] = {
        "random": lambda random: random.seed(int.from_bytes(_current(seed), "big")),
        "numpy": lambda numpy: _settle_numpy(numpy, _current(seed)),
        "torch": lambda torch: _settle_torch(torch, _current(seed), threads),
        "torch._inductor.config": lambda config: setattr(config, "deterministic", True),
    }
    for name in [name for name in actions if name in sys.modules]:
        actions.pop(name)(sys.modules[name])  # the interpreter's own start had it imported
    sys.meta_path.insert(0, _AfterImport(actions))


def _current(seed: bytes) -> bytes:
    """In the middle of a training step: that step's key, or a replay of this step alone would draw other numbers."""
    steps = sys.modules.get("tensorgrid.training.steps")
    return getattr(steps, "current", b"") or seed


def _settle_numpy(numpy: Any, seed: bytes) -> None:
    numpy.random.seed([int.from_bytes(seed[i : i + 4], "big") for i in range(0, 32, 4)])


def _settle_torch(torch: Any, seed: bytes, threads: int) -> None:
    torch.manual_seed(int.from_bytes(seed[:8], "big") >> 1)  # also every GPU, once there is one
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    # The same switch as use_deterministic_algorithms(True), which would import torch._inductor: a second of start.
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    matmul = torch.backends.cuda.matmul
    matmul.allow_tf32 = False
    matmul.allow_fp16_reduced_precision_reduction = False
    matmul.allow_bf16_reduced_precision_reduction = False
    # One attention backend: the fused ones use atomics in their backward passes.
    torch.backends.cuda.enable_flash_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.backends.cuda.enable_math_sdp(True)


class _AfterImport:
    """A finder that runs an action right after a named module's own code has run, once.

    Not derived from importlib.abc, whose import alone takes a fifth of a small job's start.
    """

    def __init__(self, actions: dict[str, Callable[[Any], None]]) -> None:
        self._actions = actions

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        action = self._actions.pop(fullname, None)
        if action is None:
            return None
        import importlib.util

        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            _then(spec.loader, action)
        return spec


def _then(loader: Any, action: Callable[[Any], None]) -> None:
    inner = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        inner(module)
        action(module)

    loader.exec_module = exec_module

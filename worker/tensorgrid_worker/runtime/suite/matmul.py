"""Matrix products in fp32, bf16 and int8: the fastest plain call that PyTorch has for each, and a check of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from tensorgrid_worker.runtime.suite import freivalds
from tensorgrid_worker.runtime.suite.clock import Clock, Step
from tensorgrid_worker.runtime.suite.inputs import Stream

GPU_SIZES = (4096, 8192, 16384)
CPU_SIZES = (256, 512, 1024, 2048, 4096)
SMALL_SHARE = 0.25
"""Of the free memory: what the matrices and their check may take."""

Check = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], bool]


@dataclass(frozen=True, slots=True)
class Product:
    """n x n matrices, where their product goes, how it is made, how it is checked."""

    a: torch.Tensor
    b: torch.Tensor
    c: torch.Tensor
    step: Step
    check: Check


def measure(kind: str, nonce: bytes, device: str, budget: float) -> tuple[float, bool]:
    """(operations per second, whether the product is right). `kind`: fp32, bf16 or int8. Raises what torch raises."""
    clock = Clock(device)
    share = budget / 4
    sizes = CPU_SIZES if device == "cpu" else GPU_SIZES
    best, best_size = 0.0, sizes[0]
    for n in sizes:  # which size suits this device is found out, not assumed
        if not _fits(n, device):
            break
        took = clock.least(_product(kind, nonce, n, device).step, share / len(sizes))
        if 2 * n**3 / took > best:
            best, best_size = 2 * n**3 / took, n
        if took * 8 > share:
            break  # the next one takes eight times as long
    product = _product(kind, nonce, best_size, device)
    seconds = clock.seconds_per_step(product.step, budget - share)
    return 2 * best_size**3 / seconds, product.check(product.a, product.b, product.c)


def _product(kind: str, nonce: bytes, n: int, device: str) -> Product:
    left, right = (Stream(nonce, f"{kind} {n} {side}", device) for side in ("left", "right"))
    if kind == "int8":
        # The right matrix lies by columns, as cuBLASLt and the CPU's kernels like it best.
        a, b = left.bytes_matrix(n, n), right.bytes_matrix(n, n).t()
        c, int_mm = torch.empty(n, n, dtype=torch.int32, device=device), torch._int_mm  # noqa: SLF001 - no other
        return Product(a, b, c, lambda: int_mm(a, b, out=c), freivalds.exact)
    if kind == "bf16":
        a, b = ((stream.bytes_matrix(n, n) >> 3).to(torch.bfloat16) for stream in (left, right))
        c = torch.empty(n, n, dtype=torch.bfloat16, device=device)
        return Product(a, b, c, lambda: torch.matmul(a, b, out=c), freivalds.close_bf16)
    a, b = left.float_matrix(n, n), right.float_matrix(n, n)
    c = torch.empty(n, n, dtype=torch.float32, device=device)
    return Product(a, b, c, lambda: torch.matmul(a, b, out=c), freivalds.close_fp32)


def _fits(n: int, device: str) -> bool:
    if device == "cpu":
        return True
    free, _ = torch.cuda.mem_get_info()
    return bool(24 * n * n < free * SMALL_SHARE)

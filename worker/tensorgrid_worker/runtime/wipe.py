"""Fills a GPU's free memory with zeros and gives it back, in a process of its own.

    python -m tensorgrid_worker.runtime.wipe

What a job leaves in a GPU's memory can be read by the next process that allocates there. Wipes every device that
CUDA_VISIBLE_DEVICES shows, prints how many bytes of each, and exits 1 when there is none, or when less than LEAST of
one could be filled: then somebody still holds the rest.
"""

from __future__ import annotations

import sys
from typing import Any

LEAST = 0.9
SMALLEST = 2 << 20
"""Bytes; CUDA hands out memory in pages of this size."""


def main() -> int:
    import torch

    worst = 1.0
    for index in range(torch.cuda.device_count()):
        _, total = torch.cuda.mem_get_info(index)
        filled = fill(torch, index, total)
        print(filled, flush=True)
        worst = min(worst, filled / total)
    return 0 if torch.cuda.device_count() and worst >= LEAST else 1


def fill(torch: Any, index: int, total: int) -> int:
    """Bytes of device `index` that were set to zero. Takes the largest blocks that fit, until none does."""
    held, size = [], total
    while size >= SMALLEST:
        try:
            held.append(torch.zeros(size, dtype=torch.uint8, device=f"cuda:{index}"))
        except torch.OutOfMemoryError:
            size //= 2
    torch.cuda.synchronize(index)
    return sum(block.numel() for block in held)


if __name__ == "__main__":
    sys.exit(main())

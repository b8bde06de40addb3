"""How near the suite comes to what plain PyTorch reaches on the same device: build/bench/capability.json.

`--plain DEVICE` measures the other side alone, as a user would write it: no sandbox, no fixed seeds, PyTorch's own
random inputs, its own timer. Both sides take turns, each in a process of its own, and medians are compared.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

KINDS = ("matmul_fp32", "matmul_bf16", "matmul_int8")
SIZES = {"cpu": (256, 512, 1024, 2048), "cuda": (4096, 8192, 16384)}
ROUNDS = 3


def plain(device: str) -> dict[str, float]:
    """Operations per second of the best size, per kind."""
    import torch
    from torch.utils.benchmark import Timer

    dtypes = {"matmul_fp32": torch.float32, "matmul_bf16": torch.bfloat16}
    best = dict.fromkeys(KINDS, 0.0)
    for kind in KINDS:
        for n in SIZES[device]:
            left, right = torch.randn(2, n, n, device=device)
            if kind == "matmul_int8":
                scope = {"f": torch._int_mm, "a": (left * 40).to(torch.int8), "b": (right * 40).to(torch.int8).t()}  # noqa: SLF001
            else:
                scope = {"f": torch.matmul, "a": left.to(dtypes[kind]), "b": right.to(dtypes[kind])}
            timer = Timer("f(a, b)", globals=scope, num_threads=torch.get_num_threads())
            once = timer.timeit(1).mean
            took = timer.blocked_autorange(min_run_time=1).median if once < 0.5 else once
            best[kind] = max(best[kind], 2 * n**3 / took)
            if once > 0.5:
                break
    return best


def ours(device: str, seconds: float) -> dict[str, float]:
    """The same of the suite, in the sandbox where there is one."""
    from tensorgrid.domain.errors import SandboxUnavailable
    from tensorgrid_worker.capability import measure
    from tensorgrid_worker.hardware import gpus
    from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap

    sandbox: Bubblewrap | None = Bubblewrap()
    try:
        Bubblewrap().check()
    except SandboxUnavailable:
        sandbox = None
    found = measure(
        gpus()[:1] if device == "cuda" else [], seconds=seconds, nonce=secrets.token_bytes(32), sandbox=sandbox
    )[0]
    wrong = [name for name in KINDS if not found.parts[name].ok]
    if wrong:
        raise SystemExit(f"bench-capability: {', '.join(wrong)} came out wrong; see `tensorgrid-worker bench`")
    return {name: float(found.parts[name].value) for name in KINDS}


def main(arguments: Sequence[str]) -> None:
    """Print the ratios and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plain", choices=sorted(SIZES), help="only plain PyTorch's side, as JSON")
    parser.add_argument("--seconds", type=float, default=10, help="about how long one of our turns takes")
    parser.add_argument("--report", type=Path, default=Path("build/bench/capability.json"))
    options = parser.parse_args(arguments)
    if options.plain:
        print(json.dumps(plain(options.plain)))
        return
    from tensorgrid_worker.hardware import gpus

    device = "cuda" if gpus() else "cpu"
    sides: dict[str, list[dict[str, float]]] = {"plain": [], "ours": []}
    for _ in range(ROUNDS):
        sides["plain"].append(_other_process(device))
        sides["ours"].append(ours(device, options.seconds))
    report: dict[str, Any] = {"device": device, "rounds": ROUNDS} | {kind: _compared(kind, sides) for kind in KINDS}
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps(report, indent=1) + "\n")
    for kind in KINDS:
        print(f"{kind}: {report[kind]['ratio']} of plain PyTorch on {device}")


def _other_process(device: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--plain", device]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def _compared(kind: str, sides: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    plain_rate, our_rate = (statistics.median(turn[kind] for turn in sides[side]) for side in ("plain", "ours"))
    return {"plain": round(plain_rate), "ours": round(our_rate), "ratio": round(our_rate / plain_rate, 3)}


if __name__ == "__main__":
    main(sys.argv[1:])

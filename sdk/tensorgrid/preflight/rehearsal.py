"""Runs the first steps of a job in two fresh processes, as a worker would, and compares the state after each."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from tensorgrid.domain.encoding import sha256
from tensorgrid.domain.errors import FunctionFailed, NotRepeatable, SpecInvalid, ToolMissing
from tensorgrid.domain.specs import AUDIT, MAX_KEEP_BYTES, Checkpoint, JobSpec
from tensorgrid.lint import Finding, lint_source, refuse
from tensorgrid.ordering.options import JobOptions
from tensorgrid.ordering.packing import PackedJob, pack
from tensorgrid.privacy import Identity
from tensorgrid.storage.cid import cid_of_bytes

STEPS = 5
PARTS = ("model", "optimiser", "random generators", "cursor and scalars")
WORKER = "tensorgrid_worker.jobs.rehearsing"
WATCH = b"\n\nfrom tensorgrid_worker.runtime import rehearsal as _rehearsal\n_rehearsal.watch()\n"
"""Behind the bundle's own text, whose lines keep their numbers."""
_START_SECONDS = 180
_KERNEL = "does not have a deterministic implementation"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What two runs had in common. `steps`: how many were compared. Seconds are medians over both runs.

    step_seconds: of one step; record_seconds: of hashing its state, done once per segment in the real run. roots: of
    the state after each step, 4 x 32 bytes as hex. findings: of the linter; without `lint` in the options also errors.
    """

    steps: int
    step_seconds: float
    record_seconds: float
    roots: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...]


def preflight(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    options: JobOptions,
    *,
    gpu: bool = False,
    steps: int = STEPS,
) -> Preflight:
    """Needs torch and the worker's extra here, and a device of the kind that is bought. Nothing is sent.

    Raises NotRepeatable (the linter is sure, torch has no deterministic kernel, or the runs differ), FunctionFailed,
    SpecInvalid, FunctionNotPortable, ToolMissing.
    """
    if steps < 1:
        raise SpecInvalid(f"{steps} steps compare nothing; take {STEPS}")
    if find_spec("tensorgrid_worker") is None:
        raise ToolMissing("a preflight runs the worker's own code; pip install 'tensorgrid[worker]'")
    packed = pack(function, dict(arguments), options.changed(verify="replicate"), gpus=int(gpu), recipients=_nobody())
    source = packed.blobs[0]
    findings = lint_source(source, gpu=gpu)
    if options.lint:
        refuse(findings)
    first, second = (_run(packed, steps, seed=sha256(source)) for _ in range(2))
    for told in (first, second):
        _check_end(told)
    _compare(first, second)
    seen = [*first["seen"], *second["seen"]]
    found = [Finding(**one) for said in first["seen"] for one in said.get("findings", ())]
    if options.lint:
        refuse(found)
    return Preflight(
        steps=len(first["states"]),
        step_seconds=_median(seen, "step_seconds"),
        record_seconds=_median(seen, "record_seconds"),
        roots=tuple(tuple(first["states"][step]) for step in sorted(first["states"], key=int)),
        findings=(*findings, *found),
    )


def _nobody() -> tuple[str]:
    """A spec needs a reader; nothing is sealed to this one."""
    return (Identity.generate().recipient,)


def _run(packed: PackedJob, steps: int, seed: bytes) -> dict[str, Any]:
    """One fresh process in a folder of its own. Raises ToolMissing when the worker's part does not even start."""
    with tempfile.TemporaryDirectory(prefix="tensorgrid-preflight-") as name:
        folder = Path(name)
        spec = _lay_out(packed, folder / "in")
        command = [sys.executable, "-P", "-m", WORKER, name, str(steps), seed.hex()]
        limit = spec.resources.wall_seconds + _START_SECONDS
        try:
            done = subprocess.run(command, capture_output=True, timeout=limit, check=False)
            told: dict[str, Any] = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, ValueError) as error:
            said = done.stderr.decode(errors="replace").strip()[-400:] if isinstance(error, ValueError) else str(error)
            raise ToolMissing(f"the worker's runner did not start: {said}; is tensorgrid[worker] installed?") from error
        return told


def _lay_out(packed: PackedJob, folder: Path) -> JobSpec:
    """As a worker lays a job's files out, the bundle with its watcher behind it."""
    inputs = folder / "inputs"
    inputs.mkdir(parents=True)
    by_cid = {cid_of_bytes(blob): blob for blob in packed.blobs}
    source = packed.blobs[0] + WATCH
    bundle = replace(packed.spec.bundle, cid=cid_of_bytes(source), bytes=len(source))
    spec = replace(packed.spec, bundle=bundle, tier=AUDIT, checkpoint=Checkpoint(every=1, keep_bytes=MAX_KEEP_BYTES))
    (folder / "spec.json").write_bytes(spec.to_bytes())
    (folder / "bundle.py").write_bytes(source)
    for name, ref in packed.spec.inputs.items():
        (inputs / f"{name}.safetensors").write_bytes(by_cid[ref.cid])
    return spec


def _check_end(told: Mapping[str, Any]) -> None:
    """Whether it came as far as was asked, or to its own end. Raises NotRepeatable, FunctionFailed."""
    if told["end"] in {"done", "early"} and told["states"]:
        return
    log = str(told["log"])
    if _KERNEL in log:
        line = next(line for line in reversed(log.splitlines()) if _KERNEL in line)
        raise NotRepeatable(f"torch refuses it: {line.strip()[:300]}; use an operation that has one")
    raise FunctionFailed(
        f"the job did not get through its first steps ({told['reason'] or told['end']}); the end of its log:\n"
        f"{log[-1500:]}\nmend it here first: a preflight costs nothing",
        exit_class=str(told["exit"] or told["end"]),
        log=log,
    )


def _compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Raises NotRepeatable with the first step and the part of the state that differ."""
    if first["began"] != second["began"]:
        unlike = _unlike(first["began"], second["began"])
        raise NotRepeatable(f"the two runs differ before step 1, in {unlike}; {_ADVICE}")
    for step in sorted({*first["states"], *second["states"]}, key=int):
        one, other = first["states"].get(step), second["states"].get(step)
        if one is None or other is None:
            raise NotRepeatable(f"only one of the two runs came to step {step}; {_ADVICE}")
        if one != other:
            raise NotRepeatable(f"the two runs differ after step {step}, in {_unlike(one, other)}; {_ADVICE}")


_ADVICE = "`tensorgrid lint` names usual reasons, docs/determinism.md says what to do about each"


def _unlike(one: Sequence[str], other: Sequence[str]) -> str:
    return ", ".join(part for part, mine, its in zip(PARTS, one, other, strict=True) if mine != its)


def _median(seen: Sequence[Mapping[str, Any]], name: str) -> float:
    """Without the slowest quarter: a run's first steps warm up."""
    values = sorted(float(said[name]) for said in seen if name in said)
    return median(values[: len(values) - len(values) // 4]) if values else 0.0

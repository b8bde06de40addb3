"""The sealed parts of a private job: fetched before the take, opened once its keys are here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tensorgrid.domain.cids import Cid
from tensorgrid.domain.encoding import parse_canonical_json
from tensorgrid.domain.errors import OpeningRejected, ResultRejected, SpecInvalid
from tensorgrid.domain.jobkeys import ARGUMENTS, BUNDLE, JobKeys, label_of
from tensorgrid.domain.specs import JobSpec, SealedParts, check_arguments
from tensorgrid.privacy import open_file
from tensorgrid_worker.jobs.launching import ARGUMENTS_FILE
from tensorgrid_worker.memory.whole import write_whole

KEYS, SEALED = "keys.json", "sealed"
"""In a job's folder, beside what its sandbox sees."""

Fetch = Callable[[Cid, Path, int], None]


def fetch_sealed(spec: JobSpec, private: SealedParts, folder: Path, fetch: Fetch) -> None:
    """Raises what `fetch` raises."""
    room = folder / SEALED
    (room / "inputs").mkdir(parents=True, exist_ok=True, mode=0o700)
    fetch(spec.bundle.cid, room / BUNDLE, spec.bundle.bytes)
    fetch(private.arguments, room / ARGUMENTS, private.size)
    for name, ref in spec.inputs.items():
        fetch(ref.cid, room / "inputs" / name, ref.bytes)


def unseal(spec: JobSpec, keys: JobKeys, folder: Path, check: Callable[[str, int, Path], None]) -> str:
    """Into in/, as if the job were public. Why it cannot be, which everybody who has the keys will find; empty: it is.

    `check`: of each input, by name, bytes and file; may raise SpecInvalid. Raises OSError.
    """
    room, inside = folder / SEALED, folder / "in"
    assert spec.private is not None, "asked of private jobs alone"
    if keys.check != spec.private.check:
        return "its keys are not those that its spec names"
    try:
        open_file(room / BUNDLE, inside / "bundle.py", keys.blob(BUNDLE))
        open_file(room / ARGUMENTS, inside / ARGUMENTS_FILE, keys.blob(ARGUMENTS))
        check_arguments(parse_canonical_json((inside / ARGUMENTS_FILE).read_bytes(), "the arguments"), spec.inputs)
        for name in spec.inputs:
            target = inside / "inputs" / f"{name}.safetensors"
            open_file(room / "inputs" / name, target, keys.blob(label_of(name)))
            check(name, target.stat().st_size, target)
    except (ResultRejected, SpecInvalid) as error:
        return f"what its requester has sealed is no job: {error}"
    return ""


def keep_keys(folder: Path, keys: JobKeys) -> None:
    """Where the job's sandbox does not look, readable by us alone. Raises OSError."""
    write_whole(folder / KEYS, keys.to_bytes())


def kept_keys(folder: Path) -> JobKeys | None:
    """None where there are none."""
    try:
        return JobKeys.from_bytes((folder / KEYS).read_bytes())
    except (OSError, OpeningRejected):
        return None

"""How far honest ends of a segment lie apart across settings that unlike machines have, and how far those of cheats.

Real trainings of the audit bench's kinds: each segment is done again from the state that it began in, on as many
threads and with such kernels as another machine would take. One machine is a stand-in for others. Writes
build/bench/distance.json, and distance.toml in the form that `distance_bounds` takes.

For example:
  make bench-distance                                     everything, about 10 minutes
  python scripts/bench_distance.py --only mlp --segments 6   a short look
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from distance.kinds import CHEATS, KINDS, SETTINGS, WORKER, Setting, unlike
from distance.report import bounds, document, table
from load import machine
from tensorgrid.domain.distance import MOST_STEPS, distance
from tensorgrid.domain.states import StateFile
from tensorgrid.training.steps import SEED
from tensorgrid_worker.runtime.determinism import environment

FOLDER = Path(__file__).parents[1] / "build" / "bench"
FILE = FOLDER / "distance.json"
SEGMENTS = 26


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(KINDS), action="append", help="this kind alone; repeatable")
    parser.add_argument("--segments", type=int, default=SEGMENTS, help="of each training; the first is not measured")
    parser.add_argument("--steps", type=int, default=MOST_STEPS, help="of each segment")
    parser.add_argument("--hardware-class", default="cpu", help="that the bounds are written for")
    chosen = parser.parse_args()
    if chosen.segments < 2 or not 2 <= chosen.steps <= MOST_STEPS:
        parser.error(f"--segments is at least 2, --steps 2 to {MOST_STEPS}")
    wanted, kinds = chosen.only or list(KINDS), kept(chosen.steps)
    FOLDER.mkdir(parents=True, exist_ok=True)
    told = document(kinds, chosen.steps, machine.facts())
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        found = pool.map(lambda kind: measured(kind, chosen.segments, chosen.steps), wanted)
        for kind, each in zip(wanted, found, strict=True):
            told = document(kinds := {**kinds, kind: each}, chosen.steps, machine.facts())
            FILE.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
            FILE.with_suffix(".toml").write_text(bounds(told, chosen.hardware_class), encoding="utf-8")
    print(f"{table(told)}\nwritten to {FILE} and distance.toml")


def kept(steps: int) -> dict[str, Any]:
    """Kinds of the last run, for those that are not run now; none of segments of another length."""
    try:
        value = json.loads(FILE.read_text(encoding="utf-8"))
        return dict(value["raw"]) if value["steps"] == steps else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def measured(kind: str, segments: int, steps: int) -> dict[str, Any]:
    """Honest ends by setting, and those of cheats against the honest ones of another setting, by segment."""
    folder = Path(tempfile.mkdtemp(prefix="tensorgrid-distance-"))
    try:
        honest, cross = {}, unlike()
        for name in (WORKER, *cross):
            _train(kind, folder, SETTINGS[name], segments, steps)
            (folder / "end").rename(folder / name)
            if name != WORKER:
                honest[name] = [_far(folder, index, mine=name, his=WORKER) for index in range(1, segments)]
                print(f"bench-distance: {kind}, {name}", file=sys.stderr, flush=True)
        cheats = {}
        for name in CHEATS:
            _train(kind, folder, SETTINGS[WORKER], segments, steps, name)
            cheats[name] = [_far(folder, index, mine=cross[0], his=name) for index in range(1, segments)]
        again = [_far(folder, index, mine=WORKER, his="start", ahead=1) for index in range(1, segments)]
        return {
            "about": KINDS[kind],
            "honest": honest,
            "cheats": cheats,
            "repeats": all(each["value"] == 0 for each in again),
        }
    finally:
        shutil.rmtree(folder)


def _train(kind: str, folder: Path, setting: Setting, segments: int, steps: int, cheat: str = "") -> None:
    """Raises SystemExit."""
    seed = hashlib.sha256(b"distance %s" % kind.encode()).digest()
    variables = {**os.environ, **environment(seed, setting.threads), **setting.variables, SEED: seed.hex()}
    command = [sys.executable, "-m", "distance.child", kind, str(folder), str(segments), str(steps)]
    command += [cheat] if cheat else []
    ended = subprocess.run(command, env=variables, cwd=Path(__file__).parent, check=False)
    if ended.returncode:
        raise SystemExit(f"bench-distance: {kind} ended with {ended.returncode}; its own message stands above")


def _far(folder: Path, index: int, *, mine: str, his: str, ahead: int = 0) -> dict[str, Any]:
    """`ahead`: where his ends are kept as starts of what follows."""
    places = (folder / "start" / str(index), folder / mine / str(index), folder / his / str(index + ahead))
    start, ours, theirs = (StateFile.parse(path.read_bytes()) for path in places)
    found = distance(start, ours, theirs)
    (family, value), *others = found.by_family.items()
    if others:
        raise SystemExit("bench-distance: a model of two families of dtypes is not measured; split it")
    return {"family": family, "value": value, "unlike": list(found.unlike)}


if __name__ == "__main__":
    main()

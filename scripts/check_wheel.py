#!/usr/bin/env python3
"""Prove that the built wheel works without the repository: fresh environment, empty folder, the whole demo.

    python scripts/check_wheel.py dist [-- ARGUMENTS FOR tensorgrid demo]

Home and cache are fresh as well, so anvil is really fetched, and nothing of this checkout can help. Exits 1 with a
sentence when anything did not hold.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACCURACY = 0.95
HIDDEN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TENSORGRID_HOME", "MAKEFLAGS", "MAKELEVEL")


def newest_wheel(folder: Path) -> Path:
    """The only wheel in `folder`; exits with a sentence otherwise."""
    wheels = sorted(folder.glob("tensorgrid-*.whl"))
    if len(wheels) != 1:
        sys.exit(f"check_wheel: expected one tensorgrid wheel in {folder}, found {len(wheels)}; run make wheel first")
    return wheels[0].resolve()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check(report: Path) -> dict[str, object]:
    """The demo's own account, held against what it promises; exits with a sentence when it does not hold."""
    told: dict[str, object] = json.loads(report.read_text(encoding="utf-8"))
    accuracy, pids = told["accuracy"], told["worker_pids"]
    if not isinstance(accuracy, float) or accuracy < ACCURACY:
        sys.exit(f"check_wheel: accuracy {accuracy} is below {ACCURACY}")
    if told["balance_sum"] != 0:
        sys.exit(f"check_wheel: balances do not sum to zero: {told['balance_sum']}")
    if not isinstance(pids, list) or any(alive(pid) for pid in pids):
        sys.exit(f"check_wheel: a worker process was left behind: {pids}")
    return told


def main() -> None:
    folder, demo_arguments = Path(sys.argv[1]), sys.argv[3:]
    wheel = newest_wheel(folder)
    with tempfile.TemporaryDirectory(prefix="tensorgrid-wheel-") as temporary:
        place = Path(temporary)
        home, empty = place / "home", place / "empty"
        home.mkdir()
        empty.mkdir()
        venv.create(place / "venv", with_pip=True)
        programs = place / "venv" / "bin"
        environment = {name: value for name, value in os.environ.items() if name not in HIDDEN}
        environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
        environment["PATH"] = f"{programs}:{os.environ['PATH']}"

        install = [str(programs / "python"), "-m", "pip", "install", "-qq", "-c", str(ROOT / "constraints.txt")]
        # pip's own configuration may lie in the real home; the demo's must not
        subprocess.run([*install, f"tensorgrid[devnet,worker] @ {wheel.as_uri()}"], check=True, cwd=empty)
        subprocess.run([programs / "tensorgrid", "demo", *demo_arguments], check=True, cwd=empty, env=environment)
        told = check(empty / "build" / "demo.json")
        print(f"check_wheel: {wheel.name} works from an empty folder: {json.dumps(told)}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"check_wheel: {' '.join(str(part) for part in error.cmd[:4])} … exited {error.returncode}")

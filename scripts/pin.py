#!/usr/bin/env python3
"""Write constraints.txt: every package that all extras together resolve to, at the version that was resolved.

    .venv/bin/python scripts/pin.py             # what pyproject.toml now resolves to
    .venv/bin/python scripts/pin.py web3==7.17  # ... with one requirement more

Run it on CPython 3.11; nothing is installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Versions that were resolved together on CPython 3.11 and tested: pip install -c constraints.txt 'tensorgrid[...]'
# Written by scripts/pin.py; pyproject.toml says what is allowed and why.
"""
# A bare torch brings several gigabytes of CUDA packages on some platforms, so its version is chosen, not found.
TORCH = "torch==2.13.0"
# eth-ape wants numpy below 2, which has no wheels for newer Pythons; there only the demo installs.
MARKERS = {"numpy": '; python_version < "3.13"', "pandas": '; python_version < "3.13"'}


def resolve(extra_requirements: list[str]) -> dict[str, str]:
    """Package name -> version, as pip would install them into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        dry_run = ["-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed", "--report", str(report)]
        wanted = [f"{ROOT}[devnet,worker,dev,docs]", TORCH, *extra_requirements]
        subprocess.run([sys.executable, *dry_run, *wanted], check=True)
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    pins = {}
    for item in installs:
        name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        pins[name] = item["metadata"]["version"].split("+")[0]  # "+cpu" and the like name a build, not a version
    pins.pop("tensorgrid")
    return pins


def main() -> None:
    pins = resolve(sys.argv[1:])
    lines = [f"{name}=={pins[name]}{MARKERS.get(name, '')}" for name in sorted(pins)]
    (ROOT / "constraints.txt").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()

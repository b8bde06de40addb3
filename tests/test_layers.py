"""Which package may import which, and what importing does (how light it is: tests/sdk/test_public_api.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# Reports files opened for writing and sockets connected while importing.
WATCHER = """
import json, sys
written, connected = [], []
def watch(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        written.append(str(args[0]))
    elif event == "socket.connect":
        connected.append(str(args[1]))
sys.addaudithook(watch)
import tensorgrid as tg
for name in tg.__all__:
    getattr(tg, name)
print(json.dumps({"written": written, "connected": connected, "modules": len(sys.modules)}))
"""


def test_layers__import_linter__keeps_every_contract(root: Path) -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=root,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


def test_import__every_public_name__writes_no_file_and_opens_no_socket(tmp_path: Path) -> None:
    """Keys have been stolen by packages that did something when they were imported."""
    run = subprocess.run(
        [sys.executable, "-B", "-c", WATCHER], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    effects = json.loads(run.stdout)
    assert effects["modules"] > 100  # it did import something
    assert effects["written"] == []
    assert effects["connected"] == []

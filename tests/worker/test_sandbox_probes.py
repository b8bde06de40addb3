"""The escape attempts of `make sandbox-probes`, and proof that they would see an escape."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.worker.conftest import bubblewrap_or_skip

# Not the slow ones: what fills memory has tests of its own in test_sandbox_cgroups.py.
CANARIES = [
    "rpc-on-host-loopback",
    "udp-to-host-loopback",
    "worker-key-file",
    "host-file-written",
    "secret-in-another-environment",
    "signal-to-host-process",
    "output-symlink-to-key",
    "archive-walks-up",
    "host-name",
]


def probes(root: Path, tmp_path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    output = tmp_path / "sandbox.json"
    command = [sys.executable, str(root / "scripts" / "sandbox_probes.py"), "--output", str(output), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert output.exists(), done.stderr
    return done.returncode, json.loads(output.read_text())


def test_probes__behind_bubblewrap__none_escapes(root: Path, tmp_path: Path) -> None:
    bubblewrap_or_skip()
    code, figures = probes(root, tmp_path, "--sandbox", "bubblewrap")
    bad = [row for row in figures["probes"] if row["status"] in ("escaped", "broken")]
    assert (code, bad, figures["escaped"], figures["broken"]) == (0, [], 0, [])
    assert figures["control_succeeded"] == figures["tried"] >= 25
    assert all(skipped["reason"] for skipped in figures["skipped"])


def test_probes__canary_without_a_sandbox__escapes_are_seen(root: Path, tmp_path: Path) -> None:
    code, figures = probes(root, tmp_path, "--sandbox", "none", "--only", *CANARIES)
    escaped = {row["name"] for row in figures["probes"] if row["status"] == "escaped"}
    # A collector that follows no link denies the symlink even here; the file itself shows that it was planted.
    assert code == 1
    assert escaped == set(CANARIES)


@pytest.mark.parametrize("kind", ["container"])
def test_probes__without_that_sandbox__say_so(root: Path, tmp_path: Path, kind: str) -> None:
    command = [sys.executable, str(root / "scripts" / "sandbox_probes.py"), "--sandbox", kind]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "x")], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": "/nowhere"},
    )  # fmt: skip
    assert done.returncode == 2 and "install podman" in done.stderr

"""`tensorgrid demo crash` as a stranger runs it: in an empty folder, from the shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorgrid.demo.survivors import processes_naming

pytestmark = [pytest.mark.slow, pytest.mark.stories]
PROGRAM = Path(sys.executable).parent / "tensorgrid"
ATTEMPTS = {
    "ask the node",
    "call home",
    "read a key",
    "read the environment of others",
    "leave a mark",
    "outlive the job",
}


def test_demo_crash__workers_die__the_books_balance(tmp_path):
    for name in ("empty", "scratch"):
        (tmp_path / name).mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID")}
    done = subprocess.run(
        [PROGRAM, "demo", "crash", "--json"],
        cwd=tmp_path / "empty",
        env=environment | {"TMPDIR": str(tmp_path / "scratch"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    numbers = json.loads((tmp_path / "empty" / "build" / "demo-crash.json").read_text())
    assert json.loads(done.stdout) == numbers
    assert (numbers["balance_sum"], numbers["double_transactions"], numbers["broken"]) == (0, 0, 0)
    assert numbers["kills"] == 4
    assert numbers["blocks_taken_back"] >= 1
    assert numbers["escaped"] == 0
    if numbers["sandbox"] != "none":
        assert set(numbers["escapes"]) == ATTEMPTS
    assert all(job["paid"] > 0 for job in numbers["jobs"])
    assert processes_naming(str(tmp_path)) == []

"""`tensorgrid demo market` as a stranger runs it: in an empty folder, from the shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorgrid.demo.survivors import processes_naming

pytestmark = [pytest.mark.slow, pytest.mark.cheats]
PROGRAM = Path(sys.executable).parent / "tensorgrid"
STAKE = 100 * 10**18


def test_demo_market__four_ways__a_replacement__and_a_batch_whose_faker_is_caught(tmp_path):
    for name in ("empty", "scratch"):
        (tmp_path / name).mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID")}
    done = subprocess.run(
        [PROGRAM, "demo", "market", "--json"],
        cwd=tmp_path / "empty",
        env=environment | {"TMPDIR": str(tmp_path / "scratch"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    numbers = json.loads((tmp_path / "empty" / "build" / "demo-market.json").read_text())
    assert json.loads(done.stdout) == numbers
    assert (numbers["balance_sum"], numbers["broken"], numbers["violations"]) == (0, 0, 0)
    ways = numbers["strategies"]
    assert list(ways) == ["lottery", "reputation", "price", "offers"]
    assert all(int(way["asks"]) <= int(way["price"]) <= int(way["most"]) for way in ways.values())
    replaced = numbers["replace"]
    assert (replaced["silent"], replaced["reopened"]) == (1, 1)
    assert replaced["by"] != "worker 1"
    batch = numbers["batch"]
    assert (batch["right"], batch["items"]) == (1000, 1000)
    assert int(batch["slashed"]) >= STAKE
    assert batch["caught_at"]
    assert processes_naming(str(tmp_path)) == []

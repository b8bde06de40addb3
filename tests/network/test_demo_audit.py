"""`tensorgrid demo audit` as a stranger runs it: in an empty folder, from the shell."""

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


def test_demo_audit__honest_is_paid__who_made_it_up_is_slashed__the_books_balance(tmp_path):
    for name in ("empty", "scratch"):
        (tmp_path / name).mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID")}
    done = subprocess.run(
        [PROGRAM, "demo", "audit", "--json", "--seed", "7"],
        cwd=tmp_path / "empty",
        env=environment | {"TMPDIR": str(tmp_path / "scratch"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    numbers = json.loads((tmp_path / "empty" / "build" / "demo-audit.json").read_text())
    assert json.loads(done.stdout) == numbers
    assert (numbers["balance_sum"], numbers["broken"]) == (0, 0)
    honest, faked = numbers["honest"], numbers["faked"]
    assert honest["accuracy"] > 0.9
    assert [seat["said"] for seat in honest["auditors"][:2]] == ["confirmed"] * 2
    assert sum(len(seat["segments"]) for seat in honest["auditors"][:2]) == 4
    assert int(faked["slash"]["lost"]) == STAKE == int(faked["slash"]["burned"]) + int(faked["slash"]["finder_share"])
    departure = faked["departure"]
    assert departure is not None and departure["said"] != departure["true"]
    assert 1 < departure["segment"] <= 31
    assert departure["who"] == "faker" and departure["step"] == 3 * (departure["segment"] - 1) + 1
    accused = [segment for seat in faked["auditors"] if seat["said"] == "accused" for segment in seat["segments"]]
    assert any(segment >= departure["segment"] for segment in accused)
    assert processes_naming(str(tmp_path)) == []

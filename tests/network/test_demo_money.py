"""`tensorgrid demo money` as a stranger runs it: in an empty folder, from the shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tensorgrid.demo.survivors import processes_naming

pytestmark = [pytest.mark.slow, pytest.mark.stories]
PROGRAM = Path(sys.executable).parent / "tensorgrid"
HUNDRED_TGS = 100 * 10**18


def run(place, *args):
    """What it prints, and its numbers."""
    for name in ("empty", "scratch"):
        (place / name).mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID")}
    done = subprocess.run(
        [PROGRAM, "demo", "money", *args],
        cwd=place / "empty",
        env=environment | {"TMPDIR": str(place / "scratch"), "HOME": str(place)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((place / "empty" / "build" / "demo-money.json").read_text())


def test_demo_money__every_promise_held__with_its_numbers(tmp_path):
    told, numbers = run(tmp_path)
    assert numbers["missing"] == {"USDC": "0", "TGS": "0"}
    assert all(check["holds"] for check in numbers["checks"])
    assert {check["name"] for check in numbers["checks"]} == {"E1", "E2", "S1", "S3", "sum"}
    assert (numbers["gasless_coin"], numbers["relay_fee"]) == ("0", "20000")
    assert numbers["slash"] == {
        "lost": str(HUNDRED_TGS),
        "burned": str(HUNDRED_TGS // 2),
        "finder_share": str(HUNDRED_TGS // 2),
    }
    accepted, cancelled, lonely, rejected = numbers["jobs"]
    assert (accepted["paid"], accepted["fee"], accepted["bounty"]) == ("600000", "6000", "0")
    assert cancelled["returned"] == cancelled["escrowed"]
    assert int(lonely["returned"]) == int(lonely["escrowed"]) - int(lonely["bounty"])
    assert int(lonely["bounty"]) > 0
    assert (rejected["paid"], rejected["fee"]) == ("0", "0")
    for sentence in (
        "Alice has 0 wei for gas",
        "With the relayer's key it does not",
        "Five workers who have staked for the jury are drawn",
        "refused (ExitNotReady)",
        "USDC: nothing is missing: 0 wei",
        "TGS: nothing is missing: 0 wei",
    ):
        assert sentence in told
    assert len(set(numbers["worker_pids"])) == 2
    assert processes_naming(str(tmp_path)) == []
    assert {path.name for path in (tmp_path / "empty").rglob("*")} == {"build", "demo-money.json"}


def test_demo_money__json__is_the_report_and_nothing_else(tmp_path):
    told, numbers = run(tmp_path, "--json", "--seed", "7")
    assert json.loads(told) == numbers

"""`tensorgrid demo` as a stranger runs it: in an empty folder, and interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tensorgrid.demo.survivors import processes_naming

pytestmark = pytest.mark.slow
PROGRAM = Path(sys.executable).parent / "tensorgrid"
KEYS = {"accuracy", "balance_sum", "paid", "slashed", "worker_pids", "sandbox", "transactions", "seconds"}


@pytest.fixture
def place(tmp_path):
    """An empty folder to run in, and a place for temporary files by which processes can be found again."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "scratch").mkdir()
    return tmp_path


def start(place, *args):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID")}
    return subprocess.Popen(
        [PROGRAM, "demo", *args],
        cwd=place / "empty",
        env=environment | {"TMPDIR": str(place / "scratch"), "HOME": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_demo__in_an_empty_folder__tells_the_story_and_leaves_only_its_numbers(place):
    demo = start(place)
    told, _ = demo.communicate(timeout=300)
    assert demo.returncode == 0, told
    numbers = json.loads((place / "empty" / "build" / "demo.json").read_text())
    assert set(numbers) == KEYS
    assert numbers["accuracy"] >= 0.95
    assert (numbers["balance_sum"], numbers["paid"], numbers["slashed"]) == (0, 4, 1)
    assert len(set(numbers["worker_pids"])) == 5
    assert numbers["sandbox"] in {"bubblewrap", "none"}
    assert numbers["transactions"] > 60
    for sentence in ("posts the job", "answers differ, asking two more", "slashed 100.00 TGS", "accuracy", "escrow"):
        assert sentence in told
    assert processes_naming(str(place)) == []
    assert list((place / "scratch").iterdir()) == []
    assert {path.name for path in (place / "empty").rglob("*")} == {"build", "demo.json"}


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "running: "),
        (signal.SIGTERM, "waiting for workers: "),
    ],
)
@pytest.mark.stories
def test_demo__interrupted__leaves_nothing_behind(place, number, moment):
    demo = start(place)
    told = ""
    while moment not in told:
        line = demo.stdout.readline()
        assert line, told
        told += line
    assert len(processes_naming(str(place / "scratch"))) > 5
    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=60)
    assert demo.returncode == 128 + number, told + rest
    assert "Traceback" not in rest
    give_up = time.monotonic() + 10
    while (left := processes_naming(str(place / "scratch"))) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert left == []
    assert list((place / "scratch").iterdir()) == []
    assert not (place / "empty" / "build").exists()

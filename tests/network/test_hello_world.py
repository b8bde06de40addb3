"""What the README and the tutorial show, typed in by a stranger: a devnet in one terminal, a script in another."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAMS = Path(sys.executable).parent
START_SECONDS, JOB_SECONDS, STOP_SECONDS = 120, 180, 30

pytestmark = pytest.mark.slow


def shown_block(document: Path, containing: str) -> str:
    """The one Python block of a document that contains a text."""
    blocks = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    [found] = [block for block in blocks if containing in block]
    return found


@pytest.fixture(scope="module")
def devnet_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """TENSORGRID_HOME of a network that `tensorgrid devnet` keeps up meanwhile."""
    home = tmp_path_factory.mktemp("devnet")
    log = (home / "terminal.log").open("w+")
    devnet = subprocess.Popen(
        [PROGRAMS / "tensorgrid", "devnet", "--workers", "5"],
        env=os.environ | {"TENSORGRID_HOME": str(home)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        give_up = time.monotonic() + START_SECONDS
        while "ready; stop with" not in Path(log.name).read_text(encoding="utf-8"):
            assert devnet.poll() is None, Path(log.name).read_text(encoding="utf-8")
            assert time.monotonic() < give_up, Path(log.name).read_text(encoding="utf-8")
            time.sleep(0.2)
        yield home
    finally:
        devnet.send_signal(signal.SIGINT)
        try:
            devnet.wait(STOP_SECONDS)
        finally:
            devnet.kill()
            log.close()
    assert not (home / "devnet.json").exists()


def run_script(source: str, home: Path, folder: Path) -> str:
    """What it prints, run as a file of its own."""
    script = folder / "script.py"
    script.write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"TENSORGRID_HOME": str(home)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=JOB_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_readme__hello_world__prints_points_and_a_checked_result(root: Path, devnet_home: Path, tmp_path: Path) -> None:
    printed = run_script(shown_block(root / "README.md", "run.result()"), devnet_home, tmp_path)
    assert "{'epoch': 0, 'loss': 1}" in printed
    assert "'epoch': 2" in printed
    assert printed.splitlines()[-1] == "Result(weights=<float32 [3]>)"


def test_tutorial__fit__finds_the_line(root: Path, devnet_home: Path, tmp_path: Path) -> None:
    printed = run_script(shown_block(root / "docs/tutorials/first-job.md", "def fit("), devnet_home, tmp_path)
    assert "workers at" in printed  # the estimate
    assert "'epoch': 199" in printed
    slope, intercept = map(float, re.search(r"tensor\(\[\[(.*?)\]\]\) tensor\(\[(.*?)\]\)", printed).groups())
    assert slope == pytest.approx(3, abs=0.1)
    assert intercept == pytest.approx(1, abs=0.1)
    assert "3 agree; it cost" in printed

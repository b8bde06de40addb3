"""A job bought, followed and collected from the shell, each command a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.numpy

pytestmark = pytest.mark.slow
PROGRAM = Path(sys.executable).parent / "tensorgrid"

SCRIPT = """
import numpy as np
import tensorgrid as tg

@tg.job(budget="2 USDC", wall="30s")
def squares(n: int, name: str = "x") -> dict:
    print("hello from", name, "\\x1b[31m")
    for step in range(n):
        tg.report(step=step, square=step * step)
    return {"squares": np.arange(n) ** 2, "count": n}

if __name__ == "__main__":
    raise SystemExit("the job's file is imported, never run as a script")
"""


@pytest.fixture
def tensorgrid(net, tmp_path):
    """`tensorgrid("status", id)` -> its output; fails the test when the command fails."""

    def command(*args):
        done = subprocess.run(
            [PROGRAM, *args],
            cwd=tmp_path,
            env=os.environ | {"TENSORGRID_HOME": str(net.home)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return command


def test_job__bought_followed_and_collected__by_commands_alone(tensorgrid, tmp_path):
    (tmp_path / "work.py").write_text(SCRIPT)
    job = json.loads(tensorgrid("submit", "work.py:squares", "-a", "n=4", "-a", "name=shell", "--json"))["id"]

    followed = tensorgrid("watch", job).splitlines()
    assert [line.strip() for line in followed if "square" in line] == [f"step {n}  square {n * n}" for n in range(4)]
    assert followed[-1].startswith("settled: ") or "square" in followed[-1]

    status = json.loads(tensorgrid("status", job[:14], "--json"))
    assert (status["state"], status["ended"]) == ("settled", True)
    paid = [seat for seat in status["seats"] if seat["phase"] == "paid"]
    assert len(paid) in (3, 4), "the liar may have been drawn or not"
    assert job[:12] in tensorgrid("jobs")

    shown = tensorgrid("result", job, "--out", "out")
    assert "checked against the chain" in shown
    tensors = safetensors.numpy.load_file(tmp_path / "out" / "result.safetensors")
    assert tensors["squares"].tolist() == [0, 1, 4, 9]
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == {"count": 4}
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert (provenance["job"], provenance["worker"] in provenance["agreed_by"]) == (job, True)

    logs = tensorgrid("logs", job)
    assert "hello from shell" in logs
    assert "\x1b" not in logs
    assert set(json.loads(tensorgrid("logs", job, "--json"))) == {seat["worker"] for seat in status["seats"]}
    held = json.loads(tensorgrid("balance", "--json"))["tokens"][0]["held"]["units"]
    assert held == "0"

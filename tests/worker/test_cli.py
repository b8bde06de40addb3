"""The commands as a stranger meets them: help with an example, exit codes, JSON, no password in sight."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tensorgrid_worker.cli import HELP, app
from tensorgrid_worker.cli.common import EXIT_CODES, STILL_DRAINING, UNFIT, found_config

COMMANDS = "init doctor register bond leave run status drain abandon version offer cancel-offers bench".split()
RUNNER = CliRunner()


@pytest.mark.parametrize("command", COMMANDS)
def test_help__each_command__shows_an_example_and_json(command: str) -> None:
    done = RUNNER.invoke(app, [command, "--help"], terminal_width=200)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.output)
    assert done.exit_code == 0 and f"Example: tensorgrid-worker {command}" in plain and "--json" in plain


def test_help__exit_codes__all_documented() -> None:
    for code in {code for _, code in EXIT_CODES} | {UNFIT, STILL_DRAINING}:
        assert f" {code} " in HELP.replace("\n", " ")


@pytest.mark.parametrize("command", COMMANDS)
def test_options__passwords__only_as_files(command: str) -> None:
    output = re.sub(r"\x1b\[[0-9;]*m", "", RUNNER.invoke(app, [command, "--help"], terminal_width=200).output)
    assert "--password " not in output and "--key" not in output


def test_init__no_terminal_and_no_node__one_sentence_names_the_option(tmp_path: Path) -> None:
    done = worker("init", "--home", str(tmp_path / "home"))
    assert done.returncode == 2 and "--rpc-url" in done.stderr and "Traceback" not in done.stderr


def test_doctor__node_away__exit_code_7_and_json_for_programs(tmp_path: Path) -> None:
    config = tmp_path / "worker.toml"
    config.write_text(
        'rpc_url = "http://127.0.0.1:1"\ndeployment = "d.json"\nkeystore = "k.json"\npassword_file = "p"\n'
        'store = "store"\nhome = "home"\n'
    )
    done = worker("doctor", "--config", str(config), "--json")
    found = json.loads(done.stdout)
    assert done.returncode == UNFIT and found["fit"] is False
    assert {"name", "mark", "found", "fix", "worker"} == set(found["checks"][0])


def test_attack_leave_while_a_job_still_runs__nothing_is_asked_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit's clock would run, and the class be left, under a job that is still to be revealed."""
    config = tmp_path / "worker.toml"
    config.write_text(
        'rpc_url = "x"\ndeployment = "d"\nkeystore = "k"\npassword_file = "p"\nstore = "s"\nhome = "home"\n'
    )
    home, asked = str(tmp_path / "home"), list[object]()
    monkeypatch.setattr("tensorgrid_worker.draining.drained", lambda *_, **__: ([home], [home]))
    monkeypatch.setattr("tensorgrid_worker.membership.coming.leave", lambda *words, **_: asked.append(words))
    done = RUNNER.invoke(app, ["leave", "--config", str(config), "--provider", "cold.json"])
    assert done.exit_code == STILL_DRAINING and not asked


def test_drain__no_daemon__says_so_and_succeeds(tmp_path: Path) -> None:
    config = tmp_path / "worker.toml"
    config.write_text(
        'rpc_url = "x"\ndeployment = "d"\nkeystore = "k"\npassword_file = "p"\nstore = "s"\nhome = "home"\n'
    )
    done = worker("drain", "--config", str(config))
    assert done.returncode == 0 and "no daemon runs" in done.stdout


def test_found_config__none_given__the_one_that_init_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORGRID_HOME", str(tmp_path))
    assert found_config(None) is None
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "worker.toml").touch()
    assert found_config(None) == tmp_path / "worker" / "worker.toml"
    assert found_config(Path("other.toml")) == Path("other.toml")


def worker(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID_")}
    return subprocess.run(
        [sys.executable, "-m", "tensorgrid_worker", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )

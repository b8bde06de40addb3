"""The commands as a user meets them: a process, its output, its exit code."""

import json
import subprocess
import sys

import pytest

from tensorgrid.cli.loading import arguments_from, function_from
from tensorgrid.demo import SCENARIOS
from tensorgrid.domain.errors import SpecInvalid

COMMANDS = (
    "audit balance cancel check claim demo deposit devnet jobs lint logs map network order preflight reject relay "
    "result revoke status submit trace watch withdraw workers"
).split()


@pytest.fixture
def cli(bare_net, monkeypatch, tmp_path):
    """`cli("status", id)` -> (exit code, stdout, stderr), at home on the bare network."""
    monkeypatch.chdir(tmp_path)
    return lambda *args, home=bare_net.home: run(*args, home=home)


def run(*args, home="/nonexistent"):
    code = "import sys; sys.argv[0] = 'tensorgrid'; from tensorgrid.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "TENSORGRID_HOME": str(home), "HOME": str(home), "TERM": "dumb"},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help__of_every_command__has_an_example(command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"tensorgrid {command}" in out.split("Example", 1)[1]


def test_help__names_every_command():
    code, out, _ = run("--help")
    assert code == 0
    listed = {line.split()[0] for line in out.split("Commands:")[1].splitlines() if line.strip()}
    assert set(COMMANDS) <= listed


def test_demo__list__names_the_scenarios():
    code, out, _ = run("demo", "--list")
    assert code == 0
    assert all(name in out for name in SCENARIOS)


def test_demo__unknown_scenario__is_one_sentence():
    code, out, err = run("demo", "nonsense")
    assert (code, out) == (1, "")
    assert err.startswith("SpecInvalid: no scenario 'nonsense'")
    assert "Traceback" not in err


@pytest.mark.parametrize("args", [("status", "0x1234"), ("balance",), ("network",), ("jobs",)])
def test_no_network__every_command__says_what_to_start(tmp_path, args):
    code, _, err = run(*args, home=tmp_path)
    assert code == 1
    assert "start one with `tensorgrid devnet`" in err
    code, out, _ = run(*args, "--json", home=tmp_path)
    assert code == 1
    assert json.loads(out)["error"]["type"] == "UnknownDeployment"


def test_submit_status_jobs_cancel_balance__from_the_shell(cli, tmp_path):
    (tmp_path / "work.py").write_text("def double(x: int) -> dict:\n    return {'twice': 2 * x}\n")
    code, out, err = cli("submit", "work.py:double", "-a", "x=4", "--budget", "5 USDC", "--wall", "30s", "--dry-run")
    assert code == 0, err
    assert "price per worker" in out
    code, out, err = cli("submit", "work.py:double", "-a", "x=4", "--budget", "5 USDC", "--wall", "30s", "--json")
    assert code == 0, err
    job = json.loads(out)["id"]
    code, out, _ = cli("status", job[:14], "--json")
    status = json.loads(out)
    assert (code, status["id"], status["state"], status["seats"]) == (0, job, "posted", [])
    code, out, _ = cli("status", job)
    assert "waiting for workers: 0 of 3 seats taken" in out
    code, out, _ = cli("jobs", "--json")
    assert job in [found["id"] for found in json.loads(out)]
    code, out, err = cli("cancel", job)
    assert code == 0, err
    assert "came back to your free balance" in out
    code, out, _ = cli("balance", "--json")
    (usdc,) = [t for t in json.loads(out)["tokens"] if t["wallet"]["token"] == "USDC"]
    assert (int(usdc["held"]["units"]), int(usdc["free"]["units"]) > 4_999_990) == (0, True)
    code, out, err = cli("withdraw", usdc["free"]["text"])
    assert code == 0, err
    code, out, err = cli("result", job)
    assert code == 1
    assert err.startswith("JobCancelled:")


def test_network__shows_contracts_and_rules(cli):
    code, out, _ = cli("network", "--json")
    facts = json.loads(out)
    assert (code, facts["chain"], facts["new jobs"], facts["tokens"]) == (0, 31337, "open", ["USDC"])
    assert facts["checks"] == "replicate, accept, audit"
    assert set(facts["contracts"]) >= {"JobBoard", "Escrow", "StakeVault", "ReplicationVerifier"}
    assert "JobBoard" in cli("network")[1]


@pytest.mark.parametrize("what", ["work.py", "missing.py:f", ":f", "work.py:", "work.py:nothing", "bad.py:f"])
def test_function_from__no_function_there__refused(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work.py").write_text("x = 1\n")
    (tmp_path / "bad.py").write_text("def f(:\n")
    with pytest.raises(SpecInvalid):
        function_from(what)


def test_arguments_from__json_or_text():
    assert arguments_from(["a=1", 'b="x"', "c=plain", "d=[1,2]", "e="]) == {
        "a": 1, "b": "x", "c": "plain", "d": [1, 2], "e": ""
    }  # fmt: skip
    for bad in (["a"], ["=1"], ["1a=2"], ["a=1", "a=2"]):
        with pytest.raises(SpecInvalid):
            arguments_from(bad)


def test_map__dry_run__says_what_a_batch_would_cost(cli, tmp_path):
    (tmp_path / "double.py").write_text("def double(x, by=2):\n    return {'y': x * by}\n")
    (tmp_path / "items.jsonl").write_text("1\n\n2\n3\n")
    asked = ("map", "double.py:double", "items.jsonl", "--workers", "2", "--shared", "by=3", "--budget", "5 USDC")
    code, out, err = cli(*asked, "--dry-run", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["slices"], told["drawn"], told["ceiling"]["token"]) == (2, 0, "USDC")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--tolerance", "1e-3"), "tolerance is for audits"),
        (("--tolerance", "nan", "--verify", "audit"), "rtol must be a number from 0"),
    ],
    ids=["no audit", "nan"],
)
def test_map__tolerance_that_cannot_be_meant__refused(cli, tmp_path, asked, words):
    (tmp_path / "double.py").write_text("def double(x):\n    return {'y': x}\n")
    (tmp_path / "items.jsonl").write_text("1\n")
    code, _, err = cli("map", "double.py:double", "items.jsonl", "--budget", "5 USDC", *asked)
    assert code == 1 and words in err


def test_map__a_line_that_is_no_json__is_named(cli, tmp_path):
    (tmp_path / "double.py").write_text("def double(x):\n    return {'y': x}\n")
    (tmp_path / "items.jsonl").write_text("1\n{oops\n")
    code, _, err = cli("map", "double.py:double", "items.jsonl", "--budget", "5 USDC")
    assert code == 1 and "line 2" in err

"""Reasons not to start: each a sentence and an exit code, none a traceback; and secrets in none of them."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from tensorgrid.domain.errors import KeyMissing, SandboxUnavailable
from tensorgrid_worker.config import ConfigInvalid, WorkerConfig, load_config
from tensorgrid_worker.keys import unlock
from tensorgrid_worker.sandbox.plain import Plain
from tensorgrid_worker.start import HomeInUse, choose_sandbox, run_worker

SECRET = "0x" + "5a" * 32
PASSWORD = "correct horse"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Valid settings of a worker whose node does not run."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    keystore, password = home / "key.json", home / "password"
    keystore.write_text(json.dumps(Account.encrypt(SECRET, PASSWORD, kdf="pbkdf2", iterations=1)))
    password.write_text(PASSWORD + "\n")
    deployment = tmp_path / "deployment.json"
    names = (
        "Parameters Escrow StakeVault WorkerRegistry Reputation BlockBeacon JobBoard LotteryScheduler OfferScheduler"
    )
    contract = {"block": 1, "tx": "0x" + "0" * 64, "code_hash": "0x" + "1" * 64}
    deployment.write_text(
        json.dumps(
            {
                "version": 1,
                "chain_id": 31337,
                "network": "devnet",
                "start_block": 1,
                "contracts": {
                    name: contract | {"address": f"0x{index:040x}"}
                    for index, name in enumerate([*names.split(), "ReplicationVerifier"], 1)
                },
                "tokens": [],
                "stake_token": None,
            }
        )
    )
    return {
        "rpc_url": f"http://127.0.0.1:{free_port()}",
        "deployment": str(deployment),
        "keystore": str(keystore),
        "password_file": str(password),
        "store": str(tmp_path / "store"),
        "home": str(home),
        "sandbox": "none",
        "allow_no_sandbox": True,
        "allow_root": True,
    }


def write(path: Path, settings: dict[str, Any]) -> Path:
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return path


def run(path: Path, command: str = "run") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID_WORKER_")}
    return subprocess.run(
        [sys.executable, "-m", "tensorgrid_worker", command, "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({}, 5, "does not answer"),
        ({"rpc_url": "ftp://x"}, 5, "no http:// or https:// address"),
        ({"no_such_setting": 1}, 2, "no_such_setting"),
        ({"poll_seconds": -1}, 2, "poll_seconds"),
        ({"deployment": "/nowhere.json"}, 4, "cannot read the deployment file"),
        ({"sandbox": "none", "allow_no_sandbox": False}, 6, "allow_no_sandbox"),
    ],
)
def test_run__cannot_start__one_sentence(
    tmp_path: Path, settings: dict[str, Any], changes: dict[str, Any], code: int, words: str
) -> None:
    done = run(write(tmp_path / "worker.toml", settings | changes))
    assert done.returncode == code, done.stderr
    sentence = done.stderr.strip().splitlines()[-1]
    assert sentence.startswith("tensorgrid-worker: ") and words in sentence
    assert "Traceback" not in done.stderr
    assert SECRET[2:] not in done.stderr and PASSWORD not in done.stderr


def test_status__never_run_and_no_key__says_so(tmp_path: Path, settings: dict[str, Any]) -> None:
    Path(settings["keystore"]).unlink()
    done = run(write(tmp_path / "worker.toml", settings), "status")
    assert done.returncode == 2
    assert "holds no journal" in done.stderr


def test_status__never_run_and_node_away__whose_key_and_why_no_more(tmp_path: Path, settings: dict[str, Any]) -> None:
    done = run(write(tmp_path / "worker.toml", settings), "status")
    assert done.returncode == 0, done.stderr
    assert Account.from_key(SECRET).address in done.stdout and "does not answer" in done.stdout


def test_run__config_missing__says_where(tmp_path: Path) -> None:
    done = run(tmp_path / "absent.toml")
    assert done.returncode == 2
    assert "cannot read" in done.stderr


def test_load_config__environment_wins__paths_beside_the_file(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "worker.toml", settings | {"home": "here", "poll_seconds": 2})
    monkeypatch.setenv("TENSORGRID_WORKER_POLL_SECONDS", "0.25")
    config = load_config(path)
    assert config.poll_seconds == 0.25
    assert config.home == tmp_path / "here"


def test_load_config__not_toml__says_so(tmp_path: Path) -> None:
    path = tmp_path / "worker.toml"
    path.write_text("this is not toml")
    with pytest.raises(ConfigInvalid, match="is not TOML"):
        load_config(path)


def test_run_worker__second_one_in_the_same_home__refused(settings: dict[str, Any]) -> None:
    lock = settings["home"] + "/lock"
    code = f"import fcntl, time; f = open({lock!r}, 'ab'); fcntl.flock(f, 2); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(HomeInUse, match="home of its own"):
            run_worker(WorkerConfig(**settings))
        holder.kill()


def test_choose_sandbox__none_there__refuses_unless_told(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="install it"):
        choose_sandbox(WorkerConfig(**settings | {"sandbox": "auto", "allow_no_sandbox": False}))
    with pytest.raises(SandboxUnavailable):
        choose_sandbox(WorkerConfig(**settings | {"sandbox": "bubblewrap"}))
    assert isinstance(choose_sandbox(WorkerConfig(**settings | {"sandbox": "auto"})), Plain)


@pytest.mark.parametrize("broken", ["missing", "not json", "wrong password", "not a keystore"])
def test_unlock__does_not_open__names_the_file_alone(settings: dict[str, Any], broken: str) -> None:
    keystore, password = Path(settings["keystore"]), Path(settings["password_file"])
    match broken:
        case "missing":
            keystore.unlink()
        case "not json":
            keystore.write_text("{")
        case "wrong password":
            password.write_text("wrong secret")
        case _:
            keystore.write_text("{}")
    with pytest.raises(KeyMissing) as caught:
        unlock(keystore, password)
    assert "wrong secret" not in str(caught.value) and PASSWORD not in str(caught.value)


def test_unlock__opens(settings: dict[str, Any]) -> None:
    account = unlock(Path(settings["keystore"]), Path(settings["password_file"]))
    assert account.address == Account.from_key(SECRET).address


def test_import__light_and_without_torch() -> None:
    """`--help` and the sandboxed runner start at once; the daemon never imports torch."""
    code = "import sys, {}; print([m for m in ('torch', 'web3', 'numpy', 'pydantic') if m in sys.modules])"
    seen = {}
    for name in ("tensorgrid_worker.cli", "tensorgrid_worker.runtime.runner", "tensorgrid_worker.loop.daemon"):
        done = subprocess.run([sys.executable, "-c", code.format(name)], capture_output=True, text=True, check=True)
        seen[name] = done.stdout.strip()
    assert seen["tensorgrid_worker.cli"] == "[]"
    assert seen["tensorgrid_worker.runtime.runner"] == "[]"
    assert "torch" not in seen["tensorgrid_worker.loop.daemon"]


def test_run__node_of_another_chain__one_sentence(tmp_path: Path, settings: dict[str, Any]) -> None:
    class Node(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": "0x1"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Node) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        done = run(write(tmp_path / "worker.toml", settings | {"rpc_url": url}))
        server.shutdown()
    assert done.returncode == 4, done.stderr
    assert "a node of chain 1, and chain 31337 is wanted" in done.stderr

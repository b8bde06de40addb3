"""A stranger joins, works, is paid and leaves: the commands as the how-to shows them, beside a network that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tensorgrid as tg
from tensorgrid_worker.control import is_running

pytestmark = pytest.mark.slow
PROGRAM = Path(sys.executable).parent / "tensorgrid-worker"
TEN_MINUTES = 600
STAKE = "2000 TGS"  # of a network where others have a few hundred: it is drawn soon
JOBS = 12


def double(x: int) -> dict:
    return {"twice": 2 * x}


class Shell:
    """What somebody types in one terminal, with a TENSORGRID_HOME of his own."""

    def __init__(self, net, home: Path) -> None:
        keep = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID_")}
        self.environment = keep | {"TENSORGRID_HOME": str(home)}
        self.home, self.cold = home, home / "cold.json"
        home.mkdir(exist_ok=True)
        (home / "devnet.json").write_text(net.network_file.read_text())
        self.provider = ("--provider", str(self.cold), "--password-file", str(self.cold.with_suffix(".password")))

    def __call__(self, *words: str, code: int = 0) -> dict:
        done = subprocess.run(
            [PROGRAM, *words, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else {}

    def start(self) -> subprocess.Popen:
        with (self.home / "worker.log").open("w") as log:
            return subprocess.Popen([PROGRAM, "run", "--json"], env=self.environment, stdout=log, stderr=log)


@pytest.fixture
def shell(net, tmp_path):
    found = Shell(net, tmp_path / "home")
    yield found
    for process in getattr(found, "processes", []):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def test_join__five_commands__a_job_is_paid_and_the_stake_comes_back(net, shell, requester) -> None:
    began = time.monotonic()
    made = shell("init", "--devnet", "--cpu", "--seconds", "0", "--new-provider", str(shell.cold))
    [me] = made["workers"]
    assert shell("doctor", code=7)["fit"] is False  # not registered yet
    joined = shell("register", "--stake", STAKE, "--price", "100000", *shell.provider)
    assert len(joined["workers"][0]["sent"]) == 5  # minting is a devnet's own
    again = shell("register", "--stake", STAKE, "--price", "100000", *shell.provider)
    assert again["workers"][0]["sent"] == [], "idempotent"
    assert shell("doctor")["fit"] is True
    shell.processes = [shell.start()]
    home = shell.home / "worker"
    wait_for(lambda: is_running(home) and "worker.ready" in (shell.home / "worker.log").read_text(), 60)

    paid = wait_until_paid(shell, requester)
    assert time.monotonic() - began < TEN_MINUTES
    assert net.contracts.registry.provider_of(me["address"]) == made["provider"]["address"]

    leaving = shell("leave", *shell.provider)["workers"][0]  # drains first
    assert shell.processes[0].wait(60) == 0
    assert leaving["done"] is False and leaving["due_at"] > net.connection.now()
    unsigned = shell("leave", "--provider", made["provider"]["address"], "--unsigned")
    assert unsigned["transactions"] == [], "nothing is due yet"
    net.advance(leaving["due_at"] - net.connection.now() + 1)
    left = shell("leave", *shell.provider)["workers"][0]
    assert left["done"] is True
    stake_token = net.contracts.token(net.contracts.vault.stake_token())
    assert stake_token.balance_of(made["provider"]["address"]) == 2000 * 10**18
    usdc = net.contracts.token(requester.token("USDC").address)
    assert usdc.balance_of(made["provider"]["address"]) >= paid
    assert shell("leave", *shell.provider)["workers"][0]["sent"] == [], "idempotent"


@pytest.mark.stories
def test_register__unsigned__another_signer_can_send_them(net, shell) -> None:
    from eth_account import Account

    from tensorgrid.chain.calls import Call
    from tensorgrid.chain.send import Sender

    cold = Account.create()
    amount = 300 * 10**18
    net.give(cold.address, net.stake_token, amount)
    made = shell("init", "--devnet", "--cpu", "--seconds", "0")
    asked = shell("register", "--stake", "300 TGS", "--provider", cold.address, "--unsigned")
    sender = Sender(net.connection, cold)
    for entry in asked["transactions"]:
        call = Call(entry["to"], bytes.fromhex(entry["data"][2:]), entry["function"], int(entry["value"]))
        receipt = sender.transact(call)
        assert receipt.gas_used <= int(entry["gas"])
    [me] = made["workers"]
    board = net.contracts.board.address
    assert net.contracts.vault.allocation_of(cold.address, me["address"], board).active == amount


def wait_until_paid(shell, requester: tg.Client) -> int:
    for number in range(JOBS):
        run = requester.submit(double, {"x": number}, budget="2 USDC", wall="60s", memory="256MiB")
        run.result(timeout=180)
        pay = shell("status")["chain_state"]["pay_to_withdraw"]
        if pay:
            return int(pay[0]["units"])
    pytest.fail(f"none of {JOBS} jobs drew the newcomer; its log: {(shell.home / 'worker.log').read_text()[-2000:]}")


def wait_for(true, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)

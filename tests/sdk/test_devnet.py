"""The network on this machine: it starts, repeats itself from a seed, hides its keys, and leaves nothing behind."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.sdk.chain_actors import Requester

from tensorgrid.chain.connection import Connection
from tensorgrid.devnet import Devnet, WorkerHook, toolchain
from tensorgrid.devnet.accounts import Keyring
from tensorgrid.devnet.logs import find_event, tail
from tensorgrid.devnet.processes import Processes
from tensorgrid.devnet.workers import write_config
from tensorgrid.domain.errors import DevnetFailed, ToolMissing, UnknownDeployment, Unreachable

# A daemon in a dozen lines: ready at once, or failing as its settings say.
STUB = """
import json, os, signal, sys, time, tomllib
settings = tomllib.load(open(sys.argv[sys.argv.index("--config") + 1], "rb"))
print("starting \\x1b[31mred", flush=True)
if settings.get("mood") == "ill":
    sys.exit("no stomach for work")
if settings.get("mood") == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:  # a helper of its own, as a sandbox is
    time.sleep(600)
if settings.get("mood") != "slow":
    print(json.dumps({"event": "worker.ready", "sandbox": "none", "settings": sorted(settings)}), flush=True)
time.sleep(600)
"""


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Makes hooks that start the stub in place of the worker."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "stub_worker.py").write_text(STUB)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return lambda mood="well": WorkerHook("stub_worker", settings={"mood": mood})


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"


def naming(text: str) -> list[int]:
    """Processes, other than this one, whose command line names `text`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if text in (entry / "cmdline").read_bytes().decode(errors="replace") and alive(int(entry.name)):
                found.append(int(entry.name))
        except (OSError, ProcessLookupError):
            continue
    return [pid for pid in found if pid != os.getpid()]


def wait_until(holds, seconds=10):
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "it did not come to pass"
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------------------------- starting


def test_devnet__with_workers__is_registered_staked_and_recorded(tmp_path, stub) -> None:
    hooks = {0: stub(), 1: stub(), -1: WorkerHook("stub_worker", stake=20)}
    with Devnet(tmp_path / "home", workers=3, hooks=hooks) as net:
        record = json.loads(net.network_file.read_text())
        assert record["rpc_url"] == net.rpc_url
        assert [worker["pid"] for worker in record["workers"]] == [worker.pid for worker in net.workers]
        assert len({worker.pid for worker in net.workers}) == 3
        assert all(alive(worker.pid) for worker in net.workers)
        board = net.contracts.board.address
        stakes = [net.contracts.vault.lockable(w.provider.address, w.address, board) for w in net.workers]
        assert stakes[0] == stakes[1] >= net.contracts.parameters.values().min_stake
        assert stakes[2] == 20 * stakes[0]
        assert len({net.contracts.registry.provider_of(worker.address) for worker in net.workers}) == 3
        assert net.sandbox == "none"
        number = net.connection.latest().number
        wait_until(lambda: net.connection.latest().number >= number + 2)
    assert not net.network_file.exists()
    with pytest.raises(Unreachable):
        Connection(record["rpc_url"], timeout=2)


def test_devnet__held__has_no_block_but_for_transactions(quiet_net) -> None:
    before = quiet_net.connection.latest()
    time.sleep(1.2)
    assert quiet_net.connection.latest() == before
    quiet_net.give(quiet_net.requester.address, quiet_net.stake_token, 1)
    after = quiet_net.connection.latest()
    assert (after.number, after.timestamp) == (before.number + 1, before.timestamp + 1)
    quiet_net.advance(500)
    assert quiet_net.connection.now() == after.timestamp + 500


def test_devnet__mining__pauses_and_resumes(own_net) -> None:
    own_net.resume_mining()
    number = own_net.connection.latest().number
    wait_until(lambda: own_net.connection.latest().number >= number + 2)
    with own_net.paused():
        number = own_net.connection.latest().number
        time.sleep(1.2)
        assert own_net.connection.latest().number == number
    wait_until(lambda: own_net.connection.latest().number > number)


def test_devnet__same_seed__gives_the_same_keys_job_and_draw(tmp_path) -> None:
    told = []
    for run in (1, 2):
        with Devnet(tmp_path / str(run), workers=2, seed=7, start_workers=False, hold=True) as net:
            requester = Requester(net, account=net.requester)
            requester.deposit()
            terms, job, _ = requester.post()
            time.sleep(0.3 * run)  # no clock of this machine is in it
            net.resume_mining()
            number = net.contracts.board.job(terms.requester, terms.nonce).round
            wait_until(lambda net=net, number=number: net.connection.latest().number > number)
            told.append((job, net.connection.block(number).hash, [worker.address for worker in net.workers]))
    assert told[0] == told[1]


def test_devnet__two_seeds__share_nothing() -> None:
    one, two, chance = Keyring(1), Keyring(2), Keyring()
    addresses = {ring.account("worker-1").address for ring in (one, two, chance, Keyring())}
    assert len(addresses) == 4
    assert Keyring(1).account("worker-1").address == one.account("worker-1").address
    assert Keyring(1).identity("worker-1").recipient == one.identity("worker-1").recipient
    assert one.account("worker-1").address != one.account("worker-2").address


def test_devnet__files_with_keys__are_their_owner_s_alone(tmp_path) -> None:
    with Devnet(tmp_path / "home", workers=1, start_workers=False) as net:
        keys = net.workers[0].account.key.hex()
        private = [path for path in net.folder.rglob("*") if path.suffix in {".json", ".password", ".age", ".log"}]
        assert len(private) >= 9
        for path in private:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        for path in (path for path in net.folder.rglob("*") if path.is_file()):
            assert keys.encode() not in path.read_bytes(), f"{path} holds a plain key"
        # the daemon's folder has the hot key, and no other
        config = net.workers[0].config.read_text()
        assert "provider" not in config
        assert stat.S_IMODE(net.folder.stat().st_mode) == 0o700


def test_devnet__keystore__opens_with_its_password(tmp_path) -> None:
    from eth_account import Account

    files = Keyring(3).save("worker-1", tmp_path)
    key = Account.decrypt(json.loads(files.keystore.read_text()), files.password.read_text().strip())
    assert Account.from_key(key).address == files.account.address
    assert bytes(key).hex() not in repr(files)


def test_devnet__second_one_in_the_same_home__is_refused(tmp_path) -> None:
    with Devnet(tmp_path, workers=0, hold=True) as first:
        with pytest.raises(DevnetFailed, match="runs already"):
            Devnet(tmp_path, workers=0)
        assert first.connection.latest().number > 0
    with Devnet(tmp_path, workers=0, hold=True) as again:
        assert again.connection.latest().number > 0


def test_devnet__folder_that_is_not_its_own__is_not_emptied(tmp_path) -> None:
    (tmp_path / "devnet").mkdir()
    (tmp_path / "devnet" / "thesis.txt").write_text("three years")
    with pytest.raises(DevnetFailed, match="will not be emptied"):
        Devnet(tmp_path, workers=0)
    assert (tmp_path / "devnet" / "thesis.txt").read_text() == "three years"


# -------------------------------------------------------------------------------------------------------------- workers


def test_worker__that_fails_at_start__shows_the_end_of_its_log(tmp_path, stub) -> None:
    with pytest.raises(DevnetFailed) as caught:
        Devnet(tmp_path / "home", workers=2, hooks={0: stub(), 1: stub("ill")})
    assert "worker 2 ended at its start" in str(caught.value)
    assert "no stomach for work" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert naming(str(tmp_path)) == []


def test_worker__that_is_never_ready__is_not_waited_for_for_ever(tmp_path, stub) -> None:
    with Devnet(tmp_path / "home", workers=1, hooks={0: stub("slow")}, start_workers=False, hold=True) as net:
        net.workers[0].start()
        with pytest.raises(DevnetFailed, match=r"not ready within 0\.5 s"):
            net.workers[0].await_ready(0.5)
        with pytest.raises(DevnetFailed, match="runs already"):
            net.workers[0].start()


def test_worker__killed_and_started_again__is_another_process(tmp_path, stub) -> None:
    with Devnet(tmp_path / "home", workers=1, hooks={0: stub()}, hold=True) as net:
        worker = net.workers[0]
        first = worker.pid
        worker.kill()
        assert not worker.running
        wait_until(lambda: naming(str(worker.config)) == [])
        worker.start()
        worker.await_ready()
        assert worker.pid != first
        assert worker.running


def test_worker__environment_of_another__does_not_reach_it(tmp_path, stub, monkeypatch) -> None:
    monkeypatch.setenv("TENSORGRID_WORKER_RPC_URL", "http://somewhere.else")
    with Devnet(tmp_path / "home", workers=1, hooks={0: stub()}, hold=True) as net:
        environment = Path(f"/proc/{net.workers[0].pid}/environ").read_bytes()
        assert b"TENSORGRID_WORKER_" not in environment


# ------------------------------------------------------------------------------------------------------------- stopping


def test_stop__deaf_workers_and_their_children__are_all_gone(tmp_path, stub, monkeypatch) -> None:
    net = Devnet(tmp_path / "home", workers=2, hooks={0: stub(), 1: stub("deaf")})
    assert len(naming(str(net.folder))) >= 4
    monkeypatch.setattr("tensorgrid.devnet.workers.STOP_SECONDS", 0.5)
    net.stop()
    net.stop()
    assert naming(str(net.folder)) == []
    assert not alive(net.anvil.process.pid)


OWNER = """
import sys, time
from pathlib import Path
from tensorgrid.devnet import Devnet, WorkerHook
net = Devnet(Path(sys.argv[1]), workers=2, hooks={0: WorkerHook("stub_worker"), 1: WorkerHook("stub_worker")})
print(*[w.pid for w in net.workers], net.anvil.process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_owner__ended_by_a_signal__takes_everything_with_it(tmp_path, stub, number) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, tmp_path / "home"], stdout=subprocess.PIPE, text=True)
    with owner:
        pids = [int(part) for part in owner.stdout.readline().split()]
        assert len(pids) == 3
        assert all(alive(pid) for pid in pids)
        owner.send_signal(number)
        owner.wait(10)
    wait_until(lambda: not any(alive(pid) for pid in pids) and naming(str(tmp_path)) == [])


def test_child__whose_watchdog_line_never_came__never_starts(tmp_path) -> None:
    """The moment between birth and registration: the gate sees the end of its input and ends."""
    from tensorgrid.devnet import watchdog

    mark = tmp_path / "ran"
    gate = [sys.executable, "-I", "-S", watchdog.__file__, "gate", "/usr/bin/touch", str(mark)]
    assert subprocess.run(gate, stdin=subprocess.DEVNULL, check=False, timeout=10).returncode == 1
    assert not mark.exists()
    subprocess.run(gate, input=b"go\n", check=True, timeout=10)
    assert mark.exists()


def test_processes__missing_program__is_tool_missing(tmp_path) -> None:
    processes = Processes()
    try:
        with pytest.raises(ToolMissing, match="no program"):
            processes.start(["no-such-program-here"], log=tmp_path / "log")
    finally:
        processes.close()
        processes.close()


# ------------------------------------------------------------------------------------------------------ small machinery


def test_logs__of_strangers__are_shown_clean_and_searched_strictly(tmp_path) -> None:
    log = tmp_path / "log"
    assert tail(log) == "(no log)"
    log.write_text("")
    assert tail(log) == "(empty)"
    log.write_bytes(
        b"x\n" * 50 + b"\x1b]0;owned\x07\xff\n" + b'{"event": "other", "text": "worker.ready"}\n[' + b"1]\n"
    )
    assert "\x1b" not in tail(log)
    assert len(tail(log, 3).splitlines()) == 3
    assert find_event(log, "worker.ready") is None
    start = log.stat().st_size
    with log.open("a") as file:
        file.write('{"event": "worker.ready", "n": 1}\n')
    assert find_event(log, "worker.ready", start) == {"event": "worker.ready", "n": 1}


def test_config__any_path__is_toml_again(tmp_path) -> None:
    import tomllib

    settings = {"a": 'quo"te\\', "b": True, "c": 1.5, "d": 7, "e": ["x", "ü"], "f": tmp_path}
    write_config(tmp_path / "c.toml", settings)
    assert tomllib.loads((tmp_path / "c.toml").read_text()) == settings | {"f": str(tmp_path)}
    with pytest.raises(DevnetFailed, match="cannot stand"):
        write_config(tmp_path / "c.toml", {"a": "line\nbreak"})


# ------------------------------------------------------------------------------------------------------------ toolchain


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """No checkout, no Node, an empty cache; returns the folder that is on PATH."""
    monkeypatch.setattr(toolchain, "_checkout", lambda: None)
    monkeypatch.setattr(toolchain, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("TENSORGRID_ANVIL", raising=False)
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return programs


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{text}\n")
    path.chmod(0o755)


def test_anvil__no_node_at_all__says_what_to_install(bare_machine) -> None:
    with pytest.raises(ToolMissing, match=r"pip install 'tensorgrid\[devnet\]'"):
        toolchain.find_anvil()
    program(bare_machine / "node", "echo v18.1.0")
    program(bare_machine / "npm", "exit 9")
    with pytest.raises(ToolMissing, match="no Node 20"):
        toolchain.find_anvil()


def test_anvil__npm_fails__is_told_and_leaves_no_half(bare_machine, tmp_path) -> None:
    program(bare_machine / "node", "echo v20.1.0")
    program(bare_machine / "npm", "printf 'EINTEGRITY \\033[31m wrong' >&2; exit 1")
    with pytest.raises(ToolMissing, match="EINTEGRITY") as caught:
        toolchain.find_anvil()
    assert "\x1b" not in str(caught.value)
    assert list((tmp_path / "cache" / "toolchain").iterdir()) == []


def test_anvil__fetched_once__is_found_again(bare_machine, tmp_path) -> None:
    inside = f"node_modules/@foundry-rs/anvil-{toolchain._platform()}/bin"
    program(bare_machine / "node", "echo v20.1.0")
    program(
        bare_machine / "npm",
        f'echo "$@" >> {tmp_path}/asked; test -s package-lock.json || exit 3; mkdir -p {inside}; '
        f"printf '#!/bin/sh\\n' > {inside}/anvil; chmod +x {inside}/anvil",
    )
    said = []
    found = toolchain.find_anvil(said.append)
    assert found == toolchain.find_anvil(said.append)
    assert len(said) == 1
    asked = (tmp_path / "asked").read_text()
    assert asked.count("install") == 1
    assert "--ignore-scripts" in asked, "nothing that was fetched runs at installation"


def test_anvil__pinned__with_version_and_hash() -> None:
    folder = Path(toolchain.__file__).parent / "npm"
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    for name in ("node_modules/@foundry-rs/anvil", "node_modules/@foundry-rs/anvil-linux-amd64"):
        assert lock[name]["version"] == toolchain.ANVIL_VERSION
        assert lock[name]["integrity"].startswith("sha512-")
        assert "resolved" not in lock[name], "which registry is the user's business"


def test_anvil__named_by_the_user__is_taken_or_refused(bare_machine, monkeypatch) -> None:
    program(bare_machine / "mine", "exit 0")
    monkeypatch.setenv("TENSORGRID_ANVIL", str(bare_machine / "mine"))
    assert toolchain.find_anvil() == bare_machine / "mine"
    monkeypatch.setenv("TENSORGRID_ANVIL", str(bare_machine / "not-there"))
    with pytest.raises(ToolMissing, match="correct or unset it"):
        toolchain.find_anvil()


def test_network_file__of_a_stopped_devnet__is_gone(tmp_path) -> None:
    from tensorgrid.client import Client

    with Devnet(tmp_path, workers=0, hold=True) as net:
        client = Client(home=tmp_path)
        assert client.contracts.board.address == net.contracts.board.address
        assert client.account.address == net.requester.address
    with pytest.raises(UnknownDeployment, match="tensorgrid devnet"):
        Client(home=tmp_path)

"""Real daemons on a real chain: killed with -9 at every stage, cut off, told to stop; nothing is lost (W2)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from eth_account import Account
from tests.network.proxy import Proxy

from tensorgrid.chain.events import JobSealed, Revealed, decode
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet
from tensorgrid.devnet.workers import WorkerProcess
from tensorgrid.domain.jobs import JobState
from tensorgrid.runs.run import Run

STEPS = 5
BLOCK_SECONDS = 0.5
PATIENCE = 90


def slow(steps: int) -> dict[str, int]:
    import random
    import time

    for _ in range(steps):
        time.sleep(0.5)
    return {"drawn": random.randrange(10**9)}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """Three workers, so that each is drawn for every job; the chain's clock runs at twice the speed of ours."""
    with Devnet(tmp_path_factory.mktemp("restart"), workers=3, hold=True) as network:
        network.connection.rpc("evm_setAutomine", False)
        stopped = threading.Event()

        def mine() -> None:
            while not stopped.wait(BLOCK_SECONDS):
                network.anvil.mine()

        miner = threading.Thread(target=mine)
        miner.start()
        yield network
        stopped.set()
        miner.join()


@pytest.fixture(scope="module")
def client(net: Devnet) -> Client:
    return Client(net.network_file)


def submit(client: Client, steps: int = STEPS) -> Run:
    return client.submit(slow, {"steps": steps}, budget="5 USDC", wall="30s", memory="256MiB")


def events(worker: WorkerProcess, job: Run) -> list[str]:
    """Names of what the worker's log says about one job, in order."""
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("job") == job.hex[:10]]
    return [f"{line['event']}:{line['kind']}" if "kind" in line else str(line["event"]) for line in mine]


def wait_for(what: Callable[[], object], why: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < give_up, f"waited {PATIENCE} s for {why}"
        time.sleep(0.02)


def steps_on_chain(net: Devnet, run: Run, worker: WorkerProcess) -> Counter[str]:
    """How often the worker committed and revealed, and how many of its transactions failed."""
    counts: Counter[str] = Counter()
    query = {"fromBlock": "0x0", "topics": [None, run.hex]}
    for raw in net.connection.rpc("eth_getLogs", query):
        event = decode(raw)
        if isinstance(event, JobSealed | Revealed) and event.worker == worker.address:
            counts[type(event).__name__] += 1
    return counts


def assert_ended_well(net: Devnet, run: Run) -> None:
    run.wait(timeout=PATIENCE)
    status = run.status()
    assert status.state is JobState.SETTLED
    assert [seat.phase for seat in status.seats] == ["paid"] * 3, str(status)
    for worker in net.workers:
        assert steps_on_chain(net, run, worker) == {"JobSealed": 1, "Revealed": 1}


def test_kill_9__at_every_stage_of_one_job__paid_once(net: Devnet, client: Client) -> None:
    """The same worker is killed after each of its steps; each time a new process goes on where the old one was."""
    victim = net.workers[0]
    run = submit(client)
    stages = ["job.prepared", "tx.sent:take", "run.started", "run.ended", "tx.sent:commit", "tx.sent:reveal"]
    pids = []
    for stage in stages:
        wait_for(lambda stage=stage: stage in events(victim, run), f"{stage} of worker 1")  # type: ignore[misc]
        pids.append(victim.pid)
        victim.kill()
        assert not victim.running
        victim.start()
        victim.await_ready()
    assert_ended_well(net, run)
    assert len(set(pids)) == len(stages)
    seen = Counter(events(victim, run))
    assert seen["run.started"] >= 2  # the run that was killed was done again
    assert run.result().keys() == {"drawn"}


def test_kill_9__leaves_no_job_behind(net: Devnet, client: Client) -> None:
    """The sandbox dies with its worker: nothing goes on computing for nobody."""
    victim = net.workers[1]
    run = submit(client)
    wait_for(lambda: "run.started" in events(victim, run), "run.started of worker 2")
    wait_for(lambda: children_of(victim.pid), "the sandbox of worker 2")
    inside = children_of(victim.pid)
    victim.kill()
    wait_for(lambda: not any(alive(pid) for pid in inside), "the end of its sandbox")
    victim.start()
    assert_ended_well(net, run)


def test_sigterm__in_the_middle__finishes_takes_nothing_and_leaves(net: Devnet, client: Client) -> None:
    leaver = net.workers[2]
    run = submit(client)
    wait_for(lambda: "run.started" in events(leaver, run), "run.started of worker 3")
    leaver.signal(signal.SIGTERM)
    wait_for(lambda: not leaver.running, "worker 3 to leave")
    assert steps_on_chain(net, run, leaver) == {"JobSealed": 1, "Revealed": 1}
    assert '"worker.stopped"' in leaver.log.read_text()
    leaver.start()
    leaver.await_ready()
    assert_ended_well(net, run)


def test_node_away_in_the_middle__run_goes_on__committed_when_it_is_back(net: Devnet, client: Client) -> None:
    worker = net.workers[0]
    worker.stop()
    with Proxy(net.rpc_url) as wire:
        text = worker.config.read_text()
        worker.config.write_text(text.replace(net.rpc_url, wire.url))
        worker.start()
        worker.await_ready()
        run = submit(client, steps=4)
        wait_for(lambda: "run.started" in events(worker, run), "run.started of worker 1")
        wire.cut()
        wait_for(lambda: "run.ended" in events(worker, run), "run.ended of worker 1")
        time.sleep(1)
        assert worker.running
        assert "tx.mined:commit" not in events(worker, run)
        wire.restore()
        assert_ended_well(net, run)
        assert '"chain.unreachable"' in worker.log.read_text() and '"chain.back"' in worker.log.read_text()
        worker.stop()
        worker.config.write_text(text)
    worker.start()
    worker.await_ready()


def test_no_standing__says_so_and_waits(net: Devnet, tmp_path: Path) -> None:
    """A key that nobody registered, on a chain that is there."""
    home = tmp_path / "home"
    home.mkdir()
    text = net.workers[0].config.read_text().replace(str(net.workers[0].config.parent), str(home))
    (home / "worker.toml").write_text(text)
    for source in net.workers[0].config.parent.iterdir():
        name = source.name
        if source.suffix == ".json":
            (home / name).write_text(json.dumps(Account.encrypt("0x" + "77" * 32, "pw", kdf="pbkdf2", iterations=1)))
        elif "password" in name:
            (home / name).write_text("pw")
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tensorgrid_worker", "run", "--config", str(home / "worker.toml")], stderr=output
        )
        try:
            wait_for(lambda: b"worker.no_standing" in log.read_bytes() or process.poll() is not None, "its complaint")
            assert b"its provider must register it" in log.read_bytes(), log.read_text()
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(entry.name), *children_of(int(entry.name))]
    return found


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

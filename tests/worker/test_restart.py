"""Real daemons on a real chain: killed with -9 at every stage, cut off, told to stop; nothing is lost (W2)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from tests.network.proxy import Proxy
from tests.sdk.node_double import NodeDouble

from tensorgrid.chain.events import Event, JobPosted, JobSealed, JobTaken, Revealed, decode, event_types
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet
from tensorgrid.devnet.workers import WorkerProcess, write_config
from tensorgrid.domain.jobs import JobState
from tensorgrid.runs.run import Run
from tensorgrid_worker.memory.journal import Journal

STEPS = 5
BLOCK_SECONDS = 0.5
PATIENCE = 90
MINING = threading.Event()
MINING.set()


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
                if MINING.is_set():
                    network.anvil.mine()

        miner = threading.Thread(target=mine)
        miner.start()
        yield network
        stopped.set()
        miner.join()


@contextmanager
def no_blocks() -> Iterator[None]:
    """Inside, nothing is mined but by the test: what is sent waits in the pool, and the chain's clock stands."""
    MINING.clear()
    try:
        yield
    finally:
        MINING.set()


@pytest.fixture(scope="module")
def client(net: Devnet) -> Client:
    return Client(net.network_file)


def submit(client: Client, steps: int = STEPS, take_within: str | None = None) -> Run:
    return client.submit(slow, {"steps": steps}, budget="5 USDC", wall="30s", memory="256MiB", take_within=take_within)


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
    for event in told(net, run):
        if isinstance(event, JobSealed | Revealed) and event.worker == worker.address:
            counts[type(event).__name__] += 1
    return counts


def told(net: Devnet, run: Run) -> Iterator[Event]:
    """The job's events, as the chain has them now."""
    for raw in net.connection.rpc("eth_getLogs", {"fromBlock": "0x0", "topics": [None, run.hex]}):
        event = decode(raw)
        if event is not None:
            yield event


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
        with no_blocks():
            again(victim)
    assert_ended_well(net, run)
    assert len(set(pids)) == len(stages)
    seen = Counter(events(victim, run))
    assert seen["run.started"] >= 2  # the run that was killed was done again
    assert run.result().keys() == {"drawn"}


def test_journal_deleted__at_every_stage_of_one_job__paid_once(net: Devnet, client: Client) -> None:
    """The chain alone is enough: even what opens the commitment is in its transaction.

    The commitment is mined while the worker is down, so that it cannot have been opened before its opening is lost.
    """
    victim = net.workers[0]
    run = submit(client)
    sent_before = nonce_of(net, victim, "latest")

    def reached(stage: str) -> None:
        wait_for(lambda: stage in events(victim, run), f"{stage} of worker 1")

    reached("tx.sent:take")
    with no_blocks():
        again(victim, journal=False)
    reached("run.started")
    with no_blocks():
        again(victim, journal=False)
        reached("run.ended")
        again(victim, journal=False)
        reached("tx.sent:commit")
        wait_for(lambda: nonce_of(net, victim, "pending") > nonce_of(net, victim, "latest"), "it to be in the pool")
        victim.kill()
        lose_journal(victim, openings=True)
        net.anvil.mine()
        assert steps_on_chain(net, run, victim) == {"JobSealed": 1}
        again(victim)
    reached("tx.sent:reveal")
    with no_blocks():
        again(victim, journal=False)
    assert_ended_well(net, run)
    assert "opening.recovered" in events(victim, run)
    assert '"journal.lost"' in victim.log.read_text()
    journal = Journal(home_of(victim) / "journal.sqlite")
    assert journal.offers_until() > net.connection.now(), "who knows what was offered before"
    journal.close()
    wait_for(lambda: "job.settled" in events(victim, run), "worker 1 to see the end")
    assert not failed_transactions(net, victim, sent_before)


def test_journal_damaged__moved_aside_and_rebuilt(net: Devnet, client: Client) -> None:
    victim = net.workers[1]
    run = submit(client)
    wait_for(lambda: "run.started" in events(victim, run), "run.started of worker 2")
    with no_blocks():
        victim.kill()
        journal = home_of(victim) / "journal.sqlite"
        for part in home_of(victim).glob("journal.sqlite-*"):
            part.unlink()
        journal.write_bytes(b"\xff" * 200 + journal.read_bytes()[200:])
        again(victim)
    assert_ended_well(net, run)
    assert '"journal.damaged"' in victim.log.read_text()
    assert list(home_of(victim).glob("journal.sqlite.damaged-*"))


def test_kill_9__leaves_no_job_behind(net: Devnet, client: Client) -> None:
    """The sandbox dies with its worker: nothing goes on computing for nobody."""
    victim = net.workers[1]
    run = submit(client)
    wait_for(lambda: "run.started" in events(victim, run), "run.started of worker 2")
    wait_for(lambda: children_of(victim.pid), "the sandbox of worker 2")
    inside = children_of(victim.pid)
    with no_blocks():
        victim.kill()
        wait_for(lambda: not any(alive(pid) for pid in inside), "the end of its sandbox")
        again(victim)
    assert_ended_well(net, run)


@pytest.mark.parametrize(
    ("stage", "kept"),
    [("tx.mined:take", JobPosted), ("run.started", JobPosted), ("tx.mined:commit", JobTaken)],
)
def test_reorganisation__of_all_since_a_step__ends_as_if_it_had_not_been(
    net: Devnet, client: Client, stage: str, kept: type[Event]
) -> None:
    """Takes are unmined, and the draw has another seed: what runs for the old one is void. Then commitments are."""
    run = submit(client)
    wait_for(lambda: all(stage in events(worker, run) for worker in net.workers), f"{stage} of all workers")
    block = max(event.log.block for event in told(net, run) if isinstance(event, kept))
    depth = net.connection.latest().number - block
    net.connection.rpc("anvil_reorg", depth, [])
    assert_ended_well(net, run)
    assert '"chain.rewound"' in net.workers[0].log.read_text()


def test_reorganisation__under_a_commitment_on_its_way__it_is_recalled(net: Devnet, client: Client) -> None:
    """It waits in the pool while the draw gets another seed: mined behind the new take it would be a wrong answer."""
    worker = net.workers[0]
    run = submit(client)
    wait_for(lambda: "run.started" in events(worker, run), "run.started of worker 1")
    with no_blocks():
        wait_for(lambda: "tx.sent:commit" in events(worker, run), "tx.sent:commit of worker 1")
        (posted,) = (event.log.block for event in told(net, run) if isinstance(event, JobPosted))
        net.connection.rpc("anvil_reorg", net.connection.latest().number - posted, [])
        wait_for(lambda: "commit.recalled" in events(worker, run), "commit.recalled of worker 1")
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


def test_witness_on_another_chain__nothing_is_taken_until_they_agree(net: Devnet, client: Client) -> None:
    worker = net.workers[0]
    worker.stop()
    lying = threading.Event()
    lying.set()

    def answer(method: str, params: list[Any], forward: Callable[..., Any]) -> Any:
        result = forward(method, params)
        if method == "eth_getBlockByNumber" and lying.is_set():
            return result | {"hash": "0x" + "66" * 32}
        return result

    with NodeDouble(net.rpc_url, answer) as node, changed_settings(worker, witness_urls=[node.url]):
        run = submit(client, steps=1, take_within="3m")
        wait_for(lambda: len(run.status().seats) == 2, "the other two to take")
        wait_for(lambda: '"nodes.disagree"' in worker.log.read_text(), "worker 1 to see that they disagree")
        time.sleep(2)
        assert "tx.sent:take" not in events(worker, run)
        lying.clear()
        assert_ended_well(net, run)
        assert '"nodes.agree"' in worker.log.read_text()


def test_node_drops_logs__a_seat_that_was_never_told_of__found_by_its_locked_stake(net: Devnet, client: Client) -> None:
    """The worker's own take is left out of every answer until it has noticed."""
    worker = net.workers[0]
    worker.stop()
    lying = threading.Event()
    seated = topic_of(JobTaken)

    def answer(method: str, params: list[Any], forward: Callable[..., Any]) -> Any:
        result = forward(method, params)
        if method == "eth_getLogs" and lying.is_set():
            return [log for log in result if log["topics"][0] != seated]
        return result

    with NodeDouble(net.rpc_url, answer) as node, changed_settings(worker, rpc_url=node.url):
        lying.set()
        run = submit(client, steps=1)
        wait_for(lambda: run.status().state is JobState.ASSIGNED, "the job to be assigned")
        assert "run.started" not in events(worker, run)
        wait_for(lambda: '"seats.differ"' in worker.log.read_text(), "worker 1 to miss a seat")
        lying.clear()
        assert_ended_well(net, run)


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


@contextmanager
def changed_settings(worker: WorkerProcess, **changes: Any) -> Iterator[None]:
    """Inside, the worker runs with these; afterwards, with its own again."""
    text = worker.config.read_text()
    worker.stop()
    write_config(worker.config, tomllib.loads(text) | changes)
    worker.start()
    worker.await_ready()
    try:
        yield
    finally:
        worker.stop()
        worker.config.write_text(text)
        worker.start()
        worker.await_ready()


def topic_of(kind: type[Event]) -> str:
    return next("0x" + topic.hex() for topic, (found, _) in event_types().items() if found is kind)


def home_of(worker: WorkerProcess) -> Path:
    return Path(tomllib.loads(worker.config.read_text())["home"])


def again(worker: WorkerProcess, *, journal: bool = True) -> None:
    """As after a power cut; without its `journal`, as on a new disk. Slow machines need no more of the chain's time."""
    worker.kill()
    assert not worker.running
    if not journal:
        lose_journal(worker)
    worker.start()
    worker.await_ready()


def lose_journal(worker: WorkerProcess, *, openings: bool = False) -> None:
    """As a new disk would; `openings`: their files too."""
    for part in home_of(worker).glob("journal.sqlite*"):
        part.unlink()
    for part in (home_of(worker) / "openings").glob("*.json") if openings else ():
        part.unlink()


def nonce_of(net: Devnet, worker: WorkerProcess, at: str) -> int:
    """`at`: "latest", or "pending" to count what waits in the pool too."""
    return int(net.connection.rpc("eth_getTransactionCount", worker.address, at), 16)


def failed_transactions(net: Devnet, worker: WorkerProcess, first_nonce: int) -> list[str]:
    """Of the worker, from that nonce on: mined and reverted."""
    failed, number = [], net.connection.latest().number
    while True:
        block = net.connection.rpc("eth_getBlockByNumber", hex(number), True)
        mine = [tx for tx in block["transactions"] if tx["from"].lower() == worker.address.lower()]
        for tx in mine:
            if int(tx["nonce"], 16) >= first_nonce:
                receipt = net.connection.rpc("eth_getTransactionReceipt", tx["hash"])
                failed += [tx["hash"]] if receipt["status"] == "0x0" else []
        if number == 0 or any(int(tx["nonce"], 16) <= first_nonce for tx in mine):
            return failed
        number -= 1


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

"""Real `kill -9` of real daemons with the real sandbox: one run is one kill, a recovery, and a settled job."""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import model
from tests.network.proxy import Proxy

from tensorgrid.chain.events import Event, WorkerSettled, decode
from tensorgrid.client import Client
from tensorgrid.demo.transactions import transactions_between
from tensorgrid.devnet import Devnet
from tensorgrid.devnet.workers import WorkerProcess
from tensorgrid.domain.errors import TensorgridError
from tensorgrid.domain.jobs import JobState
from tensorgrid.runs.run import Run
from tensorgrid_worker.config import load_config
from tensorgrid_worker.offers import make_offer

BLOCK_SECONDS = 1.0
"""The chain's clock goes as fast as ours: a new process needs seconds, and to reveal there are sixteen."""
PATIENCE = 180.0
LONGEST_DELAY = 9.0
WORKERS = 4
WORK: dict[str, Any] = {"budget": "2 USDC", "wall": "30s", "memory": "256MiB", "output": "1MiB"}
ONCE = {"take", "commit", "commitExtra", "commitAndSettle", "reveal", "settle", "expire", "openExtra", "closeWork"}


def work(number: int) -> dict[str, int]:
    """A second of it, so that a kill may fall into it."""
    import time

    time.sleep(1)
    return {"square": number * number}


@dataclass(frozen=True)
class Kill:
    """One run. `stage`: the last that the worker's log said of the job before it died. Sums are in units of tokens."""

    seed: int
    tier: str
    stage: str
    cut: bool
    recovery: float
    settled: bool
    wei_lost: int
    double_payments: int
    double_transactions: int
    error: str = ""

    @property
    def failed(self) -> bool:
        wrong = self.wei_lost or self.double_payments or self.double_transactions or self.error
        return bool(wrong) or not self.settled


class Field:
    """A running devnet whose blocks come by the clock, a wire to the node per worker."""

    def __init__(self, net: Devnet, wires: list[Proxy]) -> None:
        self.net, self.wires = net, wires
        self.client = Client(net.network_file)
        self.names = {ref.address: name for name, ref in net.deployment.contracts.items()}
        self.first_block = net.connection.latest().number
        self._posting = threading.Lock()

    def submit(self, **options: Any) -> Run:
        with self._posting:  # one key, one nonce after the other
            return self.client.submit(work, {"number": 12}, **WORK, **options)

    def events(self, run: Run) -> list[Event]:
        query = {"topics": [None, run.hex], "fromBlock": "0x0"}
        found = (decode(raw, self.names) for raw in self.net.connection.rpc("eth_getLogs", query))
        return [event for event in found if event is not None]


def one_seat(field: Field, index: int, seed: int) -> Iterator[Kill]:
    """An accepted offer's job: its worker is killed once, at a moment that the seed chooses."""
    dice = random.Random(f"tensorgrid kill {seed}")
    worker = field.net.workers[index]
    offer = make_offer(load_config(worker.config), price="0.5 USDC", seconds=600)
    run = field.submit(verify="accept", reject_within="8s", offers=[offer])
    yield _judged(field, run, worker, _killed(field, index, run, dice), seed, "accept")


def three_seats(field: Field, seed: int) -> Iterator[Kill]:
    """A job that three do: each of them is killed once."""
    dice = random.Random(f"tensorgrid kill {seed}")
    run = field.submit()
    dices = [random.Random(dice.random()) for _ in range(3)]
    _wait(lambda: len(run.status().seats) == 3)  # with all three dead before they took there would be no job
    seated = {seat.worker for seat in run.status().seats}
    drawn = [index for index, worker in enumerate(field.net.workers) if worker.address in seated]
    with ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(lambda index, its: _killed(field, index, run, its), drawn, dices))
    for number, (index, end) in enumerate(zip(drawn, ends, strict=True)):
        yield _judged(field, run, field.net.workers[index], end, seed + number, "replicate")


def _killed(field: Field, index: int, run: Run, dice: random.Random) -> tuple[str, bool, float]:
    """(stage, whether its node was away too, seconds from the new process to its next progress)."""
    worker, wire = field.net.workers[index], field.wires[index]
    time.sleep(dice.uniform(0, LONGEST_DELAY))
    stage = (_said(worker, run) or ["nothing yet"])[-1]
    cut = dice.random() < 0.25
    if cut:
        wire.cut()
    worker.kill()
    if cut:
        time.sleep(dice.uniform(0.2, 1.5))
        wire.restore()
    size, born = worker.log.stat().st_size, time.monotonic()
    worker.start()
    _wait(lambda: b'"worker.ready"' in worker.log.read_bytes()[size:])
    return stage, cut, time.monotonic() - born


def _judged(field: Field, run: Run, worker: WorkerProcess, end: tuple[str, bool, float], seed: int, tier: str) -> Kill:
    stage, cut, recovery = end
    error = ""
    try:
        run.wait(timeout=PATIENCE)
    except TensorgridError as late:
        error = f"{type(late).__name__}: {late}"
    state = run.status().state
    wei, twice = _unexplained(field, run, worker)
    sent = transactions_between(field.net.contracts, *_span(field, run))
    mine = [tx.name.rpartition(".")[2] for tx in sent if tx.sender == worker.address and tx.ok]
    doubles = sum(mine.count(name) - 1 for name in ONCE if mine.count(name) > 1)
    settled = state is JobState.SETTLED
    return Kill(seed, tier, stage, cut, round(recovery, 3), settled, wei, twice, doubles, error)


def _unexplained(field: Field, run: Run, worker: WorkerProcess) -> tuple[int, int]:
    """(units that the outcomes table does not explain, payments beyond the first)."""
    story, settled = run.story(), [e for e in field.events(run) if isinstance(e, WorkerSettled)]
    terms = story.terms
    done = story.state is JobState.SETTLED
    rulings = [model.Ruling(seat.price if done else 0) for seat in story.in_order]
    spent = model.settlement(terms.escrow, terms.fee_bps, terms.bounty, rulings)
    wrong = abs(story.paid - spent.paid) + abs(story.fee - spent.fee) + abs(story.returned - spent.returned)
    mine = [event for event in settled if event.worker == worker.address]
    wrong += sum(terms.loss(event.fault) for event in mine)
    return wrong, max(0, len(mine) - 1)


def _span(field: Field, run: Run) -> tuple[int, int]:
    blocks = [event.log.block for event in field.events(run)]
    return min(blocks), max(blocks)


def _said(worker: WorkerProcess, run: Run) -> list[str]:
    """What its log tells of the job, in order."""
    told = []
    for line in worker.log.read_text().splitlines():
        if run.hex[:10] in line and line.startswith("{"):
            entry = json.loads(line)
            told.append(str(entry["event"]) + (f":{entry['kind']}" if "kind" in entry else ""))
    return told


def _wait(what: Any) -> None:
    give_up = time.monotonic() + PATIENCE
    while not what() and time.monotonic() < give_up:
        time.sleep(0.02)


def all_kills(first_seed: int, one: int, three: int) -> Iterator[Kill]:
    """`one`: kills in jobs of one seat, over all workers at once; `three`: kills in jobs of three."""
    with running() as field:
        for seed in range(first_seed, first_seed + three - 2, 3):
            yield from three_seats(field, seed)
        queue = iter(range(first_seed + 100_000, first_seed + 100_000 + one))
        lock = threading.Lock()

        def take() -> int | None:
            with lock:
                return next(queue, None)

        def drive(index: int) -> list[Kill]:
            found: list[Kill] = []
            while (seed := take()) is not None:
                found += one_seat(field, index, seed)
            return found

        with ThreadPoolExecutor(WORKERS) as pool:
            for done in pool.map(drive, range(WORKERS)):
                yield from done


@contextmanager
def running() -> Iterator[Field]:
    """Everything it starts ends with it."""
    with (
        tempfile.TemporaryDirectory(prefix="tensorgrid-kills-") as folder,
        Devnet(Path(folder), workers=WORKERS, start_workers=False, hold=True) as net,
    ):
        wires = [Proxy(net.rpc_url) for _ in net.workers]
        for worker, wire in zip(net.workers, wires, strict=True):
            worker.config.write_text(worker.config.read_text().replace(net.rpc_url, wire.url))
            worker.start()
        for worker in net.workers:
            worker.await_ready()
        net.connection.rpc("evm_setAutomine", False)
        stopped = threading.Event()
        miner = threading.Thread(target=_mine, args=(net, stopped))
        miner.start()
        try:
            yield Field(net, wires)
        finally:
            stopped.set()
            miner.join()
            for wire in wires:
                wire.__exit__()


def _mine(net: Devnet, stopped: threading.Event) -> None:
    while not stopped.wait(BLOCK_SECONDS):
        net.anvil.mine()

"""A devnet whose jobs are all posted before the clock starts, so that the worker is measured and not its customers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.devnet.workers import WorkerProcess
from tensorgrid.domain.offers import StandingOffer
from tensorgrid.ordering.lanes import own_lane
from tensorgrid.runs.run import Run
from tensorgrid_worker.config import load_config
from tensorgrid_worker.offers import make_offer

PRICE = "0.001 USDC"
OFFER_SECONDS = 3500
WALL = "400s"  # most that fits the devnet's work time: a queue of jobs may wait
SILENCE = 8  # seconds; the network's least
POSTERS = 24  # threads that post at once
STAKES = 5  # jobs' worth that a devnet's worker has for each unit of WorkerHook.stake


def noop(x: int) -> dict[str, int]:
    """The job: nothing but a start, an import of nothing, and an end."""
    return {"x": x}


@contextmanager
def network(workers: int, jobs_each: int, settings: Mapping[str, Any]) -> Iterator[Devnet]:
    """Registered and staked for `jobs_each` jobs at once per worker; no worker runs yet."""
    hook = WorkerHook(stake=jobs_each // STAKES + 2, settings=dict(settings))
    with tempfile.TemporaryDirectory(prefix="tensorgrid-load-") as folder:
        hooks = dict.fromkeys(range(workers), hook)
        with Devnet(Path(folder), workers=workers, hooks=hooks, start_workers=False) as net:
            for worker in net.workers:
                allow(net, worker, jobs_each)
            yield net


def allow(net: Devnet, worker: WorkerProcess, jobs: int) -> None:
    """By its provider: so many jobs at once, those whose silence still lasts counted."""
    registry = net.contracts.registry
    profile = registry.profile_of(worker.address)
    Sender(net.connection, worker.provider).transact(
        registry.update(worker.address, replace(profile, capacity=jobs + 1))
    )


def offers_of(net: Devnet) -> list[StandingOffer]:
    """One per worker, good for the whole run."""
    return [make_offer(load_config(worker.config), price=PRICE, seconds=OFFER_SECONDS) for worker in net.workers]


def post(net: Devnet, offers: list[StandingOffer], jobs_each: int) -> list[Run]:
    """`jobs_each` jobs to every worker, each with an argument and a lane of its own; all are seated when it returns."""
    client = Client(net.network_file)
    client.deposit("1000 USDC")

    def one(number: int) -> Run:
        return client.submit(
            noop,
            {"x": number},
            offers=[offers[number % len(offers)]],
            budget="0.01 USDC",
            wall=WALL,
            memory="256MiB",
            verify="accept",
            reject_within=SILENCE,
            nonce=own_lane(),
        )

    with ThreadPoolExecutor(POSTERS) as pool:
        return list(pool.map(one, range(jobs_each * len(offers))))


def count(net: Devnet, event: str, since: int = 0) -> int:
    """How often the board has told it since block `since`."""
    return len(logs(net, event, since))


def logs(net: Devnet, event: str, since: int = 0) -> list[dict[str, Any]]:
    board = net.contracts.board
    topic = next(topic for topic, entry in board.interface.events.items() if entry.name == event)
    found: list[dict[str, Any]] = net.connection.rpc(
        "eth_getLogs",
        {"address": board.address, "topics": ["0x" + topic.hex()], "fromBlock": hex(since), "toBlock": "latest"},
    )
    return found


def await_count(net: Devnet, event: str, wanted: int, give_up: float, since: int = 0) -> tuple[int, float]:
    """Until the board has told it `wanted` times, or the monotonic clock shows `give_up`: (how often, when)."""
    while True:
        found, now = count(net, event, since), time.monotonic()
        if found >= wanted or now > give_up:
            return found, now
        time.sleep(0.25)

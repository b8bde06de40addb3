"""The people of the story about crashes, the wires to their nodes, their logs, and the pages of the books."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from tensorgrid.chain.events import Event, decode
from tensorgrid.client import Client
from tensorgrid.demo import DemoFailed, Options
from tensorgrid.demo.audit import Check, Ended, checks_of, checks_of_job
from tensorgrid.demo.book import Book, Page
from tensorgrid.demo.live import View
from tensorgrid.demo.transactions import transactions_between
from tensorgrid.demo.wire import Wire
from tensorgrid.devnet import Devnet, WorkerProcess
from tensorgrid.runs.run import Run

PATIENCE = 100
"""Seconds that anything may take before the story is given up."""
BUDGET = "3 USDC"
WORK: dict[str, Any] = {"wall": "30s", "memory": "512MiB", "output": "1MiB", "budget": BUDGET}
ONCE = frozenset({"take", "commit", "reveal", "settle", "openExtra", "closeWork", "expire"})
"""Steps that a worker needs at most once per job."""


class CrashStage:
    """Three workers, each behind a wire of its own; Bob buys. `jobs`, `checks`, `wrong`: what was found on the way."""

    def __init__(self, net: Devnet, console: Console, options: Options) -> None:
        self.net, self.console = net, console
        self.wires = [Wire(net.rpc_url) for _ in net.workers]
        for worker, wire in zip(net.workers, self.wires, strict=True):
            worker.config.write_text(worker.config.read_text().replace(net.rpc_url, wire.url))
            worker.start()
        for worker in net.workers:
            worker.await_ready()
        net.resume_mining()
        self.bob = Client(net.network_file)
        self.usdc, self.tgs = self.bob.token("USDC"), net.stake_token
        parties: dict[str, str] = {"Bob": self.bob.account.address}
        for worker in net.workers:
            parties |= {f"provider {worker.number}": worker.provider.address, f"worker {worker.number}": worker.address}
        stakes = {f"provider {w.number}": (w.provider.address, w.address) for w in net.workers}
        self.book = Book(self.bob.contracts, parties, stakes, self.usdc, self.tgs)
        self.view = View(console, {address: name for name, address in parties.items()}, live=options.live)
        self.first = self.look()
        self.checks: list[Check] = []
        self.jobs: list[Ended] = []
        self.wrong: list[str] = []
        self.recoveries: list[float] = []

    def close(self) -> None:
        """Of the wires; the rest is the devnet's."""
        for wire in self.wires:
            wire.close()

    def look(self) -> Page:
        """Every balance at the latest block."""
        return self.book.look()

    def title(self, text: str) -> None:
        """Of a step."""
        self.console.print()
        self.console.print(text, style="bold")

    def demand(self, held: bool, sentence: str) -> None:
        """Note `sentence` unless it held; the story goes on, and fails at its end."""
        if not held:
            self.wrong.append(sentence)

    # --------------------------------------------------------------------------------------------- what is done to them

    def kill(self, worker: WorkerProcess) -> None:
        """Kill -9, and a new process; how long until it is at work again is noted."""
        worker.kill()
        began = time.monotonic()
        worker.start()
        worker.await_ready()
        self.recoveries.append(round(time.monotonic() - began, 2))

    def said(self, worker: WorkerProcess, run: Run) -> list[str]:
        """What its log tells of the job, in order: "run.started", "tx.sent:commit", …"""
        told = []
        for line in worker.log.read_text().splitlines():
            if line.startswith("{") and run.hex[:10] in line:
                entry = json.loads(line)
                told.append(str(entry["event"]) + (f":{entry['kind']}" if "kind" in entry else ""))
        return told

    def until(self, worker: WorkerProcess, run: Run, event: str) -> None:
        """Wait until it says so."""
        self.wait_for(lambda: event in self.said(worker, run), f"{event} of worker {worker.number}")

    def block_of(self, run: Run, told_so: Callable[[Event], bool]) -> int:
        """The block in which the job told that first."""
        board = self.bob.contracts.board.address
        question = {"address": board, "topics": [None, run.hex], "fromBlock": "0x0"}
        told = (decode(raw, {board: "JobBoard"}) for raw in self.net.connection.rpc("eth_getLogs", question))
        return next(event.log.block for event in told if event is not None and told_so(event))

    def wait_for(self, what: Callable[[], object], why: str) -> None:
        """Raises DemoFailed when it takes too long."""
        give_up = time.monotonic() + PATIENCE
        while not what():
            if time.monotonic() > give_up:
                raise DemoFailed(f"waited {PATIENCE} s for {why}; see the logs in {self.net.folder / 'logs'}")
            time.sleep(0.05)

    # -------------------------------------------------------------------------------------------------- what is noted

    def finish(self, run: Run, how: str) -> Any:
        """Wait for its end, look at the books, and return the result."""
        with self.view.watching():
            for story in run.watch(timeout=PATIENCE):
                self.view.show(story, [])
        story = run.story()
        escrowed = self.bob.contracts.board.escrow_for(story.terms)
        self.jobs.append(Ended(run.hex, how, escrowed, story.paid, story.fee, 0, story.returned))
        self.checks += [*checks_of(self.book, self.look()), *checks_of_job(self.jobs[-1])]
        self.demand(all(seat.pay == seat.price for seat in story.in_order), f"{how}: a worker was not paid in full")
        self.demand(all(not seat.slashed for seat in story.in_order), f"{how}: a worker lost stake")
        return run.result()

    def repeated(self) -> int:
        """Successful transactions by which a worker did a step of a job a second time."""
        last = self.net.connection.latest().number
        mine = {worker.address for worker in self.net.workers}
        sent = transactions_between(self.bob.contracts, 0, last)
        steps = [(tx.sender, tx.name.rpartition(".")[2]) for tx in sent if tx.ok and tx.sender in mine]
        jobs = len(self.jobs)
        return sum(max(0, steps.count(step) - jobs) for step in set(steps) if step[1] in ONCE)

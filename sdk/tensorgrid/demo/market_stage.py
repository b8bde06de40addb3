"""The people of the story about the market, and the pages of the books."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from rich.console import Console

from tensorgrid.client import Client
from tensorgrid.demo import DemoFailed, Options, offering
from tensorgrid.demo.audit import Check, Ended, checks_of, checks_of_job
from tensorgrid.demo.book import Book, Page
from tensorgrid.demo.live import View
from tensorgrid.devnet import Devnet, WorkerHook, WorkerProcess
from tensorgrid.domain.money import Amount
from tensorgrid.parameters import NetworkParameters
from tensorgrid.runs.run import Run
from tensorgrid.runs.story import Story

WORKERS, FAKER = 10, 3
"""Worker 4 of ten makes up answers of batches; all else he does honestly."""
PATIENCE = 240
"""Seconds that anything may take before the story is given up."""
LEAST, MORE = 300_000, 40_000
"""What worker 1 asks at the least, and how much more each next one does, in units of the pay token."""


def quick() -> NetworkParameters:
    """The devnet's, with a shorter clock for taking seats, and a longer one for auditors: ten slices ask for twenty."""
    shipped = NetworkParameters.load("devnet")
    assert shipped.audit is not None, "the devnet sells audits"
    clocks, audit = replace(shipped.clocks, take=10, extra_take=8), replace(shipped.audit, take=20)
    return replace(shipped, clocks=clocks, audit=audit)


def hooks() -> dict[int, WorkerHook]:
    """Each one asks another price, and has places beside its job: to audit others while it is audited itself."""
    found = {}
    for number in range(WORKERS):
        module = "tensorgrid.demo.skipper" if number == FAKER else "tensorgrid_worker"
        settings = {"min_price": LEAST + MORE * number, "settle_patience_seconds": 0}
        found[number] = WorkerHook(module=module, capacity=5, settings=settings)
    return found


class MarketStage:
    """Bob buys. `checks`, `jobs`, `wrong`: what was found on the way."""

    def __init__(self, net: Devnet, console: Console, options: Options) -> None:
        self.net, self.console = net, console
        self.faker = net.workers[FAKER]
        self.bob = Client(net.network_file)
        self.contracts = self.bob.contracts
        self.usdc, self.tgs = self.bob.token("USDC"), net.stake_token
        self.book = self._book()
        self.names = {address: name for name, address in self.book.parties.items()}
        self.view = View(console, self.names, live=options.live)
        self.checks: list[Check] = []
        self.jobs: list[Ended] = []
        self.wrong: list[str] = []
        self.first = self.look()

    def _book(self) -> Book:
        parties: dict[str, str] = {"Bob": self.bob.account.address}
        stakes: dict[str, tuple[str, str]] = {}
        for worker in self.net.workers:
            name = f"worker {worker.number}"
            parties |= {f"provider {worker.number}": worker.provider.address, name: worker.address}
            stakes[f"provider {worker.number}"] = (worker.provider.address, worker.address)
        return Book(self.contracts, parties, stakes, self.usdc, self.tgs)

    # ------------------------------------------------------------------------------------------------- what people do

    def offer_of(self, worker: WorkerProcess, price: Amount) -> str:
        return offering.offer_of(worker, str(price), PATIENCE)

    @contextlib.contextmanager
    def alone(self, awake: WorkerProcess) -> Iterator[None]:
        """All others sleep meanwhile: what the story waits for would else be a matter of luck."""
        others = [worker for worker in self.net.workers if worker is not awake]
        for worker in others:
            worker.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in others:
                worker.signal(signal.SIGCONT)

    def follow(self, run: Run) -> Story:
        """To its end, a line per change."""
        with self.view.watching():
            for story in run.watch(timeout=PATIENCE):
                self.view.show(story, [])
        return run.story()

    # -------------------------------------------------------------------------------------------------- what is noted

    def look(self) -> Page:
        """Every balance at the latest block, checked."""
        page = self.book.look()
        self.checks += checks_of(self.book, page)
        return page

    def end(self, run: Run, how: str) -> Story:
        """Note where a job's money went; a closer gets the bounty where nobody was paid."""
        story = run.story()
        escrowed = self.contracts.board.escrow_for(story.terms)
        bounty = 0 if story.paid else story.bounty_paid
        self.jobs.append(Ended(run.hex, how, escrowed, story.paid, story.fee, bounty, story.returned))
        self.checks += checks_of_job(self.jobs[-1])
        return story

    def name(self, address: str) -> str:
        return self.names.get(address, address)

    def usd(self, units: int) -> Amount:
        return Amount(units, self.usdc)

    def title(self, text: str) -> None:
        """Of a part."""
        self.console.print()
        self.console.print(text, style="bold")

    def say(self, *lines: str) -> None:
        for line in lines:
            self.view.say(line)

    def demand(self, held: bool, sentence: str) -> None:
        """Note `sentence` unless it held; the story goes on, and fails at its end."""
        if not held:
            self.wrong.append(sentence)

    def wait_for(self, what: Callable[[], Any], why: str) -> Any:
        """Its first answer that is true. Raises DemoFailed when it takes too long."""
        give_up = time.monotonic() + PATIENCE
        while not (found := what()):
            if time.monotonic() > give_up:
                raise DemoFailed(f"waited {PATIENCE} s for {why}; see the logs in {self.net.folder / 'logs'}")
            time.sleep(0.1)
        return found

    def numbers_of(self, workers: Iterable[str]) -> str:
        """Their names in order, each once."""
        return ", ".join(sorted({self.name(worker) for worker in workers}))

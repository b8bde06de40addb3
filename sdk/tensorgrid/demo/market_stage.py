"""The people of the story about the market, and the pages of the books."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace

from rich.console import Console

from tensorgrid.demo import Options, offering
from tensorgrid.demo.audit import Ended, checks_of_job
from tensorgrid.demo.stage import BobsStage
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


class MarketStage(BobsStage):
    """One of the workers makes up answers of batches."""

    patience = PATIENCE

    def __init__(self, net: Devnet, console: Console, options: Options) -> None:
        super().__init__(net, console, options, lambda one: (f"worker {one.number}", f"provider {one.number}"))
        self.faker = net.workers[FAKER]

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

    def say(self, *lines: str) -> None:
        for line in lines:
            self.view.say(line)

    def numbers_of(self, workers: Iterable[str]) -> str:
        """Their names in order, each once."""
        return ", ".join(sorted({self.name(worker) for worker in workers}))

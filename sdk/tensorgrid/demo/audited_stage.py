"""The people of the story about audits, and the pages of the books."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from tensorgrid.chain.events import Slashed
from tensorgrid.demo import DemoFailed, Options, audited_digits, digits, truth
from tensorgrid.demo.audit import Ended, Slash, checks_of_job
from tensorgrid.demo.book import ACTIVE, EXITING, UNUSED, Page
from tensorgrid.demo.stage import BobsStage
from tensorgrid.devnet import Devnet, WorkerProcess
from tensorgrid.domain.audits import ClaimState
from tensorgrid.domain.jobs import JobState
from tensorgrid.parameters import NetworkParameters
from tensorgrid.runs.audit_story import AuditStory
from tensorgrid.runs.run import Run
from tensorgrid.runs.story import Story

HONEST = 3
"""Workers: one trains, two look at it, and whoever is left looks again."""
STEPS, EVERY = 300, 3
WORK: dict[str, Any] = {
    "verify": "audit",
    "budget": "20 USDC",
    "steps": STEPS,
    "checkpoint_every": EVERY,
    "wall": "60s",
    "memory": "1GiB",
    "output": "1MiB",
    "keep_bytes": "64MiB",
}


def quick() -> NetworkParameters:
    """The devnet's, with shorter clocks for taking seats."""
    shipped = NetworkParameters.load("devnet")
    assert shipped.audit is not None, "the devnet sells audits"
    clocks, audit = replace(shipped.clocks, take=8, extra_take=8), replace(shipped.audit, take=8, respond=12)
    return replace(shipped, clocks=clocks, audit=audit)


def _only_time_passes(audit: AuditStory) -> bool:
    """Auditors doubt something, all of them have spoken, and the worker has answered everything."""
    spoken = all(number in audit.answers for number in audit.seated)
    return spoken and bool(audit.doubts) and all(doubt.state is ClaimState.DIFFERS for doubt in audit.doubts)


class AuditedStage(BobsStage):
    """Bob buys trainings; the faker sleeps until `buy_from_faker`."""

    def __init__(self, net: Devnet, console: Console, options: Options) -> None:
        self.honest, self.faker = net.workers[:HONEST], net.workers[HONEST]
        for worker in net.workers:
            worker.start()
        for worker in net.workers:
            worker.await_ready()
        self.faker.signal(signal.SIGSTOP)
        net.resume_mining()
        self.data = digits.load_digits(options.seed or 0)
        super().__init__(net, console, options, self._called)
        if self.contracts.audit is None:
            raise DemoFailed("this devnet sells no audits")

    def _called(self, worker: WorkerProcess) -> tuple[str, str]:
        name = "faker" if worker is self.faker else f"worker {worker.number}"
        return name, f"{name}'s provider"

    # ------------------------------------------------------------------------------------------------- what people do

    def buy(self) -> Run:
        """The same training every time."""
        arguments = {"images": self.data.images, "labels": self.data.labels, "steps": STEPS}
        return self.bob.submit(audited_digits.train, arguments, **WORK)

    def buy_from_faker(self) -> Run:
        """The honest ones sleep until he has the seat, or the story might have to be told twice."""
        self.faker.signal(signal.SIGCONT)
        for worker in self.honest:
            worker.signal(signal.SIGSTOP)
        try:
            run = self.buy()
            self.wait_for(lambda: run.story().in_order, "the faker to take the job")
        finally:
            for worker in self.honest:
                worker.signal(signal.SIGCONT)
        return run

    def follow(self, run: Run, keep: Path | None = None) -> Story:
        """To its end. `keep`: where a copy of what the faker has of it goes, while he still has it."""
        scratch = self.faker.config.parent / "scratch" / run.id.hex()
        skipped = 0
        with self.view.watching():
            for story in run.watch(timeout=self.patience):
                self.view.show(story, [])
                if story.audit is not None and _only_time_passes(story.audit) and len(story.audit.doubts) > skipped:
                    skipped = len(story.audit.doubts)
                    self._skip(story.audit.plan.answer_time)
                begun = story.audit is not None and story.audit.opening is not None
                if keep is not None and begun and not keep.exists() and story.state is JobState.COMMITTED:
                    truth.keep(scratch, keep)
        return run.story()

    def _skip(self, seconds: int) -> None:
        """He has shown what he has, and no bond lets him contest: until then everybody would only wait."""
        self.view.say(f"He has {seconds} s to contest it, and no bond for that: the chain's clock is set forward.")
        self.net.advance(seconds + 1)

    # -------------------------------------------------------------------------------------------------- what is noted

    def end(self, run: Run, how: str) -> Page:
        """Note where a job's money went; returns the books after it. Somebody was paid, so that nobody got a bounty."""
        story = run.story()
        escrowed = self.contracts.board.escrow_for(story.terms)
        self.jobs.append(Ended(run.hex, how, escrowed, story.paid, story.fee, 0, story.returned))
        self.checks += checks_of_job(self.jobs[-1])
        return self.look()

    def slashed(self, before: Page, after: Page) -> Slash:
        """What the faker lost between two looks, and where the vault says it went."""
        told = [event for event in self.book.vault_events(after.block) if event.log.block > before.block]
        events = [event for event in told if isinstance(event, Slashed)]
        places, name = (UNUSED, ACTIVE, EXITING), "faker's provider"
        lost = sum(before.of(name, place, self.tgs) - after.of(name, place, self.tgs) for place in places)
        return Slash(lost, sum(event.burned for event in events), sum(event.finder_share for event in events))

    def accuracy(self, model: Any) -> float:
        """On digits that no worker has seen."""
        return audited_digits.accuracy_of(model, self.data.held_out_images, self.data.held_out_labels)

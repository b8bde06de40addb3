"""What the stories about audits and about the market have in common: Bob, everybody's books, and what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from tensorgrid.client import Client
from tensorgrid.demo import DemoFailed, Options
from tensorgrid.demo.audit import Check, Ended, checks_of
from tensorgrid.demo.book import Book, Page
from tensorgrid.demo.live import View
from tensorgrid.devnet import Devnet, WorkerProcess

Called = Callable[[WorkerProcess], tuple[str, str]]
"""A worker's name in the story, and his provider's."""


class BobsStage:
    """Bob buys from the devnet's workers. `checks`, `jobs`, `wrong`: what was found on the way; `first`: the books
    before it."""

    patience = 120
    """Seconds that anything may take before the story is given up."""

    def __init__(self, net: Devnet, console: Console, options: Options, called: Called) -> None:
        self.net, self.console = net, console
        self.bob = Client(net.network_file)
        self.contracts = self.bob.contracts
        self.usdc, self.tgs = self.bob.token("USDC"), net.stake_token
        self.book = self._book(called)
        self.names = {address: name for name, address in self.book.parties.items()}
        self.view = View(console, self.names, live=options.live)
        self.checks: list[Check] = []
        self.jobs: list[Ended] = []
        self.wrong: list[str] = []
        self.first = self.look()

    def _book(self, called: Called) -> Book:
        parties: dict[str, str] = {"Bob": self.bob.account.address}
        stakes: dict[str, tuple[str, str]] = {}
        for worker in self.net.workers:
            name, provider = called(worker)
            parties |= {provider: worker.provider.address, name: worker.address}
            stakes[provider] = (worker.provider.address, worker.address)
        return Book(self.contracts, parties, stakes, self.usdc, self.tgs)

    def look(self) -> Page:
        """Every balance at the latest block, checked."""
        page = self.book.look()
        self.checks += checks_of(self.book, page)
        return page

    def title(self, text: str) -> None:
        """Of a part."""
        self.console.print()
        self.console.print(text, style="bold")

    def demand(self, held: bool, sentence: str) -> None:
        """Note `sentence` unless it held; the story goes on, and fails at its end."""
        if not held:
            self.wrong.append(sentence)

    def wait_for(self, what: Callable[[], Any], why: str) -> Any:
        """Its first answer that is true. Raises DemoFailed when it takes too long."""
        give_up = time.monotonic() + self.patience
        while not (found := what()):
            if time.monotonic() > give_up:
                raise DemoFailed(f"waited {self.patience} s for {why}; see the logs in {self.net.folder / 'logs'}")
            time.sleep(0.05)
        return found

"""The people of the story about money, what they do more than once, and the pages on which their money is written."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from tensorgrid.chain.permits import permit_message
from tensorgrid.chain.plugins import Acceptance
from tensorgrid.chain.signing import sign
from tensorgrid.client import Client
from tensorgrid.demo import DemoFailed, Options, offering
from tensorgrid.demo.audit import Check, Ended, change, checks_of
from tensorgrid.demo.book import FREE, Book, Page
from tensorgrid.demo.live import View
from tensorgrid.demo.primes import primes
from tensorgrid.demo.statement import print_moves
from tensorgrid.devnet import Devnet, WorkerProcess
from tensorgrid.devnet.accounts import Keyring
from tensorgrid.devnet.jurors import Jurors
from tensorgrid.domain.money import Amount
from tensorgrid.runs.run import Run

BELOW = 100
WORK: dict[str, Any] = {"wall": "30s", "memory": "512MiB", "output": "1MiB", "verify": "accept"}
BUDGET, ASKED = "1 USDC", "0.60 USDC"
PATIENCE = 120
"""Seconds that anything may take before the story is given up."""


class Stage:
    """Alice: no coin. Bob: the devnet's requester. The relayer posts, deposits and closes for others.

    `pages`: the balances that were shown; `checks`, `jobs`, `wrong`: what was found on the way.
    """

    def __init__(self, net: Devnet, console: Console, options: Options) -> None:
        self.net = net
        self.console = console
        self.honest, self.liar = net.workers
        keys = Keyring(options.seed)
        self.bob = Client(net.network_file)
        self.alice = Client(net.network_file, account=keys.account("alice"), identity=keys.identity("alice"))
        self.relayer = Client(net.network_file, account=keys.account("relayer"), identity=keys.identity("relayer"))
        self.contracts = self.bob.contracts
        self.usdc, self.tgs = self.bob.token("USDC"), net.stake_token
        if self.contracts.acceptance is None:
            raise DemoFailed("this devnet has no accept tier")
        self.acceptance: Acceptance = self.contracts.acceptance
        with net.paused():
            self.jurors = Jurors(net, [keys.account(f"juror-{number}") for number in range(1, 6)])
        net.give(self.relayer.account.address, self.usdc, self.usdc_of("10 USDC").units)
        jurors = {f"juror {number}": account.address for number, account in enumerate(self.jurors.accounts, 1)}
        self.book = Book(self.contracts, self._parties(), self._stakes(), self.usdc, self.tgs, jurors)
        names = {address: name for name, address in self.book.parties.items()}
        self.view = View(console, names, live=options.live)
        self.pages: list[Page] = []
        self.checks: list[Check] = []
        self.jobs: list[Ended] = []
        self.looks = 0
        self.wrong: list[str] = []

    # ------------------------------------------------------------------------------------------------- what people do

    def sponsor(self, amount: Amount) -> None:
        """The relayer, to whom Alice has given cash, deposits in her name: a signed allowance, one transaction."""
        token, escrow, key = self.contracts.token(self.usdc.address), self.contracts.escrow, self.relayer.account
        deadline = self.net.connection.now() + 600
        message = permit_message(token, key.address, escrow.address, amount.units, deadline)
        signature = sign(key, message).to_bytes()
        self.relayer.sender.transact(
            escrow.deposit_with_permit(
                self.contracts.board.address,
                amount.token.address,
                self.alice.account.address,
                amount.units,
                deadline=deadline,
                v=signature[64],
                r=signature[:32],
                s=signature[32:64],
            )
        )
        self.view.say(f"The relayer deposits {amount} in Alice's name, with a permit (EIP-2612): one transaction.")

    def offer_of(self, worker: WorkerProcess) -> str:
        return offering.offer_of(worker, ASKED, PATIENCE)

    # -------------------------------------------------------------------------------------------------- what is noted

    def _parties(self) -> dict[str, str]:
        return {
            "Alice": self.alice.account.address,
            "Bob": self.bob.account.address,
            "relayer": self.relayer.account.address,
            "provider 1": self.honest.provider.address,
            "worker 1": self.honest.address,
            "provider 2": self.liar.provider.address,
            "worker 2": self.liar.address,
            "jury": self.jurors.jury.address,
        }

    def _stakes(self) -> dict[str, tuple[str, str]]:
        return {f"provider {w.number}": (w.provider.address, w.address) for w in self.net.workers}

    def buy(self, **options: Any) -> Run:
        """Bob's: the same work every time."""
        return self.bob.submit(primes, {"below": BELOW}, budget=BUDGET, **WORK, **options)

    def usdc_of(self, text: str) -> Amount:
        """Such as "5 USDC"."""
        return Amount.parse(text, [self.usdc])

    def alices_coin(self) -> int:
        """Wei; she never has any."""
        return self.net.connection.balance(self.alice.account.address)

    def title(self, text: str) -> None:
        """Of a step."""
        self.console.print()
        self.console.print(text, style="bold")

    def turn(self) -> tuple[Page, Page]:
        """A new page: what moved since the last one is printed, and what must always hold is checked."""
        page = self.look()
        if self.pages:
            print_moves(self.console, self.book, self.pages[-1], page)
        self.pages.append(page)
        return self.pages[-2] if len(self.pages) > 1 else page, page

    def look(self) -> Page:
        """A page that is checked and not shown."""
        page = self.book.look()
        self.looks += 1
        self.checks += checks_of(self.book, page)
        return page

    def end(self, run: Run, how: str, before: Page, after: Page) -> None:
        """Note how a job ended; the bounty is what the relayer's balance tells, who closes what pays nobody."""
        story = run.story()
        bounty = 0 if story.paid else change(self.book, before, after, "relayer", FREE).units
        escrowed = self.contracts.board.escrow_for(story.terms)
        parts = (escrowed, story.paid, story.fee, bounty, story.returned)
        self.jobs.append(Ended(run.hex, how, *parts, relay_fee=story.relay_fee))

    def demand(self, held: bool, sentence: str) -> None:
        """Note `sentence` unless it held; the story goes on, and fails at its end."""
        if not held:
            self.wrong.append(sentence)

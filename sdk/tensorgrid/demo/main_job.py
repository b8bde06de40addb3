"""The main story: a real training run on five workers of which one lies, told through the public SDK."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.demo import DemoFailed, Options, digits
from tensorgrid.demo.ledger import BURN, BURNED, VAULT, Ledger
from tensorgrid.demo.live import View
from tensorgrid.demo.report import Numbers, print_balances, print_steps, print_workers
from tensorgrid.demo.survivors import processes_naming
from tensorgrid.demo.transactions import transactions_between
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.domain.errors import ToolMissing
from tensorgrid.domain.jobs import Fault
from tensorgrid.domain.money import Amount
from tensorgrid.provider import withdraw_pay
from tensorgrid.runs.outcome import Result
from tensorgrid.runs.run import Run
from tensorgrid.runs.story import SeatStory, Story
from tensorgrid.text import short_id

WORKERS = 5
LIAR_STAKE = 20
"""Times the stake of each other worker, so that the lottery almost surely draws the liar."""
MOST_JOBS = 5
LEAST_ACCURACY = 0.95
EPOCHS = 20
OPENING = f"""\
A requester buys a PyTorch training from strangers: a chain, its contracts and {WORKERS} workers start on this
machine. Three run the same job; worker {WORKERS} lies about its result. Watch who is paid, and who loses his stake.
"""


def run(options: Options) -> None:
    """Run it, print it, write the numbers. Raises DemoFailed with a sentence for each promise that did not hold."""
    started = time.monotonic()
    console = Console(highlight=False, markup=False, quiet=options.quiet)
    if not console.is_terminal:
        console.width = 110  # a file has no width of its own
    if importlib.util.find_spec("torch") is None:
        raise ToolMissing("the demo trains with torch: pip install 'tensorgrid[devnet,worker]'")
    data = digits.load_digits(options.seed or 0)
    console.print(OPENING)
    with tempfile.TemporaryDirectory(prefix="tensorgrid-demo-") as folder:
        liar = WorkerHook(module="tensorgrid.demo.liar", stake=LIAR_STAKE)
        with Devnet(
            Path(folder),
            workers=WORKERS,
            seed=options.seed,
            hooks={WORKERS - 1: liar},
            hold=options.seed is not None,
            listen=console.print,
        ) as net:
            numbers, broken = _Tale(net, data, console, options).tell()
        left = processes_naming(folder)
    if left:
        broken.append(f"processes were left behind: {left}")
    numbers = replace(numbers, seconds=round(time.monotonic() - started, 1))
    numbers.write(options.report)
    console.print(f"{numbers.seconds} s; numbers in {options.report}")
    if broken:
        raise DemoFailed("; ".join(broken))


@dataclass(frozen=True, slots=True)
class _Ended:
    """The job that the story is about: the first one that drew the liar."""

    run: Run
    story: Story
    result: Result
    accuracy: float


class _Tale:
    def __init__(self, net: Devnet, data: digits.Digits, console: Console, options: Options) -> None:
        self.net = net
        self.data = data
        self.console = console
        self.client = Client(net.network_file)
        self.contracts = self.client.contracts
        self.liar = net.workers[-1]
        self.names = {net.requester.address: "requester", net.deployer.address: "deployer", BURN: "burned"}
        for number, worker in enumerate(net.workers, 1):
            called = f"worker {number}" + (" (liar)" if worker is self.liar else "")
            self.names[worker.address] = called
            self.names[worker.provider.address] = called.replace("worker", "provider")
        self.view = View(console, self.names, live=options.live)

    def tell(self) -> tuple[Numbers, list[str]]:
        """The whole story. Returns its numbers and what did not hold."""
        tokens = (*self.client.tokens, self.net.stake_token)
        ledger = Ledger(self.contracts, {self.names[a]: a for a in self._accounts()}, tokens)
        before, scores = ledger.look(), self._scores()
        if self.net.sandbox == "none":
            self.view.say("no bubblewrap here: jobs run in plain child processes with limits; install bubblewrap")
        first = self.client.connection.latest().number + 1
        ended = self._until_the_liar_is_drawn()
        with self.net.paused():  # mined as they come: nothing here depends on time
            self._collect(ended.run)
        after, last = ledger.look(), self.client.connection.latest().number
        sent = transactions_between(self.contracts, 0, last)
        print_steps(self.console, sent, self.names, posted_block=first)
        print_balances(self.console, ledger, before, after, self._reasons(ended.story))
        print_workers(self.console, self._rows(ended.story, scores))
        numbers = Numbers(
            accuracy=ended.accuracy,
            balance_sum=sum(abs(units) for units in ledger.sums(before, after).values()),
            paid=sum(bool(seat.pay) for seat in ended.story.in_order),
            slashed=sum(seat.fault is Fault.SLASHED for seat in ended.story.in_order),
            worker_pids=[worker.pid for worker in self.net.workers],
            sandbox=self.net.sandbox,
            transactions=len(sent),
            seconds=0.0,
        )
        return numbers, self._broken(ended, numbers)

    def _accounts(self) -> list[str]:
        people = [self.net.requester.address, self.net.deployer.address]
        return people + [a for worker in self.net.workers for a in (worker.provider.address, worker.address)]

    def _scores(self) -> dict[str, int]:
        board = self.contracts.board.address
        return {w.address: self.contracts.reputation.points_of(board, w.address) for w in self.net.workers}

    # ---------------------------------------------------------------------------------------------------------- the job

    def _until_the_liar_is_drawn(self) -> _Ended:
        for number in range(1, MOST_JOBS + 1):
            ended = self._one_job(number)
            if self.liar.address in ended.story.seats:
                return ended
            self.view.say("the lottery did not draw the liar this time; posting again")
        raise DemoFailed(f"{MOST_JOBS} jobs without the liar, who has {LIAR_STAKE} times the stake of the others")

    def _one_job(self, number: int) -> _Ended:
        data = self.data
        arguments: dict[str, Any] = {
            "images": data.images,
            "labels": data.labels,
            "epochs": EPOCHS,
            "validation": digits.VALIDATION,
        }
        self.view.say(f"job {number}: {self.client.estimate(digits.train, arguments)}")
        # a held chain mines what is sent and nothing else: with fixed keys the draw is the same every time
        run = self.client.submit(digits.train, arguments)
        self.net.resume_mining()
        self.view.say(f"posted as {short_id(run.id)}; {LIAR_STAKE} times the stake make the liar's draw almost sure")
        points = run.points()
        with self.view.watching():
            for story in run.watch(timeout=300):
                self.view.show(story, points.fresh(story))
        result = run.result()
        accuracy = digits.accuracy_of(result.as_torch(), data.held_out_images, data.held_out_labels)
        unseen = len(data.held_out_labels)
        self.view.say(
            f"{story.phase}; the copy of {self.names[result.provenance.worker]} was fetched by its CID, opened,"
        )
        self.view.say(f"and hashes to the root on chain; it names {accuracy:.2%} of {unseen} digits that no worker saw")
        return _Ended(run, story, result, accuracy)

    def _collect(self, run: Run) -> None:
        """Pull payments: each takes what is his, and what was burned really goes to the burn address."""
        for worker in self.net.workers:
            sender = Sender(self.client.connection, worker.provider)
            withdraw_pay(sender, self.contracts, run.terms.pay_token, worker.provider.address)
        for holding in self.client.holdings():
            if holding.free:
                self.client.withdraw(holding.free)
        board, token = self.contracts.board.address, run.terms.pay_token
        self.client.sender.transact(self.contracts.escrow.flush_burned(board, token))
        self.client.sender.transact(self.contracts.vault.flush_burned())

    # ------------------------------------------------------------------------------------------------------- the report

    def _reasons(self, story: Story) -> dict[tuple[str, str], str]:
        pay, stake = self.client.token(story.terms.pay_token).symbol, self.net.stake_token.symbol
        reasons = {
            ("requester", pay): f"{len(story.agreed)} seats and the fee; the rest came back",
            (BURNED, pay): "the fee",
            (VAULT, stake): "the liar's stake left it",
            (BURNED, stake): "the liar's stake",
        }
        for seat in story.in_order:
            name = self.names[seat.worker].replace("worker", "provider")
            reasons[name, pay] = f"{seat.phase} for seat {seat.number}"
        return reasons

    def _rows(self, story: Story, scores: dict[str, int]) -> list[tuple[str, SeatStory | None, str, str]]:
        rows: list[tuple[str, SeatStory | None, str, str]] = []
        now, pay = self._scores(), self.client.token(story.terms.pay_token)
        for worker in self.net.workers:
            seat = story.seats.get(worker.address)
            outcome = "-" if seat is None else seat.phase
            if seat is not None and seat.pay:
                outcome += f" {Amount(seat.pay, pay)}"
            if seat is not None and seat.slashed:
                outcome += f" {Amount(seat.slashed, self.net.stake_token)}"
            before, after = scores[worker.address], now[worker.address]
            rows.append((self.names[worker.address], seat, outcome, f"{before:,} -> {after:,}"))
        return rows

    def _broken(self, ended: _Ended, numbers: Numbers) -> list[str]:
        """A sentence for each promise that did not hold."""
        liar = ended.story.seats[self.liar.address]
        promises = [
            (ended.accuracy >= LEAST_ACCURACY, f"accuracy is {ended.accuracy:.2%}, below {LEAST_ACCURACY:.0%}"),
            (numbers.balance_sum == 0, f"the changes of balances sum to {numbers.balance_sum} units, not to zero"),
            (numbers.paid == WORKERS - 1, f"{numbers.paid} workers were paid, not {WORKERS - 1}"),
            (liar.fault is Fault.SLASHED and numbers.slashed == 1, "the liar, and he alone, was not slashed"),
            (ended.result.provenance.worker != self.liar.address, "the result is the liar's"),
            (len({worker.pid for worker in self.net.workers}) == WORKERS, "the workers are not separate processes"),
        ]
        return [sentence for held, sentence in promises if not held]

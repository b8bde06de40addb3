"""The story about money: who holds what at every step, told through the public SDK on a network of its own."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from tensorgrid.chain.events import Slashed
from tensorgrid.chain.jury import Decision
from tensorgrid.chain.send import Sender
from tensorgrid.demo import DemoFailed, Options
from tensorgrid.demo.audit import (
    Check,
    Slash,
    broken,
    change,
    checks_of_job,
    checks_of_slash,
    missing,
)
from tensorgrid.demo.book import ACTIVE, EXITING, FREE, UNUSED, Page
from tensorgrid.demo.money_stage import ASKED, BELOW, BUDGET, PATIENCE, WORK, Stage
from tensorgrid.demo.primes import primes
from tensorgrid.demo.statement import (
    MoneyNumbers,
    coin_text,
    print_balances,
    print_checks,
    print_jobs,
    print_missing,
)
from tensorgrid.demo.survivors import processes_naming
from tensorgrid.demo.transactions import transactions_between
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.domain.errors import ResultRejected
from tensorgrid.domain.jobs import Fault
from tensorgrid.domain.money import Amount
from tensorgrid.domain.refusals import ExitNotReady
from tensorgrid.provider import finish_exit, request_exit, withdraw_pay, withdraw_stake
from tensorgrid.runs.run import Run
from tensorgrid.text import short_id

RELAY_FEE = "0.02 USDC"
SPONSORED, PURSE = "1.50 USDC", "5 USDC"
WINDOW, LONG_WINDOW = "8s", "5m"
OPENING = """\
Where the money is: a chain, its contracts and two workers start on this machine. Alice buys work without
any coin for gas; Bob buys from a liar. After each step you see what moved, and at the end every balance.
"""
SETTLE_AT_ONCE = {"settle_patience_seconds": 0}


def run(options: Options) -> None:
    """Run it, print it, write the numbers. Raises DemoFailed with a sentence for each promise that did not hold."""
    started = time.monotonic()
    console = Console(highlight=False, markup=False, quiet=options.quiet)
    if not console.is_terminal:
        console.width = 110  # a file has no width of its own
    console.print(OPENING)
    with tempfile.TemporaryDirectory(prefix="tensorgrid-demo-") as folder:
        hooks = {
            0: WorkerHook(settings=SETTLE_AT_ONCE),
            1: WorkerHook(module="tensorgrid.demo.liar", settings=SETTLE_AT_ONCE),
        }
        with Devnet(Path(folder), workers=2, seed=options.seed, hooks=hooks, listen=console.print) as net:
            tale = _Tale(net, console, options)
            numbers = tale.tell()
        left = processes_naming(folder)
    numbers = replace(numbers, seconds=round(time.monotonic() - started, 1))
    numbers.write(options.report, tale.book, tale.pages[0], tale.pages[-1])
    console.print(f"{numbers.seconds} s; numbers in {options.report}")
    wrong = broken(numbers.checks) + tale.wrong
    if left:
        wrong.append(f"processes were left behind: {left}")
    if wrong:
        raise DemoFailed("; ".join(wrong))


class _Tale(Stage):
    """What happens on it, in order."""

    def tell(self) -> MoneyNumbers:
        """The whole story. Returns its numbers; what did not hold is in `checks` and `wrong`."""
        if self.net.sandbox == "none":
            self.view.say("no bubblewrap here: jobs run in plain child processes with limits; install bubblewrap")
        self.turn()
        run = self._posting_without_gas()
        self._silence_pays(run)
        self._refunds()
        bond, slash = self._slash()
        self._exit()
        self._home()
        return self._numbers(run, bond, slash)

    # --------------------------------------------------------------------------------------------------- 1: the posting

    def _posting_without_gas(self) -> Run:
        self.title("1. A posting without gas, matched with an offer in the same transaction")
        offer = self.offer_of(self.honest)
        self.view.say(f"worker 1 signs a standing offer: any job from {ASKED} up. Nothing is sent.")
        with self.net.paused():
            self.sponsor(self.usdc_of(SPONSORED))
        order = self.alice.order(
            primes,
            {"below": BELOW},
            budget=BUDGET,
            reject_within=WINDOW,
            relay_fee=RELAY_FEE,
            relayer=self.relayer.account.address,
            workers=[self.honest.address],
            **WORK,
        )
        ceiling = Amount(order.terms.price, self.usdc)
        self.view.say(
            f"Alice has {coin_text(self.alices_coin())} for gas. She signs an order (EIP-712): at most {ceiling} for"
        )
        self.view.say(f"the work, by worker 1 alone, and {RELAY_FEE} for the relayer.")
        run = self.relayer.relay(order.to_json(), offers=[offer], least_fee=RELAY_FEE)
        story = run.story()
        seat = story.in_order[0]
        self.demand(len(story.transactions) == 1 and seat.worker == self.honest.address, "the offer was not matched")
        self.view.say(f"The relayer posts it with the offer: one transaction, {short_id(story.transactions[0])}, and")
        self.view.say(f"worker 1 has the seat of job {short_id(run.id)} for {Amount(seat.price, self.usdc)}.")
        before, after = self.turn()
        fee = change(self.book, before, after, "relayer", FREE)
        self.demand(fee == self.usdc_of(RELAY_FEE), f"the relayer got {fee}")
        return run

    # ------------------------------------------------------------------------------------------------------- 2: the pay

    def _silence_pays(self, relayed: Run) -> None:
        self.title("2. Silence pays")
        run = self.alice.run(relayed.id)
        with self.view.watching():
            for story in run.watch(timeout=PATIENCE):
                self.view.show(story, [])
        found = run.result(kind="numpy")["primes"]
        self.demand(np.array_equal(found, primes(BELOW)["primes"]), f"the result is {found}")
        self.view.say(f"The result opens with Alice's key: {len(found)} primes below {BELOW}, the last is {found[-1]}.")
        try:
            self.relayer.run(run.id).result(kind="numpy")
            self.wrong.append("the result opens with another key")
        except ResultRejected:
            self.view.say("With the relayer's key it does not (ResultRejected).")
        story = run.story()
        surplus = Amount(story.terms.price - story.in_order[0].price, self.usdc)
        self.view.say(f"The offer lies {surplus} below the ceiling. That, the fee on it and the bounty, {run.refund}")
        self.view.say(f"in all, are Alice's again, who has {coin_text(self.alices_coin())} for gas as before.")
        before, after = self.turn()
        self.demand(story.closer == self.honest.address, "worker 1 did not close it himself")
        self.demand(self.alices_coin() == 0, "Alice has coin")
        self.end(run, "accepted in silence", before, after)

    # --------------------------------------------------------------------------------------------------- 3: the refunds

    def _refunds(self) -> None:
        self.title("3. Refunds")
        with self.net.paused():
            self.bob.deposit(PURSE, permit=True)
            self.view.say(f"Bob deposits {PURSE} with a permit (EIP-2612): one transaction.")
            cancelled = self.buy(reject_within=LONG_WINDOW)
            back = cancelled.cancel()
            self.view.say(f"Bob posts a job and cancels it before the draw is fixed: all {back} come back.")
            self.demand(back.units == cancelled.terms.escrow, f"of a cancelled job only {back} came back")
            middle = self.look()
            self.end(cancelled, "cancelled", middle, middle)
            much = self.contracts.parameters.values().min_stake * 1000
            lonely = self.buy(reject_within=LONG_WINDOW, stake=much)
            self.view.say(f"Bob posts a job that asks for {Amount(much, self.tgs)} of stake: nobody has that much.")
            self.net.advance(lonely.terms.take_by - self.net.connection.now() + 1)
            self.relayer.sender.transact(self.contracts.board.expire(lonely.terms, ()))
        after = self.look()
        bounty = change(self.book, middle, after, "relayer", FREE)
        self.view.say(
            f"The time to take it passes; the relayer closes it for its bounty, {bounty}: {lonely.refund} come back."
        )
        self.end(lonely, "not taken", middle, after)
        self.turn()

    # ----------------------------------------------------------------------------------------------------- 4: the slash

    def _slash(self) -> tuple[Amount, Slash]:
        self.title("4. A slash, of stake that is already on its way out")
        offer = self.offer_of(self.liar)
        run = self.buy(reject_within=LONG_WINDOW, offers=[offer])
        found: Any = run.delivery(timeout=PATIENCE, kind="numpy").get("primes")
        self.liar.kill()
        self.demand(not np.array_equal(found, primes(BELOW)["primes"]), "the liar told the truth")
        shown = "no primes" if found is None else f"{found[0]}, {found[1]}, {found[2]}, …"
        self.view.say(f"Bob buys the same from worker 2, matched with his offer. Delivered as primes: {shown}")
        with self.net.paused():
            bond = self._accuse(run)
            self.turn()
            before = self.look()
            self._decide(run)
            after = self.look()
            self.end(run, "rejected with cause", before, after)
            back = run.claim()
        self.demand(back == bond, f"of the bond of {bond} came back {back}")
        slash = self._slashed(before, after)
        seat = run.story().in_order[0]
        self.demand(seat.fault is Fault.SLASHED and seat.slashed == slash.lost, "worker 2 was not slashed")
        self.view.say(f"Slashed are {slash.lost:,} wei of TGS, out of the exit queue:")
        self.view.say(f"burned {slash.burned:,}, to the jury {slash.finder_share:,}, to Bob nothing.")
        bounty = Amount(self.jobs[-1].bounty, self.usdc)
        self.view.say(f"Bob's bond of {bond} is back; of his money only the bounty is gone, {bounty} to the relayer.")
        self.checks += checks_of_slash(slash)
        self.turn()
        return bond, slash

    def _accuse(self, run: Run) -> Amount:
        """The provider tries to get away, the requester rejects. Returns the bond."""
        staked = self.pages[-1].of("provider 2", ACTIVE, self.tgs)
        request_exit(Sender(self.net.connection, self.liar.provider), self.contracts, self.liar.address, staked)
        self.view.say(
            f"Provider 2 asks for all of his stake back, {Amount(staked, self.tgs)}; what is locked stays liable."
        )
        bond = run.reject()
        self.view.say(f"Bob rejects the work, with a bond of {bond}.")
        return bond

    def _decide(self, run: Run) -> None:
        """By five drawn jurors; then anybody settles, here the relayer."""
        jury, acceptance = self.jurors, self.acceptance.address
        self.view.say(
            "Five workers who have staked for the jury are drawn. Each commits to a vote before any is shown;"
        )
        self.view.say("here they vote what everybody can see, that the worker was wrong. Nobody appeals in time.")
        jury.decide(acceptance, run.id, [Decision.ACCUSED] * len(jury.accounts))
        story = run.story()
        self.relayer.sender.transact(self.contracts.board.settle(story.terms, story.held))
        jury.share_slash(acceptance, run.id)
        self.view.say("The relayer settles the job, and the jurors share what the slash leaves to them.")

    def _slashed(self, before: Page, after: Page) -> Slash:
        events = [event for event in self.book.vault_events(after.block) if isinstance(event, Slashed)]
        lost = sum(
            before.of("provider 2", place, self.tgs) - after.of("provider 2", place, self.tgs)
            for place in (UNUSED, ACTIVE, EXITING)
        )
        return Slash(lost, sum(event.burned for event in events), sum(event.finder_share for event in events))

    # ------------------------------------------------------------------------------------------------------ 5: the exit

    def _exit(self) -> None:
        self.title("5. The exit queue")
        vault, worker = self.contracts.vault, self.liar.address
        provider = Sender(self.net.connection, self.liar.provider)
        delay = vault.exit_delay()
        with self.net.paused():
            waiting = vault.exit_of(provider.address, worker, self.contracts.board.address)
            try:
                finish_exit(provider, self.contracts, worker)
                self.wrong.append("stake left before the exit delay was over")
            except ExitNotReady:
                early = waiting.ready_at - self.net.connection.now()
                self.view.say(f"Provider 2 wants the rest: refused (ExitNotReady), {early} of {delay} s are left.")
            self.net.advance(waiting.ready_at - self.net.connection.now())
            finish_exit(provider, self.contracts, worker)
            free = vault.free_of(provider.address, worker)
            withdraw_stake(provider, self.contracts, worker, free, provider.address)
        self.demand(free == waiting.amount, f"{free} of {waiting.amount} left the queue")
        self.view.say(f"The chain's time moves on. He finishes the exit and withdraws {Amount(free, self.tgs)}.")
        self.turn()

    # ------------------------------------------------------------------------------------------------------- 6: the end

    def _home(self) -> None:
        self.title("6. Everybody takes what is his; what was burned goes to 0x…dEaD")
        with self.net.paused():
            provider = Sender(self.net.connection, self.honest.provider)
            withdraw_pay(provider, self.contracts, self.usdc.address, provider.address)
            for client in (self.bob, self.relayer):
                (holding,) = (h for h in client.holdings() if h.free.token == self.usdc)
                client.withdraw(holding.free)
            escrow, board = self.contracts.escrow, self.contracts.board.address
            self.relayer.sender.transact(escrow.flush_burned(board, self.usdc.address))
            self.relayer.sender.transact(self.contracts.vault.flush_burned())
        self.view.say("Alice has no coin to withdraw with: what is hers stays free in the escrow, for her next order.")
        _, last = self.turn()
        print_balances(self.console, self.book, self.pages[0], last)
        self.checks += [check for ended in self.jobs for check in checks_of_job(ended)]
        print_jobs(self.console, self.book, self.jobs)
        print_checks(self.console, self._shown())
        wrong = len(broken(self.checks))
        self.view.say(
            f"Shown where the most was at stake; {len(self.checks)} checks at {self.looks} looks, {wrong} failed."
        )
        print_missing(self.console, self.book, last)

    def _shown(self) -> list[Check]:
        """Each promise once, E2 apart: where the most was at stake, or where it did not hold."""
        found: dict[tuple[str, str], Check] = {}
        for check in sorted(self.checks, key=lambda check: (not check.holds, check.right)):
            found[check.name, check.says] = check
        return sorted((c for c in found.values() if c.name != "E2"), key=lambda check: (check.name, check.says))

    def _numbers(self, relayed: Run, bond: Amount, slash: Slash) -> MoneyNumbers:
        story, last = relayed.story(), self.pages[-1]
        return MoneyNumbers(
            jobs=self.jobs,
            slash=slash,
            checks=self.checks,
            missing=missing(self.book, last),
            gasless_coin=last.coin["Alice"],
            relay_fee=story.relay_fee,
            surplus=story.terms.price - story.in_order[0].price,
            bond=bond.units,
            exit_delay=self.contracts.vault.exit_delay(),
            worker_pids=[worker.pid for worker in self.net.workers],
            sandbox=self.net.sandbox,
            transactions=len(transactions_between(self.contracts, 0, last.block)),
            seconds=0.0,
        )

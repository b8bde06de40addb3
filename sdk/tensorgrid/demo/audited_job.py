"""The story about audits: an honest training that two auditors look into, and one whose worker stopped working."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from tensorgrid.demo import DemoFailed, Options, truth
from tensorgrid.demo.audit import broken, checks_of_slash, missing
from tensorgrid.demo.audited_stage import EVERY, HONEST, STEPS, AuditedStage, quick
from tensorgrid.demo.ending import finish
from tensorgrid.demo.report import table_of
from tensorgrid.demo.statement import print_balances, print_jobs, print_missing
from tensorgrid.demo.survivors import processes_naming
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.domain.errors import AuditFailed, ToolMissing
from tensorgrid.domain.jobs import Fault, job_seed
from tensorgrid.domain.traces import prove, proven
from tensorgrid.runs.run import Run
from tensorgrid.text import short_id

LEAST_ACCURACY = 0.9
MOST_TRIES = 3
"""Jobs that the faker gets: one whose made-up segments nobody draws goes well for him."""
OPENING = f"""\
One worker trains, others look into it: a chain, its contracts and {HONEST + 1} workers start on this machine. Bob buys
the same training twice, {STEPS} steps in {STEPS // EVERY} segments: from an honest worker, and from one who stops
working and makes up the rest.
"""


def run(options: Options) -> None:
    """Run it, print it, write the numbers. Raises DemoFailed with a sentence for each promise that did not hold."""
    began = time.monotonic()
    console = Console(highlight=False, markup=False, quiet=options.quiet)
    if not console.is_terminal:
        console.width = 110  # a file has no width of its own
    if importlib.util.find_spec("torch") is None:
        raise ToolMissing("the demo trains with torch: pip install 'tensorgrid[devnet,worker]'")
    console.print(OPENING)
    with tempfile.TemporaryDirectory(prefix="tensorgrid-demo-") as folder:
        with Devnet(
            Path(folder),
            workers=HONEST + 1,
            seed=options.seed,
            parameters=quick(),
            hooks={HONEST: WorkerHook(module="tensorgrid.demo.idler")},
            start_workers=False,
            hold=True,
            listen=console.print,
        ) as net:
            tale = _Tale(net, console, options)
            numbers = tale.tell()
        left = processes_naming(folder)
    finish(console, options.report, numbers, began=began, wrong=broken(tale.checks) + tale.wrong, left=left)


class _Tale(AuditedStage):
    """What happens on the stage, in order."""

    def tell(self) -> dict[str, Any]:
        """The whole story. Returns the content of build/demo-audit.json."""
        if self.net.sandbox == "none":
            self.view.say("no bubblewrap here: jobs run in plain child processes with limits; install bubblewrap")
        honest = self._honest()
        faked = self._faked()
        last = self.look()
        self.console.print()
        print_balances(self.console, self.book, self.first, last)
        print_jobs(self.console, self.book, self.jobs)
        lost = missing(self.book, last)
        self.demand(not any(lost.values()), f"units are missing: {lost}")
        print_missing(self.console, self.book, last)
        return {
            "scenario": "audit",
            "segments": STEPS // EVERY,
            "honest": honest,
            "faked": faked,
            "jobs": [asdict(job) for job in self.jobs],
            "balance_sum": sum(abs(units) for units in lost.values()),
            "checks": len(self.checks),
            "broken": len(broken(self.checks)),
            "sandbox": self.net.sandbox,
            "worker_pids": [worker.pid for worker in self.net.workers],
        }

    # ---------------------------------------------------------------------------------------------------- 1: the honest

    def _honest(self) -> dict[str, Any]:
        self.title("1. An honest training")
        run = self.buy()
        story = self.follow(run)
        self._print_audit(run)
        report, accuracy = run.audit(), self.accuracy(run.result())
        self.demand(report.clean is True, "the honest worker was not found right")
        self.demand(all(seat.said == "confirmed" for seat in report.seats), "an auditor did not confirm")
        self.demand(all(seat.pay for seat in story.in_order), "somebody was not paid")
        self.demand(not any(seat.slashed for seat in story.in_order), "somebody lost stake")
        self.demand(accuracy >= LEAST_ACCURACY, f"the model names only {accuracy:.1%} of the digits it has not seen")
        self.view.say(
            f"All are paid. The model names {accuracy:.1%} of {len(self.data.held_out_labels)} unseen digits."
        )
        self.end(run, "honest")
        return {"accuracy": accuracy, "worker": self.names[report.worker or ""], **self._told(run)}

    # ----------------------------------------------------------------------------------------------------- 2: the faker

    def _faked(self) -> dict[str, Any]:
        self.title("2. The same training by a worker who stops working and makes up the rest")
        for tried in range(1, MOST_TRIES + 1):
            before, kept = self.look(), self.net.folder / f"faker-{tried}"
            run = self.buy_from_faker()
            worker = self.follow(run, kept).in_order[0]
            self._print_audit(run)
            if worker.fault is Fault.SLASHED:
                return {"tried": tried, **self._caught(run, before, kept)}
            self.end(run, "faked, not found")
            self.view.say("Nobody drew enough of what he made up: he got away with this one. Bob buys again.")
        raise DemoFailed(f"the faker was not caught in {MOST_TRIES} jobs; that is possible, and hardly ever happens")

    def _caught(self, run: Run, before: Any, kept: Path) -> dict[str, Any]:
        story, after = run.story(), self.end(run, "faked")
        try:
            run.result()
            self.wrong.append("the faked model was handed to Bob")
        except AuditFailed as error:
            self.view.say(f"Bob asks for the model: AuditFailed, {error}.")
        worker = story.in_order[0]
        self.demand(worker.worker == self.faker.address, "somebody else than the faker was slashed")
        self.demand(not worker.pay, "the faker was paid")
        self.demand(all(not seat.slashed for seat in story.in_order[1:]), "an auditor lost stake")
        self.demand(all(seat.pay for seat in story.in_order[1:]), "an auditor was not paid")
        slash = self.slashed(before, after)
        self.checks += checks_of_slash(slash)
        lost = self.book.amount(slash.lost, self.tgs.symbol)
        self.view.say(f"Slashed is {self.names[worker.worker]} ({worker.worker}): {lost}, half of it burned.")
        return {"slash": {name: str(units) for name, units in asdict(slash).items()}, **self._told(run)} | {
            "departure": self._departure(run, kept)
        }

    def _departure(self, run: Run, kept: Path) -> dict[str, Any] | None:
        """Where he left the truth: his own trace, which the chain's root vouches for, beside one made here."""
        story, report = run.story(), run.audit()
        audit = story.audit
        seed = self._seed(run)
        said = truth.said_in(kept, seed) if kept.exists() and seed is not None else None
        if seed is None or said is None or said.root() != report.trace_root or audit is None:
            self.view.say("His trace is not to be had: where he left the truth is not known, only where he was caught.")
            return None
        true = truth.done_here(kept, seed, STEPS)
        found = None if true is None else truth.departure(said, true)
        if true is None or found is None:
            self.wrong.append("this machine finds no segment in which the faker differs")
            return None
        link = said.segments[found.segment - 1].link
        under = proven(said.root(), report.done, found.segment, link, prove(said.links, found.segment))
        self.demand(under, "the segment is not under the root on the chain")
        doubts = [doubt for doubt in audit.doubts if doubt.index]
        early = [doubt.index for doubt in doubts if doubt.index < found.segment]
        self.demand(not early, f"an auditor accused true segments: {early}")
        same = [doubt.index for doubt in doubts if doubt.mine == said.segments[doubt.index - 1].state]
        self.demand(not same, f"an auditor accused segments that end as he found: {same}")
        self._say_where(found, run)
        step = None if found.stood_at is None else found.stood_at + 1
        self.demand(step is not None, "the step where he left the truth cannot be told")
        return {
            "who": self.names[report.worker or ""],
            "segment": found.segment,
            "step": step,
            "said": "0x" + found.said.hex(),
            "true": "0x" + found.true.hex(),
        }

    def _say_where(self, found: truth.Departure, run: Run) -> None:
        name, number, say = self.names[run.audit().worker or ""], found.segment, self.view.say
        say(f"Bob does the training himself, step by step, and lays it beside the trace of {name}.")
        first, last = (number - 1) * EVERY + 1, number * EVERY
        say(f"Up to segment {number - 1} it is true. Segment {number}, steps {first} to {last},")
        say(f"ends in {short_id(found.said)} there, and in {short_id(found.true)} where it is done.")
        if found.stood_at is not None:
            say(f"{name} left the truth at step {found.stood_at + 1}: model and optimiser that he says come after step")
            say(f"{last} are, hash for hash, those after step {found.stood_at}.")

    def _seed(self, run: Run) -> bytes | None:
        value = self.bob.contracts.beacon.value_of(run.story().round)
        return job_seed(run.id, value) if any(value) else None

    # -------------------------------------------------------------------------------------------------- what is shown

    def _told(self, run: Run) -> dict[str, Any]:
        report = run.audit()
        return {
            "drawn": list(report.drawn),
            "auditors": [
                {
                    "who": self.names[seat.auditor],
                    "purpose": seat.purpose,
                    "segments": list(seat.segments),
                    "said": seat.said,
                    "doubts": list(seat.doubts),
                    "pay": None if seat.pay is None else str(seat.pay.units),
                }
                for seat in report.seats
            ],
        }

    def _print_audit(self, run: Run) -> None:
        report = run.audit()
        title = f"{self.names[report.worker or '']} trained {report.done} segments; drawn afterwards:"
        shown = table_of(title, "auditor", "for", "segments", "says", "paid")
        for seat in report.seats:
            segments = ", ".join(map(str, seat.segments))
            shown.add_row(self.names[seat.auditor], seat.purpose, segments, seat.said, str(seat.pay or ""))
        self.console.print(shown)
        for seat in report.seats:
            for doubt in seat.doubts:
                self.view.say(f"{self.names[seat.auditor]} on {doubt}")

"""The story about crashes: workers die, blocks are taken back, a node is away, a job tries to get out; no wei lost."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eth_account import Account
from rich.console import Console

from tensorgrid.chain.events import Event, JobTaken
from tensorgrid.demo import Options
from tensorgrid.demo.audit import broken, missing
from tensorgrid.demo.crash_stage import WORK, CrashStage
from tensorgrid.demo.crash_work import escape, patient_primes
from tensorgrid.demo.ending import finish
from tensorgrid.demo.statement import print_balances, print_jobs, print_missing
from tensorgrid.demo.survivors import processes_naming
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.runs.run import Run

BELOW, THINKING = 50, 4
OUTAGE_SECONDS = 4.0
STAGES = ("run.started", "run.ended", "tx.sent:commit", "tx.sent:reveal")
"""After which worker 1 dies; the run that it has lost is done again."""
OPENING = """\
What a worker survives: a chain, its contracts and three workers start on this machine. They are killed with
kill -9, the chain takes back its newest blocks, a node goes away, and a job tries to get out. At the end
every balance.
"""
RESEND = {"resend_seconds": 3}


def run(options: Options) -> None:
    """Run it, print it, write the numbers. Raises DemoFailed with a sentence for each promise that did not hold."""
    began = time.monotonic()
    console = Console(highlight=False, markup=False, quiet=options.quiet)
    if not console.is_terminal:
        console.width = 110  # a file has no width of its own
    console.print(OPENING)
    with tempfile.TemporaryDirectory(prefix="tensorgrid-demo-") as folder:
        hooks = {index: WorkerHook(settings=RESEND) for index in range(3)}
        with Devnet(
            Path(folder),
            workers=3,
            seed=options.seed,
            hooks=hooks,
            start_workers=False,
            hold=True,
            listen=console.print,
        ) as net:
            tale = _Tale(net, console, options)
            try:
                numbers = tale.tell()
            finally:
                tale.close()
        left = processes_naming(folder)
    finish(console, options.report, numbers, began=began, wrong=broken(tale.checks) + tale.wrong, left=left)


class _Tale(CrashStage):
    """What happens on the stage, in order."""

    def tell(self) -> dict[str, Any]:
        """The whole story. Returns the content of build/demo-crash.json."""
        self._kills()
        taken_back = self._reorganisation()
        escapes = self._escape()
        last = self.look()
        self.console.print()
        print_balances(self.console, self.book, self.first, last)
        print_jobs(self.console, self.book, self.jobs)
        lost, repeated = missing(self.book, last), self.repeated()
        self.demand(not any(lost.values()), f"units are missing: {lost}")
        self.demand(repeated == 0, f"{repeated} steps were sent twice")
        print_missing(self.console, self.book, last)
        return {
            "scenario": "crash",
            "kills": len(self.recoveries),
            "recoveries_s": self.recoveries,
            "blocks_taken_back": taken_back,
            "outage_s": OUTAGE_SECONDS,
            "sandbox": self.net.sandbox,
            "escapes": escapes,
            "escaped": sum(end == "got out" for end in escapes.values()),
            "jobs": [asdict(job) for job in self.jobs],
            "balance_sum": sum(abs(units) for units in lost.values()),
            "double_transactions": repeated,
            "checks": len(self.checks),
            "broken": len(broken(self.checks)),
        }

    def _buy(self, **arguments: Any) -> Run:
        return self.bob.submit(patient_primes, {"below": BELOW, "seconds": THINKING} | arguments, **WORK)

    # ----------------------------------------------------------------------------------------------------- 1: the kills

    def _kills(self) -> None:
        self.title("1. kill -9, and a node that goes away")
        run = self._buy()
        first, second, third = self.net.workers
        self.until(first, run, STAGES[0])
        self.until(second, run, STAGES[0])
        self.wires[1].cut()
        cut = time.monotonic()
        self.view.say(f"Job {run.hex[:10]}… runs at three workers. Worker 2 loses its node; its run goes on.")
        self._die(STAGES[0])
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - cut)))
        self.wires[1].restore()
        self.view.say(f"After {time.monotonic() - cut:.1f} s worker 2 has its node back.")
        for stage in STAGES[1:]:
            self.until(first, run, stage)
            self._die(stage)
        self.until(third, run, "run.ended")
        result = self.finish(run, "killed, cut off")
        self.demand(result["primes"][-1] == 47, f"the result is {result}")
        again = self.said(first, run).count("run.started")
        self.view.say(f"All three are paid. Worker 1 died {len(self.recoveries)} times and ran the job {again} times.")

    def _die(self, stage: str) -> None:
        worker = self.net.workers[0]
        old = worker.pid
        self.kill(worker)
        self.view.say(
            f"Worker 1 (process {old}) dies after {stage}; process {worker.pid} is ready {self.recoveries[-1]} s later."
        )

    # -------------------------------------------------------------------------------------------- 2: the reorganisation

    def _reorganisation(self) -> int:
        self.title("2. The chain takes back its newest blocks")
        run = self._buy(seconds=1)
        self.wait_for(lambda: sum(seat.committed for seat in run.story().held) == 3, "three commitments")
        with self.net.paused():
            depth = self.net.connection.latest().number - self.block_of(run, _work_begins)
            self.net.connection.rpc("anvil_reorg", depth, [])
        self.view.say(f"Other blocks now stand in place of the newest {depth}: commitments that were there are not.")
        self.finish(run, "reorganised")
        rewound = sum('"chain.rewound"' in worker.log.read_text() for worker in self.net.workers)
        self.demand(rewound > 0, "no worker has noticed the reorganisation")
        self.view.say(f"{rewound} workers noticed, brought their transactions back, and all are paid.")
        return depth

    # ---------------------------------------------------------------------------------------------------- 3: the escape

    def _escape(self) -> dict[str, str]:
        self.title("3. A job that tries to get out")
        if self.net.sandbox == "none":
            self.view.say("No bubblewrap here, so there is no wall to try; install bubblewrap to see this.")
            return {}
        purse, port = Account.create().address, urlsplit(self.net.rpc_url).port
        secrets = [str(path) for worker in self.net.workers for path in worker.config.parent.glob("*.password")]
        mark = self.net.folder / "was-here"
        arguments = {"port": port, "purse": purse, "secrets": secrets, "mark": str(mark)}
        run = self.bob.submit(escape, arguments, **WORK)
        found = {str(way): str(end) for way, end in self.finish(run, "tried to escape").items()}
        for way, end in found.items():
            self.view.say(f"  {way}: {end}")
            self.demand(end != "got out", f"a job got out: {way}")
        alive = [pid for pid in processes_naming(run.hex[2:]) if self._is_runner(pid)]
        found["outlive the job"] = "got out" if alive else "stopped: killed with its sandbox"
        self.view.say(f"  outlive the job: {found['outlive the job']}")
        self.demand(not alive, f"a job's process lives on: {alive}")
        self.demand(self.net.connection.balance(purse) == 0, "a job has given itself coin")
        self.demand(not mark.exists(), "a job has written outside")
        self.view.say(
            "Its workers are paid for the work of saying so: what it tried is its result, agreed on by three."
        )
        return found

    def _is_runner(self, pid: int) -> bool:
        try:
            return b"runtime.runner" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False


def _work_begins(event: Event) -> bool:
    return isinstance(event, JobTaken) and event.work_by > 0

"""One in-process run: a job's life with a plan against it, and what the books say afterwards."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from tests.chaos import audit
from tests.chaos.audit import Findings, Purses
from tests.chaos.crash import Crash
from tests.chaos.plan import Fault, Plan, Tier
from tests.chaos.player import Player
from tests.chaos.subject import Subject
from tests.chaos.world import Sight, World

from tensorgrid.chain.send import Sender
from tensorgrid.domain.errors import ChainError, Reverted, TensorgridError
from tensorgrid.domain.jobs import Job, JobState

LAST_TICK = 420
"""A job that is open after so many blocks is stuck: all clocks of these terms together are shorter."""
PATIENT_TICKS = 45
"""From here on the chain's time jumps to the next deadline: nobody has anything left to do before it."""
JUMP_SECONDS = 30
CLOSER_WAITS = 25
"""Seconds after a deadline in which closing is left to the workers, who take turns."""
WIRE_FAULTS = {
    Fault.RPC_DOWN, Fault.RPC_LAGS, Fault.OLD_HEAD, Fault.LOGS_DROPPED, Fault.LOGS_TWICE, Fault.LOGS_SHUFFLED,
    Fault.LOGS_INVENTED, Fault.NO_RECEIPT, Fault.WRONG_RECEIPT, Fault.RPC_LIMITS, Fault.TX_DROPPED,
}  # fmt: skip
STORE_FAULTS = {Fault.STORE_DOWN, Fault.STORE_SLOW, Fault.DISK_FULL}
PLAYED = {Fault.SILENT_TAKERS, Fault.SILENT_COMMITS, Fault.SILENT_REVEALS, Fault.OTHER_ANSWER}


@dataclass
class Outcome:
    """`died`: where, each time. `recoveries`: seconds from each restart to the next round that got through.

    `left_open`: the chain is done with the job and the worker's journal is not. `error`: what was raised that no crash
    explains; empty when nothing.
    """

    plan: Plan
    findings: Findings | None = None
    died: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    stuck: bool = False
    left_open: bool = False
    error: str = ""
    seconds: float = 0.0
    places: int = 0
    ticks: int = 0

    @property
    def failed(self) -> bool:
        return bool(self.stuck or self.error or self.findings is None or not self.findings.clean)


class Life:
    """The loop of one run. Each tick is a block: everybody acts, then it is mined."""

    def __init__(self, world: World, before: Purses, plan: Plan, home: Path) -> None:
        self.world, self.plan = world, plan
        self.outcome = Outcome(plan)
        self.dice = random.Random(f"tensorgrid chaos life {plan.seed}")
        world.begin(plan.tier, reorganised=plan.fault is Fault.REORG)
        self.before = before
        self.subject = Subject(world, home, self.dice)
        fails = plan.fault if plan.fault in PLAYED else Fault.NONE
        self.players = [Player(world, world.others[0]), Player(world, world.others[1], fails)]
        self._to_come = list(plan.places)
        self._born = 0.0
        self._over = 0
        self._spoiled: dict[Path, bytes] = {}

    def live(self) -> Outcome:
        started = time.monotonic()
        try:
            for tick in range(LAST_TICK):
                self.outcome.ticks = tick
                if self._tick(tick):
                    break
            else:
                self.outcome.stuck = True
            self.outcome.findings = audit.audit(self.world, self.before, self.world.look())
        except TensorgridError as error:
            self.outcome.error = f"{type(error).__name__}: {error}"
        finally:
            self._mend_store()
            self.subject.end()
        self.outcome.places = self.subject.points.passed
        self.outcome.seconds = round(time.monotonic() - started, 3)
        return self.outcome

    # ------------------------------------------------------------------------------------------------------- one block

    def _tick(self, tick: int) -> bool:
        """Whether the job is over, for the chain and for the worker."""
        self._afflict(tick)
        sight = self.world.look()
        if self.plan.tier is Tier.REPLICATE:
            for player in self.players:
                player.step(sight)
        if self.plan.fault is not Fault.SILENT_REQUESTER:
            self._requester(sight)
        done = self._work()
        for lost in self.subject.wire.lost:
            self.world.connection.rpc("anvil_dropTransaction", lost)
        self.subject.wire.lost.clear()
        self._let_time_pass(sight.job)
        over = sight.job.state.ended or sight.job.state is JobState.NONE  # taken back, and too late to post again
        self._over += over
        self.outcome.left_open = over and not done
        return over and (done or self._over > CLOSER_WAITS)

    def _requester(self, sight: Sight) -> None:
        """Closes what the workers should have closed long ago: anybody may."""
        world, terms = self.world, self.world.posted.terms
        if self.outcome.ticks <= PATIENT_TICKS or sight.job.state.ended or sight.job.state is JobState.NONE:
            return
        late = world.connection.now() - (sight.job.deadline(terms) or 0)
        if late < CLOSER_WAITS:
            return
        board, held = world.contracts.board, sight.held
        calls = {
            JobState.POSTED: board.expire, JobState.COMMITTED: board.settle,
            JobState.ASSIGNED: board.close_work if sight.job.committed else board.expire,
        }  # fmt: skip
        with contextlib.suppress(ChainError, Reverted):
            call = calls[sight.job.state](terms, held)
            world.send_raw(Sender(world.connection, world.net.requester).build_and_sign(call).raw)

    def _work(self) -> bool:
        """One step of the worker, or its death and return. Whether its journal is done with the job."""
        subject = self.subject
        if not subject.alive and not self._birth():
            return False
        try:
            subject.step()
        except (Crash, sqlite3.OperationalError, OSError) as end:
            self._note(end)
            subject.die(journal_lost=self.plan.fault is Fault.JOURNAL_LOST)
            self._born = time.monotonic()
            self._birth()
            return False
        if self._born:
            self.outcome.recoveries.append(time.monotonic() - self._born)
            self._born = 0.0
        return subject.idle

    def _birth(self) -> bool:
        """Whether it stands. Where its disk is full, or no node answers, it is started again in the next block."""
        if self._to_come and not self.subject.points.armed:
            self.subject.points.arm(self._to_come.pop(0))
        try:
            self.subject.start()
        except (Crash, sqlite3.OperationalError, OSError) as end:
            self._note(end)
            self.subject.die()
        except ChainError:
            self.subject.die()
        return self.subject.alive

    def _note(self, end: BaseException) -> None:
        self.outcome.died.append(self.subject.points.died_at if isinstance(end, Crash) else f"{end}")

    def _let_time_pass(self, job: Job | None = None) -> None:
        """A block; where all that is left is to wait for a deadline, more than one."""
        waits = job is not None and job.state in (JobState.POSTED, JobState.ASSIGNED)
        if job is not None and waits and self.outcome.ticks > PATIENT_TICKS:
            left = (job.deadline(self.world.posted.terms) or 0) - self.world.connection.now()
            self.world.net.advance(max(1, min(JUMP_SECONDS, left - 3)))
        else:
            self.world.mine()
        if self.plan.fault is Fault.REORG and self.outcome.ticks < self.plan.begins:
            self.world.remember()
        self.subject.clock.ticks += 1

    # ---------------------------------------------------------------------------------------------------------- faults

    def _afflict(self, tick: int) -> None:
        """Begin and end the plan's fault."""
        fault, since = self.plan.fault, tick - self.plan.begins
        if since == self.plan.lasts:
            self._calm()
        if since != 0:
            return
        if fault in WIRE_FAULTS:
            self.subject.wire.fault = fault
        if fault in STORE_FAULTS:
            self.subject.store.fault = fault
        match fault:
            case Fault.DISK_FULL:
                self.subject.points.full = True
            case Fault.REORG:
                self.world.reorganise(self.plan.depth)
            case Fault.NONCE_CLASH:
                self._use_the_key()
            case Fault.STORE_WRONG:
                self._spoil_store()
            case Fault.CLOCK_SKEW:
                self.subject.clock.skew = self.dice.choice((-1, 1)) * self.dice.uniform(60, 10**6)

    def _calm(self) -> None:
        self.subject.wire.fault = self.subject.store.fault = Fault.NONE
        self.subject.points.full = False
        self._mend_store()

    def _use_the_key(self) -> None:
        """Somebody else with the hot key takes its next nonces."""
        connection, me = self.world.connection, self.world.subject.account
        nonce = int(connection.rpc("eth_getTransactionCount", me.address, "latest"), 16)
        for number in range(nonce, nonce + self.dice.randint(1, 2)):
            fields = {
                "type": 2, "chainId": connection.chain_id, "nonce": number, "gas": 21_000, "to": me.address, "value": 1,
                "maxFeePerGas": 20 * 10**9, "maxPriorityFeePerGas": 5 * 10**9, "data": b"",
            }  # fmt: skip
            self.world.connection.rpc("anvil_dropAllTransactions")
            signed = Account.sign_transaction(fields, me.key)
            self.world.send_raw(bytes(signed.raw_transaction))
            self.world.mine()

    def _spoil_store(self) -> None:
        """One bit of each blob that the job needs, in the files below the store's checks."""
        for blob in (self.world.net.folder / "store" / "blobs").rglob("*"):
            if blob.is_file() and self.dice.random() < 0.7:
                self._spoiled[blob] = whole = blob.read_bytes()
                blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    def _mend_store(self) -> None:
        for blob, whole in self._spoiled.items():
            blob.write_bytes(whole)
        self._spoiled.clear()

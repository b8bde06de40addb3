"""Keeps what this worker says of itself true: measures again when it must, steps down, stops, shows that it lives.

The daemon calls `step` every few seconds and asks `pause` before it takes a job. Nothing here touches a job that was
taken: its terms stand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.jobs import hardware_class
from tensorgrid_worker.capability import reclass
from tensorgrid_worker.capability import record as records
from tensorgrid_worker.capability.classes import table
from tensorgrid_worker.capability.heartbeat import Heartbeat
from tensorgrid_worker.capability.ladder import Verdict, judge
from tensorgrid_worker.capability.machine import changes, fingerprint
from tensorgrid_worker.capability.measured import CapabilityUnknown
from tensorgrid_worker.capability.record import Record
from tensorgrid_worker.capability.turn import Measure, Turn
from tensorgrid_worker.capability.watch import Condition, conditions
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.hardware import Gpu
from tensorgrid_worker.logs import short
from tensorgrid_worker.memory.cancelling import ask_to_cancel
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.spoken import spoken_for
from tensorgrid_worker.policy.base import NOT_NOW

log = structlog.get_logger()

LOOK_SECONDS = 60.0
"""Between two looks at the registry and at the GPUs."""
DAY = 86_400
SLOW_LOOKS = 5
"""Looks in a row at which a GPU was throttled before it is measured again."""
SURE = 2
"""Measurements in a row that fall short before anything follows: a machine may have been busy with something else."""
RETRY_SECONDS = 3600
"""Before a measurement that a job interrupted, or that failed, is tried again."""


class Upkeep:
    """`class_name`: what this worker is registered as, of those that its settings name. `measure`: see turn.py."""

    def __init__(
        self,
        config: WorkerConfig,
        contracts: Contracts,
        journal: Journal,
        *,
        me: str,
        gpus: Sequence[Gpu],
        measure: Measure,
        look: Callable[[Sequence[Gpu]], list[Condition]] = conditions,
    ) -> None:
        self._config, self._contracts, self._journal, self._me = config, contracts, journal, me
        self._gpus, self._look = gpus, look
        self._turn = Turn(measure, gpus)
        self._heartbeat = Heartbeat(journal, contracts, config.home, config.heartbeat_seconds)
        self.class_name = config.hardware_class
        self._record = self._load()
        self._verdict: Verdict | None = None
        self._short, self._fresh = 0, True  # measurements in a row that fell short; whether the last one is counted
        self._broken = ""
        self._slow_looks = 0
        self._wanted = False
        self._look_at = 0.0
        self._not_before = 0.0
        self._registered: int | None = None  # its capability there; None: not registered
        self._told = ""

    # ------------------------------------------------------------------------------------------------ asked by the loop

    @property
    def settings(self) -> WorkerConfig:
        """The configuration as it holds in the present class: its name and, where [classes] has one, its price."""
        if self.class_name == self._config.hardware_class:
            return self._config
        price = self._config.classes.get(self.class_name, self._config.min_price)
        return self._config.model_copy(update={"hardware_class": self.class_name, "min_price": price})

    @property
    def score(self) -> int | None:
        """Thousandths of the present class's reference; None: never measured, or of a class without references."""
        wanted = table().get(self.class_name)
        return self._record.score(wanted) if self._record is not None and wanted is not None else None

    def pause(self) -> str:
        """Why nothing may be taken just now, in words; empty when it may."""
        if self._broken:
            return f"{NOT_NOW}{self._broken}"
        if self._turn.running or self._wanted:
            return f"{NOT_NOW}this machine is being measured, or is to be when its jobs are done"
        verdict = self._verdict
        if verdict is None or verdict.class_name == self.class_name:
            return ""
        return f"{NOT_NOW}this machine is {verdict.why}"

    def step(self, *, busy: bool) -> bool:
        """`busy`: a job of ours runs or waits. Whether the present class is another one now. Raises ChainError."""
        if busy:
            self._turn.stop()
        if (found := self._turn.take()) is not None:
            self._keep(found)
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + LOOK_SECONDS
        before = self.class_name
        self._read_registry()
        self._judge()
        self._look_at_gpus()
        head = self._contracts.connection.latest()
        why = "" if self._turn.running else self._due()
        self._wanted = bool(why) and busy
        if why and not busy:
            self._not_before = time.monotonic() + RETRY_SECONDS
            self._slow_looks = 0
            log.info("capability.measuring", reason=why)
            self._turn.begin(bytes.fromhex(head.hash.removeprefix("0x")))
        if self._registered is not None:
            score = self.score
            self._heartbeat.step(head.timestamp, self._registered if score is None else score)
        return self.class_name != before

    def close(self) -> None:
        """Ends a measurement that runs."""
        self._turn.close()

    # -------------------------------------------------------------------------------------------------------- measuring

    def _due(self) -> str:
        """Why to measure now; empty: no need. Who was never measured is not, until somebody runs `init` or `bench`."""
        last = self._record
        if last is None or time.monotonic() < self._not_before:
            return ""
        if 0 < self._short < SURE:
            return "it fell short: once more, to be sure"
        if changed := changes(dict(last.fingerprint), fingerprint(self._gpus)):
            return "changed: " + "; ".join(changed)
        if self._slow_looks >= SLOW_LOOKS:
            return "a GPU is slowed down"
        days = self._config.capability_days
        return "the last time is long ago" if days and time.time() - last.at > days * DAY else ""

    def _keep(self, found: Record) -> None:
        found.save(self._config.home)
        self._record, self._verdict, self._look_at = found, None, 0.0
        self._fresh, self._not_before = True, 0.0
        log.info("capability.measured", score=self.score, hardware_class=self.class_name)

    def _load(self) -> Record | None:
        try:
            return records.load(self._config.home)
        except CapabilityUnknown as error:
            log.warning("capability.unreadable", reason=str(error))
            return None

    # ----------------------------------------------------------------------------------------------------- consequences

    def _judge(self) -> None:
        """Until the chain shows what follows from the record. Afterwards its provider may say otherwise."""
        last, wanted = self._record, table().get(self.class_name)
        if last is None or wanted is None or last.judged or self._registered is None:
            return
        self._verdict = verdict = judge(wanted, last, self._config.classes, self._allowed)
        if verdict.class_name == self.class_name:
            self._short = 0
            self._record = Record(last.measured, last.at, last.nonce, last.fingerprint, judged=True)
            self._record.save(self._config.home)
            return
        if self._fresh:
            self._short, self._fresh = self._short + 1, False
        if self._short < SURE:
            return
        job = spoken_for(self._journal, self._contracts, self._me)
        if verdict.class_name and job is not None:
            self._say("capability.stepping_down_later", verdict, job=short(job), todo="nothing: once its audit allows")
        elif verdict.class_name:
            assert verdict.price is not None
            self._say("capability.stepping_down", verdict, price=verdict.price)
            reclass.ask(
                self._journal,
                self._contracts,
                at=last.at,
                class_name=verdict.class_name,
                score=verdict.score,
                price=verdict.price,
            )
        else:
            self._say("capability.stopped", verdict, todo="mend it, or name a lower class and its price in [classes]")
            self._call_offers_back()

    def _say(self, event: str, verdict: Verdict, **fields: object) -> None:
        if self._told != event + verdict.why:
            self._told = event + verdict.why
            log.warning(event, old=self.class_name, new=verdict.class_name or "none", reason=verdict.why, **fields)

    def _allowed(self, name: str) -> bool:
        return self._contracts.parameters.class_allowed(hardware_class(name))

    def _call_offers_back(self) -> None:
        """An offer that is out would seat us unasked."""
        if self._journal.offers_until() > self._contracts.connection.latest().timestamp:
            ask_to_cancel(self._journal, self._contracts, self._contracts.offers.epoch_of(self._me))

    def _read_registry(self) -> None:
        names = [self._config.hardware_class, *self._config.classes]
        found = reclass.registered(self._contracts, self._me, names)
        self._registered = found[1] if found else None
        if found and found[0] != self.class_name:
            log.info("worker.class", old=self.class_name, new=found[0])
            self.class_name, self._verdict = found[0], None

    def _look_at_gpus(self) -> None:
        seen = self._look(self._gpus)
        broken = "; ".join(
            f"GPU {gpu.index}: {found.broken}" for gpu, found in zip(self._gpus, seen, strict=True) if found.broken
        )
        if broken != self._broken:
            self._broken = broken
            if broken:
                log.error("gpu.broken", reason=broken)
                self._call_offers_back()
            else:
                log.info("gpu.back")
        slowed = next((found.slowed for found in seen if found.slowed), "")
        if slowed and not self._slow_looks:
            log.warning("gpu.slowed", reason=slowed)
        self._slow_looks = self._slow_looks + 1 if slowed else 0

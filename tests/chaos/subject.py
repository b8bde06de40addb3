"""The worker under test: the real daemon, journal and submitter in this process, one step at a time, until it dies."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import structlog
from tests.chaos import crash
from tests.chaos.echo import echo
from tests.chaos.node import FaultyConnection, Wire
from tests.chaos.store import FaultyStore
from tests.chaos.world import World

from tensorgrid.domain.errors import ChainError, InsufficientFunds
from tensorgrid.storage.open import open_store
from tensorgrid_worker import parts, start
from tensorgrid_worker.config import WorkerConfig, load_config
from tensorgrid_worker.jobs import executor, workshop
from tensorgrid_worker.loop import census, submitter, view
from tensorgrid_worker.loop import daemon as daemon_module
from tensorgrid_worker.sandbox.plain import Plain

STANDING_SECONDS = 10
RESEND_SECONDS = 3.0
"""Of the chain's clock, which is this worker's too: a lost transaction is sent again after three blocks."""


class Clock:
    """Time as the worker sees it: its monotonic clock goes a second per block, its wall clock may be off."""

    def __init__(self) -> None:
        self.ticks = 0
        self.skew = 0.0
        self._wall = time.time

    def monotonic(self) -> float:
        return float(self.ticks)

    def time(self) -> float:
        return self._wall() + self.skew


class Subject:
    """`step` once per block. Dies with Crash (or with what a full disk raises) and is built anew by `restart`."""

    def __init__(self, world: World, home: Path, dice: random.Random) -> None:
        self.points, self.clock = crash.Points(), Clock()
        self.wire = Wire(self.points, dice)
        home.mkdir(parents=True)
        base = load_config(world.subject.config)
        self.config: WorkerConfig = base.model_copy(
            update={"home": home, "resend_seconds": RESEND_SECONDS, "settle_patience_seconds": 0}
        )
        self.store = FaultyStore(open_store(base.store), self.points)
        self._account = world.subject.account
        self._stack = ExitStack()
        self._daemon: Any = None

    @property
    def journal(self) -> Path:
        return self.config.home / "journal.sqlite"

    @property
    def alive(self) -> bool:
        return self._daemon is not None

    def start(self) -> None:
        """As `tensorgrid-worker run` does it, with a store, a node and clocks that can fail. Raises what it raises."""
        self.points.revive()
        with self._replaced(), ExitStack() as stack:
            opened = stack.enter_context(parts.opened(self.config))
            self._daemon = start._daemon(self.config, opened, Plain())
            self._stack = stack.pop_all()

    def step(self) -> None:
        """Look, plan, write, send; a node or a disk that fails is tried again in the next block, as the loops do."""
        daemon = self._daemon
        with self._replaced():
            try:
                daemon._tick(woken=True)
                if self.clock.ticks % STANDING_SECONDS == 0:
                    daemon._count_seats()
            except (ChainError, sqlite3.OperationalError, OSError):
                daemon._follower.cursor = daemon._recorded
            with contextlib.suppress(ChainError, InsufficientFunds, sqlite3.OperationalError, OSError):
                daemon._submitter.step(daemon._head)

    @property
    def idle(self) -> bool:
        """Whether its journal has no open job: what has ended is closed."""
        return not self._daemon._journal.open_jobs()

    def die(self, *, journal_lost: bool = False) -> None:
        """What a killed process leaves: its files, as the disk has them."""
        self.points.dead = True
        files = crash.as_the_disk_has_it(self.journal)
        self._close()
        crash.put_back(self.journal, {} if journal_lost else files)

    def end(self) -> None:
        self._close()
        shutil.rmtree(self.config.home, ignore_errors=True)

    def _close(self) -> None:
        with self._replaced():
            self._stack.close()
        self._daemon = None

    @contextmanager
    def _replaced(self) -> Iterator[None]:
        """The seams: places to die, faults, clocks, and an answer in place of a sandbox."""
        connection = type("Wired", (FaultyConnection,), {"wire": self.wire})
        clock = SimpleNamespace(monotonic=self.clock.monotonic, time=self.clock.time, sleep=time.sleep)
        with ExitStack() as stack:
            stack.enter_context(crash.deadly_journals(self.points))
            stack.enter_context(patch.object(parts, "Connection", connection))
            stack.enter_context(patch.object(parts, "unlock", lambda *_: self._account))
            stack.enter_context(patch("tensorgrid.storage.open.open_store", lambda *_: self.store))
            stack.enter_context(patch.object(executor.Executor, "run", echo))
            stack.enter_context(patch.object(workshop.Workshop, "_spawn", _at_once))
            stack.enter_context(patch.object(workshop, "FIRST_PAUSE", 0.01))
            for module in (daemon_module, submitter, workshop, census, view):
                stack.enter_context(patch.object(module, "time", clock))
            stack.enter_context(patch("time.time", self.clock.time))
            yield


def _at_once(self: workshop.Workshop, name: str, target: Callable[[], None]) -> None:
    """In place of a thread: what it would do, now, so that a seed dies at the same place every time."""
    target()
    self._wake()


def keep_silent() -> None:
    """Hundreds of lives would fill the terminal."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[_drop])


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent

"""Several identities in one process: one GPU, key, home and journal each. They share nothing but the process."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import structlog

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker import config as settings
from tensorgrid_worker import hardware
from tensorgrid_worker.logs import naming
from tensorgrid_worker.signals import obeyed
from tensorgrid_worker.start import Member, lock, run_worker, started

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0


class Runs(Protocol):
    """What a fleet asks of a daemon."""

    def run(self) -> None: ...
    def drain(self) -> None: ...
    def stop(self) -> None: ...


class Fleet:
    """Runs each daemon in a thread. One that fails is started anew, alone: the others' running jobs are not its matter,
    and its own stake is at risk while it is away."""

    def __init__(
        self,
        daemons: Sequence[tuple[str, Runs]],
        ended: Callable[[str], None] = lambda _: None,
        *,
        again: Callable[[str], Runs] | None = None,
        pause: float = FIRST_PAUSE,
    ) -> None:
        """`daemons`: (address, daemon) pairs. `ended`: called with the address of each that has come to its end.

        `again`: a new daemon for an address whose last one failed, or raises; None: it stays away. `pause`: seconds
        before the first such try; it doubles, up to LONGEST_PAUSE, and starts anew after a life of that length.
        """
        self._daemons, self._ended, self._again, self._pause = dict(daemons), ended, again, pause
        self._leaving = {address: threading.Event() for address in self._daemons}
        self._failures: dict[str, BaseException] = {}
        self._lock = threading.Lock()

    def run(self) -> None:
        """Until all have ended. Raises what the first one raised that had failed and was not started anew by then."""
        threads = [
            threading.Thread(target=self._one, args=(address,), name=f"worker-{address[:8]}", daemon=True)
            for address in self._daemons
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for failure in self._failures.values():
            raise failure

    def drain(self, only: str = "") -> None:
        """All of them, or the one of that address. From any thread."""
        for address, daemon in self._told_to_leave(only):
            log.debug("fleet.draining", worker=address)
            daemon.drain()

    def stop(self) -> None:
        """All of them, at once. From any thread."""
        for _, daemon in self._told_to_leave(""):
            daemon.stop()

    def _told_to_leave(self, only: str) -> list[tuple[str, Runs]]:
        with self._lock:
            chosen = [(address, daemon) for address, daemon in self._daemons.items() if only in ("", address)]
            for address, _ in chosen:
                self._leaving[address].set()
            return chosen

    def _one(self, address: str) -> None:
        pause, failed = self._pause, False
        try:
            while True:
                began = time.monotonic()
                try:
                    daemon = self._born(address, anew=failed)
                    if daemon is None:
                        return  # told to leave while it was away
                    daemon.run()
                except BaseException as error:
                    failed, self._failures[address] = True, error
                    pause = self._pause if time.monotonic() - began > LONGEST_PAUSE else pause
                    self._say_failed(address, error, pause)
                    if self._again is None or self._leaving[address].wait(pause):
                        return
                    pause = min(2 * pause, LONGEST_PAUSE)
                else:
                    log.info("worker.stopped", worker=address)
                    return
        finally:
            self._ended(address)

    def _born(self, address: str, *, anew: bool) -> Runs | None:
        if not anew or self._again is None:
            return self._daemons[address]
        daemon = self._again(address)
        with self._lock:
            if self._leaving[address].is_set():
                return None
            self._daemons[address] = daemon
        self._failures.pop(address, None)
        log.info("fleet.member_back", worker=address)
        return daemon

    def _say_failed(self, address: str, error: BaseException, pause: float) -> None:
        reason = str(error) if isinstance(error, TensorgridError) else repr(error)
        todo = "the others go on" + (f"; it is started anew in {pause:.0f} s" if self._again is not None else "")
        log.error("fleet.member_failed", worker=address, reason=reason, todo=todo)


class _Berth:
    """One identity's place in this process: what stands behind its present daemon. Not for two threads at once."""

    def __init__(self, config: settings.WorkerConfig, hidden: Path) -> None:
        self.config, self._hidden = config, hidden
        self._stack = ExitStack()
        self.member = self.enter()

    def enter(self) -> Member:
        """A new daemon, after the old one's parts are closed. Raises what `run_worker` raises."""
        self.close()
        with naming(self.config.name):
            self.member = self._stack.enter_context(started(self.config, hidden=(self._hidden,)))
        return self.member

    def close(self) -> None:
        """Its lock too: who waits for it to be drained looks at that."""
        stack, self._stack = self._stack, ExitStack()
        stack.close()


def check_gpus(workers: Sequence[settings.WorkerConfig], found: list[hardware.Gpu]) -> None:
    """Each GPU to one identity: two would run their jobs on it at once, and wipe it under each other's.

    Raises ConfigInvalid, GpuMissing.
    """
    owners: dict[str, str] = {}
    for config in workers:
        for gpu in hardware.chosen(found, config.gpu):
            if (other := owners.setdefault(gpu.uuid, config.name)) != config.name:
                raise settings.ConfigInvalid(
                    f"{other} and {config.name} both use GPU {gpu.index}; set gpu in each [[worker]] table, to an "
                    'index, a UUID or "none"'
                )


def run_fleet(fleet: settings.Fleet) -> None:
    """Blocks until all are drained. Raises what `run_worker` raises, for the first identity that has a problem."""
    if len(fleet.workers) == 1 and not fleet.workers[0].name:
        run_worker(fleet.workers[0])
        return
    from tensorgrid_worker.control import obeying
    from tensorgrid_worker.watch.health import watched

    check_gpus(fleet.workers, hardware.gpus())
    fleet.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    first = fleet.workers[0]
    with ExitStack() as stack:
        stack.enter_context(lock(fleet.home))
        berths: dict[str, _Berth] = {}
        for config in fleet.workers:
            berth = _Berth(config, fleet.home)
            stack.callback(berth.close)
            berths[berth.member.address] = berth
        shown = [berth.member.readings for berth in berths.values()]
        show = stack.enter_context(watched(first.health_port, fleet.home, first.policy, shown))

        def again(address: str) -> Runs:
            member = berths[address].enter()
            show(member.readings)
            return member.daemon

        members = [(address, berth.member.daemon) for address, berth in berths.items()]
        crew = Fleet(members, lambda address: berths[address].close(), again=again)
        stack.enter_context(obeyed(crew.drain, crew.stop))
        stack.enter_context(obeying(fleet.home, crew.drain))
        for address, berth in berths.items():
            stack.enter_context(obeying(berth.config.home, functools.partial(crew.drain, address)))
        log.info("fleet.starting", workers=list(berths))
        crew.run()

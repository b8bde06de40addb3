"""Several identities in one process: one GPU, key, home and journal each. They share nothing but the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

import structlog

from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker import config as settings
from tensorgrid_worker import hardware
from tensorgrid_worker.logs import naming
from tensorgrid_worker.signals import obeyed
from tensorgrid_worker.start import lock, run_worker, started

log = structlog.get_logger()


class Runs(Protocol):
    """What a fleet asks of a daemon."""

    def run(self) -> None: ...
    def drain(self) -> None: ...
    def stop(self) -> None: ...


class Fleet:
    """Runs each daemon in a thread. One that fails stops all: whoever watches this process starts it again whole."""

    def __init__(self, daemons: Sequence[tuple[str, Runs]], ended: Callable[[str], None] = lambda _: None) -> None:
        """`daemons`: (address, daemon) pairs. `ended`: called with the address of each that has come to its end."""
        self._daemons, self._ended = list(daemons), ended
        self._failures: list[BaseException] = []
        self._lock = threading.Lock()

    def run(self) -> None:
        """Until all have ended. Raises what the first one that failed raised."""
        threads = [
            threading.Thread(target=self._one, args=(address, daemon), name=f"worker-{address[:8]}", daemon=True)
            for address, daemon in self._daemons
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def drain(self) -> None:
        """All of them. From any thread."""
        for _, daemon in self._daemons:
            daemon.drain()

    def stop(self) -> None:
        """All of them, at once. From any thread."""
        for _, daemon in self._daemons:
            daemon.stop()

    def _one(self, address: str, daemon: Runs) -> None:
        try:
            daemon.run()
        except BaseException as error:
            with self._lock:
                self._failures.append(error)
            reason = str(error) if isinstance(error, TensorgridError) else repr(error)
            log.error("fleet.member_failed", worker=address, reason=reason, todo="the others are stopped too")
            self.stop()
        else:
            log.info("worker.stopped", worker=address)
        finally:
            self._ended(address)


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
        members = []
        for config in fleet.workers:
            with naming(config.name):
                members.append(stack.enter_context(started(config, hidden=(fleet.home,))))
        stack.enter_context(
            watched(first.health_port, fleet.home, first.policy, [member.readings for member in members])
        )
        # Who waits for one of them to be drained looks at the lock of its home.
        locks = {member.address: member.held for member in members}
        crew = Fleet([(member.address, member.daemon) for member in members], lambda address: locks[address].close())
        stack.enter_context(obeyed(crew.drain, crew.stop))
        stack.enter_context(obeying(fleet.home, crew.drain))
        for member in members:
            stack.enter_context(obeying(member.config.home, member.daemon.drain))
        log.info("fleet.starting", workers=[member.address for member in members])
        crew.run()

"""From settings to a running daemon; every reason not to start is an error with a sentence."""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING

import structlog

from tensorgrid.domain.errors import SandboxUnavailable, TensorgridError
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.control import FILE as DRAIN
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap
from tensorgrid_worker.sandbox.choose import root_problem, sandbox_of
from tensorgrid_worker.sandbox.plain import WARNING, Plain
from tensorgrid_worker.signals import obeyed

if TYPE_CHECKING:
    from tensorgrid.privacy import Identity
    from tensorgrid_worker.capability.measured import Measured
    from tensorgrid_worker.capability.upkeep import Upkeep
    from tensorgrid_worker.hardware import Gpu
    from tensorgrid_worker.jobs.snapshots import Snap
    from tensorgrid_worker.jobs.workshop import Publish
    from tensorgrid_worker.loop.daemon import Daemon
    from tensorgrid_worker.parts import Parts
    from tensorgrid_worker.watch.readings import Readings

log = structlog.get_logger()

PR_SET_DUMPABLE = 4


class HomeInUse(TensorgridError):
    """Two daemons with one journal and one key would send everything twice."""


@dataclass(frozen=True, slots=True)
class Member:
    """One identity, ready to run. `readings`: what the health endpoint tells of it. `held`: the lock of its home."""

    daemon: Daemon
    readings: Readings
    config: WorkerConfig
    address: str
    held: IO[bytes]


def run_worker(config: WorkerConfig) -> None:
    """Blocks until drained. Raises ConfigInvalid, HomeInUse, KeyMissing, SandboxUnavailable, JournalForeign,
    UnknownDeployment, WrongChain, Unreachable, StorageError, GpuMissing.
    """
    from tensorgrid_worker.control import obeying
    from tensorgrid_worker.watch.health import watched

    with started(config) as member:
        daemon = member.daemon
        with (
            watched(config.health_port, config.home, config.policy, [member.readings]),
            obeyed(daemon.drain, daemon.stop),
            obeying(config.home, daemon.drain),
        ):
            daemon.run()
        log.info("worker.stopped", worker=member.address)


@contextmanager
def started(config: WorkerConfig, *, hidden: tuple[Path, ...] = ()) -> Iterator[Member]:
    """All of one identity but its loops, under the lock of its home. `hidden`: more folders that no job may see.

    Raises what `run_worker` raises.
    """
    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock(config.home) as held:
        _keep_to_ourselves()
        sandbox = choose_sandbox(config, hidden=hidden)
        # Imported here: `--help`, `version` and `status` need neither web3 nor a key.
        from tensorgrid_worker.loop.mending import mend
        from tensorgrid_worker.parts import opened
        from tensorgrid_worker.watch.readings import Readings

        mend(config.home / "journal.sqlite")
        with opened(config) as parts:
            daemon = _daemon(config, parts, sandbox)
            readings = Readings(daemon.pulse, parts.contracts, parts.journal, config.home)
            yield Member(daemon, readings, config, parts.account.address, held)


def _daemon(config: WorkerConfig, parts: Parts, sandbox: Sandbox) -> Daemon:
    from tensorgrid.storage.open import open_store
    from tensorgrid_worker import hardware
    from tensorgrid_worker.jobs.executor import Executor
    from tensorgrid_worker.jobs.inputs import Inputs
    from tensorgrid_worker.jobs.receipts import Receipts
    from tensorgrid_worker.jobs.workshop import Workshop
    from tensorgrid_worker.loop.daemon import Daemon

    me, contracts = parts.account.address, parts.contracts
    store, gpus = open_store(config.store), hardware.chosen(hardware.gpus(), config.gpu)

    def workshop(publish: Publish, snap: Snap, wake: Callable[[], None]) -> Workshop:
        return Workshop(
            inputs=Inputs(store, config.home / "scratch", config, len(gpus)),
            executor=Executor(
                sandbox, tmp_bytes=config.tmp_bytes, processes=config.max_processes, state_bytes=config.max_state_bytes
            ),
            receipts=Receipts(store, me, hardware.environment(), parts.openings.secrets.salt),
            journal=parts.journal,
            gpus=gpus,
            logs=config.home / "logs",
            worker=me,
            publish=publish,
            wake=wake,
            min_progress_seconds=config.min_progress_seconds,
            snap=snap,
            snapshot_segments=config.snapshot_segments,
            capacity=config.capacity,
            max_threads=config.max_threads,
            audits=contracts.audit.address if contracts.audit is not None else "",
            waiting_bytes=config.waiting_input_bytes,
        )

    daemon = Daemon(
        config=config,
        contracts=contracts,
        journal=parts.journal,
        submitter=parts.submitter(config),
        workshop=workshop,
        openings=parts.openings,
        witnesses=parts.witnesses(config),
        upkeep=_upkeep(config, parts, sandbox, gpus),
        identity=_identity(config.home),
        me=me,
        sandbox=sandbox.name,
    )
    problem = root_problem()
    if problem is not None:
        log.warning("worker.root", reason=problem)
    registered = contracts.registry.standing(me).capacity
    if registered < config.capacity:
        reason = f"registered for {registered} jobs at once, the settings say {config.capacity}: change one"
        log.warning("worker.capacity", reason=reason)
    log.info(
        "worker.starting",
        worker=me,
        pid=os.getpid(),
        chain=contracts.chain_id,
        network=contracts.deployment.network,
        rpc=contracts.connection.shown_url,
        sandbox=sandbox.name,
        walls=sandbox.describe(),
        seccomp=isinstance(sandbox, Bubblewrap) and sandbox.filtered,
        gpus=[gpu.name for gpu in gpus],
        hardware_class=config.hardware_class,
    )
    return daemon


def _identity(home: Path) -> Identity | None:
    """What start states of audits are sealed to; None where the worker has none. Raises KeyMissing."""
    from tensorgrid.privacy import Identity
    from tensorgrid_worker.keys import IDENTITY

    file = home / IDENTITY
    return Identity.load(file) if file.exists() else None


def _upkeep(config: WorkerConfig, parts: Parts, sandbox: Sandbox, gpus: list[Gpu]) -> Upkeep:
    from tensorgrid_worker.capability.bench import measure
    from tensorgrid_worker.capability.classes import gpus_of
    from tensorgrid_worker.capability.links import NodeProbe
    from tensorgrid_worker.capability.upkeep import Upkeep

    devices = gpus_of(config.hardware_class, gpus)
    probes = (NodeProbe(parts.contracts.connection.latest),)  # a node that got slow is told of, whatever the class

    def again(nonce: bytes, stop: Event) -> list[Measured]:
        return measure(
            devices, seconds=config.capability_seconds, nonce=nonce, sandbox=sandbox, probes=probes, stop=stop
        )

    return Upkeep(config, parts.contracts, parts.journal, me=parts.account.address, gpus=devices, measure=again)


def choose_sandbox(config: WorkerConfig, *, hidden: tuple[Path, ...] = ()) -> Sandbox:
    """Raises SandboxUnavailable unless there is one, or `allow_no_sandbox` says that none will do."""
    problem = root_problem()
    if problem is not None and not config.allow_root:
        raise SandboxUnavailable(problem)
    if config.sandbox != "none":
        hidden = (*hidden, config.home, config.keystore.parent, config.password_file.parent)
        try:
            found = sandbox_of(config.sandbox, hidden=hidden, image=config.container_image)
        except SandboxUnavailable:
            if config.sandbox != "auto" or not config.allow_no_sandbox:
                raise
        else:
            if isinstance(found, Bubblewrap) and not found.filtered:
                log.warning("sandbox.unfiltered", reason="libseccomp is missing: system calls are not filtered")
            return found
    elif not config.allow_no_sandbox:
        raise SandboxUnavailable(
            'sandbox = "none" runs strangers\' code unguarded; add allow_no_sandbox = true to mean it'
        )
    log.warning("sandbox.none", reason=WARNING)
    return Plain()


def lock(home: Path) -> IO[bytes]:
    """Held as long as the process lives; the kernel lets go of it whatever way that ends. Raises HomeInUse."""
    file = (home / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise HomeInUse(f"another worker runs with {home}; stop it, or give this one a home of its own") from error
    (home / DRAIN).unlink(missing_ok=True)  # what was asked of an earlier daemon; what comes from now on is for us
    return file


def _keep_to_ourselves() -> None:
    """No core dump and no debugger of the same user may show the key."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

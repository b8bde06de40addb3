"""From settings to a running daemon; every reason not to start is an error with a sentence."""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog

from tensorgrid.domain.errors import SandboxUnavailable, TensorgridError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap
from tensorgrid_worker.sandbox.plain import WARNING, Plain

if TYPE_CHECKING:
    from tensorgrid_worker.daemon import Daemon
    from tensorgrid_worker.parts import Parts
    from tensorgrid_worker.workshop import Workshop

log = structlog.get_logger()

PR_SET_DUMPABLE = 4


class HomeInUse(TensorgridError):
    """Two daemons with one journal and one key would send everything twice."""


def run_worker(config: WorkerConfig) -> None:
    """Blocks until drained. Raises ConfigInvalid, HomeInUse, KeyMissing, SandboxUnavailable, JournalForeign,
    UnknownDeployment, WrongChain, Unreachable, StorageError.
    """
    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock(config.home):
        _keep_to_ourselves()
        sandbox = choose_sandbox(config)
        # Imported here: `--help`, `version` and `status` need neither web3 nor a key.
        from tensorgrid_worker.parts import opened

        with opened(config) as parts:
            _daemon(config, parts, sandbox).run()
            log.info("worker.stopped", worker=parts.account.address)


def _daemon(config: WorkerConfig, parts: Parts, sandbox: Sandbox) -> Daemon:
    from tensorgrid.storage.open import open_store
    from tensorgrid_worker import hardware
    from tensorgrid_worker.daemon import Daemon
    from tensorgrid_worker.executor import Executor
    from tensorgrid_worker.inputs import Inputs
    from tensorgrid_worker.receipts import Receipts
    from tensorgrid_worker.workshop import Workshop

    me, contracts = parts.account.address, parts.contracts
    store, gpus = open_store(config.store), hardware.gpus()

    def workshop(publish: Callable[[JobId, int, bytes], None], wake: Callable[[], None]) -> Workshop:
        return Workshop(
            inputs=Inputs(store, config.home / "scratch", config, len(gpus)),
            executor=Executor(sandbox, tmp_bytes=config.tmp_bytes, processes=config.max_processes),
            receipts=Receipts(store, me, hardware.environment()),
            journal=parts.journal,
            gpus=gpus,
            logs=config.home / "logs",
            worker=me,
            publish=publish,
            wake=wake,
            min_progress_seconds=config.min_progress_seconds,
        )

    daemon = Daemon(
        config=config,
        contracts=contracts,
        journal=parts.journal,
        submitter=parts.submitter(config),
        workshop=workshop,
        me=me,
        sandbox=sandbox.name,
    )
    if os.geteuid() == 0:
        log.warning("worker.root", reason="jobs may start any number of processes: run as a user of its own")
    log.info(
        "worker.starting",
        worker=me,
        pid=os.getpid(),
        chain=contracts.chain_id,
        network=contracts.deployment.network,
        rpc=contracts.connection.shown_url,
        sandbox=sandbox.name,
        seccomp=isinstance(sandbox, Bubblewrap) and sandbox.filtered,
        gpus=[gpu.name for gpu in gpus],
        hardware_class=config.hardware_class,
    )
    return daemon


def choose_sandbox(config: WorkerConfig) -> Sandbox:
    """Raises SandboxUnavailable unless there is one, or `allow_no_sandbox` says that none will do."""
    if config.sandbox != "none":
        hidden = (config.home, config.keystore.parent, config.password_file.parent)
        bubblewrap = Bubblewrap(hidden=hidden)
        try:
            bubblewrap.check()
        except SandboxUnavailable:
            if config.sandbox == "bubblewrap" or not config.allow_no_sandbox:
                raise
        else:
            if not bubblewrap.filtered:
                log.warning("sandbox.unfiltered", reason="libseccomp is missing: system calls are not filtered")
            return bubblewrap
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
    return file


def _keep_to_ourselves() -> None:
    """No core dump and no debugger of the same user may show the key."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)

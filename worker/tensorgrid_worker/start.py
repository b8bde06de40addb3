"""From settings to a running daemon; every reason not to start is an error with a sentence."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog

from tensorgrid.domain.errors import KeyMissing, SandboxUnavailable, TensorgridError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap
from tensorgrid_worker.sandbox.plain import WARNING, Plain

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from tensorgrid_worker.workshop import Workshop

log = structlog.get_logger()

MAX_KEYSTORE = 64 * 1024
PR_SET_DUMPABLE = 4


class HomeInUse(TensorgridError):
    """Two daemons with one journal and one key would send everything twice."""


def run_worker(config: WorkerConfig) -> None:
    """Blocks until drained. Raises ConfigInvalid, HomeInUse, KeyMissing, SandboxUnavailable, JournalForeign,
    UnknownDeployment, WrongChain, Unreachable, StorageError.
    """
    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _lock(config.home):
        _keep_to_ourselves()
        sandbox = choose_sandbox(config)
        # Imported here: `--help`, `version` and `status` need neither web3 nor a key.
        from tensorgrid.chain.connection import Connection
        from tensorgrid.chain.contracts import Contracts
        from tensorgrid.chain.deployments import Deployment
        from tensorgrid.chain.send import Sender
        from tensorgrid.storage.open import open_store
        from tensorgrid_worker import hardware
        from tensorgrid_worker.daemon import Daemon
        from tensorgrid_worker.executor import Executor
        from tensorgrid_worker.inputs import Inputs
        from tensorgrid_worker.journal import Journal
        from tensorgrid_worker.receipts import Receipts
        from tensorgrid_worker.submitter import Submitter
        from tensorgrid_worker.workshop import Workshop

        deployment = Deployment.load(config.deployment)
        connection = Connection(config.rpc_url, chain_id=deployment.chain_id)
        contracts = Contracts(connection, deployment)
        account = unlock(config.keystore, config.password_file)
        store = open_store(config.store)
        gpus = hardware.gpus()
        journal = Journal(config.home / "journal.sqlite")
        owner = {"worker": account.address, "chain": str(deployment.chain_id), "board": contracts.board.address}
        journal.claim(owner | {"deployed in": deployment.contracts["JobBoard"].tx})

        def workshop(publish: Callable[[JobId, int, bytes], None], wake: Callable[[], None]) -> Workshop:
            return Workshop(
                inputs=Inputs(store, config.home / "scratch", config, len(gpus)),
                executor=Executor(sandbox, tmp_bytes=config.tmp_bytes, processes=config.max_processes),
                receipts=Receipts(store, account.address, hardware.environment()),
                journal=journal,
                gpus=gpus,
                logs=config.home / "logs",
                worker=account.address,
                publish=publish,
                wake=wake,
                min_progress_seconds=config.min_progress_seconds,
            )

        daemon = Daemon(
            config=config,
            contracts=contracts,
            journal=journal,
            submitter=Submitter(Sender(connection, account), journal, resend_seconds=config.resend_seconds),
            workshop=workshop,
            me=account.address,
            sandbox=sandbox.name,
        )
        if os.geteuid() == 0:
            log.warning("worker.root", reason="jobs may start any number of processes: run as a user of its own")
        log.info(
            "worker.starting",
            worker=account.address,
            pid=os.getpid(),
            chain=deployment.chain_id,
            network=deployment.network,
            rpc=connection.shown_url,
            sandbox=sandbox.name,
            seccomp=isinstance(sandbox, Bubblewrap) and sandbox.filtered,
            gpus=[gpu.name for gpu in gpus],
            hardware_class=config.hardware_class,
        )
        try:
            daemon.run()
        finally:
            journal.close()
            connection.close()
        log.info("worker.stopped", worker=account.address)


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


def unlock(keystore: Path, password_file: Path) -> LocalAccount:
    """The hot key. Raises KeyMissing, which quotes neither key nor password."""
    from eth_account import Account

    try:
        text = keystore.read_bytes()[:MAX_KEYSTORE]
        password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        name = getattr(error, "filename", None) or password_file
        raise KeyMissing(f"cannot read {name}: {type(error).__name__}; check keystore and password_file") from error
    try:
        secret = Account.decrypt(json.loads(text), password)
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise KeyMissing(f"{keystore} does not open with the password in {password_file}; check both") from error
    account: LocalAccount = Account.from_key(secret)
    return account


def _lock(home: Path) -> IO[bytes]:
    """Held as long as the process lives; the kernel lets go of it whatever way that ends."""
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

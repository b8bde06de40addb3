"""Devnet: one object that is a running network, from the chain to the workers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import Deployment, deployment_path
from tensorgrid.chain.send import Sender
from tensorgrid.deploy import Web3Backend, deploy
from tensorgrid.devnet.accounts import KeyFiles, Keyring, write_private
from tensorgrid.devnet.anvil import CHAIN_ID, Anvil
from tensorgrid.devnet.lock import HomeLock
from tensorgrid.devnet.processes import Processes
from tensorgrid.devnet.toolchain import find_anvil
from tensorgrid.devnet.workers import WorkerHook, WorkerProcess, write_config
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import DevnetFailed
from tensorgrid.domain.jobs import hardware_class
from tensorgrid.domain.money import Token
from tensorgrid.domain.recipients import recipient_bytes
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid.parameters import NetworkParameters
from tensorgrid.provider import register_worker, stake

if TYPE_CHECKING:
    from tensorgrid.devnet.drand import LocalDrand

COIN = 10**18
_GAS_MONEY = 1000 * COIN
_REQUESTER_TOKENS = 10_000  # whole tokens of each payment token
_STAKES = 5  # jobs' worth of stake behind each worker: it survives a slash or two
_SEEDED_GENESIS = 1_767_225_600  # 2026-01-01; a seed fixes the clock as well, or block hashes would differ
_NETWORK_FILE = "devnet.json"


class Devnet:
    """A network on this machine, running from construction to `stop`; a context manager.

        with Devnet(home(), workers=5) as net: ...

    home: where its files go; everything of an earlier devnet there is replaced. workers: how many daemons. seed: fixes
    every key and, as far as the same transactions come in the same order, the hashes of blocks. hooks: what makes some
    workers different, by index (-1: the last). start_workers: False leaves them registered and stopped. hold: no blocks
    but for transactions until `resume_mining`, so that a seeded run reaches its first job at the same block every time.
    beacon: "drand" draws by a signer of its own instead of by block hashes, whatever `parameters` say. listen: gets a
    line per step.

    Everything it starts ends with it, also when this process is killed. Raises ToolMissing, DevnetFailed.
    """

    def __init__(
        self,
        home: Path,
        *,
        workers: int = 5,
        seed: int | None = None,
        hooks: Mapping[int, WorkerHook] | None = None,
        parameters: NetworkParameters | None = None,
        start_workers: bool = True,
        hold: bool = False,
        block_seconds: int = 1,
        beacon: Literal["block", "drand"] = "block",
        listen: Callable[[str], None] | None = None,
    ) -> None:
        self.home = home.expanduser().resolve()
        self.folder = self.home / "devnet"
        self.network_file = self.home / _NETWORK_FILE
        self.block_seconds = block_seconds
        self.workers: list[WorkerProcess] = []
        self._say = listen or (lambda _text: None)
        self._parameters = parameters or NetworkParameters.load("devnet")
        self._keys = Keyring(seed)
        self._stopped = False
        self._lock = HomeLock(self.home)
        self._processes: Processes | None = None
        self.drand: LocalDrand | None = None
        try:
            self._start(workers, seed, dict(hooks or {}), start_workers=start_workers, hold=hold, beacon=beacon)
        except BaseException:
            self.stop()
            raise

    def __repr__(self) -> str:
        return f"Devnet({str(self.home)!r}, workers={len(self.workers)})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -------------------------------------------------------------------------------------------------------- the chain

    @property
    def rpc_url(self) -> str:
        return self.anvil.url

    @property
    def connection(self) -> Connection:
        return self.anvil.connection

    @property
    def stake_token(self) -> Token:
        token = self.deployment.stake_token
        assert token is not None, "a devnet creates its stake token"
        return token

    @property
    def deployer(self) -> LocalAccount:
        return self._keys.account("deployer")

    @property
    def requester(self) -> LocalAccount:
        return self._keys.account("requester")

    @property
    def sandbox(self) -> str:
        """What the workers run jobs in, as they said themselves: "bubblewrap" or "none"."""
        said = {str(worker.ready["sandbox"]) for worker in self.workers if worker.ready and "sandbox" in worker.ready}
        return said.pop() if len(said) == 1 else ("bubblewrap" if shutil.which("bwrap") else "none")

    def pause_mining(self) -> None:
        """From now on a block per transaction and none in between; the chain's time stands still."""
        self.anvil.mine_on_demand()

    def resume_mining(self) -> None:
        """From now on a block every `block_seconds`."""
        self.anvil.mine_every(self.block_seconds)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Set-up without waiting: transactions inside are mined at once."""
        self.pause_mining()
        try:
            yield
        finally:
            self.resume_mining()

    def advance(self, seconds: int) -> None:
        """Let the chain's time jump by so many seconds, in one block."""
        self.anvil.advance(seconds)

    # ----------------------------------------------------------------------------------------------------------- actors

    def give(self, address: str, token: Token, amount: int) -> None:
        """Mint `amount` units of a test token to `address`, and coin for gas."""
        self.anvil.fund(address, _GAS_MONEY)
        self._deployer_sender.transact(self.contracts.token(token.address).mint(address, amount))

    def stop(self) -> None:
        """End every process and forget the network. Idempotent; the folder with its logs stays."""
        if self._stopped:
            return
        self._stopped = True
        try:
            if self._processes is not None:
                self._end_workers()
                self._processes.close()
        finally:
            if self.drand is not None:
                self.drand.close()
            for file in (self.network_file, deployment_path(CHAIN_ID, self.home)):
                file.unlink(missing_ok=True)  # nobody should look for a chain that is gone
            if hasattr(self, "anvil"):
                self.anvil.connection.close()
            self._lock.release()

    # ------------------------------------------------------------------------------------------------------------ start

    def _start(
        self,
        workers: int,
        seed: int | None,
        hooks: dict[int, WorkerHook],
        *,
        start_workers: bool,
        hold: bool,
        beacon: str,
    ) -> None:
        program = find_anvil(self._say)
        self._prepare_folder()
        self._processes = Processes()
        genesis = int(time.time()) if seed is None else _SEEDED_GENESIS
        self.anvil = Anvil(program, self._processes, log=self.folder / "logs" / "anvil.log", genesis=genesis)
        self._say(f"anvil listens at {self.anvil.url}")
        if beacon == "drand":
            self._start_drand(genesis, seed)
        self._deploy()
        self._found_actors(workers, hooks)
        if start_workers:
            for worker in self.workers:
                worker.start()
            for worker in self.workers:
                worker.await_ready()
            self._say(f"{workers} workers are ready")
        self._write_network_file()
        if not hold:
            self.resume_mining()

    def _start_drand(self, genesis: int, seed: int | None) -> None:
        from tensorgrid.devnet.drand import LocalDrand  # a curve in plain Python, which most devnets can do without

        self.drand = LocalDrand(genesis, self.connection.now, seed=seed)
        self._parameters = replace(self._parameters, rounds=self.drand.rounds())
        self._say(f"drand's rounds at {self.drand.url}")

    def _prepare_folder(self) -> None:
        """Empty: journals and keys of another chain must not meet this one."""
        mark = self.folder / ".tensorgrid-devnet"
        if self.folder.exists():
            if not mark.is_file() and any(self.folder.iterdir()):
                raise DevnetFailed(f"{self.folder} is no devnet's folder and will not be emptied; use another home")
            shutil.rmtree(self.folder)
        for name in ("", "keys", "logs", "store", "workers"):
            (self.folder / name).mkdir(mode=0o700, parents=True)
        mark.touch()

    def _deploy(self) -> None:
        self.anvil.fund(self.deployer.address, _GAS_MONEY)
        self.deployment: Deployment = deploy(Web3Backend(self.connection, self.deployer), self._parameters)
        self.contracts = Contracts(self.connection, self.deployment)
        self._deployer_sender = Sender(self.connection, self.deployer)
        self._say(f"{len(self.deployment.contracts)} contracts deployed")

    def _found_actors(self, workers: int, hooks: dict[int, WorkerHook]) -> None:
        self.deployment.save(deployment_path(CHAIN_ID, self.home))
        keys = self.folder / "keys"
        self._keys.save("deployer", keys)
        self._requester_files = self._keys.save("requester", keys)
        for token in self.deployment.tokens:
            self.give(self.requester.address, token, _REQUESTER_TOKENS * 10**token.decimals)
        by_index = {index % workers: hook for index, hook in hooks.items()} if workers else {}
        for index in range(workers):
            self.workers.append(self._found_worker(index + 1, by_index.get(index, WorkerHook())))
        self._say(f"{workers} workers registered, each with a stake of its own provider")

    def _found_worker(self, number: int, hook: WorkerHook) -> WorkerProcess:
        """Register and stake with the cold key, then write what the daemon needs: the hot key only."""
        home = self.folder / "workers" / str(number)
        home.mkdir()
        self._keys.save(f"provider-{number}", self.folder / "keys")
        provider = self._keys.account(f"provider-{number}")
        files = self._keys.save(f"worker-{number}", home, identity=home / "identity.age")
        self._stake_worker(provider, files, number, hook)
        config = home / "worker.toml"
        settings: dict[str, Any] = {
            "rpc_url": self.rpc_url,
            "deployment": deployment_path(CHAIN_ID, self.home),
            "keystore": files.keystore,
            "password_file": files.password,
            "store": self.store_url,
            "home": home,
            "hardware_class": "cpu",
            "allow_no_sandbox": True,  # a laptop may have no bubblewrap; the worker says so in its ready line
            "min_progress_seconds": 2,  # gas is free here
            "snapshot_segments": 5,
            "audited_jobs": True,  # no stake of anybody's is at risk
            "dispute_bond": False,  # nor is there anybody to accuse falsely but whom a trial makes do so
            "allow_root": True,  # so may a container that runs the tests as root
            "poll_seconds": 0.5 * self.block_seconds,
        }
        write_config(config, settings | dict(hook.settings))
        log = self.folder / "logs" / f"worker-{number}.log"
        assert self._processes is not None, "actors come after the watchdog"
        return WorkerProcess(number, files, provider, hook, config=config, log=log, processes=self._processes)

    def _stake_worker(self, provider: LocalAccount, files: KeyFiles, number: int, hook: WorkerHook) -> None:
        amount = self.contracts.parameters.values().min_stake * _STAKES * hook.stake
        self.give(provider.address, self.stake_token, amount)
        self.anvil.fund(files.account.address, _GAS_MONEY)
        profile = WorkerProfile(
            payout=provider.address,
            hardware_class=hardware_class("cpu"),
            fingerprint=keccak256(b"one machine"),  # whatever it is, all workers here compute alike
            capacity=hook.capacity,
            recipient=recipient_bytes(self._keys.identity(f"worker-{number}").recipient),
        )
        sender = Sender(self.connection, provider)
        register_worker(sender, self.contracts, files.account, profile)
        stake(sender, self.contracts, files.account.address, amount)

    @property
    def store_url(self) -> str:
        """The blob store of everybody here."""
        return (self.folder / "store").as_uri()

    def _write_network_file(self) -> None:
        files = self._requester_files
        record = {
            "version": 1,
            "rpc_url": self.rpc_url,
            "chain_id": CHAIN_ID,
            "deployment": str(deployment_path(CHAIN_ID, self.home)),
            "store": self.store_url,
            "requester": {
                "address": files.account.address,
                "keystore": str(files.keystore),
                "password_file": str(files.password),
                "identity": str(files.identity),
            },
            "workers": [
                {
                    "address": worker.address,
                    "provider": worker.provider.address,
                    "pid": worker.pid,
                    "config": str(worker.config),
                    "log": str(worker.log),
                }
                for worker in self.workers
            ],
            "pid": os.getpid(),
        }
        part = self.network_file.with_suffix(".part")
        write_private(part, json.dumps(record, indent=2) + "\n")
        part.replace(self.network_file)

    def _end_workers(self) -> None:
        """All at once: five graces one after the other would be long."""
        threads = [threading.Thread(target=worker.stop) for worker in self.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

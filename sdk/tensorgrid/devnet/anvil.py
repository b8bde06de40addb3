"""The development chain: anvil on a free loopback port, its blocks under our control."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tensorgrid.chain.connection import Connection
from tensorgrid.devnet.logs import tail
from tensorgrid.devnet.processes import Processes
from tensorgrid.domain.errors import DevnetFailed

CHAIN_ID = 31337
_START_SECONDS = 20
_LISTENING = re.compile(rb"Listening on (127\.0\.0\.1:\d{1,5})\b")


class Anvil:
    """A running chain. Starts with a block per transaction and none in between; `mine_every` lets time pass.

    Block timestamps rise by one second per block from `genesis` on. Its randomness is the same in every run, so equal
    transactions in equal order make equal block hashes. `options`: more of its own, "--steps-tracing". Raises
    DevnetFailed when it does not start.
    """

    def __init__(
        self, program: Path, processes: Processes, *, log: Path, genesis: int, options: Sequence[str] = ()
    ) -> None:
        self.log = log
        self.mining_every: int | None = None
        self._processes = processes
        self.process: subprocess.Popen[bytes] = processes.start(
            [
                str(program),
                *("--host", "127.0.0.1", "--port", "0"),
                *("--chain-id", str(CHAIN_ID), "--timestamp", str(genesis)),
                *("--accounts", "0"),  # the well-known keys of every anvil in the world have nothing here
                *options,
            ],
            log=log,
        )
        try:
            self.url = self._await_url()
            self.connection = Connection(self.url, chain_id=CHAIN_ID)
            self.connection.rpc("anvil_setBlockTimestampInterval", 1)
            self.connection.rpc("anvil_setLoggingEnabled", False)  # else a line per request, for days
        except BaseException:
            processes.kill(self.process)
            raise

    def fund(self, address: str, wei: int) -> None:
        """Set the account's coin for gas."""
        self.connection.rpc("anvil_setBalance", address, hex(wei))

    def mine(self, blocks: int = 1) -> None:
        """Add blocks now."""
        self.connection.rpc("anvil_mine", hex(blocks))

    def advance(self, seconds: int) -> None:
        """Let the chain's time jump: one block, `seconds` after the latest. Raises ChainError when a block races it."""
        # evm_increaseTime has no effect while blocks have a fixed distance, which ours have
        self.connection.rpc("evm_setNextBlockTimestamp", self.connection.now() + max(1, seconds))
        self.mine()

    def mine_every(self, seconds: int) -> None:
        """A block per interval, with whatever came in, until `mine_on_demand`."""
        self.connection.rpc("evm_setIntervalMining", seconds)  # whole seconds: anvil takes no others here
        self.mining_every = seconds

    def mine_on_demand(self) -> None:
        """A block per transaction, and none without: the chain's time stands still in between."""
        self.connection.rpc("evm_setIntervalMining", 0)
        self.connection.rpc("evm_setAutomine", True)
        self.mining_every = None

    def stop(self) -> None:
        """Idempotent."""
        self.connection.close()
        self._processes.end(self.process, grace=2)

    def _await_url(self) -> str:
        give_up = time.monotonic() + _START_SECONDS
        while time.monotonic() < give_up:
            found = _LISTENING.search(self.log.read_bytes()[-65536:])
            if found:
                return f"http://{found[1].decode()}"
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise DevnetFailed(f"anvil did not start; the end of {self.log}:\n{tail(self.log)}")

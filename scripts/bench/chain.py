"""A real anvil that runs the same transactions to the same receipts every time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tensorgrid.devnet.anvil import Anvil
from tensorgrid.devnet.processes import Processes
from tensorgrid.devnet.toolchain import find_anvil

_GENESIS = 1_767_225_600  # 2026-01-01; a fixed clock, so that every byte of calldata is the same in every run
_GAS_LIMIT = 12_000_000
_RECEIPT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Log:
    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """A good transaction. `gas`: all that its sender paid for, intrinsic, calldata and refunds included."""

    hash: str
    gas: int
    calldata: bytes
    block: int
    contract: str | None
    logs: tuple[Log, ...]


class Chain:
    """A running anvil; a context manager. A block per transaction, one second apart, unless `at` says otherwise.

    `traced`: it remembers every step of every transaction, for `profile`. `forgetful`: it keeps no states of earlier
    blocks, which many workers would fill the memory with.
    Senders need no keys here: the chain takes everybody's word for who sends. What they pay is the same.
    """

    def __init__(self, folder: Path, *, traced: bool = False, forgetful: bool = False) -> None:
        options = (*(("--steps-tracing",) if traced else ()), *(("--prune-history",) if forgetful else ()))
        self._processes = Processes()
        try:
            log = folder / "anvil.log"
            self.anvil = Anvil(find_anvil(), self._processes, log=log, genesis=_GENESIS, options=options)
            self.anvil.connection.rpc("anvil_autoImpersonateAccount", True)
        except BaseException:
            self._processes.close()
            raise
        self._snapshot: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.anvil.stop()
        self._processes.close()

    @property
    def chain_id(self) -> int:
        return self.anvil.connection.chain_id

    @property
    def version(self) -> str:
        """The node, as it names itself: "anvil/v1.7.1"."""
        return str(self.rpc("web3_clientVersion"))

    def rpc(self, method: str, *params: Any) -> Any:
        return self.anvil.connection.rpc(method, *params)

    # ---- time

    @property
    def now(self) -> int:
        """Timestamp of the latest block."""
        return self.anvil.connection.now()

    def at(self, timestamp: int) -> None:
        """The next transaction executes in a block of exactly this timestamp, unless that has passed already."""
        if timestamp > self.now:
            self.rpc("evm_setNextBlockTimestamp", timestamp)

    def mine(self, blocks: int) -> None:
        self.anvil.mine(blocks)

    def remember(self) -> None:
        """What `rewind` goes back to."""
        self._snapshot = str(self.rpc("evm_snapshot"))

    def rewind(self) -> None:
        """Back to what was remembered."""
        assert self._snapshot is not None, "nothing was remembered"
        self.rpc("evm_revert", self._snapshot)
        self.remember()  # a snapshot serves once

    # ---- transactions

    def ask(self, to: str, payload: bytes) -> bytes:
        return self.anvil.connection.eth_call(to, payload)

    def send(self, sender: str, to: str | None, payload: bytes, *, gas: int = _GAS_LIMIT) -> Receipt:
        """Mined and good. Raises Reverted with the contract's own error."""
        request = {"from": sender, "data": "0x" + payload.hex(), "gas": hex(gas)}
        if to is not None:
            request["to"] = to
        found = self._await(str(self.rpc("eth_sendTransaction", request)))
        number = int(found["blockNumber"], 16)
        if int(found["status"], 16) != 1:
            self.anvil.connection.eth_call(to or "", payload, sender=sender, block=number)  # raises with the reason
            raise AssertionError(f"{found['transactionHash']} failed, and now it would not")
        return Receipt(
            hash=str(found["transactionHash"]),
            gas=int(found["gasUsed"], 16),
            calldata=payload,
            block=number,
            contract=found.get("contractAddress"),
            logs=tuple(
                Log(log["address"], tuple(map(_unhex, log["topics"])), _unhex(log["data"])) for log in found["logs"]
            ),
        )

    def _await(self, tx: str) -> dict[str, Any]:
        give_up = time.monotonic() + _RECEIPT_SECONDS
        while time.monotonic() < give_up:
            found: dict[str, Any] | None = self.rpc("eth_getTransactionReceipt", tx)
            if found is not None:
                return found
            time.sleep(0.001)
        raise TimeoutError(f"{tx} was not mined within {_RECEIPT_SECONDS} s")


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))

"""Where a transaction's gas goes: by contract and by kind of instruction, as the node traces it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .chain import Chain

_BASE, _ZERO_BYTE, _OTHER_BYTE = 21_000, 4, 16
_CALLS = {"CALL", "STATICCALL"}
_KINDS = {
    "SLOAD": "storage read",
    "SSTORE": "storage write",
    "TLOAD": "transient storage",
    "TSTORE": "transient storage",
    "KECCAK256": "hash",
    **dict.fromkeys(("MLOAD", "MSTORE", "MSTORE8", "MCOPY", "RETURNDATACOPY", "CODECOPY"), "memory"),
    **dict.fromkeys(("CALLDATALOAD", "CALLDATACOPY", "CALLDATASIZE"), "calldata read"),
    **dict.fromkeys((*_CALLS, "EXTCODESIZE"), "call"),
    **{f"LOG{n}": "event" for n in range(5)},
}
KINDS = (
    "base",
    "calldata",
    "storage write",
    "storage read",
    "event",
    "call",
    "signature",
    "hash",
    "memory",
    "calldata read",
    "transient storage",
    "arithmetic and jumps",
)
_PRECOMPILES = {1: "signature", 2: "hash"}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step. `gas`: what it cost by itself, without what a called contract has spent."""

    contract: str  # lower-case address
    pc: int
    name: str
    gas: int
    slot: int | None = None  # of SLOAD and SSTORE
    callee: int | None = None  # address, of calls

    @property
    def kind(self) -> str:
        if self.callee is not None and self.callee in _PRECOMPILES:
            return _PRECOMPILES[self.callee]
        return _KINDS.get(self.name, "arithmetic and jumps")


@dataclass(frozen=True, slots=True)
class Profile:
    """Gas of one transaction by (contract name, kind). What is paid before its first instruction has contract ""."""

    parts: Counter[tuple[str, str]]
    refund: int

    @property
    def total(self) -> int:
        """Equal to the receipt's."""
        return sum(self.parts.values()) - self.refund

    def by_kind(self) -> Counter[str]:
        kinds: Counter[str] = Counter()
        for (_, kind), gas in self.parts.items():
            kinds[kind] += gas
        return kinds

    def by_contract(self) -> Counter[str]:
        contracts: Counter[str] = Counter()
        for (contract, _), gas in self.parts.items():
            contracts[contract] += gas
        return contracts


def profile(chain: Chain, tx: str, names: dict[str, str]) -> Profile:
    """`names`: of contracts, by lower-case address."""
    sent = chain.rpc("eth_getTransactionByHash", tx)
    calldata = bytes.fromhex(str(sent["input"]).removeprefix("0x"))
    zeros = calldata.count(0)
    parts: Counter[tuple[str, str]] = Counter()
    parts["", "base"] = _BASE
    parts["", "calldata"] = zeros * _ZERO_BYTE + (len(calldata) - zeros) * _OTHER_BYTE
    for step in instructions(chain, tx):
        parts[names.get(step.contract, step.contract), step.kind] += step.gas
    used = int(chain.rpc("eth_getTransactionReceipt", tx)["gasUsed"], 16)
    return Profile(parts, refund=sum(parts.values()) - used)


def instructions(chain: Chain, tx: str) -> Iterator[Instruction]:
    """All steps of a mined transaction, in order of their ends."""
    options = {"enableMemory": False, "disableStorage": True}
    logs: Sequence[dict[str, Any]] = chain.rpc("debug_traceTransaction", tx, options)["structLogs"]
    contracts = [str(chain.rpc("eth_getTransactionByHash", tx)["to"]).lower()]
    entered: list[tuple[int, int]] = []  # open calls: the caller's step, the gas that the callee began with
    for at, log in enumerate(logs):
        after = logs[at + 1] if at + 1 < len(logs) else None
        if after is not None and after["depth"] > log["depth"]:
            entered.append((at, after["gas"]))
            contracts.append(f"0x{_callee(log):040x}")
            continue
        if after is not None and after["depth"] == log["depth"]:
            yield _instruction(contracts[-1], log, log["gas"] - after["gas"])
            continue
        yield _instruction(contracts.pop(), log, log["gasCost"])
        if after is not None:
            call, had = entered.pop()
            spent = had - (log["gas"] - log["gasCost"])
            yield _instruction(contracts[-1], logs[call], logs[call]["gas"] - after["gas"] - spent)


def _instruction(contract: str, log: dict[str, Any], gas: int) -> Instruction:
    name, stack = str(log["op"]), log["stack"]
    slot = int(stack[-1], 16) if name in {"SLOAD", "SSTORE"} else None
    return Instruction(contract, log["pc"], name, gas, slot, _callee(log) if name in _CALLS else None)


def _callee(log: dict[str, Any]) -> int:
    return int(log["stack"][-2], 16) & (1 << 160) - 1

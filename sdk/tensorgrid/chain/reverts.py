"""What a contract said when it refused: revert data to one of domain.refusals, with the values of the custom error."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from tensorgrid.chain.abi import Entry, Interface, decode, interface
from tensorgrid.chain.artifacts import artifact_names
from tensorgrid.domain.errors import ChainError, Reverted
from tensorgrid.domain.refusals import REFUSALS

_ERROR_STRING = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
_MAX_TEXT = 500
_PANICS: dict[int, str] = {
    0x01: "an assertion failed: please report this",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "no such value of an enum",
    0x32: "index out of range",
    0x41: "too much memory",
}

# Errors of OpenZeppelin tokens: those of foreign payment tokens, which have no artifact here (EIP-6093).
_STANDARD = [
    "ERC20InsufficientBalance(address sender,uint256 balance,uint256 needed)",
    "ERC20InvalidSender(address sender)",
    "ERC20InvalidReceiver(address receiver)",
    "ERC20InsufficientAllowance(address spender,uint256 allowance,uint256 needed)",
    "ERC20InvalidApprover(address approver)",
    "ERC20InvalidSpender(address spender)",
    "ERC2612ExpiredSignature(uint256 deadline)",
    "ERC2612InvalidSigner(address signer,address owner)",
    "SafeERC20FailedOperation(address token)",
    "ReentrancyGuardReentrantCall()",
]


def decode_revert(data: bytes) -> Reverted:
    """The refusal as its own exception. Never fails: data that nobody knows becomes UnknownError(data)."""
    selector, arguments = data[:4], data[4:]
    if not data:
        return Reverted("NoReason", {}, "the contract gave no reason; is there a contract of this kind at the address?")
    try:
        if selector == _ERROR_STRING:
            return Reverted("Error", {"message": printable(decode(["string"], arguments)[0])})
        if selector == _PANIC:
            code = int(decode(["uint256"], arguments)[0])
            return Reverted("Panic", {"code": hex(code)}, _PANICS.get(code, ""))
        entry = known_errors().get(selector)
        if entry is not None:
            values = {name: _clean(value) for name, value in entry.decode_inputs(arguments).items()}
            kind = REFUSALS.get(entry.name, Reverted)
            return kind(entry.name, values, kind.__doc__ or "")
    except ChainError:
        pass  # a selector that is ours over arguments that are not: shown as it came
    return Reverted("UnknownError", {"data": data[:132]}, "no contract of this version declares it")


def revert_data(error: dict[str, Any]) -> bytes | None:
    """Revert data out of a JSON-RPC error object, wherever this node puts it; None when it is no revert at all.

    Geth and anvil: code 3 and hex in `data`; Hardhat: a dictionary there; Nethermind and others: "Reverted 0x...".
    """
    data = error.get("data")
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
    if isinstance(data, str):
        found = re.search(r"0x([0-9a-fA-F]{0,131072})", data)
        if found and len(found[1]) % 2 == 0:
            return bytes.fromhex(found[1])
    if error.get("code") == 3 or "revert" in str(error.get("message", "")).lower():
        return b""
    return None


@lru_cache(maxsize=1)
def known_errors() -> dict[bytes, Entry]:
    """By selector: the custom errors of all artifacts, then the standard ones of tokens."""
    errors: dict[bytes, Entry] = {}
    for contract in (interface(name) for name in artifact_names()):
        for selector, entry in contract.errors.items():
            errors.setdefault(selector, entry)
    for selector, entry in _standard_errors().errors.items():
        errors.setdefault(selector, entry)
    return errors


def printable(text: str) -> str:
    """A stranger's text without terminal escapes, line breaks and changes of direction, at most 500 characters."""
    return "".join(char if char.isprintable() else "?" for char in text[:_MAX_TEXT])


def _standard_errors() -> Interface:
    abi = []
    for signature in _STANDARD:
        name, inside = signature.rstrip(")").split("(")
        inputs = [dict(zip(("type", "name"), part.split(), strict=True)) for part in inside.split(",") if part]
        abi.append({"type": "error", "name": name, "inputs": inputs})
    return Interface.of_abi("standard", abi)


def _clean(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value

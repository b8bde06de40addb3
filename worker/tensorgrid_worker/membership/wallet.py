"""What the provider's cold key signs: here, from its keystore, or elsewhere, from transactions that are printed."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.send import Sender
from tensorgrid.domain.errors import ChainError, KeyMissing, Unreachable
from tensorgrid.domain.money import Amount, Token
from tensorgrid_worker.keys import open_keystore, read_password


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of the provider. `what`: for people. `gas`: enough of it, for who signs it unseen."""

    what: str
    call: Call
    gas: int


def open_provider(keystore: Path, password_file: Path | None) -> LocalAccount:
    """The cold key: from its keystore and a password file, or a prompt on a terminal. Raises KeyMissing."""
    if password_file is not None:
        return open_keystore(keystore, read_password(password_file))
    if not sys.stdin.isatty():
        raise KeyMissing(f"the password of {keystore} is needed: pass --password-file FILE, or run this on a terminal")
    return open_keystore(keystore, getpass.getpass(f"password of {keystore}: "))


def send(sender: Sender, steps: Sequence[Step], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One after the other, each mined before the next. What is mined stays so when a later one raises: begin again, and
    only the rest is done. Raises Reverted, InsufficientFunds, TransactionLost, Unreachable.
    """
    sent = []
    for step in steps:
        say(f"sending: {step.what}")
        receipt = sender.transact(step.call)
        sent.append({"what": step.what, "transaction": receipt.hash, "block": receipt.block, "gas": receipt.gas_used})
    return sent


def unsigned(contracts: Contracts, provider: str, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """To be signed by `provider` and sent in this order; nonce and fees are the wallet's. Values are wei.

    Raises Unreachable.
    """
    return [
        {
            "what": step.what,
            "function": step.call.name,
            "from": provider,
            "to": step.call.to,
            "data": "0x" + step.call.data.hex(),
            "value": str(step.call.value),
            "chainId": contracts.chain_id,
            "gas": str(_gas(contracts, provider, step)),
        }
        for step in steps
    ]


def _gas(contracts: Contracts, provider: str, step: Step) -> int:
    """Estimated where that is possible: a step that needs the one before it cannot be tried yet."""
    request = {"from": provider, "to": step.call.to, "data": "0x" + step.call.data.hex(), "value": hex(step.call.value)}
    try:
        estimate = int(contracts.connection.rpc("eth_estimateGas", request), 16) * 5 // 4
    except Unreachable:
        raise
    except (ChainError, ValueError, TypeError):
        return step.gas
    return max(estimate, step.gas)


def shown(units: int, token: Token | None) -> str:
    """Units with the token's own words beside them: "30000000 (30.00 TGS)"."""
    return f"{units} ({Amount(units, token)})" if token is not None else str(units)

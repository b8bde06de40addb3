"""Transactions as they were sent and as they were mined."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tensorgrid.chain.abi import checksum
from tensorgrid.chain.connection import counted, hash32, quantity
from tensorgrid.domain.errors import ChainError


@dataclass(frozen=True, slots=True)
class SentTx:
    """A signed transaction: `hash` is 0x + 64 hex, `raw` what `broadcast` takes, `name` such as "JobBoard.take"."""

    hash: str
    nonce: int
    raw: bytes = field(repr=False)
    name: str = ""
    gas: int = 0


@dataclass(frozen=True, slots=True)
class TxReceipt:
    """A mined transaction. `gas_price` is wei per gas really paid; `contract` is set for deployments."""

    hash: str
    block: int
    block_hash: str
    gas_used: int
    gas_price: int
    status: int
    logs: tuple[dict[str, Any], ...] = field(repr=False)
    sender: str = ""
    contract: str | None = None

    @property
    def ok(self) -> bool:
        return self.status == 1

    @property
    def cost(self) -> int:
        """Wei paid for gas."""
        return self.gas_used * self.gas_price


def receipt_of(raw: Any) -> TxReceipt:
    """From JSON-RPC. Raises ChainError when it is no receipt."""
    if not isinstance(raw, dict) or not isinstance(raw.get("logs", []), list):
        raise ChainError("the node sent no valid receipt; use another node")
    created = raw.get("contractAddress")
    return TxReceipt(
        hash=hash32(raw.get("transactionHash"), "transaction hash"),
        block=counted(raw.get("blockNumber"), "block number"),
        block_hash=hash32(raw.get("blockHash"), "block hash"),
        gas_used=counted(raw.get("gasUsed"), "gas"),
        gas_price=quantity(raw.get("effectiveGasPrice") or "0x0", "gas price"),
        status=quantity(raw.get("status"), "status"),
        logs=tuple(raw.get("logs", [])),
        sender=checksum(str(raw["from"])) if raw.get("from") else "",
        contract=checksum(str(created)) if created else None,
    )

"""Every transaction that anybody sent, out of the blocks themselves: nobody's own account of it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorgrid.chain.abi import checksum, interface
from tensorgrid.chain.artifacts import artifact_names
from tensorgrid.chain.connection import Connection, quantity
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.receipts import receipt_of
from tensorgrid.domain.errors import ChainError


@dataclass(frozen=True, slots=True)
class Sent:
    """One mined transaction. `name` such as "JobBoard.take"; `time` is the block's, Unix seconds."""

    hash: str
    block: int
    time: int
    sender: str
    name: str
    gas: int
    ok: bool


def transactions_between(contracts: Contracts, first: int, last: int) -> list[Sent]:
    """All of blocks first..last, in order. For development chains: one request per block and per transaction.

    Raises Unreachable, ChainError.
    """
    connection = contracts.connection
    names = _selectors(contracts)
    found: list[Sent] = []
    for number in range(first, last + 1):
        block = connection.rpc("eth_getBlockByNumber", hex(number), True)
        if not isinstance(block, dict):
            raise ChainError(f"{connection.shown_url} has no block {number}; it was there a moment ago")
        time = quantity(block["timestamp"], "timestamp")
        found += [_sent(connection, names, raw, time) for raw in block["transactions"]]
    return found


def _sent(connection: Connection, names: Mapping[tuple[str, str], str], raw: dict[str, str], time: int) -> Sent:
    receipt = receipt_of(connection.rpc("eth_getTransactionReceipt", raw["hash"]))
    to = checksum(raw["to"]) if raw.get("to") else ""
    selector = raw.get("input", "0x")[2:10]
    plain = "a contract is created" if not to else "money for gas" if not selector else f"{to[:10]}…"
    return Sent(
        hash=receipt.hash,
        block=receipt.block,
        time=time,
        sender=receipt.sender,
        name=names.get((to, selector), plain),
        gas=receipt.gas_used,
        ok=receipt.ok,
    )


def _selectors(contracts: Contracts) -> dict[tuple[str, str], str]:
    """Function name by (contract address, selector), for every contract and token of the deployment."""
    addresses = {ref.address: name for name, ref in contracts.deployment.contracts.items()}
    stake = contracts.deployment.stake_token
    for token in (*contracts.deployment.tokens, *((stake,) if stake else ())):
        addresses[token.address] = "TestToken"
    shown = {token.address: token.symbol for token in contracts.deployment.tokens}
    known = set(artifact_names())
    return {
        (address, entry.hash[:4].hex()): f"{shown.get(address, name)}.{function}"
        for address, name in addresses.items()
        if name in known
        for function, entry in interface(name).functions.items()
    }

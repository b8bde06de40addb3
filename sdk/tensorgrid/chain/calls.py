"""What can be asked of a contract and what can be sent to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorgrid.chain.abi import Interface, checksum, interface
from tensorgrid.chain.connection import Connection, data
from tensorgrid.domain.errors import TensorgridError


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction to be sent by someone. `name` such as "JobBoard.take" is for people; `value` is wei."""

    to: str
    data: bytes = field(repr=False)
    name: str
    value: int = 0


class Contract:
    """One deployed contract. Subclasses give its functions names and types; every reader takes the block explicitly."""

    def __init__(self, connection: Connection, name: str, address: str, abi_of: str | None = None) -> None:
        self.connection = connection
        self.name = name
        self.address = checksum(address)
        self.interface: Interface = interface(abi_of or name)

    def __repr__(self) -> str:
        return f"<{self.name} {self.address}>"

    def build(self, function: str, *args: Any) -> Call:
        """The call, unsent. Raises ChainError when the arguments do not fit the ABI."""
        return Call(self.address, self.interface.encode_call(function, *args), f"{self.name}.{function}")

    def read(self, function: str, *args: Any, block: int | str = "latest", sender: str | None = None) -> Any:
        """One return value, or a tuple of several. Raises Reverted, Unreachable, ChainError."""
        payload = self.interface.encode_call(function, *args)
        answer = self.connection.eth_call(self.address, payload, block=block, sender=sender)
        values = self.interface.decode_answer(function, answer)
        return values[0] if len(values) == 1 else values

    def read_many(self, function: str, arguments: Sequence[Sequence[Any]]) -> list[Any]:
        """As `read` at the latest block, once per item of `arguments`. Raises for the first one that fails."""
        found = self.ask_many(function, arguments)
        for answer in found:
            if isinstance(answer, TensorgridError):
                raise answer
        return found

    def ask_many(self, function: str, arguments: Sequence[Sequence[Any]]) -> list[Any]:
        """As `read_many`, with an error (a TensorgridError) in the place of each answer that is one."""
        asked = [
            (
                "eth_call",
                [{"to": self.address, "data": "0x" + self.interface.encode_call(function, *each).hex()}, "latest"],
            )
            for each in arguments
        ]
        found: list[Any] = []
        for answer in self.connection.batch(asked):
            if isinstance(answer, TensorgridError):
                found.append(answer)
                continue
            values = self.interface.decode_answer(function, data(answer, "answer"))
            found.append(values[0] if len(values) == 1 else values)
        return found

"""Escrow and ERC-20 tokens."""

from __future__ import annotations

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.connection import Connection
from tensorgrid.chain.records import Balance

BURN = "0x000000000000000000000000000000000000dEaD"


class Escrow(Contract):
    """Balances per (controller, token, account). The controller of jobs is the board."""

    def balance(self, controller: str, token: str, account: str, *, block: int | str = "latest") -> Balance:
        return Balance(*self.read("balanceOf", controller, token, account, block=block))

    def deposit(self, controller: str, token: str, account: str, amount: int) -> Call:
        """By anyone who has approved the Escrow; credits `account`."""
        return self.build("deposit", controller, token, account, amount)

    def deposit_with_permit(
        self, controller: str, token: str, account: str, amount: int, *, deadline: int, v: int, r: bytes, s: bytes
    ) -> Call:
        """As `deposit`, with an EIP-2612 permit by the sender."""
        return self.build("depositWithPermit", controller, token, account, amount, deadline, v, r, s)

    def withdraw(self, controller: str, token: str, amount: int, to: str) -> Call:
        """By the owner of the free balance."""
        return self.build("withdraw", controller, token, amount, to)

    def flush_burned(self, controller: str, token: str) -> Call:
        """By anyone: really send burned money to the burn address."""
        return self.build("flushBurned", controller, token)


class TokenContract(Contract):
    """Any ERC-20, through the ABI of TestToken. `mint` and permits exist on test tokens only as far as we know."""

    def __init__(self, connection: Connection, address: str) -> None:
        super().__init__(connection, "Token", address, abi_of="TestToken")

    def balance_of(self, account: str, *, block: int | str = "latest") -> int:
        return int(self.read("balanceOf", account, block=block))

    def allowance(self, owner: str, spender: str, *, block: int | str = "latest") -> int:
        return int(self.read("allowance", owner, spender, block=block))

    def decimals(self, *, block: int | str = "latest") -> int:
        return int(self.read("decimals", block=block))

    def symbol(self, *, block: int | str = "latest") -> str:
        return str(self.read("symbol", block=block))

    def total_supply(self, *, block: int | str = "latest") -> int:
        return int(self.read("totalSupply", block=block))

    def nonce_of(self, owner: str, *, block: int | str = "latest") -> int:
        """Next EIP-2612 nonce."""
        return int(self.read("nonces", owner, block=block))

    def long_name(self, *, block: int | str = "latest") -> str:
        return str(self.read("name", block=block))

    def domain_separator(self, *, block: int | str = "latest") -> bytes:
        """Of its permits, 32 bytes."""
        return bytes(self.read("DOMAIN_SEPARATOR", block=block))

    def approve(self, spender: str, amount: int) -> Call:
        return self.build("approve", spender, amount)

    def transfer(self, to: str, amount: int) -> Call:
        return self.build("transfer", to, amount)

    def mint(self, to: str, amount: int) -> Call:
        """Test tokens: open to anyone."""
        return self.build("mint", to, amount)

"""Every place where money can be, read from the chain: wallets, the Escrow's credits, stake in each of its states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import Event, Slashed, StakeBurned, decode
from tensorgrid.chain.money import BURN
from tensorgrid.chain.records import Allocation
from tensorgrid.domain.money import Amount, Token

BURNED = "burned"
WALLET, FREE, HELD, BOND = "wallet", "escrow, free", "escrow, held", "escrow, bond"
UNUSED, ACTIVE, EXITING, WAITING = "stake, unused", "stake, active", "stake, exiting", "burned, not sent yet"
CLAIMABLE = "stake, claimable"
LOCKED = "of it locked"
"""A part of what is active or exiting, no place of its own: never added up."""

PLACES = (WALLET, FREE, HELD, BOND, UNUSED, ACTIVE, EXITING, LOCKED, CLAIMABLE, WAITING)

Key = tuple[str, str, str]
"""Party, place, token symbol."""


@dataclass(frozen=True, slots=True)
class Page:
    """All balances at one block. `in_escrow`, `in_vault`: what the two contracts own; `supply`: what exists at all."""

    block: int
    units: Mapping[Key, int]
    locked: Mapping[str, int]
    coin: Mapping[str, int]
    in_escrow: int
    in_vault: int
    supply: Mapping[str, int]

    def of(self, party: str, place: str, token: Token) -> int:
        """Units; 0 where the party has no such place."""
        return self.units.get((party, place, token.symbol), 0)

    def total(self, token: Token, *places: str) -> int:
        """Over all parties; without places: everywhere."""
        return sum(
            units
            for (_, place, symbol), units in self.units.items()
            if symbol == token.symbol and (not places or place in places)
        )


class Book:
    """Balances of named parties. `stakes`: by name, whose stake lies behind whom: (provider, worker). `jurors`: by
    name, who has staked for the jury and not for the board.

    One payment token and the stake token; money under the board, and bonds under the accept tier.
    """

    def __init__(
        self,
        contracts: Contracts,
        parties: Mapping[str, str],
        stakes: Mapping[str, tuple[str, str]],
        pay: Token,
        stake: Token,
        jurors: Mapping[str, str] | None = None,
    ) -> None:
        self.pay, self.stake = pay, stake
        self._jurors = dict(jurors or {})
        self.parties = {**parties, **self._jurors, BURNED: BURN}
        self._stakes = {**stakes, **{name: (address, address) for name, address in self._jurors.items()}}
        self._contracts = contracts

    def look(self) -> Page:
        """All of it at the latest block. Raises Unreachable."""
        contracts, connection = self._contracts, self._contracts.connection
        block = connection.latest().number
        pay, stake = contracts.token(self.pay.address), contracts.token(self.stake.address)
        units = {**self._money(block), **self._stake(block)}
        for party, address in self.parties.items():
            units[party, WALLET, self.pay.symbol] = pay.balance_of(address, block=block)
            units[party, WALLET, self.stake.symbol] = stake.balance_of(address, block=block)
        return Page(
            block=block,
            units=units,
            locked={name: self._allocation(name, block).locked for name in self._stakes},
            coin={party: connection.balance(address, block) for party, address in self.parties.items()},
            in_escrow=pay.balance_of(contracts.escrow.address, block=block),
            in_vault=stake.balance_of(contracts.vault.address, block=block),
            supply={self.pay.symbol: pay.total_supply(block=block), self.stake.symbol: stake.total_supply(block=block)},
        )

    def vault_events(self, last: int) -> Iterator[Event]:
        """What the vault has told up to block `last`, in chain order."""
        vault = self._contracts.vault.address
        question = {"address": vault, "fromBlock": hex(0), "toBlock": hex(last)}
        for raw in self._contracts.connection.rpc("eth_getLogs", question):
            if (event := decode(raw, {vault: "StakeVault"})) is not None:
                yield event

    def _money(self, block: int) -> dict[Key, int]:
        escrow, symbol = self._contracts.escrow, self.pay.symbol
        board, acceptance = self._contracts.board.address, self._contracts.acceptance
        units: dict[Key, int] = {}
        for party, address in self.parties.items():
            found = escrow.balance(board, self.pay.address, address, block=block)
            units[party, WAITING if party == BURNED else FREE, symbol] = found.free
            units[party, HELD, symbol] = found.held
            if acceptance is not None:
                bond = escrow.balance(acceptance.address, self.pay.address, address, block=block)
                units[party, BOND, symbol] = bond.free + bond.held
        return units

    def _stake(self, block: int) -> dict[Key, int]:
        vault, symbol = self._contracts.vault, self.stake.symbol
        units: dict[Key, int] = {}
        for name, pair in self._stakes.items():
            units[name, UNUSED, symbol] = vault.free_of(*pair, block=block)
            units[name, ACTIVE, symbol] = self._allocation(name, block).active
            units[name, EXITING, symbol] = vault.exit_of(*pair, self._controller(name), block=block).amount
        for party, address in self.parties.items():
            units[party, CLAIMABLE, symbol] = vault.claimable_of(address, block=block)
        # the vault keeps no readable sum of what it will burn: its events tell
        events = list(self.vault_events(block))
        slashed = sum(event.burned for event in events if isinstance(event, Slashed))
        sent = sum(event.amount for event in events if isinstance(event, StakeBurned))
        units[BURNED, WAITING, symbol] = slashed - sent
        return units

    def _allocation(self, name: str, block: int) -> Allocation:
        return self._contracts.vault.allocation_of(*self._stakes[name], self._controller(name), block=block)

    def _controller(self, name: str) -> str:
        """Whom the stake was allocated to."""
        jury = self._contracts.jury if name in self._jurors else None
        return jury.address if jury is not None else self._contracts.board.address

    def amount(self, units: int, symbol: str) -> Amount:
        """Of one of the two tokens."""
        return Amount(units, self.pay if symbol == self.pay.symbol else self.stake)

"""Who has what, before and after: every account that a token can be in, so that the changes must sum to zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.money import BURN
from tensorgrid.domain.money import Amount, Token

__all__ = ["BURN", "BURNED", "ESCROW", "VAULT", "Ledger", "Snapshot"]

ESCROW, VAULT, BURNED = "escrow", "stake vault", "burned (0x…dEaD)"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Units by (party, token symbol)."""

    units: Mapping[tuple[str, str], int]


class Ledger:
    """Balances of named accounts in some tokens, read from the token contracts themselves."""

    def __init__(self, contracts: Contracts, parties: Mapping[str, str], tokens: tuple[Token, ...]) -> None:
        """`parties`: address by name; the escrow, the vault and the burn address are added."""
        self.tokens = tokens
        self.parties = {
            **parties,
            ESCROW: contracts.escrow.address,
            VAULT: contracts.vault.address,
            BURNED: BURN,
        }
        self._contracts = contracts

    def look(self) -> Snapshot:
        """All balances at the latest block. Raises Unreachable."""
        block = self._contracts.connection.latest().number
        return Snapshot(
            {
                (party, token.symbol): self._contracts.token(token.address).balance_of(address, block=block)
                for party, address in self.parties.items()
                for token in self.tokens
            }
        )

    def supply(self) -> dict[str, int]:
        """Units of each token that exist at all: what the parties hold must not exceed it."""
        return {token.symbol: self._contracts.token(token.address).total_supply() for token in self.tokens}

    def change(self, party: str, token: Token, before: Snapshot, after: Snapshot) -> Amount:
        key = (party, token.symbol)
        return Amount(after.units[key] - before.units[key], token)

    def sums(self, before: Snapshot, after: Snapshot) -> dict[str, int]:
        """Per token, all changes added up, in units: zero when nothing came from or went to elsewhere."""
        return {
            token.symbol: sum(self.change(party, token, before, after).units for party in self.parties)
            for token in self.tokens
        }

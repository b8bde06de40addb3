"""The least pay, per token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorgrid_worker.policy.base import Asked, Settings, Tokens, integer


@dataclass(frozen=True, slots=True)
class PriceFloor:
    """`floors`: address -> least price of one seat. `other`: of tokens that are not named. Smallest units."""

    floors: Mapping[str, int]
    other: int = 0
    name: str = "price"
    passing: bool = False

    @classmethod
    def of(cls, settings: Settings, tokens: Tokens, other: int = 0) -> PriceFloor:
        """`{"USDC": 500000}`; a token by its symbol or its address."""
        floors = {}
        for token in settings:
            address = _address(token, tokens)
            if address in floors:
                raise ValueError(f"{token} is named twice")
            floors[address] = integer(settings, token) or 0
        return cls(floors, other)

    def least(self, token: str) -> int:
        return self.floors.get(token, self.other)

    def refusal(self, asked: Asked) -> str:
        least = self.least(asked.pay_token)
        if asked.price < least:
            return f"it pays {asked.price}, this worker works for {least} and up"
        return ""


def _address(token: str, tokens: Tokens) -> str:
    for symbol, address in tokens.items():
        if token.lower() in {symbol.lower(), address.lower()}:
            return address
    raise ValueError(f"the network knows no token {token!r}; it has {', '.join(tokens) or 'none'}")

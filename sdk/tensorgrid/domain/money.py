"""Money: whole units of a named token. No float ever meets it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

from tensorgrid.domain.errors import SpecInvalid, UnknownToken

MAX_UNITS = 2**128 - 1
_AMOUNT = re.compile(r"(\d{1,40})(?:\.(\d{1,40}))?\s*([A-Za-z][A-Za-z0-9._-]{0,31}|0x[0-9a-fA-F]{40})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A plain ERC-20: its address, the symbol it is called by, and how many decimals its units have."""

    address: str
    symbol: str
    decimals: int

    def __str__(self) -> str:
        return self.symbol


@total_ordering
@dataclass(frozen=True, slots=True)
class Amount:
    """`units` of the token's smallest part. May be negative: a change of balance is an Amount too.

    Adds to, subtracts from and compares with amounts of the same token; ValueError otherwise.
    """

    units: int
    token: Token

    @classmethod
    def parse(cls, text: str, tokens: Iterable[Token]) -> Amount:
        """From "5 USDC", "0.25 USDC" or "5 0x<address>". Never rounds.

        Raises SpecInvalid for what is no amount or finer than the token, UnknownToken for a name that is none or two of
        `tokens`.
        """
        match = _AMOUNT.fullmatch(text.strip())
        if match is None:
            raise SpecInvalid(f'{text[:80]!a} is not an amount; write a number and a token, such as "5 USDC"')
        whole, part, name = match[1], (match[2] or "").rstrip("0"), match[3]
        token = _named(name, tokens)
        if len(part) > token.decimals:
            raise SpecInvalid(f"{text.strip()} is finer than {token.symbol}'s {token.decimals} decimals; round it")
        units = int(whole + part.ljust(token.decimals, "0"))
        if units > MAX_UNITS:
            raise SpecInvalid(f"{text.strip()} is more than any contract can hold; use a smaller amount")
        return cls(units, token)

    def __str__(self) -> str:
        whole, part = divmod(abs(self.units), 10**self.token.decimals)
        digits = str(part).rjust(self.token.decimals, "0")[: self.token.decimals]
        shown = digits.rstrip("0").ljust(min(2, self.token.decimals), "0")
        return f"{'-' if self.units < 0 else ''}{whole}{'.' + shown if shown else ''} {self.token.symbol}"

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.units + self._same(other), self.token)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.units - self._same(other), self.token)

    def __mul__(self, times: int) -> Amount:
        if not isinstance(times, int):
            return NotImplemented
        return Amount(self.units * times, self.token)

    __rmul__ = __mul__

    def __neg__(self) -> Amount:
        return Amount(-self.units, self.token)

    def __bool__(self) -> bool:
        return self.units != 0

    def __lt__(self, other: Amount) -> bool:
        return self.units < self._same(other)

    def _same(self, other: object) -> int:
        if not isinstance(other, Amount) or other.token != self.token:
            raise ValueError(f"{self.token.symbol} meets {getattr(other, 'token', other)}; convert first")
        return other.units


def _named(name: str, tokens: Iterable[Token]) -> Token:
    known = list(tokens)
    found = [token for token in known if name == token.symbol or name.lower() == token.address.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownToken(f"{len(found)} tokens are called {name}; write the address instead of the symbol")
    raise UnknownToken(f"no token {name} on this network; it has {', '.join(t.symbol for t in known) or 'none'}")

"""Where a network's randomness comes from: the hashes of its blocks, or the rounds of a drand network."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar

_KEY = ("x_imaginary", "x_real", "y_imaginary", "y_real")


@dataclass(frozen=True, slots=True)
class BlockRounds:
    """For devnets and small values. `delay`: blocks between naming a round and its block."""

    delay: int

    contract: ClassVar = "BlockBeacon"
    relays: ClassVar[tuple[str, ...]] = ()

    def arguments(self) -> tuple[Any, ...]:
        """As the beacon's constructor takes them."""
        return (self.delay,)


@dataclass(frozen=True, slots=True)
class DrandRounds:
    """Of scheme bls-bn254-unchained-on-g1. `key`: four words, imaginary parts first. `genesis`: when round 1 was
    published, Unix seconds; `period`, `lag`: seconds. `relays`: addresses in front of /public/ROUND."""

    key: tuple[int, int, int, int]
    genesis: int
    period: int
    lag: int
    relays: tuple[str, ...]

    contract: ClassVar = "DrandBeacon"

    def arguments(self) -> tuple[Any, ...]:
        """As the beacon's constructor takes them."""
        return (self.key, self.genesis, self.period, self.lag)

    @classmethod
    def shipped(cls, chain: str, lag: int) -> DrandRounds:
        """A public drand network that this package knows. Raises ValueError for another."""
        file = files("tensorgrid.parameters") / "beacons" / f"{chain}.toml"
        if not chain.isalnum() or not file.is_file():
            raise ValueError(f"no drand network {chain[:40]!r} is known; there is evmnet")
        raw = tomllib.loads(file.read_text())
        words = [int(raw["public_key"][word], 16) for word in _KEY]
        return cls((words[0], words[1], words[2], words[3]), raw["genesis"], raw["period"], lag, tuple(raw["relays"]))


Rounds = BlockRounds | DrandRounds


def rounds_of(raw: Mapping[str, Any]) -> Rounds:
    """The [beacon] table: kind = "block" (where nothing is said) with delay, or "drand" with chain and lag.

    Raises KeyError, TypeError, ValueError naming what does not fit.
    """
    kind = raw.get("kind", "block")
    wanted = {"block": {"delay"}, "drand": {"chain", "lag"}}.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        raise ValueError(f'a beacon is of kind "block" or "drand", not {kind!r}')
    if set(raw) - {"kind"} != wanted:
        raise ValueError(f"[beacon] of kind {kind!r} needs {' and '.join(sorted(wanted))}, and nothing else")
    seconds = raw["delay" if kind == "block" else "lag"]
    if type(seconds) is not int or seconds < 0:
        raise ValueError(f"{seconds!r} is no natural number")
    return BlockRounds(seconds) if kind == "block" else DrandRounds.shipped(str(raw["chain"]), seconds)

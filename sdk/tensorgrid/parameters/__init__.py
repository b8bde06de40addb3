"""What a network is deployed with: one commented TOML file per network, read strictly."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from tensorgrid.domain.errors import UnknownDeployment
from tensorgrid.parameters.rounds import Rounds, rounds_of

_NUMBER = re.compile(r"(\d{1,40})(?:\.(\d{1,40}))?", re.ASCII)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BoundParameters:
    """Seconds, basis points, a count; field order is the ABI order of IParameters.Bounds."""

    min_take_time: int
    max_take_time: int
    min_work_time: int
    max_work_time: int
    max_settle_time: int
    max_fee_bps: int
    max_reopens: int


@dataclass(frozen=True, slots=True)
class ClockParameters:
    """Seconds that the SDK proposes for a job."""

    take: int
    reveal: int
    grace: int
    extra_take: int


@dataclass(frozen=True, slots=True)
class TokenParameters:
    """A token that exists (`address`) or is to be created as a test token. `max_escrow` is in whole tokens, as text."""

    name: str
    symbol: str
    decimals: int
    address: str | None = None
    max_escrow: str = "0"
    score_weight: int = 0

    def units(self, amount: str) -> int:
        """Whole tokens as text to units, exactly. Raises UnknownDeployment when finer than the token."""
        match = _NUMBER.fullmatch(amount)
        if match is None or len(match[2] or "") > self.decimals:
            raise UnknownDeployment(
                f"{amount!r} is no amount of {self.symbol}; write digits, at most {self.decimals} decimals"
            )
        return int(match[1] + (match[2] or "").ljust(self.decimals, "0"))


@dataclass(frozen=True, slots=True)
class JuryParameters:
    """Clocks in seconds; stake, bond and reward in whole stake tokens, the fee of a seat in whole pay tokens, as text.

    Field order of all but the fee is the ABI order of IJurySeats.Rules.
    """

    take_time: int
    vote_time: int
    reveal_time: int
    appeal_time: int
    juror_stake: str
    no_show_bond: str
    reward: str
    fee: str

    def rules(self, stake_token: TokenParameters) -> tuple[int, ...]:
        """As the contract takes them. Raises UnknownDeployment when an amount is finer than the token."""
        amounts = (self.juror_stake, self.no_show_bond, self.reward)
        clocks = (self.take_time, self.vote_time, self.reveal_time, self.appeal_time)
        return (*clocks, *(stake_token.units(amount) for amount in amounts))


@dataclass(frozen=True, slots=True)
class StrategyParameters:
    """Of schedulers by score and by price. `top`: points from which on more do not help; `floor`: points that taking by
    price asks for; `start_bps`: where a price begins to rise, in basis points of the terms' price."""

    top: int
    floor: int
    start_bps: int


@dataclass(frozen=True, slots=True)
class AuditParameters:
    """What the SDK proposes for an audited job: seconds, counts and basis points, in the order of the verifier's
    parameters; and how many other providers there must be who could replay it."""

    respond: int
    take: int
    audit: int
    move: int
    segments: int
    drawn: int
    auditors: int
    audit_bps: int
    reaudit_bps: int
    steps: int
    others: int


@dataclass(frozen=True, slots=True)
class NetworkParameters:
    """Everything that `deploy` decides. Times: seconds. Stakes: whole tokens, as text.

    Without `jury` neither it nor the accept tier is deployed; without `strategies` only the lottery and offers are.
    """

    network: str
    bounds: BoundParameters
    clocks: ClockParameters
    exit_delay: int
    rounds: Rounds
    half_life: int
    fee_bps: int
    min_stake: str
    min_no_show_bond: str
    stake_token: TokenParameters
    tokens: tuple[TokenParameters, ...]
    hardware_classes: tuple[str, ...]
    jury: JuryParameters | None = None
    audit: AuditParameters | None = None
    strategies: StrategyParameters | None = None

    @classmethod
    def load(cls, which: str | Path = "devnet") -> NetworkParameters:
        """A shipped network by name, or a file. Raises UnknownDeployment when it is missing or does not fit."""
        shipped = files("tensorgrid.parameters") / f"{which}.toml"
        try:
            text = shipped.read_text() if isinstance(which, str) and shipped.is_file() else Path(which).read_text()
            return cls.from_text(text)
        except (OSError, UnicodeDecodeError) as error:
            raise UnknownDeployment(
                f"no network parameters at {which}: {type(error).__name__}; give a TOML file"
            ) from error

    @classmethod
    def from_text(cls, text: str) -> NetworkParameters:
        """Raises UnknownDeployment naming the entry that is missing, unknown or of the wrong kind."""
        try:
            raw = tomllib.loads(text)
            values, allow = _table(raw, "values"), _table(raw, "allow")
            return cls(
                network=_text(raw["network"]),
                bounds=_record(BoundParameters, _table(raw, "bounds")),
                clocks=_record(ClockParameters, _table(raw, "clocks")),
                exit_delay=_natural(_table(raw, "stake")["exit_delay"]),
                rounds=rounds_of(_table(raw, "beacon")),
                half_life=_natural(_table(raw, "reputation")["half_life"]),
                fee_bps=_natural(values["fee_bps"]),
                min_stake=_text(values["min_stake"]),
                min_no_show_bond=_text(values["min_no_show_bond"]),
                stake_token=_token(_table(raw, "stake_token")),
                tokens=tuple(_token(token) for token in raw["tokens"]),
                hardware_classes=tuple(_text(name) for name in allow["hardware_classes"]),
                jury=_jury(_table(raw, "jury")) if "jury" in raw else None,
                audit=_record(AuditParameters, _table(raw, "audit")) if "audit" in raw else None,
                strategies=_record(StrategyParameters, _table(raw, "strategies")) if "strategies" in raw else None,
            )
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise UnknownDeployment(
                f"these network parameters do not fit ({error}); compare with devnet.toml"
            ) from error


def _token(raw: Mapping[str, Any]) -> TokenParameters:
    known = {field.name for field in fields(TokenParameters)}
    if unknown := set(raw) - known:
        raise ValueError(f"a token has no {', '.join(sorted(unknown))}")
    return TokenParameters(
        name=_text(raw["name"]),
        symbol=_text(raw["symbol"]),
        decimals=_natural(raw["decimals"]),
        address=_text(raw["address"]) if "address" in raw else None,
        max_escrow=_text(raw.get("max_escrow", "0")),
        score_weight=int(_text(raw.get("score_weight", "0"))),
    )


def _jury(raw: Mapping[str, Any]) -> JuryParameters:
    names = [field.name for field in fields(JuryParameters)]
    if set(raw) != set(names):
        raise ValueError(f"expected {', '.join(names)}")
    return JuryParameters(
        take_time=_natural(raw["take_time"]),
        vote_time=_natural(raw["vote_time"]),
        reveal_time=_natural(raw["reveal_time"]),
        appeal_time=_natural(raw["appeal_time"]),
        juror_stake=_text(raw["juror_stake"]),
        no_show_bond=_text(raw["no_show_bond"]),
        reward=_text(raw["reward"]),
        fee=_text(raw["fee"]),
    )


def _record(kind: type[T], raw: Mapping[str, Any]) -> T:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if set(names) != set(raw):
        raise ValueError(f"expected {', '.join(names)}")
    return kind(*(_natural(raw[name]) for name in names))


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(raw.get(name), Mapping):
        raise KeyError(f"[{name}]")
    found: Mapping[str, Any] = raw[name]
    return found


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no natural number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value

"""Which contracts make up a network: addresses, code hashes, the block to read from, the tokens.

Public networks ship as data of this package (chain/deployments/<chain id>.json), devnets write the same file under
TENSORGRID_HOME/deployments. The latter wins, so that a fork of a public chain can be worked on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from tensorgrid.chain.abi import checksum
from tensorgrid.domain.errors import UnknownDeployment, UnknownToken
from tensorgrid.domain.money import Token

REQUIRED = (
    "Parameters",
    "Escrow",
    "StakeVault",
    "WorkerRegistry",
    "Reputation",
    "JobBoard",
    "LotteryScheduler",
    "OfferScheduler",
    "ReplicationVerifier",
)
BEACONS = ("DrandBeacon", "BlockBeacon")
"""A network draws by one of them."""
_MAX_FILE = 1 << 20


def home() -> Path:
    """Where this user's tensorgrid files lie: TENSORGRID_HOME, or ~/.tensorgrid."""
    named = os.environ.get("TENSORGRID_HOME")
    return Path(named).expanduser() if named else Path.home() / ".tensorgrid"


@dataclass(frozen=True, slots=True)
class ContractRef:
    """`tx` and `block`: where it was deployed; `code_hash`: keccak256 of its runtime code, 32 bytes."""

    address: str
    block: int
    tx: str
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class JobClocks:
    """Seconds that fit this network when the requester names none: to take, reveal, its grace, to take extra seats."""

    take: int
    reveal: int
    grace: int
    extra_take: int


@dataclass(frozen=True, slots=True)
class AuditProposal:
    """What this network proposes for an audited job, where the requester says nothing.

    respond, take, audit, move: seconds, as the times of AuditTerms; a job that replays longer gets more for the last
    two. segments: the least a job is cut into. drawn, auditors, audit_bps, reaudit_bps: as in AuditTerms. others:
    providers with stake, besides the worker's own, whose machines must be able to replay his.
    """

    respond: int
    take: int
    audit: int
    move: int
    segments: int
    drawn: int
    auditors: int
    audit_bps: int
    reaudit_bps: int
    others: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """`start_block`: no event of these contracts is older. `tokens`: those this network's jobs may be paid in.

    `relays`: where rounds of its drand network can be had, addresses in front of /public/ROUND; none is to be trusted.
    """

    chain_id: int
    network: str
    start_block: int
    contracts: Mapping[str, ContractRef]
    tokens: tuple[Token, ...] = ()
    stake_token: Token | None = None
    clocks: JobClocks | None = None
    audit: AuditProposal | None = None
    relays: tuple[str, ...] = ()

    @property
    def beacon(self) -> str:
        """The name of the contract whose rounds draw."""
        return next((name for name in BEACONS if name in self.contracts), BEACONS[-1])

    def address(self, name: str) -> str:
        """Raises UnknownDeployment when the file does not name the contract."""
        ref = self.contracts.get(name)
        if ref is None:
            raise UnknownDeployment(f"the deployment of {self.network!r} has no {name}; it is of another version")
        return ref.address

    def token(self, symbol_or_address: str) -> Token:
        """Raises UnknownToken."""
        wanted = symbol_or_address.lower()
        for token in self.tokens:
            if wanted in {token.symbol.lower(), token.address.lower()}:
                return token
        known = ", ".join(token.symbol for token in self.tokens) or "none"
        raise UnknownToken(f"network {self.network!r} knows no token {symbol_or_address[:64]!r}; it has {known}")

    def to_json(self) -> dict[str, Any]:
        return {
            "version": 1,
            "chain_id": self.chain_id,
            "network": self.network,
            "start_block": self.start_block,
            "contracts": {
                name: {
                    "address": ref.address,
                    "block": ref.block,
                    "tx": ref.tx,
                    "code_hash": "0x" + ref.code_hash.hex(),
                }
                for name, ref in sorted(self.contracts.items())
            },
            "tokens": [_token_json(token) for token in self.tokens],
            "stake_token": _token_json(self.stake_token) if self.stake_token else None,
            "clocks": asdict(self.clocks) if self.clocks else None,
            "audit": asdict(self.audit) if self.audit else None,
            "relays": list(self.relays),
        }

    def save(self, path: Path) -> Path:
        """Write atomically, making folders as needed. Returns `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + f".{os.getpid()}.part")
        part.write_text(json.dumps(self.to_json(), indent=2) + "\n")
        part.replace(path)
        return path

    @classmethod
    def load(cls, which: int | str | Path, *, home: Path | None = None) -> Deployment:
        """By chain id (the user's own file, then the packaged one) or from a file. Raises UnknownDeployment."""
        if isinstance(which, int):
            text, shown = _find(which, home or _home())
        else:
            path = Path(which)
            try:
                text, shown = path.read_text(), str(path)
            except (OSError, UnicodeDecodeError) as error:
                raise UnknownDeployment(f"cannot read the deployment file {path}: {type(error).__name__}") from error
        return cls.from_text(text, shown)

    @classmethod
    def from_text(cls, text: str, shown: str = "the deployment") -> Deployment:
        """Raises UnknownDeployment when the text is no deployment of this version."""
        try:
            if len(text) > _MAX_FILE:
                raise ValueError("too large")
            raw = json.loads(text)
            if raw["version"] != 1:
                raise ValueError(f"version {raw['version']!r}")
            deployment = cls(
                chain_id=_natural(raw["chain_id"]),
                network=str(raw["network"]),
                start_block=_natural(raw["start_block"]),
                contracts={str(name): _contract(ref) for name, ref in raw["contracts"].items()},
                tokens=tuple(_token(token) for token in raw["tokens"]),
                stake_token=_token(raw["stake_token"]) if raw.get("stake_token") else None,
                clocks=_clocks(raw["clocks"]) if raw.get("clocks") else None,
                audit=_audit(raw["audit"]) if raw.get("audit") else None,
                relays=tuple(str(url) for url in raw.get("relays", ())),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {str(error)[:120]}"
            raise UnknownDeployment(
                f"{shown} is no deployment file of this version ({reason}); deploy again"
            ) from error
        missing = [name for name in (*REQUIRED, deployment.beacon) if name not in deployment.contracts]
        if missing:
            raise UnknownDeployment(f"{shown} lacks {', '.join(missing)}; deploy again")
        return deployment


_home = home  # the name is a parameter above


def deployment_path(chain_id: int, home_folder: Path | None = None) -> Path:
    """Where this user's own deployment on that chain lies."""
    return (home_folder or home()) / "deployments" / f"{chain_id}.json"


def _find(chain_id: int, folder: Path) -> tuple[str, str]:
    own = deployment_path(chain_id, folder)
    if own.is_file():
        return own.read_text(), str(own)
    shipped = files("tensorgrid") / "chain" / "deployments" / f"{chain_id}.json"
    if shipped.is_file():
        return shipped.read_text(), f"the packaged deployment on chain {chain_id}"
    raise UnknownDeployment(
        f"no tensorgrid contracts are known on chain {chain_id}: neither {own} nor this package has them; "
        "start `tensorgrid devnet`, or give a deployment file"
    )


def _contract(raw: dict[str, Any]) -> ContractRef:
    code_hash = bytes.fromhex(str(raw["code_hash"]).removeprefix("0x"))
    if len(code_hash) != 32:
        raise ValueError("code_hash needs 32 bytes")
    return ContractRef(checksum(str(raw["address"])), _natural(raw["block"]), str(raw["tx"]), code_hash)


def _token(raw: dict[str, Any]) -> Token:
    return Token(checksum(str(raw["address"])), str(raw["symbol"]), _natural(raw["decimals"]))


def _token_json(token: Token) -> dict[str, Any]:
    return {"address": token.address, "symbol": token.symbol, "decimals": token.decimals}


def _clocks(raw: dict[str, Any]) -> JobClocks:
    return JobClocks(*(_natural(raw[field.name]) for field in fields(JobClocks)))


def _audit(raw: dict[str, Any]) -> AuditProposal:
    return AuditProposal(*(_natural(raw[field.name]) for field in fields(AuditProposal)))


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no natural number")
    return value

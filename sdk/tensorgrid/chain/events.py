"""Logs of a node to events: only those of the right contract at the right address are believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from keyword import iskeyword
from typing import Any

from tensorgrid.chain.abi import Entry, checksum, interface, type_of
from tensorgrid.chain.abi import decode as decode_values
from tensorgrid.chain.audit_history import (
    Accused,
    Answered,
    AuditBegun,
    AuditClean,
    ClaimsFallen,
    Confirmed,
    Declined,
    DisputeBondReleased,
    DisputeOpened,
    Served,
    SittingOpened,
    Snapshot,
)
from tensorgrid.chain.bisection import Match, Span
from tensorgrid.chain.connection import counted, data, hash32
from tensorgrid.chain.dispute_history import (
    CaseOpened,
    MatchOpened,
    MatchPicked,
    MatchReferred,
    MatchSplit,
    MatchTimedOut,
    StatesServed,
)
from tensorgrid.chain.history import (
    Allocated,
    BondForfeited,
    BondReturned,
    EpochRaised,
    EscrowBurned,
    EscrowDeposited,
    EscrowWithdrawn,
    Event,
    ExitFinished,
    ExitRequested,
    ExtraSeatsOpened,
    JobCancelled,
    JobCommitted,
    JobContested,
    JobExpired,
    JobPosted,
    JobProgress,
    JobReopened,
    JobSealed,
    JobSettled,
    JobTaken,
    LockCapSet,
    LogRef,
    NonceRetired,
    OrderRelayed,
    Rejected,
    Rested,
    Revealed,
    RoundStored,
    Slashed,
    StakeBurned,
    StakeClaimed,
    StakeDeposited,
    StakeWithdrawn,
    WorkerBeat,
    WorkerReclassed,
    WorkerRegistered,
    WorkerSettled,
    WorkerUpdated,
)
from tensorgrid.chain.key_box import KeyHanded, KeyMissed
from tensorgrid.domain.audits import AuditOpening
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import Fault, JobTerms
from tensorgrid.domain.workers import WorkerProfile


def decode(raw: Any, emitters: Mapping[str, str] | None = None) -> Event | None:
    """The event, or None for a log that is none of ours.

    `emitters`: contract name by checksummed address; a log from elsewhere, or with another contract's topic, is None.
    Raises ChainError on a log that is malformed.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("topics"), list):
        raise ChainError("the node sent no valid log; use another node")
    topics = [data(topic, "topic") for topic in raw["topics"]]
    found = event_types().get(topics[0]) if topics else None
    if found is None:
        return None
    kind, entry = found
    ref = log_ref(raw)
    if emitters is not None and emitters.get(ref.address) != kind.SOURCE[0]:
        return None
    values = _arguments(entry, topics[1:], data(raw.get("data"), "log data"))
    return kind(**{name: _domain(kind, name, value) for name, value in values.items()}, log=ref)


def log_ref(raw: dict[str, Any]) -> LogRef:
    """Raises ChainError when the log does not say where it stands."""
    if raw.get("removed"):
        raise ChainError("the node sent a log of a removed block; ask again")
    address = data(raw.get("address"), "log address")
    if len(address) != 20:
        raise ChainError("the node sent no valid log address; use another node")
    return LogRef(
        block=counted(raw.get("blockNumber"), "block number"),
        index=counted(raw.get("logIndex"), "log index"),
        block_hash=hash32(raw.get("blockHash"), "block hash"),
        tx=hash32(raw.get("transactionHash"), "transaction hash"),
        address=checksum("0x" + address.hex()),
    )


@lru_cache(maxsize=1)
def event_types() -> dict[bytes, tuple[type[Event], Entry]]:
    """By topic: our class and the ABI's entry."""
    types: dict[bytes, tuple[type[Event], Entry]] = {}
    for kind in Event.__subclasses__():
        contract, name = kind.SOURCE
        for topic, entry in interface(contract).events.items():
            if entry.name == name:
                types[topic] = (kind, entry)
    return types


def _arguments(entry: Entry, topics: list[bytes], body: bytes) -> dict[str, Any]:
    """By snake-case name. Raises ChainError when the log does not have the ABI's shape."""
    indexed = [part for part in entry.inputs if part.get("indexed")]
    others = [part for part in entry.inputs if not part.get("indexed")]
    if len(indexed) != len(topics):
        raise ChainError(f"the node sent a {entry.name} log with {len(topics)} topics; use another node")
    values = {
        part["name"]: decode_values([type_of(part)], topic)[0] for part, topic in zip(indexed, topics, strict=True)
    }
    rest = decode_values([type_of(part) for part in others], body)
    values.update({part["name"]: value for part, value in zip(others, rest, strict=True)})
    return {_snake(str(part["name"])): values[part["name"]] for part in entry.inputs}


def _domain(kind: type[Event], name: str, value: Any) -> Any:
    match name:
        case "terms":
            return JobTerms(*value)
        case "profile":
            return WorkerProfile(*value)
        case "opening":
            return AuditOpening(*value)
        case "disputed":
            return Match(*value)
        case "span":
            return Span(*value)
        case "fault":
            try:
                return Fault(value)
            except ValueError as error:
                raise ChainError(f"the node sent a {kind.__name__} log with fault {value}; use another node") from error
        case _:
            return value


@lru_cache(maxsize=256)
def _snake(name: str) -> str:
    snake = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
    return snake + "_" if iskeyword(snake) else snake


def check_event_types() -> None:
    """Every event class has exactly the fields of its ABI entry, in its order. For tests; raises AssertionError."""
    found = {kind for kind, _ in event_types().values()}
    assert found == set(Event.__subclasses__()), "an event class has no entry in its contract's ABI"
    for kind, entry in event_types().values():
        ours = [field.name for field in fields(kind) if field.name != "log"]
        theirs = [_snake(str(part["name"])) for part in entry.inputs]
        assert ours == theirs, f"{kind.__name__} has {ours}, the ABI {theirs}"


__all__ = [
    "Accused",
    "Allocated",
    "Answered",
    "AuditBegun",
    "AuditClean",
    "BondForfeited",
    "BondReturned",
    "CaseOpened",
    "ClaimsFallen",
    "Confirmed",
    "Declined",
    "DisputeBondReleased",
    "DisputeOpened",
    "EpochRaised",
    "EscrowBurned",
    "EscrowDeposited",
    "EscrowWithdrawn",
    "Event",
    "ExitFinished",
    "ExitRequested",
    "ExtraSeatsOpened",
    "JobCancelled",
    "JobCommitted",
    "JobContested",
    "JobExpired",
    "JobPosted",
    "JobProgress",
    "JobReopened",
    "JobSealed",
    "JobSettled",
    "JobTaken",
    "KeyHanded",
    "KeyMissed",
    "LockCapSet",
    "LogRef",
    "MatchOpened",
    "MatchPicked",
    "MatchReferred",
    "MatchSplit",
    "MatchTimedOut",
    "NonceRetired",
    "OrderRelayed",
    "Rejected",
    "Rested",
    "Revealed",
    "RoundStored",
    "Served",
    "SittingOpened",
    "Slashed",
    "Snapshot",
    "StakeBurned",
    "StakeClaimed",
    "StakeDeposited",
    "StakeWithdrawn",
    "StatesServed",
    "WorkerBeat",
    "WorkerReclassed",
    "WorkerRegistered",
    "WorkerSettled",
    "WorkerUpdated",
    "check_event_types",
    "decode",
    "event_types",
    "log_ref",
]

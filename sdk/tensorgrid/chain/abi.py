"""Calls, answers, errors and events of one contract, to bytes and back, as its ABI says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import UnsignedIntegerDecoder
from eth_abi.encoding import UnsignedIntegerEncoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import ABIRegistry, BaseEquals, registry
from eth_utils.address import to_checksum_address

from tensorgrid.chain.artifacts import artifact
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import ChainError


def _own_registry() -> ABIRegistry:
    """Integers as the ABI says, also beside ape, which makes the shared registry read a missing integer as zero."""
    own: ABIRegistry = registry.copy()  # type: ignore[no-untyped-call]
    own.unregister("uint")
    unsigned = BaseEquals("uint")  # type: ignore[no-untyped-call]
    own.register(unsigned, UnsignedIntegerEncoder, UnsignedIntegerDecoder, label="uint")
    return own


_CODEC = ABICodec(_own_registry())


@lru_cache(maxsize=4096)
def checksum(address: str) -> str:
    """The mixed-case spelling, the only one that leaves this package."""
    return str(to_checksum_address(address))


def type_of(parameter: dict[str, Any]) -> str:
    """The ABI type as written in signatures; structs become tuples."""
    kind = str(parameter["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(type_of(part) for part in parameter['components'])}){kind.removeprefix('tuple')}"


def plain(kind: str, value: Any) -> Any:
    """`value` as eth_abi decodes it, with checksummed addresses, tuples instead of lists, at any depth."""
    if kind == "address":
        return checksum(value)
    if kind.endswith("]"):
        inner = kind[: kind.rindex("[")]
        return tuple(plain(inner, item) for item in value)
    if kind.startswith("("):
        return tuple(plain(part, item) for part, item in zip(_parts(kind), value, strict=True))
    return value


def _parts(kind: str) -> list[str]:
    """The types inside "(a,(b,c)[],d)", one level deep."""
    parts, depth, start = [], 0, 1
    for i, char in enumerate(kind):
        depth += (char == "(") - (char == ")")
        if (char == "," and depth == 1) or (char == ")" and depth == 0):
            parts.append(kind[start:i])
            start = i + 1
    return [part for part in parts if part]


@dataclass(frozen=True)
class Entry:
    """One function, error or event."""

    kind: str
    name: str
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...] = ()

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(type_of(part) for part in self.inputs)})"

    @property
    def hash(self) -> bytes:
        """32 bytes; its first four are the selector of a function or error."""
        return keccak256(self.signature.encode())

    def decode_inputs(self, data: bytes) -> dict[str, Any]:
        """Arguments by their ABI names (arg0, arg1... where unnamed). Raises ChainError on bytes of another shape."""
        values = decode([type_of(part) for part in self.inputs], data)
        names = [part.get("name") or f"arg{i}" for i, part in enumerate(self.inputs)]
        return dict(zip(names, values, strict=True))


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Raises ChainError when `data` is not an encoding of `types`."""
    try:
        values = _CODEC.decode(list(types), data)
    except (DecodingError, ValueError, OverflowError) as error:
        shape = ",".join(types)
        raise ChainError(
            f"the node answered {len(data)} bytes that are no ({shape}); is it the right contract?"
        ) from error
    return tuple(plain(kind, value) for kind, value in zip(types, values, strict=True))


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Raises ChainError when a value does not fit its type, before anything is sent."""
    try:
        return bytes(_CODEC.encode(list(types), list(values)))
    except (EncodingError, TypeError, ValueError) as error:
        raise ChainError(f"({','.join(types)}) cannot hold these values: {str(error)[:300]}") from error


@dataclass(frozen=True)
class Interface:
    """One contract's ABI, looked up by function name, error selector and event topic."""

    name: str
    functions: dict[str, Entry] = field(repr=False)
    errors: dict[bytes, Entry] = field(repr=False)
    events: dict[bytes, Entry] = field(repr=False)
    constructor: Entry = field(repr=False)

    @classmethod
    def of_abi(cls, name: str, abi: Iterable[dict[str, Any]]) -> Interface:
        functions: dict[str, Entry] = {}
        errors: dict[bytes, Entry] = {}
        events: dict[bytes, Entry] = {}
        constructor = Entry("constructor", "constructor", ())
        for item in abi:
            entry = Entry(
                item["type"], item.get("name", ""), tuple(item.get("inputs", ())), tuple(item.get("outputs", ()))
            )
            match entry.kind:
                case "function":
                    functions.setdefault(entry.name, entry)
                case "error":
                    errors[entry.hash[:4]] = entry
                case "event":
                    events[entry.hash] = entry
                case "constructor":
                    constructor = entry
        return cls(name, functions, errors, events, constructor)

    def encode_call(self, function: str, *args: Any) -> bytes:
        """Selector and arguments. Raises ChainError when they do not fit."""
        entry = self.functions[function]
        return entry.hash[:4] + encode([type_of(part) for part in entry.inputs], args)

    def decode_answer(self, function: str, data: bytes) -> tuple[Any, ...]:
        """All return values, in order. Raises ChainError on bytes of another shape."""
        return decode([type_of(part) for part in self.functions[function].outputs], data)

    def encode_constructor(self, *args: Any) -> bytes:
        return encode([type_of(part) for part in self.constructor.inputs], args)


@lru_cache(maxsize=64)
def interface(name: str) -> Interface:
    """Of the artifact `name`."""
    return Interface.of_abi(name, artifact(name)["abi"])

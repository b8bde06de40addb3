"""Checks that strangers' JSON has its shape: each returns the value, typed, or raises SpecInvalid naming the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tensorgrid.domain.cids import Cid
from tensorgrid.domain.encoding import checksum_address
from tensorgrid.domain.errors import SpecInvalid

MAX_BLOB_BYTES = 1 << 40
_JOB = re.compile(r"0x[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_ANY_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_BYTES32 = re.compile(r"0x[0-9a-fA-F]{64}")
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_UNITS = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)


def shown(value: Any) -> str:
    """A stranger's value for a message: escaped and cut."""
    if isinstance(value, int) and abs(value) > 2**256:
        return "a huge number"
    return ascii(value)[:80]


def fields(value: Any, names: Iterable[str], what: str) -> dict[str, Any]:
    """An object with exactly these keys."""
    expected = frozenset(names)
    if not isinstance(value, dict):
        raise SpecInvalid(f"{what} must be an object with the keys {', '.join(sorted(expected))}")
    if value.keys() != expected:
        missing, unknown = sorted(expected - value.keys()), sorted(value.keys() - expected)
        strange = shown([key[:16] for key in unknown[:4]])
        raise SpecInvalid(f"{what}: missing keys {missing}, unknown keys {strange}; send exactly the schema")
    return value


def version(value: Any, known: int, what: str) -> None:
    if type(value) is not int or value != known:
        raise SpecInvalid(f"{what} has version {shown(value)}, this release reads {known}; update tensorgrid")


def integer(value: Any, low: int, high: int, what: str) -> int:
    """An int (bool is none) within [low, high]."""
    if type(value) is not int or not low <= value <= high:
        raise SpecInvalid(f"{what} must be an integer from {low} to {high}, not {shown(value)}")
    return value


def text(value: Any, max_length: int, what: str) -> str:
    """Printable text of 1 to max_length characters: nothing that could steer a terminal."""
    if not isinstance(value, str) or not 1 <= len(value) <= max_length or not value.isprintable():
        raise SpecInvalid(f"{what} must be 1 to {max_length} printable characters")
    return value


def matching(value: Any, pattern: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise SpecInvalid(f"{what} must match {pattern.pattern}, not {shown(value)}")
    return value


def job(value: Any, what: str) -> bytes:
    """A JobId, from its lower-case 0x-form."""
    return bytes.fromhex(matching(value, _JOB, what)[2:])


def address(value: Any, what: str) -> str:
    """An address in its lower-case 0x-form."""
    return matching(value, _ADDRESS, what)


def any_address(value: Any, what: str) -> str:
    """An address in its mixed-case spelling (EIP-55); a mixed one that is misspelt is refused, lower case is taken."""
    found = matching(value, _ANY_ADDRESS, what)
    mixed = checksum_address(found)
    if found not in (mixed, found.lower()):
        raise SpecInvalid(f"{what}: {found} is misspelt (EIP-55); copy the address again")
    return mixed


def bytes32(value: Any, what: str) -> bytes:
    """32 bytes, from 0x + 64 hex digits."""
    return bytes.fromhex(matching(value, _BYTES32, what)[2:])


def hex_bytes(value: Any, most: int, what: str) -> bytes:
    """At most `most` bytes, from 0x-hex."""
    if isinstance(value, str) and len(value) > 2 * most + 2:
        raise SpecInvalid(f"{what} has more than {most} bytes")
    return bytes.fromhex(matching(value, _HEX, what)[2:])


def units(value: Any, bits: int, what: str) -> int:
    """A natural number below 2**bits, from its decimal text: JSON's own numbers end before money does."""
    number = int(matching(value, _UNITS, what))
    if number >> bits:
        raise SpecInvalid(f"{what} must be below 2**{bits}, not {shown(value)}")
    return number


def listed(value: Any, most: int, what: str) -> list[Any]:
    """A list of at most `most` entries."""
    if not isinstance(value, list) or len(value) > most:
        raise SpecInvalid(f"{what} must be a list of at most {most} entries")
    return value


def cid(value: Any, what: str) -> Cid:
    """A CIDv1 in its one canonical text."""
    if isinstance(value, str):
        parsed = Cid.parse(value)
        if str(parsed) == value:
            return parsed
    raise SpecInvalid(f"{what} must be a CIDv1 in base32, not {shown(value)}")


def blob_bytes(value: Any, what: str, most: int = MAX_BLOB_BYTES) -> int:
    return integer(value, 0, most, what)


def sized(value: Any, most: int, what: str) -> Mapping[str, Any]:
    """An object with at most `most` keys."""
    if not isinstance(value, Mapping) or len(value) > most:
        raise SpecInvalid(f"{what} must be an object of at most {most} entries")
    return value

"""Hashes and canonical bytes, each in one place."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import rfc8785
from Crypto.Hash import keccak as _keccak

from tensorgrid.domain.errors import SpecInvalid

_FIRST_INEXACT = 2**53


def keccak256(data: bytes) -> bytes:
    """Ethereum's Keccak-256 (not NIST SHA3-256)."""
    return _keccak.new(digest_bits=256, data=data).digest()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def word(value: int | bytes | str) -> bytes:
    """One 32-byte ABI word: an unsigned integer or an 0x-address right-aligned, bytesN left-aligned."""
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x")).rjust(32, b"\0")
    if len(value) > 32:
        raise ValueError(f"{len(value)} bytes do not fit one word")
    return value.ljust(32, b"\0")


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes. Raises SpecInvalid for what has none (NaN, infinities, integers beyond 2**53, non-JSON types)."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, TypeError, RecursionError) as error:
        raise SpecInvalid(f"not representable as canonical JSON: {error}; pass plain JSON values") from error


def parse_canonical_json(data: bytes, what: str) -> Any:
    """The value, if `data` is exactly its canonical form. Raises SpecInvalid otherwise."""
    try:
        value = json.loads(data, parse_int=_number)
    except (ValueError, RecursionError) as error:
        raise SpecInvalid(f"{what} is not JSON: {error}") from error
    if canonical_json(value) != data:
        raise SpecInvalid(f"{what} is not in RFC 8785 canonical form")
    return value


def _number(text: str) -> int | float:
    # Canonical text of a float such as 1e20 has no point or exponent; beyond 2**53 only floats have canonical text.
    return int(text) if len(text) < 16 or (len(text) < 19 and abs(int(text)) < _FIRST_INEXACT) else float(text)

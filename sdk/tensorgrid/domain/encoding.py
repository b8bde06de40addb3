"""Hashes and canonical bytes, each in one place."""

from __future__ import annotations

import json
import re
from typing import Any

import rfc8785

from tensorgrid.domain.errors import SpecInvalid

MAX_JSON_DEPTH = 64

_FIRST_INEXACT = 2**53
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def keccak256(data: bytes) -> bytes:
    """Ethereum's Keccak-256 (not NIST SHA3-256)."""
    import sha3  # here: a job in its sandbox packs its result without it, and starts sooner

    return bytes(sha3.keccak_256(data).digest())


def sha256(data: bytes) -> bytes:
    import hashlib  # as above: OpenSSL is not loaded for nothing

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


def checksum_address(address: str) -> str:
    """The mixed-case spelling of EIP-55 of an 0x-address in any case."""
    digits = address[2:].lower()
    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(c.upper() if int(mark, 16) > 7 else c for c, mark in zip(digits, marks, strict=False))


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes. Raises SpecInvalid for what has none (NaN, infinities, integers beyond 2**53, non-JSON types) and
    for nesting deeper than MAX_JSON_DEPTH."""
    try:
        data = rfc8785.dumps(value)
    # ValueError: the library lets UnicodeEncodeError out for a lone surrogate in a key, which JSON text can spell.
    except (rfc8785.CanonicalizationError, TypeError, ValueError, RecursionError) as error:
        raise SpecInvalid(f"not representable as canonical JSON: {error}; pass plain JSON values") from error
    _check_depth(data, "the value")
    return data


def parse_canonical_json(data: bytes, what: str) -> Any:
    """The value, if `data` is exactly its canonical form. Raises SpecInvalid otherwise."""
    value = parse_json(data, what, parse_int=_number)
    if canonical_json(value) != data:
        raise SpecInvalid(f"{what} is not in RFC 8785 canonical form")
    return value


def parse_json(data: bytes, what: str, **options: Any) -> Any:
    """json.loads for strangers' bytes: UTF-8 only, and nested no deeper than MAX_JSON_DEPTH. Raises SpecInvalid."""
    _check_depth(data, what)
    try:
        return json.loads(data.decode("utf-8"), **options)
    except (ValueError, RecursionError) as error:
        raise SpecInvalid(f"{what} is not JSON: {error}") from error


def _check_depth(data: bytes, what: str) -> None:
    # The parser recurses in C: where a library has raised Python's recursion limit (some do), depth ends the process.
    brackets = _STRINGS.sub(b"", data).translate(None, _NOT_BRACKETS)
    for _ in range(MAX_JSON_DEPTH):
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(brackets) == before:
            break
    if brackets:
        raise SpecInvalid(f"{what} is no JSON nested at most {MAX_JSON_DEPTH} deep; flatten it")


def _number(text: str) -> int | float:
    # Canonical text of a float such as 1e20 has no point or exponent; beyond 2**53 only floats have canonical text.
    return int(text) if len(text) < 16 or (len(text) < 19 and abs(int(text)) < _FIRST_INEXACT) else float(text)

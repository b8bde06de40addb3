"""Bech32 (BIP 173) without its length limit, as age keys use it."""

from __future__ import annotations

from collections.abc import Iterable

from tensorgrid.domain.errors import SpecInvalid

_CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_MAX_CHARACTERS = 200


def encode(prefix: str, data: bytes) -> str:
    """Lower-case text of `data` under `prefix`."""
    words = _regroup(data, 8, 5, pad=True)
    check = _polymod([*_spread(prefix), *words, 0, 0, 0, 0, 0, 0]) ^ 1
    words += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(_CHARACTERS[word] for word in words)


def decode(prefix: str, text: str) -> bytes:
    """The bytes. Raises SpecInvalid on another prefix, a wrong checksum or a form that `encode` would not give."""
    head = prefix + "1"
    words = [_CHARACTERS.find(character) for character in text[len(head) : _MAX_CHARACTERS]]
    well_formed = text.startswith(head) and len(text) <= _MAX_CHARACTERS and len(words) >= 6 and min(words) >= 0
    if well_formed and _polymod([*_spread(prefix), *words]) == 1:
        data = bytes(_regroup(words[:-6], 5, 8, pad=False))
        if encode(prefix, data) == text:
            return data
    raise SpecInvalid(f"not bech32 under the prefix {prefix!r}; copy the whole key, it starts with {head!r}")


def _polymod(words: Iterable[int]) -> int:
    check = 1
    for word in words:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for i, generator in enumerate(_GENERATOR):
            check ^= generator if top >> i & 1 else 0
    return check


def _spread(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _regroup(values: Iterable[int], width: int, to_width: int, *, pad: bool) -> list[int]:
    held, bits, out = 0, 0, []
    for value in values:
        held, bits = held << width | value, bits + width
        while bits >= to_width:
            bits -= to_width
            out.append(held >> bits & (1 << to_width) - 1)
        held &= (1 << bits) - 1
    if pad and bits:
        out.append(held << to_width - bits & (1 << to_width) - 1)
    return out

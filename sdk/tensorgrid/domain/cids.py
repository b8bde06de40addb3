"""What names a blob: a CIDv1 of sha2-256, as text and as value. Computing one from bytes is tensorgrid.storage.cid."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from tensorgrid.domain.errors import SpecInvalid

Codec = Literal["raw", "dag-pb"]

_CODES: dict[Codec, int] = {"raw": 0x55, "dag-pb": 0x70}
_CODECS: dict[int, Codec] = {code: name for name, code in _CODES.items()}
_SHA2_256 = b"\x12\x20"
_V1_CHARACTERS = 59
_V0_CHARACTERS = 46
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Cid:
    """CIDv1 over 32 bytes of sha2-256. codec "raw": one block; "dag-pb": the root of a UnixFS file."""

    codec: Codec
    digest: bytes

    def __post_init__(self) -> None:
        if self.codec not in _CODES or len(self.digest) != 32:
            raise SpecInvalid(f"a CID is raw or dag-pb over 32 bytes here, not {self.codec} over {len(self.digest)}")

    @classmethod
    def of_digest(cls, digest: bytes) -> Cid:
        """The raw CID that an on-chain digest stands for."""
        return cls("raw", digest)

    @classmethod
    def parse(cls, text: str) -> Cid:
        """From "bafk...", "bafy..." (v1, base32) or "Qm..." (v0). Raises SpecInvalid for anything else."""
        if text.isascii():
            if len(text) == _V1_CHARACTERS and text[0] == "b":
                cid = cls._of_bytes(_base32(text[1:]))
                if cid is not None and str(cid) == text:
                    return cid
            if len(text) == _V0_CHARACTERS and text.startswith("Qm"):
                multihash = _base58(text)
                if multihash is not None and len(multihash) == 34 and multihash[:2] == _SHA2_256:
                    return cls("dag-pb", multihash[2:])
        raise SpecInvalid(f"{text[:80]!a} is not a CID; pass one of sha2-256 such as bafkrei... or bafybei...")

    @classmethod
    def _of_bytes(cls, data: bytes | None) -> Cid | None:
        if data is None or len(data) != 36 or data[0] != 1 or data[1] not in _CODECS or data[2:4] != _SHA2_256:
            return None
        return cls(_CODECS[data[1]], data[4:])

    @property
    def version(self) -> int:
        return 1

    def __bytes__(self) -> bytes:
        """The 36 bytes of the binary form."""
        return bytes((1, _CODES[self.codec])) + _SHA2_256 + self.digest

    def __str__(self) -> str:
        return "b" + base64.b32encode(bytes(self)).decode().lower().rstrip("=")


def _base32(text: str) -> bytes | None:
    if text != text.lower():
        return None
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except binascii.Error:
        return None


def _base58(text: str) -> bytes | None:
    number = 0
    for character in text:
        place = _BASE58.find(character)
        if place < 0:
            return None
        number = number * 58 + place
    return number.to_bytes((number.bit_length() + 7) // 8, "big")

"""EIP-712: what wallets sign for a contract, hashed as the contract hashes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tensorgrid.domain.encoding import keccak256, word

_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def struct_hash(type_string: str, members: Sequence[int | bytes | str | bool]) -> bytes:
    """Of static members, each one word; a dynamic or nested member is passed as its own hash."""
    return keccak256(keccak256(type_string.encode()) + b"".join(word(member) for member in members))


def array_hash(members: Sequence[int | bytes | str]) -> bytes:
    """Of an array of static members."""
    return keccak256(b"".join(word(member) for member in members))


@dataclass(frozen=True, slots=True)
class SigningDomain:
    """Whom a signature is meant for: one contract on one chain."""

    name: str
    version: str
    chain_id: int
    contract: str

    @property
    def separator(self) -> bytes:
        """32 bytes."""
        return _separator(self)

    def digest(self, body: bytes) -> bytes:
        """The 32 bytes that are signed. `body`: the struct hash of what is signed."""
        return keccak256(b"\x19\x01" + self.separator + body)


@dataclass(frozen=True, slots=True)
class TypedMessage:
    """Something to sign: a struct hash (32 bytes) and whom it is meant for."""

    domain: SigningDomain
    body: bytes

    @property
    def digest(self) -> bytes:
        """The 32 bytes that are signed."""
        return self.domain.digest(self.body)


@lru_cache(maxsize=64)
def _separator(domain: SigningDomain) -> bytes:
    names = [keccak256(domain.name.encode()), keccak256(domain.version.encode())]
    return struct_hash(_DOMAIN_TYPE, [*names, domain.chain_id, domain.contract])


@dataclass(frozen=True, slots=True)
class Signature:
    """An ECDSA signature in the short form of EIP-2098: r, and s with the parity in its highest bit. 32 bytes each."""

    r: bytes
    vs: bytes

    def as_tuple(self) -> tuple[bytes, bytes]:
        """In ABI order, for contract calls."""
        return self.r, self.vs

    @classmethod
    def from_vrs(cls, v: int, r: int | bytes, s: int | bytes) -> Signature:
        """From the long form; `v` is 27 or 28, or 0 or 1. Raises ValueError for what has no short form."""
        s_value = int.from_bytes(s, "big") if isinstance(s, bytes) else s
        if v not in (0, 1, 27, 28) or s_value >> 255:
            raise ValueError("no signature that a contract would take; sign again")
        r_bytes = r.rjust(32, b"\0") if isinstance(r, bytes) else r.to_bytes(32, "big")
        return cls(r_bytes, (s_value | (v % 27) << 255).to_bytes(32, "big"))

    @classmethod
    def of_bytes(cls, signature: bytes) -> Signature:
        """From 65 bytes r, s, v, as wallets give them. Raises ValueError for anything else."""
        if len(signature) != 65:
            raise ValueError(f"a signature has 65 bytes, not {len(signature)}")
        return cls.from_vrs(signature[64], signature[:32], signature[32:64])

    def to_bytes(self) -> bytes:
        """65 bytes r, s, v, with v 27 or 28."""
        value = int.from_bytes(self.vs, "big")
        s = (value & (1 << 255) - 1).to_bytes(32, "big")
        return self.r + s + bytes([27 + (value >> 255)])

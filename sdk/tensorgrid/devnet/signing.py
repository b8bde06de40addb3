"""drand's scheme bls-bn254-unchained-on-g1 in one hand, in plain Python: for devnets and tests.

hash_to_curve is RFC 9380's, written apart from contracts/types/HashToG1.sol, so that each checks the other; published
rounds check both. Nothing here runs in constant time: a secret of anything of worth does not belong here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from py_ecc.optimized_bn128 import FQ, G2, add, curve_order, field_modulus, multiply, normalize

from tensorgrid.domain.encoding import keccak256

P, ORDER = field_modulus, curve_order
TAG = b"BLS_SIG_BN254G1_XMD:KECCAK-256_SVDW_RO_NUL_"
Z = 1
C1 = Z**3 + 3
C2 = -Z * pow(2, -1, P) % P
C3 = min(root := pow(-C1 * 3 * Z * Z % P, (P + 1) // 4, P), P - root, key=lambda value: value % 2)
C4 = -4 * C1 * pow(3 * Z * Z, -1, P) % P


@dataclass(frozen=True)
class Signer:
    """One who signs alone what drand's members sign together."""

    secret: int

    @property
    def key(self) -> tuple[int, int, int, int]:
        x, y = normalize(multiply(G2, self.secret % curve_order))
        (x_real, x_imaginary), (y_real, y_imaginary) = (tuple(int(c) for c in part.coeffs) for part in (x, y))
        return (x_imaginary, x_real, y_imaginary, y_real)

    def sign(self, round_: int) -> bytes:
        """64 bytes, as drand publishes them."""
        return point_bytes(multiply(hash_to_g1(keccak256(round_.to_bytes(8, "big"))), self.secret))


def point_bytes(point: Any) -> bytes:
    x, y = normalize(point)
    return int(x).to_bytes(32, "big") + int(y).to_bytes(32, "big")


def hash_to_g1(message: bytes) -> Any:
    first, second = hash_to_field(message)
    return add(map_to_g1(first)[1], map_to_g1(second)[1])


def hash_to_field(message: bytes) -> tuple[int, int]:
    blocks = expand(message, 96)
    return int.from_bytes(blocks[:48], "big") % P, int.from_bytes(blocks[48:], "big") % P


def expand(message: bytes, size: int) -> bytes:
    """expand_message_xmd with Keccak-256, whose block is 136 bytes."""
    suffix = TAG + bytes([len(TAG)])
    first = keccak256(bytes(136) + message + size.to_bytes(2, "big") + b"\0" + suffix)
    blocks = [keccak256(first + b"\1" + suffix)]
    while 32 * len(blocks) < size:
        mixed = bytes(a ^ b for a, b in zip(first, blocks[-1], strict=True))
        blocks.append(keccak256(mixed + bytes([len(blocks) + 1]) + suffix))
    return b"".join(blocks)[:size]


def map_to_g1(u: int) -> tuple[int, Any]:
    """Which of the three candidates it was, from 0, and the point."""
    square = u * u * C1 % P
    plus, minus = (1 + square) % P, (1 - square) % P
    inverse = pow(plus * minus, P - 2, P)
    shift = u * minus * inverse * C3 % P
    candidates = ((C2 - shift) % P, (C2 + shift) % P, (Z + C4 * (plus * plus * inverse) ** 2) % P)
    for place, x in enumerate(candidates):
        y = pow(x**3 + 3, (P + 1) // 4, P)
        if y * y % P == (x**3 + 3) % P:
            return place, (FQ(x), FQ(y if y % 2 == u % 2 else P - y), FQ(1))
    raise AssertionError("one of the three is always on the curve")

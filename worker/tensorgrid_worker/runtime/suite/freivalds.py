"""Is C = A B? Asked with random vectors: A (B r) against C r costs n^2 where the product cost n^3.

The vectors are drawn after C is there, from the operating system's randomness: nothing that computed C could know them.
What is checked is this device, for its owner. A machine that lies about its own check is not caught here.
"""

from __future__ import annotations

import secrets

import torch

VECTORS = 4
ROWS = 1024
"""Rows widened to float64 at a time: the check must not need more memory than the product."""
SIGMAS = 7.0
"""A sum of n independent errors with random signs passes 7 of its deviations with a chance below 1e-10 (Hoeffding)."""


def exact(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> bool:
    """Of int8 matrices and their int32 product, n <= 2^14: all sums stay below 2^53, where float64 knows every integer.

    A wrong product passes one vector with a chance of at most 2^-10, all four with 2^-40.
    """
    r = _vectors(b.shape[1], -512, 511, a.device)
    return bool((_times(c, r) == _times(a, _times(b, r))).all())


def close_bf16(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> bool:
    """Of bf16 matrices of integers in [-16, 15], n <= 2^14: every partial sum is below 2^24, so a float32 accumulator
    is exact whatever its order, and the one error left is the last rounding, at most 2^-8 of each entry.
    """
    r = _signs(b.shape[1], a.device)
    wrong = (_times(c, r) - _times(a, _times(b, r))).abs()
    return bool((wrong <= SIGMAS * 2.0**-8 * _norms(c) + 1e-9).all())


def close_fp32(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor) -> bool:
    """Of float32 matrices that are uniform in [-1, 1].

    Products have variance 1/9, so the i-th partial sum is about sqrt(i)/3 and an entry's rounding errors add up to
    u k / (3 sqrt 6) with u = 2^-24, in the worst order of summation. Allowed is 3 times that, at SIGMAS: 6 times less
    than what arithmetic in TF32 or bfloat16 leaves, which therefore does not pass for float32.
    """
    k, n = b.shape
    r = _signs(n, a.device)
    wrong = (_times(c, r) - _times(a, _times(b, r))).abs()
    return bool((wrong <= SIGMAS * 3 * 2.0**-24 * k / (3 * 6**0.5) * n**0.5).all())


def _times(matrix: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """In float64, some rows at a time."""
    out = torch.empty(matrix.shape[0], vectors.shape[1], dtype=torch.float64, device=matrix.device)
    for start in range(0, matrix.shape[0], ROWS):
        out[start : start + ROWS] = matrix[start : start + ROWS].to(torch.float64) @ vectors
    return out


def _norms(matrix: torch.Tensor) -> torch.Tensor:
    """Euclidean, of the rows; a column."""
    parts = [matrix[start : start + ROWS].to(torch.float64).norm(dim=1) for start in range(0, matrix.shape[0], ROWS)]
    return torch.cat(parts)[:, None]


def _vectors(size: int, least: int, most: int, device: torch.device) -> torch.Tensor:
    """Integers as float64, size x VECTORS."""
    source = torch.Generator().manual_seed(secrets.randbits(63))
    drawn = torch.randint(least, most + 1, (size, VECTORS), generator=source)
    return drawn.to(device=device, dtype=torch.float64)


def _signs(size: int, device: torch.device) -> torch.Tensor:
    return _vectors(size, 0, 1, device) * 2 - 1

"""Work whose result anybody can check in his head: what the story about money buys."""

from __future__ import annotations

from typing import Any


def primes(below: int) -> dict[str, Any]:
    """All primes below `below`, as an int64 array named "primes"."""
    import numpy as np

    sieve = np.ones(below, dtype=bool)
    sieve[:2] = False
    for number in range(2, int(below**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = False
    return {"primes": np.flatnonzero(sieve).astype(np.int64)}

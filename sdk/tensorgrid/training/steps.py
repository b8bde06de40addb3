"""What each step gets from the job's seed: fresh random generators, and its part of the shuffled data.

A step can be replayed on its own only if nothing of chance is carried over from the steps before it.
"""

from __future__ import annotations

import hashlib
import os
import sys

from tensorgrid.domain.errors import SpecInvalid

SEED = "TENSORGRID_JOB_SEED"
ROUNDS = 4
_WORD = 2**64 - 1
_LOCAL_SEED = bytes(32)

current: bytes = b""
"""Key of the step under way, for libraries that are imported in the middle of it; empty before the first."""


def job_seed() -> bytes:
    """The job's 32 bytes; zeros outside a worker, so that plain runs repeat too."""
    text = os.environ.get(SEED)
    return bytes.fromhex(text.removeprefix("0x")) if text else _LOCAL_SEED


def step_key(step: int) -> bytes:
    """sha256("tensorgrid/step" || jobSeed || u64 step): what a step seeds its generators from."""
    return _key(b"step", step)


def reseed(step: int) -> None:
    """Seed random, and numpy and torch where they are loaded, for this step."""
    global current  # noqa: PLW0603 - what the process's own generators were seeded from, of which there is one
    current = step_key(step)
    for name, settle in (("random", seed_random), ("numpy", seed_numpy), ("torch", seed_torch)):
        if name in sys.modules:
            settle(sys.modules[name], current)


def seed_random(random: object, key: bytes) -> None:
    random.seed(int.from_bytes(key, "big"))  # type: ignore[attr-defined]


def seed_numpy(numpy: object, key: bytes) -> None:
    numpy.random.seed([int.from_bytes(key[i : i + 4], "big") for i in range(0, 32, 4)])  # type: ignore[attr-defined]


def seed_torch(torch: object, key: bytes) -> None:
    number = int.from_bytes(key[:8], "big") >> 1
    if torch.cuda.is_available():  # type: ignore[attr-defined]
        torch.manual_seed(number)  # type: ignore[attr-defined]  # every GPU too, also one not yet in use
    else:
        # The same without the look at every kind of device, which takes longer than a small step.
        torch.default_generator.manual_seed(number)  # type: ignore[attr-defined]


def batch_indices(step: int, size: int, count: int) -> list[int]:
    """`size` indices below `count` for this step: the data shuffled anew in each epoch, and read on batch by batch.

    Follows from the job's seed alone; every index comes once in an epoch. Raises SpecInvalid for numbers below 1.
    """
    if size < 1 or count < 1 or step < 0:
        raise SpecInvalid(f"batch_indices({step}, {size}, {count}): a step is at least 0, size and count at least 1")
    found: list[int] = []
    place = step * size
    while len(found) < size:
        epoch, start = divmod(place, count)
        stop = min(count, start + size - len(found))
        found += _shuffled(_key(b"epoch", epoch), start, stop, count)
        place += stop - start
    return found


def _shuffled(key: bytes, start: int, stop: int, count: int) -> list[int]:
    """Places `start` to `stop` of a permutation of range(count): a Feistel network, walked until it falls below count.

    No table of the whole, however many examples there are. Each half has enough bits for 4 <= 4**half >= count.
    """
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    keys = [int.from_bytes(key[i * 8 : i * 8 + 8], "big") for i in range(ROUNDS)]
    found = []
    for place in range(start, stop):
        value = place
        while True:
            left, right = value >> half, value & mask
            for round_key in keys:
                left, right = right, left ^ _mixed(right ^ round_key) & mask
            value = left << half | right
            if value < count:
                break
        found.append(value)
    return found


def _mixed(value: int) -> int:
    """The finaliser of MurmurHash3: every bit of a 64-bit word decides over every other."""
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD & _WORD
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53 & _WORD
    return value ^ value >> 33


def _key(purpose: bytes, number: int) -> bytes:
    return hashlib.sha256(b"tensorgrid/" + purpose + job_seed() + number.to_bytes(8, "big")).digest()

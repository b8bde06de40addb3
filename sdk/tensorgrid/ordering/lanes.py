"""Which nonce a new job gets: jobs of one lane follow one another, and a lane that was used before costs less gas."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeVar

from tensorgrid.chain.board import JobBoard
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import JobId, nonce_of
from tensorgrid.domain.refusals import LaneBusy, NonceUsed

ATTEMPTS = 32
_OWN_LANES = 1 << 64
"""Below lie the lanes that are looked through, above those of orders, which wait for others to post them."""
_LANES_AGAIN = 1 << 128
"""Above lie those of work that is posted again."""

T = TypeVar("T")


def in_free_lane(board: JobBoard, requester: str, post: Callable[[int], T]) -> T:
    """`post(nonce)` in the lowest lane whose last job has ended. Another process may be faster there: then in the next.

    Raises what `post` raises.
    """
    lane, refused = 0, 0
    while True:
        found = board.lane(requester, lane)
        if found.free:
            try:
                return post(nonce_of(lane, found.sequence + 1))
            except (LaneBusy, NonceUsed) as taken:
                refused += 1
                if refused == ATTEMPTS:
                    raise ChainError(f"others posted first in {ATTEMPTS} lanes; try again") from taken
        lane += 1


def in_free_lanes(board: JobBoard, requester: str, count: int, post: Callable[[list[int]], T]) -> T:
    """`post(nonces)`, one for each of `count` jobs that are posted together, each in a lane of its own. Where another
    process was faster in one of them, all are chosen anew.

    Raises what `post` raises.
    """
    for _ in range(ATTEMPTS):
        nonces: list[int] = []
        lane = 0
        while len(nonces) < count:
            found = board.lane(requester, lane)
            if found.free:
                nonces.append(nonce_of(lane, found.sequence + 1))
            lane += 1
        try:
            return post(nonces)
        except (LaneBusy, NonceUsed) as taken:
            last = taken
    raise ChainError(f"others posted first, {ATTEMPTS} times; try again") from last


def own_lane() -> int:
    """A nonce in a lane that nothing else will use: no other job can overtake what is signed with it."""
    return nonce_of(_OWN_LANES + secrets.randbits(64), 1)


def nonce_again(ended: JobId) -> int:
    """For the work of a job that has ended without all of it. It follows from the job alone: whoever posts it again,
    and however often he dies while doing so, the board takes one such job."""
    return nonce_of(_LANES_AGAIN | int.from_bytes(ended[:16], "big"), 1)

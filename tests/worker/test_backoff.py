"""Waiting after failures: longer each time, never in step with others, and as long as a node asks for."""

from __future__ import annotations

from itertools import pairwise

from tensorgrid.domain.errors import RateLimited, Unreachable
from tensorgrid_worker.loop.backoff import Backoff

AWAY = Unreachable("away")


def test_after__doubles_up_to_a_bound__with_jitter() -> None:
    backoff = Backoff(0.5, longest=4)
    pauses = [backoff.after(AWAY) for _ in range(6)]
    for pause, most in zip(pauses, [1, 2, 4, 4, 4, 4], strict=True):
        assert most / 2 <= pause <= most
    assert all(one != other for one, other in pairwise(pauses))


def test_after__node_asks_for_more__gets_it() -> None:
    assert Backoff(0.5).after(RateLimited("429", retry_after=30)) == 30
    assert Backoff(4).after(RateLimited("429", retry_after=0.1)) > 2


def test_reset__starts_anew() -> None:
    backoff = Backoff(0.5)
    assert not backoff.failed
    backoff.after(AWAY)
    assert backoff.failed
    backoff.reset()
    assert not backoff.failed and backoff.after(AWAY) <= 1

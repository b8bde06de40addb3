"""How long to wait after a failure: doubling, with jitter, so that many workers do not come back at once."""

from __future__ import annotations

from random import uniform

from tensorgrid.domain.errors import RateLimited

LONGEST = 5.0


class Backoff:
    """`first`: seconds; `failed` is whether the last try failed."""

    def __init__(self, first: float, longest: float = LONGEST) -> None:
        self._first, self._longest = first, max(longest, first)
        self._next = first

    @property
    def failed(self) -> bool:
        return self._next > self._first

    def after(self, error: BaseException) -> float:
        """Seconds to wait; never less than what the node has asked for."""
        self._next = min(self._next * 2, self._longest)
        asked = error.retry_after if isinstance(error, RateLimited) else 0.0
        return max(asked, self._next * uniform(0.5, 1.0))

    def reset(self) -> None:
        self._next = self._first

"""Rounds of a drand network, fetched beside the loop that plans: relays may be slow, or hostile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from tensorgrid.chain.network import Beacon
from tensorgrid.chain.relays import Relays
from tensorgrid.domain.errors import TensorgridError

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two tries of one round: it may not be published yet."""
_KEPT = 256
_AT_ONCE = 8
"""Rounds: each has a thread, and one for every relay, for some seconds."""


@dataclass(frozen=True, slots=True)
class Proof:
    """As the beacon contract takes it: `signature` 64 bytes, `value` 32."""

    signature: bytes
    value: bytes


class Proofs(Protocol):
    """Where a round's proof can be had; None: not yet."""

    def proof(self, number: int) -> Proof | None: ...


@dataclass(slots=True)
class _Try:
    proof: Proof | None = None
    running: bool = False
    pause: float = FIRST_PAUSE
    again_at: float = 0.0


class Fetcher:
    """`proof` is asked by the loop; `wake` is called when one has come. No round waits for another."""

    def __init__(self, beacon: Beacon, relays: Relays, wake: Callable[[], None]) -> None:
        self._beacon, self._relays, self._wake = beacon, relays, wake
        self._tries: dict[int, _Try] = {}
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def proof(self, number: int) -> Proof | None:
        """Of a due round, checked by the beacon contract; None while it is being fetched."""
        if len(self._tries) > _KEPT:
            self._tries = {known: found for known, found in self._tries.items() if found.running}
        found = self._tries.setdefault(number, _Try())
        if found.proof is None and not found.running and time.monotonic() >= found.again_at:
            found.running = True
            threading.Thread(target=self._fetch, args=(number, found), name=f"round-{number}", daemon=True).start()
        return found.proof

    def close(self) -> None:
        """What is under way ends by itself."""
        self._relays.close()

    def _fetch(self, number: int, found: _Try) -> None:
        try:
            with self._room:
                found.proof = Proof(*self._relays.proof(self._beacon, number))
            self._wake()
        except TensorgridError as error:
            # Not published yet is the rule at first, and worth no line; what lasts longer is.
            if found.pause > 2 * FIRST_PAUSE:
                log.warning("round.unavailable", round=number, reason=str(error))
        except RuntimeError:  # closed while it was under way
            return
        finally:
            found.again_at = time.monotonic() + found.pause
            found.pause = min(2 * found.pause, LONGEST_PAUSE)
            found.running = False

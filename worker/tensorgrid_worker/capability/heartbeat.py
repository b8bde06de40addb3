"""A sign of life on chain, at a cadence that costs little: only when nothing else that we sent has shown it."""

from __future__ import annotations

import json
from pathlib import Path

from tensorgrid.chain.contracts import Contracts
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import NO_JOB, Status

BEAT = "beat:"
FILE = "heartbeat.json"


class Heartbeat:
    """`every`: seconds of chain time, 0: never. The one nonce owner sends it; at most one is on its way.

    The time of the last sign is kept in the home: a worker that is restarted often does not beat the more often, and a
    file that is lost puts one beat off by at most one period.
    """

    def __init__(self, journal: Journal, contracts: Contracts, home: Path, every: int) -> None:
        self._journal, self._contracts, self._every = journal, contracts, every
        self._file = home / FILE
        self._last = self._read()

    def step(self, now: int, capability: int) -> bool:
        """Whether a beat was left to the submitter. `now`: chain time. `capability`: thousandths, said with it.

        Raises Unreachable.
        """
        if not self._every:
            return False
        if self._last is None or self._last > now:  # first start, a lost file, or a chain that began anew
            self._note(now)
        assert self._last is not None
        if now < self._last + self._every:
            return False
        shown = self._shown()
        if shown > self._last:
            self._note(min(shown, now))
        if now < self._last + self._every or self._waiting():
            return False
        self._journal.enqueue(NO_JOB, f"{BEAT}{now}", self._contracts.registry.beat(capability))
        self._note(now)
        return True

    def _shown(self) -> int:
        """Chain time of our newest transaction that was mined; 0: none."""
        rows = self._journal.outbox(Status.DONE)
        block = max((row.block or 0 for row in rows if row.hashes), default=0)
        found = self._contracts.connection.block(block) if block else None
        return found.timestamp if found else 0

    def _waiting(self) -> bool:
        rows = self._journal.outbox(Status.NEW, Status.SENT)
        return any(row.job == NO_JOB and row.kind.startswith(BEAT) for row in rows)

    def _note(self, when: int) -> None:
        self._last = when
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps({"last": when}), encoding="ascii")
        draft.replace(self._file)

    def _read(self) -> int | None:
        try:
            last = json.loads(self._file.read_text(encoding="ascii"))["last"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return last if isinstance(last, int) and not isinstance(last, bool) and last >= 0 else None

"""A worker's stake under the board in plain Python: what may be locked, what leaves when, what is lost first."""

from __future__ import annotations

from dataclasses import dataclass

from tests.contracts.world import PARAMETERS, STAKE

DAY = 86_400


@dataclass
class StakeModel:
    active: int
    exiting: int = 0
    free: int = 0
    locked: int = 0
    locks: int = 0
    since: int = 0  # when active stake last grew, or until when it rests
    ready_at: int = 0
    cap: int | None = None  # what may be locked per day; None: no cap
    used: int = 0
    day: int = 0

    def lockable(self, now: int) -> int:
        """Active stake that no lock needs, and no more than the cap leaves today."""
        available = max(0, self.active - self.locked)
        used = self.used if now // DAY == self.day else 0
        return available if self.cap is None else min(available, max(0, self.cap - used))

    def lock(self, now: int) -> None:
        if self.cap is not None:
            self.used = STAKE + (self.used if now // DAY == self.day else 0)
            self.day = now // DAY
        self.locked += STAKE
        self.locks += 1

    def release(self, lost: int) -> None:
        """One job's lock ends; what is lost is active stake first, then what stands in the queue."""
        self.locked -= STAKE
        self.locks -= 1
        from_active = min(self.active, lost)
        self.active -= from_active
        self.exiting -= lost - from_active

    def request_exit(self, amount: int, now: int) -> None:
        self.active -= amount
        self.exiting += amount
        self.ready_at = now + PARAMETERS.exit_delay

    def may_finish(self, now: int) -> bool:
        return self.exiting > 0 and now >= self.ready_at

    def finish_exit(self) -> None:
        """S2: what a lock needs stays."""
        leaves = min(self.exiting, self.active + self.exiting - self.locked)
        self.exiting -= leaves
        self.free += leaves

    def allocate(self, amount: int, now: int) -> None:
        self.free -= amount
        self.active += amount
        self.since = max(self.since, now)

    def rest(self, until: int) -> None:
        """After a lost seat: no draw that opened before takes the worker."""
        self.since = max(self.since, until)

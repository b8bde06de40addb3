"""What the loop lets others see of it: a few numbers, written by one thread, read by any."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pulse:
    """Each field alone is always whole. `ticked`, `started`: monotonic seconds. `standing`: what is missing on chain,
    None before the first look. Block numbers are -1 before the first block.
    """

    worker: str
    sandbox: str
    poll_seconds: float
    started: float = field(default_factory=time.monotonic)
    ticked: float = field(default_factory=time.monotonic)
    reached: bool = False
    standing: str | None = None
    head: int = -1
    cursor: int = -1
    jobs_open: int = 0
    jobs_running: int = 0
    draining: bool = False

    def beat(self) -> None:
        self.ticked = time.monotonic()

    def problems(self) -> list[str]:
        """Why this worker takes no job just now; empty when it does."""
        found = []
        if not self.reached:
            found.append("the node does not answer")
        if self.standing is None:
            found.append("its registration has not been looked at yet")
        elif self.standing:
            found.append(self.standing)
        if self.draining:
            found.append("it is draining")
        return found

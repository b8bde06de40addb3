"""How a run of an audited job is asked to end early: what is whole by then is committed to, and paid."""

from __future__ import annotations

import threading


class Leave:
    """Asked by the loop, looked at by the thread that runs the job. What was asked is never taken back."""

    def __init__(self) -> None:
        self._asked, self._at_once, self._stays = threading.Event(), threading.Event(), threading.Event()
        self._seen: int | None = None  # segments there were when it was noticed

    def ask(self, *, at_once: bool = False) -> None:
        """After the next segment whose state is kept; `at_once`: with what is there by now."""
        self._asked.set()
        if at_once:
            self._at_once.set()

    def stay(self) -> None:
        """A run that was ended has left nothing whole: its job spoils what is kept of it. From now on it is run to its
        end, whichever that is: only that can be committed to."""
        self._stays.set()

    @property
    def stays(self) -> bool:
        return self._stays.is_set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def enough(self, segments: int, *, kept: bool, last_kept: bool) -> bool:
        """Whether the run is to be ended now. kept: some state was; last_kept: the one behind the last segment was."""
        if not self.asked or not kept or self.stays:
            return False
        if self._seen is None:
            self._seen = segments
        return self._at_once.is_set() or (last_kept and segments > self._seen)

"""The states that a sitting's auditors begin with: kept ones, or, where those are missing or damaged, made again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from threading import Event

import structlog

from tensorgrid.domain.errors import StateRejected
from tensorgrid.domain.traces import Trace
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.jobs.replays import Replay
from tensorgrid_worker.jobs.traces import Traced, roots_of
from tensorgrid_worker.logs import short

log = structlog.get_logger()


class NotKept(StateRejected):
    """A state has to be made again, and who asked for it has no room on the machine to run anything."""


class Source:
    """Of one sitting; to be closed."""

    def __init__(
        self,
        tools: Tools,
        audit: AuditPicture,
        task: Task,
        trace: Trace,
        traced: Traced | None,
        stop: Event,
        *,
        runs: bool = True,
    ) -> None:
        """`runs`: `task` has room on the machine; else only what was kept is to be had."""
        self._tools, self._audit, self._task, self._stop = tools, audit, task, stop
        self.trace, self._traced, self._runs = trace, traced, runs
        self._made: dict[int, Path] = {}
        self._damaged: set[int] = set()

    def ready(self, segments: Collection[int]) -> None:
        """Makes those that are missing, in one pass: a job that has spoiled its kept states costs one run of it in all,
        and not one for each state. Raises what `state_after` raises."""
        if not self._runs:
            return
        for segment in sorted(segments):
            if not self._is_whole(segment):
                self._made[segment] = self._make(segment)

    def state_after(self, segment: int) -> bytes:
        """The state file behind a whole segment. Raises NotKept, StateRejected, RunFailed, RunStopped, OSError."""
        if segment in self._made:
            return self._made[segment].read_bytes()
        kept = self.kept_after(segment)
        if kept is not None:
            return kept
        self._made[segment] = self._make(segment)
        return self._made[segment].read_bytes()

    def kept_after(self, segment: int) -> bytes | None:
        """The same, only where it was kept and is whole. Raises OSError."""
        target = self._path(f"state-{segment}")
        try:
            path = self._kept(segment, target)
            return None if path is None else path.read_bytes()
        finally:
            target.unlink(missing_ok=True)

    def close(self) -> None:
        """Removes what was made. Idempotent."""
        for path in self._made.values():
            path.unlink(missing_ok=True)
        self._made.clear()

    def _path(self, name: str) -> Path:
        return self._tools.room(self._audit.id) / name

    def _is_whole(self, segment: int) -> bool:
        path = self._kept(segment, self._path(f"state-{segment}"))
        if path is not None:
            path.unlink()
        return path is not None

    def _kept(self, segment: int, target: Path) -> Path | None:
        if self._traced is None or segment not in self._traced.kept.segments or segment in self._damaged:
            return None
        try:
            return self._traced.kept.take(segment, target)
        except StateRejected as error:
            log.warning("state.damaged", job=short(self._audit.id), segment=segment, reason=str(error))
            self._damaged.add(segment)
            return None

    def _make(self, segment: int) -> Path:
        """Replayed from the nearest one before that is whole, or was made just now."""
        if not self._runs:
            raise NotKept(f"the state behind segment {segment} is to be made again; take a slot for it")
        every, target = self._audit.plan.steps, self._path(f"made-{segment}")
        start, first = self._nearest(segment - 1)
        try:
            wanted = Replay(start, first * every, segment * every, export=target)
            found = self._tools.executor.replay(self._task, wanted, stop=self._stop)
        finally:
            if start is not None and first not in self._made:
                start.unlink(missing_ok=True)
        if not target.exists():
            raise StateRejected(f"the state behind segment {segment} could not be made again ({found.reason}); retry")
        if roots_of(target, self._task.roots)[1] != self.trace.segments[segment - 1].roots:
            # Served all the same: silence would cost the whole stake, one segment that differs costs less.
            log.error("state.differs", job=short(self._audit.id), segment=segment, todo="look at this machine")
        return target

    def _nearest(self, segment: int) -> tuple[Path | None, int]:
        """A state and the segment that it is behind; (None, 0): from the beginning."""
        made = max((index for index in self._made if index <= segment), default=0)
        while self._traced is not None and (segment := self._traced.kept.nearest(segment)) > made:
            path = self._kept(segment, self._path(f"start-{segment}"))
            if path is not None:
                return path, segment
            segment -= 1
        return self._made.get(made), made

"""Events with fields on stderr, JSON unless a person is watching; and one short text file per job.

Who wants to count events listens to them: `with listening(metrics.heard): ...`.
"""

from __future__ import annotations

import contextvars
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from tensorgrid.domain.jobs import JobId

MAX_TEXT = 2000
MAX_JOB_LOG = 256 * 1024
PRUNE_SECONDS = 600.0
DAY = 86_400.0
_LOG_NAME = re.compile(r"[0-9a-f]{64}\.log")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def configure(*, as_json: bool | None = None) -> None:
    """Once per process. `as_json` None: JSON lines unless stderr is a terminal."""
    json_lines = not sys.stderr.isatty() if as_json is None else as_json
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _clean,
            _tell_listeners,
            structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


Listener = Callable[[Mapping[str, Any]], None]
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """While inside, `listener` is shown every event of this process, on the thread that logs it; must be quick."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def naming(worker: str) -> Any:
    """A context in which every event of this thread carries the worker's address."""
    return structlog.contextvars.bound_contextvars(worker=worker)


def in_context(target: Callable[[], None]) -> Callable[[], None]:
    """`target` for a thread of its own, whose events carry what those of the present thread carry."""
    context = contextvars.copy_context()
    return lambda: context.run(target)


def short(job: JobId) -> str:
    """As people name a job."""
    return "0x" + job.hex()[:8]


class JobLog:
    """`say("job.committed", tx=…)`: to the log of the daemon and to the job's own file, which stays small."""

    def __init__(self, folder: Path, job: JobId) -> None:
        self._path = folder / f"{job.hex()}.log"
        self._logger = structlog.get_logger().bind(job=short(job))

    def say(self, event: str, **values: Any) -> None:
        self._logger.info(event, **values)
        told = " ".join(f"{name}={printable(str(value))}" for name, value in values.items())
        line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z {event} {told}".rstrip() + "\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.exists() or self._path.stat().st_size < MAX_JOB_LOG:
                with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(line)
        except OSError as error:  # a full disk must not end a job that is being paid
            self._logger.warning("joblog.failed", reason=str(error))


class JobLogShelf:
    """All job logs of one worker: the oldest go when they are too old or too many."""

    def __init__(self, folder: Path, *, days: float, megabytes: int) -> None:
        self._folder, self._days, self._most = folder, days, megabytes * 1_000_000
        self._lock, self._next = threading.Lock(), 0.0

    def prune(self, now: float | None = None) -> int:
        """How many files went. Looks every ten minutes at most. `now`: Unix seconds, for tests."""
        with self._lock:
            if now is None and time.monotonic() < self._next:
                return 0
            self._next = time.monotonic() + PRUNE_SECONDS
            return self._prune(time.time() if now is None else now)

    def _prune(self, now: float) -> int:
        files, room, gone = _by_age(self._folder), self._most, 0
        for path, changed, size in files:
            room -= size
            if room < 0 or now - changed > self._days * DAY:
                path.unlink(missing_ok=True)
                gone += 1
        return gone


def _by_age(folder: Path) -> list[tuple[Path, float, int]]:
    """(path, changed, bytes) of each job log, newest first; nothing but plain files of that name."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _LOG_NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found.append((Path(entry.path), status.st_mtime, status.st_size))
    except OSError:
        return []  # no folder yet, or a disk that fails: nothing that a job should end for
    return sorted(found, key=lambda file: file[1], reverse=True)


def printable(text: str) -> str:
    """Strangers' text without what could steer a terminal or fake a line."""
    return _UNPRINTABLE.sub(" ", text)[:MAX_TEXT]


def _tell_listeners(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    for listener in tuple(_listeners):
        # A counter that fails must not take the line with it, nor what was logging.
        with suppress(Exception):
            listener(event)
    return event


def _clean(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}

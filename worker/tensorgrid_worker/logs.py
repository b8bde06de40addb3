"""Events with fields on stderr, JSON unless a person is watching; and one short text file per job."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from tensorgrid.domain.jobs import JobId

MAX_TEXT = 2000
MAX_JOB_LOG = 256 * 1024
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
            structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


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
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(line)
        except OSError as error:  # a full disk must not end a job that is being paid
            self._logger.warning("joblog.failed", reason=str(error))


def printable(text: str) -> str:
    """Strangers' text without what could steer a terminal or fake a line."""
    return _UNPRINTABLE.sub(" ", text)[:MAX_TEXT]


def _clean(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}

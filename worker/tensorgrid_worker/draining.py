"""Waits for daemons that were asked to drain, and tells meanwhile what they still do."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence

from tensorgrid.chain.deployments import Deployment
from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.control import ask_to_abandon, ask_to_drain, is_running
from tensorgrid_worker.memory.reading import NoJournal, read_status, running_jobs

TELL_SECONDS, LOOK_SECONDS = 10.0, 0.3


def drained(
    workers: Sequence[WorkerConfig], *, seconds: float, say: Callable[[str], None]
) -> tuple[list[str], list[str]]:
    """Asks, then waits. The homes that were asked, and those of them that still drain. Raises OSError."""
    asked = [config for config in workers if ask_to_drain(config.home)]
    end, tell = time.monotonic() + seconds, 0.0
    left = asked
    while left and time.monotonic() < end:
        if time.monotonic() >= tell:
            tell = time.monotonic() + TELL_SECONDS
            for config in left:
                say(f"draining {config.name or config.home}: {unfinished(config)}")
        time.sleep(LOOK_SECONDS)
        left = [config for config in left if is_running(config.home)]
    return [str(config.home) for config in asked], [str(config.home) for config in left]


class NothingToAbandon(TensorgridError):
    """There is no such job, or others work on it too, or it is done."""


def abandon_jobs(config: WorkerConfig, job: str | None = None) -> list[str]:
    """Asks for the end of one job that this worker does alone, or of all audited ones that run. Their ids.

    An audited one ends early, and is paid for what is done; another is given back for half the no-show bond.
    Raises NothingToAbandon, NoJournal, UnknownDeployment, OSError.
    """
    audits = Deployment.load(config.deployment).contracts.get("AuditVerifier")
    audited = "" if audits is None else audits.address
    running = running_jobs(config.home, audited if job is None else None)
    found = [one for one in running if job is None or ("0x" + one.hex()).startswith(job.lower())]
    if job is not None and len(found) != 1:
        known = ", ".join("0x" + one.hex()[:8] for one in running) or "none"
        raise NothingToAbandon(
            f"{job[:70]!a} names {len(found)} jobs that this worker runs alone; name one of them: {known}"
        )
    for one in found:
        ask_to_abandon(config.home, one)
    return ["0x" + one.hex() for one in found]


def unfinished(config: WorkerConfig) -> str:
    """What its journal shows as not done yet."""
    try:
        found = read_status(config.home)
    except (NoJournal, sqlite3.Error):
        return "its journal cannot be read just now"
    jobs = [job["job"][:10] for job in found["jobs"] if job["state"] == "assigned"]
    return f"{len(jobs)} job(s), {len(found['outbox'])} transaction(s) {' '.join(jobs)}".rstrip()

"""What a policy is: asked about one job, it says nothing or why not.

A policy sees plain values only: no key, no chain, no store. Its author needs this file and `conformance.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

MAX_WORDS = 300
"""Characters of a reason; more is cut."""

Settings = Mapping[str, Any]
"""One `[policy.NAME]` table of worker.toml."""

Tokens = Mapping[str, str]
"""Symbol -> checksummed address of each token that the deployment knows."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a job's spec asks of the machine: bytes, seconds, whole GPUs."""

    wall_seconds: int
    memory_bytes: int
    output_bytes: int
    input_bytes: int
    gpus: int
    threads: int


@dataclass(frozen=True, slots=True)
class Free:
    """What this machine has left just now, bytes. `gpu_memory_bytes`: per GPU of this worker, empty without one."""

    memory_bytes: int
    disk_bytes: int
    gpu_memory_bytes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """One job as its requester offers it. Money in the smallest unit of its token, times in seconds.

    `value`: the most that all seats together may be paid. `need`: None as long as the spec has not been read; a policy
    is asked before and after. `now`: the machine's clock, with a time zone.
    """

    requester: str
    pay_token: str
    price: int
    value: int
    stake: int
    seats: int
    work_seconds: int
    settle_seconds: int
    now: datetime
    free: Free
    need: Need | None = None


class Policy(Protocol):
    """Called from several threads, often; must be quick and change nothing.

    `name`: as in the settings. `passing`: whether a refusal may be another one later, while the job is still open
    (hours, room); such a job is asked about again. A policy that raises refuses the job, under its name.
    """

    @property
    def name(self) -> str: ...

    @property
    def passing(self) -> bool: ...

    def refusal(self, asked: Asked) -> str:
        """Why not, in words for the log ("it pays 5, this worker works for 9 and up"); empty when the job will do."""
        ...


Factory = Callable[[Settings, Tokens], Policy]
"""Makes a policy of its settings. Raises ValueError, whose words say what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who refused, why, and whether it may be asked again."""

    policy: str
    words: str
    passing: bool = False

    def __str__(self) -> str:
        told = f"policy {self.policy}: {self.words}"
        return f"{NOT_NOW}{told}" if self.passing else told


NOT_NOW = "not now, "
"""How the reason of a passing refusal begins, in the journal too: after a restart such a job is asked about again."""


def only(settings: Settings, *known: str) -> None:
    """A misspelt limit would be no limit. Raises ValueError."""
    if unknown := sorted(settings.keys() - set(known)):
        raise ValueError(f"it has no setting {', '.join(unknown)}; there are {', '.join(known)}")


def integer(settings: Settings, name: str, least: int = 0) -> int | None:
    """A whole number, None where it is not set. Raises ValueError."""
    value = settings.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}")
    return value

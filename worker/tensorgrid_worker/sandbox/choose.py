"""Which wall a machine can give: the settings' word, or the strongest that answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tensorgrid.domain.errors import SandboxUnavailable
from tensorgrid_worker.sandbox import cgroups
from tensorgrid_worker.sandbox.base import Sandbox
from tensorgrid_worker.sandbox.bubblewrap import Bubblewrap
from tensorgrid_worker.sandbox.container import Container
from tensorgrid_worker.sandbox.plain import Plain

KINDS = ("bubblewrap", "container", "none")


def sandbox_of(kind: str, *, hidden: Sequence[Path] = (), image: str = "") -> Sandbox:
    """The sandbox of that kind, checked; `auto`: bubblewrap, else a container. Raises SandboxUnavailable.

    `hidden`: folders that no job may see; `image`: for a container, one that the operator names.
    """
    if kind == "none":
        return Plain()
    candidates: dict[str, Sandbox] = {
        "bubblewrap": Bubblewrap(hidden=hidden),
        "container": Container(hidden=hidden, image=image),
    }
    if kind != "auto":
        candidates[kind].check()
        return candidates[kind]
    reasons = []
    for candidate in candidates.values():
        try:
            candidate.check()
        except SandboxUnavailable as error:
            reasons.append(str(error))
        else:
            return candidate
    raise SandboxUnavailable("\n".join(reasons))


def root_problem() -> str | None:
    """Why this process should not be root; None when it is not, or when a cgroup does what the kernel spares root."""
    if os.geteuid() != 0 or cgroups.mine().limits("pids"):
        return None
    return (
        "as root, and without a pids cgroup, nothing bounds how many processes a job starts: run the worker as a user "
        "of its own, or set allow_root = true on a machine that does nothing else"
    )

"""Moving to another hardware class by the hot key: for later jobs; what was taken keeps its terms."""

from __future__ import annotations

from collections.abc import Iterable

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import hardware_class
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import NO_JOB

RECLASS = "reclass:"


def ask(journal: Journal, contracts: Contracts, *, at: int, class_name: str, score: int, price: int) -> None:
    """Leave it to the submitter. Idempotent by `at`, the time of the measurement that it follows from; what was refused
    for a passing reason is asked again.
    """
    call = contracts.registry.reclass(hardware_class(class_name), score, price)
    journal.enqueue(NO_JOB, f"{RECLASS}{at}", call)


def registered(contracts: Contracts, me: str, names: Iterable[str]) -> tuple[str, int] | None:
    """Which of `names` the registry has for this worker, and its capability; None: unregistered, or none of them.

    Raises Unreachable.
    """
    try:
        profile = contracts.registry.profile_of(me)
    except Reverted:
        return None
    name = next((name for name in names if hardware_class(name) == profile.hardware_class), None)
    return None if name is None else (name, profile.capability)

"""A short set of what `make chaos` does at length: each kind of fault once, with a worker that dies in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chaos import audit
from tests.chaos.life import Life
from tests.chaos.plan import Fault, Plan, Tier
from tests.chaos.world import World, prepared


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[World, audit.Purses]]:
    with prepared() as world:
        yield world, audit.look(world)


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: str(fault).replace(" ", "_").replace(":", ""))
def test_crash__in_the_middle_of__costs_time_and_nothing_else(world: tuple[World, audit.Purses], fault: Fault) -> None:
    """W2. Dies in the middle of the job, and once more on the way to its end."""
    chain, before = world
    tier = Tier.ACCEPT if fault is Fault.SILENT_REQUESTER else Tier.REPLICATE
    plan = Plan(1, tier, fault, begins=5, lasts=4, depth=6, places=(70, 40))
    with tempfile.TemporaryDirectory() as folder:
        outcome = Life(chain, before, plan, Path(folder) / "home").live()
    assert outcome.died
    assert not outcome.error
    assert not outcome.stuck
    found = outcome.findings
    assert found is not None
    assert (found.wei_lost, found.forfeited) == (0, 0)
    assert (found.double_payments, found.double_transactions) == (0, 0)


def test_death__at_every_place_of_a_take__leaves_one_transaction(world: tuple[World, audit.Purses]) -> None:
    """The broadcast among them: before it, and between it and the journal's word of it."""
    chain, before = world
    for place in range(20, 44, 4):
        with tempfile.TemporaryDirectory() as folder:
            plan = Plan(place, Tier.REPLICATE, Fault.NONE, 0, 0, 0, (place,))
            outcome = Life(chain, before, plan, Path(folder) / "home").live()
        assert outcome.died and not outcome.failed, outcome
        assert outcome.findings is not None and outcome.findings.paid > 0

"""Auditors of another fingerprint: what they may say of a worker, and what they are shown, each put to bad use."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.audit import begun
from tests.contracts.audit_reference import check
from tests.contracts.world import World, refused
from tests.worker.foreign import CALIBRATED, Numbers, TwoMachines, honest, unlike

from tensorgrid.domain.audits import UNANSWERABLE
from tensorgrid.domain.distance import DOUBT

BOUND = next(iter(CALIBRATED.by_class.values()))["fp32"].bound


@settings(max_examples=40, deadline=None)
@given(off=st.floats(-DOUBT * BOUND * 0.999, DOUBT * BOUND * 0.999))
def test_honest_worker__any_machine_within_the_bound_and_its_doubt__never_suspected(off: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = TwoMachines(Path(folder), learns=unlike(off))
        assert not world.compare(world.serve()).suspicious


FAKES: dict[str, Callable[[Numbers], Numbers]] = {
    "no training": lambda numbers: numbers,
    "half of it": unlike(-0.5),
    "twice the learning rate": unlike(1.0),
    "the other way": unlike(-2.0),
    "other weights": lambda numbers: (numbers[1] * 7 + 3, numbers[0] - 5),
    "far away, so that the distance is short": unlike(1e30),
}


@pytest.mark.parametrize("name", FAKES)
def test_attack_faker_shows_his_ends_to_another_machine__suspected(tmp_path: Path, name: str) -> None:
    world = TwoMachines(tmp_path, works=FAKES[name], learns=honest)
    assert world.compare(world.serve()).suspicious


def test_attack_other_fingerprint_registered_to_be_shown_the_answers__none_counts(world: World) -> None:
    """A contract takes a confirmation from any machine: who was told the states must not be paid for repeating them."""
    profile = world.profile(world.providers[1])
    changed = (*profile[:2], b"\x55" * 32, *profile[3:])
    world.registry.update(world.workers[1], changed, sender=world.providers[1])
    audited = begun(world).take(1, 2)
    audited.draw()
    honest_check = check([audited.trace.state(index) for index in audited.shares[3]])
    audited.serve(checks=[UNANSWERABLE, honest_check])
    with refused("RootsMismatch"):
        audited.confirm(2)
    with refused("FingerprintDiffers"):
        audited.accuse(2, 0, roots=audited.found(2))
    audited.confirm(3)

"""Segment-priced pay: of n segments k were done; rounded down, and the dust is the requester's."""

from __future__ import annotations

import pytest
from tests import model
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import PRICE, SETTLE, World


@pytest.mark.parametrize(
    ("price", "done", "total"),
    [
        (PRICE, 0, 7),
        (PRICE, 1, 7),
        (PRICE, 6, 7),
        (PRICE, 7, 7),
        (PRICE, 9, 7),
        (PRICE, 1, 2**32 - 1),
        (1, 1, 2),
        (3, 2, 3),
    ],
)
def test_segments__pay_is_the_share_rounded_down(world: World, price: int, done: int, total: int) -> None:
    verifier = world.deploy_double("StubVerifier", world.board)
    verifier.setNeeds((0, SETTLE, False), sender=world.stranger)
    world.parameters.setVerifier(verifier, True, sender=world.deployer)
    job = world.accepted(price=price, verifier=str(verifier.address), settle_time=SETTLE)
    verifier.setSegments(done, total, sender=world.stranger)
    before = Purses.of(world)
    receipt = job.settle()
    share = min(done, total)
    pay = price * share // total
    assert 0 <= price * share - pay * total < total  # less than a unit of dust
    counts = model.fee_on(100, pay) >= 10  # a tenth of a point per unit of fee, rounded down
    assert_carried_out(job, before, [0], [model.Ruling(pay, agreed=counts)], receipt)

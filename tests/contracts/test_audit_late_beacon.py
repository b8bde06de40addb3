"""Audits on a beacon whose rounds are due before anybody has stored them: late is not lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts import world as network
from tests.contracts.audit import PLAN, begun, served
from tests.contracts.test_audit_rows import ALL, AUDITOR, PAID, UNSEEN, ends
from tests.contracts.world import World, container, refused


class LateWorld(World):
    """The beacon has nothing by itself: rounds are stored by whoever mines, unless they are kept back."""

    kept_back = False

    def mine(self, blocks: int) -> None:
        super().mine(blocks)
        head = self.chain.blocks.head.number
        for number in range(head, head if self.kept_back else head - 3, -1):
            self.beacon.store(number, b"", sender=self.stranger)


@pytest.fixture
def world(accounts: Any, chain: Any, monkeypatch: pytest.MonkeyPatch) -> LateWorld:
    contracts = {"BlockBeacon": container("LateBeacon")}
    monkeypatch.setattr(network, "container", lambda name: contracts.get(name) or container(name))
    return LateWorld(accounts, chain)


def test_audit__round_of_a_clean_one_not_stored_yet__neither_paid_nor_audited_again(world: LateWorld) -> None:
    audited = served(world, plan=ALL)
    audited.confirm(2, 3)
    world.kept_back = True
    world.mine(3)
    with refused("SittingNotNeeded"):
        audited.advance()
    with refused("VerdictPending"):
        audited.job.settle()
    world.beacon.store(int(audited.audit.round), b"", sender=world.stranger)
    audited.advance()
    assert audited.audit.reaudit


def test_audit__round_of_a_clean_one_stored_late__decides_as_if_it_had_been_in_time(world: LateWorld) -> None:
    audited = served(world)
    audited.confirm(2, 3)
    world.kept_back = True
    world.mine(300)
    with refused("VerdictPending"):
        audited.job.settle()
    world.beacon.store(int(audited.audit.round), b"", sender=world.stranger)
    ends(audited, PAID, AUDITOR, AUDITOR)


def test_audit__round_of_a_sitting_not_stored_yet__its_seats_stay_open(world: LateWorld) -> None:
    """Nobody opens the next sitting by being faster than who stores the round."""
    audited = begun(world)
    world.kept_back = True
    world.mine(3)
    with refused("SittingNotNeeded"):
        audited.advance()
    world.kept_back = False
    world.beacon.store(int(audited.audit.round), b"", sender=world.stranger)
    audited.take(1, 2)
    audited.serve()
    audited.confirm(2, 3)
    world.mine(3)
    ends(audited, PAID, AUDITOR, AUDITOR)


def test_audit__round_never_stored__nobody_can_come_and_it_goes_on_without(world: LateWorld) -> None:
    audited = begun(world)
    world.kept_back = True
    audited.past_taking()
    audited.advance()
    ends(audited, UNSEEN, wait=PLAN.take + 1)

"""Snapshots: events under the caller's name, nothing else; readers take them from who holds the job's first seat."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contracts.world import World

HEAD = b"\7" * 32


@pytest.fixture
def snapshots(world: World) -> Any:
    return world.deploy_double("Snapshots")


def test_snapshot__of_the_worker__tells_how_far_he_is(world: World, snapshots: Any) -> None:
    job = world.post()
    receipt = snapshots.snapshot(job.id, 40, HEAD, sender=world.workers[0])
    [event] = list(receipt.decode_logs(snapshots.Snapshot))
    assert (event.id, event.worker, event.upTo, event.head) == (job.id, world.workers[0], 40, HEAD)


def test_snapshot__of_a_stranger__carries_the_strangers_name(world: World, snapshots: Any) -> None:
    receipt = snapshots.snapshot(world.post().id, 100, HEAD, sender=world.stranger)
    [event] = list(receipt.decode_logs(snapshots.Snapshot))
    assert event.worker == world.stranger


def test_snapshot__costs_little_more_than_a_transaction(world: World, snapshots: Any) -> None:
    receipt = snapshots.snapshot(world.post().id, 40, HEAD, sender=world.workers[0])
    assert receipt.gas_used < 26_000

"""The block beacon: one value per round, stored within 256 blocks or never."""

from __future__ import annotations

from tests.contracts.world import PARAMETERS, World, refused


def test_next__is_ahead_by_the_delay(world: World) -> None:
    head = world.chain.blocks.head.number
    assert world.beacon.next() - head in {PARAMETERS.beacon_delay, PARAMETERS.beacon_delay + 1}  # latest or pending


def test_store__due_round__is_the_block_hash_for_ever(world: World) -> None:
    number = world.chain.blocks.head.number
    block_hash = bytes(world.chain.blocks[number].hash)
    receipt = world.beacon.store(number, b"", sender=world.stranger)
    [event] = list(receipt.decode_logs(world.beacon.RoundStored))
    assert (event.round, event.value) == (number, block_hash)
    assert world.beacon.valueOf(number) == block_hash
    world.mine(300)
    again = world.beacon.store(number, b"", sender=world.stranger)
    assert not list(again.decode_logs(world.beacon.RoundStored))
    assert world.beacon.valueOf(number) == block_hash


def test_store__own_block_or_later__is_not_due(world: World) -> None:
    ahead = world.chain.blocks.head.number + 5
    with refused("RoundNotDue", round=ahead):
        world.beacon.store(ahead, b"", sender=world.stranger)
    own = world.chain.blocks.head.number + 1
    with refused("RoundNotDue", round=own):
        world.beacon.store(own, b"", sender=world.stranger)
    assert world.beacon.isDue(own - 1)


def test_store__256_blocks_later__still_works_and_one_more_is_lost(world: World) -> None:
    number = world.chain.blocks.head.number
    world.mine(254)
    world.beacon.store(number, b"", sender=world.stranger)  # in block number + 255
    with refused("RoundLost", round=number - 1):
        world.beacon.store(number - 1, b"", sender=world.stranger)  # in block number - 1 + 257
    assert world.beacon.valueOf(number - 1) == bytes(32)

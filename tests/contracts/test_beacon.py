"""The block beacon: one value per round, to be had for 256 blocks, and for ever once it is stored."""

from __future__ import annotations

from tests.contracts.ledgers import Ledgers
from tests.contracts.world import DELAY, refused


def test_next__is_ahead_by_the_delay(ledgers: Ledgers) -> None:
    head = ledgers.chain.blocks.head.number
    ahead = ledgers.beacon.next() - head
    assert ahead in {DELAY, DELAY + 1}  # latest or pending


def test_schedule__says_how_to_compute_next(ledgers: Ledgers) -> None:
    """Origin 0, one round per block: `next` is the block's number and the delay."""
    assert tuple(ledgers.beacon.schedule()) == (0, 0, DELAY)


def test_read__due_round__is_the_block_hash_and_needs_no_store(ledgers: Ledgers) -> None:
    number = ledgers.chain.blocks.head.number
    block_hash = bytes(ledgers.chain.blocks[number].hash)
    ledgers.mine(1)
    assert ledgers.beacon.read(number) == ledgers.beacon.valueOf(number) == block_hash


def test_read__not_due__is_refused(ledgers: Ledgers) -> None:
    ahead = ledgers.chain.blocks.head.number + 5
    with refused("RoundNotDue", round=ahead):
        ledgers.beacon.read(ahead)
    with refused("RoundNotDue", round=2**40 - 1):
        ledgers.beacon.read(2**40 - 1)
    assert ledgers.beacon.valueOf(ahead) == ledgers.beacon.valueOf(2**40 - 1) == bytes(32)
    assert not ledgers.beacon.isDue(ahead)


def test_read__not_stored_in_time__is_lost(ledgers: Ledgers) -> None:
    number = ledgers.chain.blocks.head.number
    ledgers.mine(300)
    with refused("RoundLost", round=number):
        ledgers.beacon.read(number)
    assert ledgers.beacon.valueOf(number) == bytes(32)
    assert ledgers.beacon.isDue(number)
    assert ledgers.beacon.isLost(number)


def test_is_lost__to_be_had_or_not_due__is_not(ledgers: Ledgers) -> None:
    number = ledgers.chain.blocks.head.number
    assert not ledgers.beacon.isLost(number + 5)
    ledgers.beacon.store(number, b"", sender=ledgers.stranger)
    ledgers.mine(100)
    assert not ledgers.beacon.isLost(number + 1)  # readable, and not stored
    ledgers.mine(200)
    assert not ledgers.beacon.isLost(number)


def test_store__due_round__is_the_block_hash_for_ever(ledgers: Ledgers) -> None:
    number = ledgers.chain.blocks.head.number
    block_hash = bytes(ledgers.chain.blocks[number].hash)
    receipt = ledgers.beacon.store(number, b"", sender=ledgers.stranger)
    [event] = list(receipt.decode_logs(ledgers.beacon.RoundStored))
    assert (event.round, event.value) == (number, block_hash)
    ledgers.mine(300)
    again = ledgers.beacon.store(number, b"", sender=ledgers.stranger)
    assert not list(again.decode_logs(ledgers.beacon.RoundStored))
    assert ledgers.beacon.read(number) == ledgers.beacon.valueOf(number) == block_hash


def test_store__twice_in_time__is_one_event(ledgers: Ledgers) -> None:
    number = ledgers.chain.blocks.head.number
    ledgers.beacon.store(number, b"", sender=ledgers.stranger)
    again = ledgers.beacon.store(number, b"", sender=ledgers.closer)
    assert not list(again.decode_logs(ledgers.beacon.RoundStored))


def test_store__own_block_or_later__is_not_due(ledgers: Ledgers) -> None:
    ahead = ledgers.chain.blocks.head.number + 5
    with refused("RoundNotDue", round=ahead):
        ledgers.beacon.store(ahead, b"", sender=ledgers.stranger)
    own = ledgers.chain.blocks.head.number + 1
    with refused("RoundNotDue", round=own):
        ledgers.beacon.store(own, b"", sender=ledgers.stranger)
    assert ledgers.beacon.isDue(own - 1)


def test_store__256_blocks_later__still_works_and_one_more_is_lost(ledgers: Ledgers) -> None:
    number = ledgers.chain.blocks.head.number
    ledgers.mine(254)
    ledgers.beacon.store(number, b"", sender=ledgers.stranger)  # in block number + 255
    with refused("RoundLost", round=number - 1):
        ledgers.beacon.store(number - 1, b"", sender=ledgers.stranger)  # in block number - 1 + 257
    assert ledgers.beacon.valueOf(number - 1) == bytes(32)

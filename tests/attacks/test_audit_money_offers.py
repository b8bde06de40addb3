"""What a requester can do with what others have signed for a while: offers, and orders of his own."""

from __future__ import annotations

from ape.exceptions import ContractLogicError
from tests.contracts.world import ALLOCATED, BOND, STAKE, WINDOW, World, refused


def test_attack_offer_matched_with_a_bond_as_high_as_the_stake__costs_no_more_than_the_least_bond(world: World) -> None:
    """An offer names no bond and no least work time, and its worker is not asked: the requester chooses ten seconds
    and a bond of the whole stake, has it burned, and gets all his money back."""
    before = world.free(world.requester)
    try:
        job = world.accepted(0, answer=None, no_show_bond=STAKE, work_time=10)
    except ContractLogicError:
        return  # refused at the door: as safe
    world.at(job.deadline + 1)
    job.expire(sender=world.requester)
    assert world.free(world.requester) == before  # it cost him nothing
    assert int(world.allocation(0).active) >= ALLOCATED - BOND


def test_attack_order_of_a_busy_lane__its_signer_can_still_take_it_back(world: World) -> None:
    """While a job of the lane runs, the requester regrets the next order; a relayer would settle and post at once."""
    lane = 7_000
    running = world.accepted(0, lane=lane)
    following = world.accept_terms(lane=lane)
    order = world.order(post_by=world.now + 3600)
    signature = world.sign_order(following, order, world.requester)
    world.board.retire(following.nonce, sender=world.requester)
    world.at(running.committed_at + WINDOW + 1)
    running.settle(sender=world.relayer)
    with refused("NonceUsed", nonce=following.nonce):
        world.post_for(following, order, signature=signature, offers=[world.offer(0, following)])

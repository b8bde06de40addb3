"""Taking a seat: the call is the consent, and every filter is checked when it comes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests import model
from tests.contracts.job import ZERO32, SeatHeld
from tests.contracts.world import ALLOCATED, CPU, FUNDS, PRICE, STAKE, WORK, ZERO, World, refused

from tensorgrid.domain.jobs import JobState, hardware_class, job_seed


def test_take__drawn_worker__gets_the_next_seat_and_locks_stake(world: World) -> None:
    job = world.post()
    job.draw()
    receipt = job.take(0)
    [taken] = list(receipt.decode_logs(world.board.JobTaken))
    assert (taken.id, taken.worker, taken.number, taken.price) == (job.id, world.workers[0], 1, PRICE)
    assert (job.held[0].provider, taken.payee) == (world.providers[0], world.providers[0])
    allocation = world.allocation(0)
    assert (allocation.active, allocation.locked, allocation.locks) == (ALLOCATED, STAKE, 1)
    assert (job.state, job.record.taken, job.record.folded) == (JobState.POSTED, 1, False)


def test_take__the_seat__is_recognised_as_shown_and_in_no_other_shape(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0)
    [seat] = job.held
    assert world.board.look(job.terms.as_tuple(), [seat])[0] == job.id
    stranger = str(world.stranger.address)
    forged = [
        seat._replace(worker=stranger),
        seat._replace(provider=stranger),
        seat._replace(payee=stranger),
        seat._replace(price=PRICE - 1),
        seat._replace(commitment=b"\1" * 32),
    ]
    for wrong in forged:
        with refused("WrongSeats", id=job.id, number=1):
            world.board.look(job.terms.as_tuple(), [wrong])
    with refused("WrongSeats", id=job.id, number=2):
        world.board.look(job.terms.as_tuple(), [seat, SeatHeld(stranger, stranger, stranger, PRICE, ZERO32)])


def test_take__seed__is_keccak_of_id_and_value_as_long_as_the_value_can_be_had(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0)
    value = world.beacon.valueOf(job.record.round)
    assert value != bytes(32)
    assert world.board.seedOf(job.terms.as_tuple()) == job_seed(job.id, value)
    world.mine(300)
    assert world.board.seedOf(job.terms.as_tuple()) == bytes(32)  # nobody stored it: whoever worked has read it


def test_take__payout_address__is_fixed_when_the_seat_is_taken(world: World) -> None:
    provider, worker, till = world.providers[0], world.workers[0], world.spare[2]
    world.registry.update(worker, world.profile(provider, payout=till), sender=provider)
    job = world.post()
    job.draw()
    job.take(0)
    assert job.held[0].payee == till
    world.registry.update(worker, world.profile(provider, payout=world.stranger), sender=provider)
    assert world.board.look(job.terms.as_tuple(), job.held)[0] == job.id


def test_take__no_payout_address__pays_the_provider(world: World) -> None:
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, payout=ZERO), sender=provider)
    job = world.post()
    job.draw()
    job.take(0)
    assert job.held[0].payee == provider


def test_take__last_seat__assigns_the_job_and_starts_the_clock(world: World) -> None:
    job = world.post()
    job.draw()
    receipt = job.take(0, 1, 2)
    [last] = list(receipt.decode_logs(world.board.JobTaken))
    assert job.state == JobState.ASSIGNED
    assert last.workBy == job.deadline == receipt.timestamp + WORK


def test_take__fourth_worker__is_refused(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0, 1, 2)
    with refused("WrongState", have=JobState.ASSIGNED, need=JobState.POSTED):
        job.take(3)


def test_take__unknown_job__is_refused(world: World) -> None:
    with refused("UnknownJob"):
        world.board.take(world.terms().as_tuple(), [], sender=world.workers[0])


def test_take__before_the_round_is_due__is_refused(world: World) -> None:
    job = world.post()
    with refused("RoundNotDue", round=job.record.round):
        job.take(0)


def test_take__round_not_stored_within_256_blocks__is_lost_and_the_job_expires(world: World) -> None:
    job = world.post(take_by=world.now + 3000)
    world.mine(300)
    with refused("RoundLost", round=job.record.round):
        job.take(0)
    world.at(job.terms.take_by + 1)
    job.expire()
    assert job.state == JobState.EXPIRED


def test_take__at_take_by__is_the_last_moment(world: World) -> None:
    job = world.post()
    world.mine(3)
    world.at(job.terms.take_by)
    job.take(0)
    with refused("DeadlinePassed", id=job.id, deadline=job.terms.take_by):
        job.take(1)


def test_take__not_drawn_yet__is_refused_and_everybody_is_drawn_in_the_last_quarter(world: World) -> None:
    # Everybody's stake is worth one job's here, so at the very start one ticket in 2^16 wins.
    job = world.post(stake=ALLOCATED)
    world.mine(3)
    with refused("NotDrawn", id=job.id, worker=world.workers[0]):
        job.take(0)
    world.at(job.everybody_by)
    job.take(0)


def test_take__unregistered__is_refused(world: World) -> None:
    job = world.post()
    job.draw()
    with refused("UnknownWorker", worker=world.stranger):
        job.take_as(world.stranger)


def test_take__wrong_class__is_refused(world: World) -> None:
    other = hardware_class("h100")
    world.registry.update(
        world.workers[0], world.profile(world.providers[0], hardware=other), sender=world.providers[0]
    )
    job = world.post()
    job.draw()
    with refused("WrongClass", worker=world.workers[0], need=CPU):
        job.take(0)


def test_take__registered_in_the_block_of_posting_or_later__is_too_young(world: World) -> None:
    newcomer, provider = world.spare[0], world.spare[1]
    job = world.post()
    world.enrol(provider, newcomer)
    since = world.registry.registeredAt(newcomer)
    job.draw()
    with refused("WorkerTooYoung", worker=newcomer, since=since, drawnAt=job.posted_at):
        job.take_as(newcomer)
    later = world.post()
    later.draw()
    later.take_as(newcomer)


@pytest.mark.parametrize("late", ["registered", "staked"])
def test_take__registered_or_staked_in_the_very_block_of_posting__is_too_young(world: World, late: str) -> None:
    """Two contracts of one owner, requester and worker, do it all in one transaction."""
    requester, worker = world.deploy_double("StubController"), world.deploy_double("StubController")
    terms = world.terms(requester=str(requester.address))
    world.coin.mint(world.stranger, terms.escrow, sender=world.stranger)
    world.coin.approve(world.escrow, terms.escrow, sender=world.stranger)
    world.escrow.deposit(world.board, world.coin, requester, terms.escrow, sender=world.stranger)
    world.stake_token.mint(worker, STAKE, sender=world.stranger)
    run(world, worker, (world.stake_token, "approve", (world.vault, STAKE)), (world.vault, "deposit", (worker, STAKE)))
    register = (world.registry, "register", (worker, world.profile(worker), b""))
    allocate = (world.vault, "allocate", (worker, world.board, STAKE))
    post = (world.board, "post", (terms.as_tuple(),))
    first, last = (allocate, register) if late == "registered" else (register, allocate)
    run(world, worker, first)
    contract, name, arguments = last
    ordered = (worker, "run", (contract, getattr(contract, name).encode_input(*arguments)))
    posted = run(world, requester, ordered, post)
    world.mine(3)
    world.at(terms.take_by)
    with refused("WorkerTooYoung", worker=worker, since=posted, drawnAt=posted):
        run(world, worker, (world.board, "take", (terms.as_tuple(), [])))


def run(world: World, actor: Any, *calls: tuple[Any, str, tuple[Any, ...]]) -> int:
    """As the actor, in one transaction. Returns its second."""
    payloads = [getattr(target, name).encode_input(*arguments) for target, name, arguments in calls]
    receipt = actor.runAll([target for target, _, _ in calls], payloads, sender=world.stranger)
    return int(receipt.timestamp)


def test_take__class_changed_after_posting__is_too_young(world: World) -> None:
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, hardware=hardware_class("h100")), sender=provider)
    job = world.post()
    world.registry.update(worker, world.profile(provider), sender=provider)
    job.draw()
    with refused("WorkerTooYoung", worker=worker):
        job.take(0)


def test_take__stake_allocated_after_posting__is_too_young(world: World) -> None:
    job = world.post()
    world.stake(world.providers[0], world.workers[0], 1)
    since = world.allocation(0).since
    job.draw()
    with refused("WorkerTooYoung", worker=world.workers[0], since=since, drawnAt=job.posted_at):
        job.take(0)


def test_take__own_job__is_refused_to_worker_and_provider(world: World) -> None:
    for party in (world.workers[0], world.providers[0]):
        terms = world.terms(requester=str(party.address))
        world.fund(party, terms.escrow)
        world.board.post(terms.as_tuple(), sender=party)
        world.mine(3)
        world.at(terms.take_by)
        with refused("OwnJob", worker=world.workers[0]):
            world.board.take(terms.as_tuple(), [], sender=world.workers[0])


def test_take__twice__is_refused(world: World) -> None:
    job = world.post()
    job.draw()
    job.take(0)
    with refused("SiblingSeated", worker=world.workers[0], provider=world.providers[0]):
        job.take(0)


def test_take__sibling_of_the_same_provider__is_refused(world: World) -> None:
    sibling = world.spare[0]
    world.enrol(world.providers[0], sibling)
    job = world.post()
    job.draw()
    job.take(1, 0)
    with refused("SiblingSeated", id=job.id, worker=sibling, provider=world.providers[0]):
        job.take_as(sibling)


def test_take__at_capacity__is_refused_until_a_job_ends(world: World) -> None:
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, capacity=1), sender=provider)
    first, second = world.post(), world.post()
    second.draw()
    first.take(0)
    with refused("CapacityReached", worker=worker, capacity=1):
        second.take(0)
    world.at(first.terms.take_by + 1)
    first.expire()
    third = world.post()
    third.draw()
    third.take(0)


def test_take__capacity_zero__takes_nothing(world: World) -> None:
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, capacity=0), sender=provider)
    job = world.post()
    job.draw()
    with refused("CapacityReached", worker=worker, capacity=0):
        job.take(0)


def test_take__stake_too_small__is_refused(world: World) -> None:
    job = world.post(stake=ALLOCATED + 1)
    job.draw()
    with refused("StakeTooSmall", worker=world.workers[0], have=ALLOCATED, need=ALLOCATED + 1):
        job.take(0)


def test_take__stake_on_its_way_out__does_not_count(world: World) -> None:
    leaving = ALLOCATED - STAKE + 1
    world.vault.requestExit(world.workers[0], world.board, leaving, sender=world.providers[0])
    job = world.post()
    job.draw()
    with refused("StakeTooSmall", worker=world.workers[0], have=STAKE - 1, need=STAKE):
        job.take(0)


def test_take__beyond_the_providers_daily_cap__is_refused_until_tomorrow(world: World) -> None:
    provider, worker = world.providers[0], world.workers[0]
    world.vault.setLockCap(worker, world.board, True, STAKE, sender=provider)
    first, second = world.post(), world.post()
    second.draw()
    first.take(0)
    with refused("LockCapReached", worker=worker, left=0, need=STAKE):
        second.take(0)
    world.at((world.now // 86_400 + 1) * 86_400)
    third = world.post(world.terms(take_by=(world.now // 86_400 + 1) * 86_400 + 1000))
    third.draw()
    third.take(0)


def test_take__scheduler_says_no__or_more_than_the_terms_offer__is_refused(world: World) -> None:
    stub = world.deploy_double("StubScheduler", world.board)
    world.parameters.setScheduler(stub, True, sender=world.deployer)
    job = world.post(scheduler=str(stub.address))
    job.draw()
    stub.set(False, PRICE, sender=world.deployer)
    with refused("NotDrawn", id=job.id, worker=world.workers[0]):
        job.take(0)
    stub.set(True, PRICE + 1, sender=world.deployer)
    with refused("PriceAboveTerms", quoted=PRICE + 1, most=PRICE):
        job.take(0)
    stub.set(True, PRICE, sender=world.deployer)
    job.take(0)


def test_take__scheduler_asks_less__the_seat_costs_less_and_the_rest_is_the_requesters(world: World) -> None:
    stub = world.deploy_double("StubScheduler", world.board)
    world.parameters.setScheduler(stub, True, sender=world.deployer)
    job = world.post(scheduler=str(stub.address))
    job.draw()
    prices = (PRICE, PRICE - 7, 1)
    for index, price in enumerate(prices):
        stub.set(True, price, sender=world.deployer)
        job.take(index)
    assert [seat.price for seat in job.held] == list(prices)
    for index in range(3):
        job.commit(index, "a")
    job.reveal_together(0, 1, 2)
    assert [world.free(provider) for provider in world.providers[:3]] == list(prices)
    spent = sum(prices) + model.fee_on(100, sum(prices))
    assert world.free(world.requester) == FUNDS - spent


def test_take__terms_changed_by_the_caller__are_another_job(world: World) -> None:
    job = world.post()
    job.draw()
    with refused("UnknownJob"):
        world.board.take(replace(job.terms, stake=1).as_tuple(), [], sender=world.workers[0])


# ---- extra seats


def test_take__extra_seat__is_drawn_by_its_own_round_and_starts_at_once(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    extra = job.extra
    assert extra.count == 2
    with refused("RoundNotDue", round=extra.round):
        job.take(3)
    job.draw_extra()
    receipt = job.take(3)
    [taken] = list(receipt.decode_logs(world.board.JobTaken))
    assert (taken.number, taken.price) == (4, PRICE)
    assert world.beacon.valueOf(extra.round) != bytes(32)
    # the seed of the job is that of its first round, for every replica
    assert world.board.seedOf(job.terms.as_tuple()) == job_seed(job.id, world.beacon.valueOf(job.record.round))
    assert (job.state, job.record.taken) == (JobState.COMMITTED, 4)
    assert world.allocation(3).locked == STAKE


def test_take__extra_seats__are_two(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3, 4)
    with refused("SeatsFull", id=job.id):
        job.take(5)


def test_take__extra_seat_when_none_is_open__is_refused(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    with refused("SeatsFull", id=job.id):
        job.take(3)


def test_take__extra_seat_after_its_take_by__is_refused(world: World) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    world.mine(3)
    world.at(job.extra.takeBy)
    job.take(3)
    with refused("DeadlinePassed", deadline=job.extra.takeBy):
        job.take(4)


def test_take__extra_seat_by_a_first_round_worker_or_sibling__is_refused(world: World) -> None:
    sibling = world.spare[0]
    world.enrol(world.providers[0], sibling)
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    job.draw_extra()
    with refused("SiblingSeated", worker=world.workers[0], provider=world.providers[0]):
        job.take(0)
    with refused("SiblingSeated", worker=sibling, provider=world.providers[0]):
        job.take_as(sibling)


def test_take__extra_seat_by_a_worker_registered_before_posting_but_staked_after_opening__is_too_young(
    world: World,
) -> None:
    job = world.committed(["a", "b", "b"])
    job.reveal(0, 1, 2)
    world.stake(world.providers[3], world.workers[3], 1)
    job.draw_extra()
    with refused("WorkerTooYoung", worker=world.workers[3], drawnAt=job.extra.opensAt):
        job.take(3)


@pytest.mark.parametrize("held", ["nothing", "all but one", "another price"])
def test_take__extra_seat_of_a_folded_job__needs_all_seats_as_they_were_given(world: World, held: str) -> None:
    job = world.committed(["a", "b", "b"], relayed=True)
    assert job.record.folded
    job.reveal_together(0, 1, 2)
    job.draw_extra()
    passed = {
        "nothing": [],
        "all but one": job.held[:2],
        "another price": [job.held[0]._replace(price=1), *job.held[1:]],
    }[held]
    with refused("WrongSeats", id=job.id, number=0):
        world.board.take(job.terms.as_tuple(), passed, sender=world.workers[3])
    job.take(3)
    assert not job.record.folded  # from here on seats change one at a time
    job.take(4)
    assert job.record.taken == 5


def test_take__extra_seat_of_a_folded_job_by_a_sibling__is_refused(world: World) -> None:
    sibling = world.spare[0]
    world.enrol(world.providers[1], sibling)
    job = world.committed(["a", "b", "b"], relayed=True)
    job.reveal_together(0, 1, 2)
    job.draw_extra()
    with refused("SiblingSeated", worker=sibling, provider=world.providers[1]):
        job.take_as(sibling)

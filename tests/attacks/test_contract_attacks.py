"""The threat model of the contracts, executable: each attack by name, and what stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from tests.contracts.test_reveal import contested
from tests.contracts.test_settle import PAY, STRICT
from tests.contracts.world import (
    ALLOCATED,
    EXTRA_TAKE,
    FUNDS,
    GRACE,
    PARAMETERS,
    PRICE,
    REVEAL,
    STAKE,
    ZERO,
    Job,
    World,
    refused,
)

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import Fault, JobState, ReplicationClocks, commitment


def test_attack_copy_commitment(world: World) -> None:
    """A lazy worker repeats another's commitment: it opens for nobody but its author, and silence costs the stake."""
    job = world.post()
    job.draw()
    job.take(0, 1, 2)
    job.commit(0, "a")
    job.commit(1, "a")
    salt, root, digest = job.secrets[0]
    seal = commitment(job.id, str(world.workers[0].address), salt, keccak256(root), digest)
    job.commit_as(world.workers[2], seal)
    job.reveal(0, 1)
    job.secrets[2] = job.secrets[0]
    with refused("CommitmentMismatch", worker=world.workers[2]):
        job.reveal(2)
    world.at(job.committed_at + REVEAL + GRACE + 1)
    job.settle()
    assert world.free(world.providers[2]) == 0
    assert world.allocation(2).active == ALLOCATED - STAKE


def test_attack_extra_seat_copies_what_the_first_round_revealed(world: World) -> None:
    """All that is on chain is the hash of the root: sealed in an extra seat, it equals nobody's answer."""
    job = contested(world)
    shown = keccak256(job.secrets[1][1])  # rootHash of the larger group, public since its reveal
    lazy, salt, digest = world.workers[3], b"\1" * 32, b"\2" * 32
    seal = commitment(job.id, str(lazy.address), salt, shown, digest)
    job.commit_as(lazy, seal)
    job.commit(4, "b")
    job.reveal(4)
    with refused("CommitmentMismatch", worker=lazy):
        job.reveal_as(lazy, [(4, salt, job.secrets[1][1], digest)])
    job.reveal_as(lazy, [(4, salt, shown, digest)])
    group = list(job.tally.group)
    assert group[4] == group[1]
    assert group.count(group[3]) == 1


def test_attack_extra_seat_copies_the_other_extra_seat(world: World) -> None:
    """Roots show only when the last extra seat has committed; what comes later is refused."""
    job = contested(world)
    job.commit(4, "b")
    with refused("RevealTooEarly"):
        job.reveal(4)
    job.commit(3, "guess")
    job.reveal(4)
    with refused("AlreadyCommitted", worker=world.workers[3]):
        job.commit(3, "b")


def test_attack_silent_minority_escapes_no_better_than_the_outvoted(world: World) -> None:
    """Two against one: the one who sees it and stays silent loses the whole stake, as if four had outvoted him."""
    job = world.committed(["b", "a", "a"])
    job.reveal(1, 2)
    world.at(job.committed_at + REVEAL + GRACE + 1)
    job.settle()
    assert [world.free(provider) for provider in world.providers[:3]] == [0, PRICE, PRICE]
    assert world.allocation(0).active == ALLOCATED - STAKE


def test_attack_cancel_a_draw_that_one_dislikes(world: World) -> None:
    job = world.post()
    world.mine(3)
    world.beacon.store(job.record.round, b"", sender=world.requester)
    with refused("DrawFixed", id=job.id):
        job.cancel()


def test_attack_cancel_before_the_round_is_stored_but_after_it_is_due(world: World) -> None:
    """The block hash can be read off chain the moment it exists: due is enough, stored or not."""
    job = world.post()
    while world.chain.blocks.head.number < job.record.round:
        world.mine(1)
    with refused("DrawFixed"):
        job.cancel()


def test_attack_register_when_the_seed_is_known(world: World) -> None:
    """Keys ground until one's ticket wins are too young for the draw that they were ground for."""
    job = world.post()
    world.mine(3)
    world.beacon.store(job.record.round, b"", sender=world.stranger)
    ground, provider = world.spare[:2]
    world.enrol(provider, ground)
    world.at(job.everybody_by)
    with refused("WorkerTooYoung", worker=ground):
        job.take_as(ground)


def test_attack_move_stake_onto_the_winner_when_the_seed_is_known(world: World) -> None:
    job = world.post()
    world.mine(3)
    world.beacon.store(job.record.round, b"", sender=world.stranger)
    world.stake(world.providers[0], world.workers[0], 100 * ALLOCATED)
    world.at(job.everybody_by)
    with refused("WorkerTooYoung", worker=world.workers[0]):
        job.take(0)


def test_attack_stake_that_is_half_out_of_the_door_counts_in_no_draw(world: World) -> None:
    worker, provider = world.workers[0], world.providers[0]
    world.vault.requestExit(worker, world.board, ALLOCATED, sender=provider)
    assert world.board.candidateOf(worker).stake == 0
    job = world.post()
    job.draw()
    with refused("StakeTooSmall", worker=worker, have=0, need=STAKE):
        job.take(0)


def test_attack_split_into_sybils_gains_nothing(world: World) -> None:
    """A third of the stake on each of three keys: their chances sum up to what one key had."""
    whole = world.board.candidateOf(world.workers[0]).stake
    parts = 0
    for index in range(3):
        key = world.spare[index]
        world.enrol(key, key, amount=ALLOCATED // 3)
        parts += world.board.candidateOf(key).stake
    assert parts <= whole


def test_attack_leave_between_the_lie_and_the_slash(world: World) -> None:
    """S2: an exit asked for in good time gives nothing that a running job has locked."""
    provider, worker = world.providers[0], world.workers[0]
    world.vault.requestExit(worker, world.board, ALLOCATED - STAKE, sender=provider)
    job = world.committed(["b", "a", "a"])
    world.vault.requestExit(worker, world.board, STAKE, sender=provider)
    job.reveal(0, 1, 2)
    job.draw_extra()
    job.take(3, 4)
    job.commit(3, "a")
    job.commit(4, "a")
    job.reveal(3, 4)
    world.at(world.now + PARAMETERS.exit_delay)
    world.vault.finishExit(worker, world.board, sender=provider)
    assert world.vault.freeOf(provider, worker) == ALLOCATED - STAKE
    assert (world.allocation(0).active, world.exiting(0)) == (0, STAKE)
    job.settle()
    assert (world.allocation(0).active, world.exiting(0)) == (0, 0)
    with refused("NoExit", worker=worker):
        world.vault.finishExit(worker, world.board, sender=provider)


def test_attack_requester_leaves_no_time_to_reveal(world: World) -> None:
    """With a second to reveal he could have honest workers slashed for their slowness."""
    with refused("ClockTooShort"):
        world.post(verifier_params=ReplicationClocks(1, 0, EXTRA_TAKE).pack())


def test_attack_slash_farming_by_the_requester(world: World) -> None:
    """Work that cannot be done in time burns small bonds; nobody earns a unit of stake by it."""
    job = world.post(work_time=10)
    job.draw()
    job.take(0, 1, 2)
    world.at(job.deadline + 1)
    job.expire()
    for party in (world.requester, world.closer):
        assert world.vault.claimableOf(party) == world.stake_token.balanceOf(party) == 0
    assert world.allocation(0).active == ALLOCATED - job.terms.no_show_bond


def test_attack_double_settle(world: World) -> None:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    job.settle()
    with refused("WrongState", have=JobState.SETTLED, need=JobState.COMMITTED):
        job.settle()
    assert world.free(world.providers[0]) == PRICE


def end_settled(world: World) -> Job:
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    job.settle()
    return job


def end_cancelled(world: World) -> Job:
    job = world.post()
    job.cancel()
    return job


def end_expired(world: World) -> Job:
    job = world.post()
    job.draw()
    job.take(0)
    world.at(job.terms.take_by + 1)
    job.expire()
    return job


@pytest.mark.parametrize("later", [False, True], ids=["last of its lane", "the lane moved on"])
@pytest.mark.parametrize("end", [end_settled, end_cancelled, end_expired])
def test_attack_replay_an_ended_job(world: World, end: Callable[[World], Job], later: bool) -> None:
    """J1: no verb moves an ended job, and its id is never free again; not when its lane holds another one either."""
    job = end(world)
    if later:
        world.post(lane=job.terms.nonce >> 16)
    record, free, held = tuple(job.record), world.free(world.requester), world.held(world.requester)
    job.secrets.setdefault(0, (b"\0" * 32, b"\0" * 32, b"\0" * 32))
    fresh = replace(job.terms, take_by=world.now + 500)
    assert fresh.as_tuple() != job.terms.as_tuple()  # another deadline is another job
    verbs: list[Callable[[], Any]] = [
        lambda: world.post(job.terms),
        job.cancel,
        lambda: job.take(5),
        lambda: job.commit(0, "b"),
        job.close_work,
        job.settle,
        job.expire,
        lambda: job.reveal(0),
        job.open_extra,
        lambda: world.board.contest(job.terms.as_tuple(), job.held, sender=world.stranger),
    ]
    for verb in verbs:
        with pytest.raises(ContractLogicError):
            verb()
        assert tuple(job.record) == record
    assert (world.free(world.requester), world.held(world.requester)) == (free, held)


@pytest.mark.parametrize("verb", ["deposit", "withdraw", "flushBurned", "depositWithPermit"])
@pytest.mark.parametrize("outer", ["deposit", "withdraw"])
def test_attack_reentrant_token(world: World, outer: str, verb: str) -> None:
    """A token that calls back in the middle of its own transfer finds every door that moves tokens shut."""
    token, thief = world.deploy_double("ReentrantToken"), world.stranger
    token.mint(thief, 1000, sender=thief)
    token.approve(world.escrow, 1000, sender=thief)
    world.escrow.deposit(world.board, token, thief, 500, sender=thief)
    inner = {
        "deposit": world.escrow.deposit.encode_input(world.board, token, thief, 100),
        "withdraw": world.escrow.withdraw.encode_input(world.board, token, 100, thief),
        "flushBurned": world.escrow.flushBurned.encode_input(world.board, token),
        "depositWithPermit": world.escrow.depositWithPermit.encode_input(
            world.board, token, thief, 100, 0, 0, bytes(32), bytes(32)
        ),
    }[verb]
    token.arm(world.escrow, inner, sender=thief)
    if outer == "deposit":
        world.escrow.deposit(world.board, token, thief, 300, sender=thief)
    else:
        world.escrow.withdraw(world.board, token, 200, thief, sender=thief)
    assert token.called()
    assert not token.succeeded()
    assert bytes(token.answer())[:4] == keccak256(b"ReentrancyGuardReentrantCall()")[:4]
    expected = 800 if outer == "deposit" else 300
    assert world.free(thief, token) == expected == token.balanceOf(world.escrow)


def test_attack_drain_through_another_controller(world: World) -> None:
    """E3: whoever calls as controller reaches only what was deposited for that address."""
    thief = world.deploy_double("StubController")
    before = world.free(world.requester)
    grabs = [
        world.escrow.hold.encode_input(world.coin, world.requester, 1),
        world.escrow.distribute.encode_input(world.coin, world.requester, [thief], [1], 0),
        world.vault.lock.encode_input(world.providers[0], world.workers[0], 1),
        world.vault.release.encode_input(world.providers[0], world.workers[0], 1, 1, thief, 1),
    ]
    for target, grab in zip((world.escrow, world.escrow, world.vault, world.vault), grabs, strict=True):
        with pytest.raises(ContractLogicError):
            thief.run(target, grab, sender=world.stranger)
    assert world.free(world.requester) == before == FUNDS
    assert world.allocation(0).locked == 0


def test_attack_another_verifier_or_scheduler_for_a_posted_job(world: World) -> None:
    """Terms are their hash: a friendlier verifier makes another job, which nobody posted."""
    friendly = world.deploy_double("StubVerifier", world.board)
    friendly.set(PAY, PRICE, Fault.NONE, ZERO, sender=world.stranger)
    job = world.committed(["a", "b", "c"])
    with refused("UnknownJob"):
        world.board.settle(
            replace(job.terms, verifier=str(friendly.address)).as_tuple(), job.held, sender=world.stranger
        )


@pytest.mark.parametrize("gas", [100_000, 400_000, 1_000_000, 1_900_000, 2_062_000, 2_100_000, 2_300_000, 2_600_000])
def test_attack_starve_the_verdict_of_gas(world: World, gas: int) -> None:
    """Past the deadline any caller may bring any gas: either the true verdict is carried out, or nothing happens."""
    strict = world.deploy_double("StubVerifier", world.board)
    world.parameters.setVerifier(strict, True, sender=world.deployer)
    job = world.committed(["a", "a", "a"], verifier=str(strict.address), reserve=0)
    strict.set(STRICT, PRICE, Fault.NONE, ZERO, sender=world.deployer)  # needs 1.5 of the 2 million
    world.at(job.deadline + 1)
    if gas < 2_200_000:
        with pytest.raises(ContractLogicError):  # refused, or out of gas
            job.settle(gas=gas)
        assert job.state == JobState.COMMITTED
        return
    job.settle(gas=gas)
    assert world.free(world.providers[0]) == PRICE


def test_attack_donations_unbalance_nothing(world: World) -> None:
    world.coin.mint(world.escrow, 12345, sender=world.stranger)
    world.stake_token.mint(world.vault, 12345, sender=world.stranger)
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    job.settle()
    assert world.free(world.providers[0]) == PRICE
    assert world.free(world.stranger) == 0

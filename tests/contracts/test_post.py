"""Posting: the money is locked, the draw is named, and terms that do not fit are refused one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests import model
from tests.contracts.world import (
    BOND,
    BOUNTY,
    EXTRA_TAKE,
    FUNDS,
    GRACE,
    PRICE,
    REVEAL,
    SETTLE,
    STAKE,
    WEI,
    ZERO,
    World,
    refused,
)

from tensorgrid.domain.jobs import JobState, ReplicationClocks, hardware_class

TOKEN_LIMIT = 1000 * 10**6


def test_post__good_terms__locks_the_escrow_and_names_a_future_round(world: World) -> None:
    job = world.post()
    expected = model.escrow(PRICE, 3, 2 * PRICE, 100, BOUNTY)
    assert job.terms.escrow == world.board.escrowFor(job.terms.as_tuple()) == expected
    assert (world.free(world.requester), world.held(world.requester)) == (FUNDS - expected, expected)
    record = job.record
    assert (job.state, record.postedAt, record.deadline) == (JobState.POSTED, job.posted_at, job.terms.take_by)
    assert (record.taken, record.committed, record.contested, record.committedAt) == (0, 0, False, 0)
    assert record.round > world.chain.blocks.head.number
    assert world.board.seedOf(job.id) == bytes(32)


def test_post__event__carries_the_terms(world: World) -> None:
    terms = world.terms()
    receipt = world.board.post(terms.as_tuple(), sender=world.requester)
    [event] = list(receipt.decode_logs(world.board.JobPosted))
    assert event.id == terms.id(world.deployment.chain_id, str(world.board.address))
    assert (int(event.terms[0], 16), event.terms[1]) == (int(terms.requester, 16), terms.nonce)
    assert tuple(event.terms)[-3:] == (terms.take_by, terms.work_time, terms.settle_time)


def test_post__same_terms_twice__is_refused(world: World) -> None:
    job = world.post()
    with refused("JobExists", id=job.id):
        world.post(job.terms)


def test_post__for_somebody_else__is_refused(world: World) -> None:
    with refused("NotRequester", caller=world.stranger):
        world.board.post(world.terms().as_tuple(), sender=world.stranger)


def test_post__while_paused__is_refused_and_posted_jobs_go_on(world: World) -> None:
    job = world.post()
    world.parameters.pause(sender=world.deployer)
    with refused("Paused"):
        world.post()
    job.draw()
    job.take(0)
    world.parameters.unpause(sender=world.deployer)
    assert world.post().state == JobState.POSTED


def test_post__escrow_above_the_free_balance__is_refused(world: World) -> None:
    poor = world.terms(requester=str(world.stranger.address))
    world.fund(world.stranger, poor.escrow - 1)
    with refused("FreeTooSmall", account=world.stranger, have=poor.escrow - 1, need=poor.escrow):
        world.board.post(poor.as_tuple(), sender=world.stranger)


@pytest.mark.parametrize(
    ("changes", "error", "values"),
    [
        ({"pay_token": ZERO}, "TokenNotAllowed", {"token": ZERO}),
        ({"scheduler": ZERO}, "SchedulerNotAllowed", {"scheduler": ZERO}),
        ({"verifier": ZERO}, "VerifierNotAllowed", {"verifier": ZERO}),
        ({"hardware_class": hardware_class("h100")}, "ClassNotAllowed", {"hardwareClass": hardware_class("h100")}),
        ({"price": 0}, "PriceZero", {}),
        ({"fee_bps": 99}, "WrongFee", {"have": 99, "need": 100}),
        ({"fee_bps": 101}, "WrongFee", {"have": 101, "need": 100}),
        ({"stake": 100 * WEI - 1}, "StakeBelowMinimum", {"have": 100 * WEI - 1, "need": 100 * WEI}),
        ({"no_show_bond": 5 * WEI - 1}, "BondBelowMinimum", {"have": 5 * WEI - 1, "need": 5 * WEI}),
        ({"no_show_bond": STAKE + 1}, "BondAboveStake", {"bond": STAKE + 1, "stake": STAKE}),
        ({"workers": 0}, "SeatsOutOfRange", {"have": 0, "max": 5}),
        ({"workers": 6}, "SeatsOutOfRange", {"have": 6, "max": 5}),
        ({"reopens": 3}, "ReopensOutOfRange", {"have": 3, "max": 2}),
        ({"work_time": 9}, "TimeOutOfRange", {"what": "workTime", "have": 9, "min": 10}),
        ({"work_time": 7201, "settle_time": 15_000}, "TimeOutOfRange", {"what": "workTime", "have": 7201, "max": 7200}),
        ({"settle_time": SETTLE - 1}, "TimeOutOfRange", {"what": "settleTime", "have": SETTLE - 1, "min": SETTLE}),
        ({"settle_time": 20_001}, "TimeOutOfRange", {"what": "settleTime", "have": 20_001, "max": 20_000}),
        ({"reserve": 2 * PRICE - 1}, "ReserveTooSmall", {"have": 2 * PRICE - 1, "need": 2 * PRICE}),
        ({"workers": 2}, "WorkersUnsupported", {"have": 2, "need": 3}),
        ({"workers": 4}, "WorkersUnsupported", {"have": 4, "need": 3}),
        ({"verifier_params": b"\1" + bytes(31)}, "ParamsInvalid", {}),
        (
            {"verifier_params": ReplicationClocks(59, GRACE, EXTRA_TAKE).pack()},
            "ClockTooShort",
            {"have": 59, "least": 60},
        ),
        ({"verifier_params": ReplicationClocks(REVEAL, GRACE, 59).pack()}, "ClockTooShort", {"have": 59, "least": 60}),
    ],
)
def test_post__terms_that_do_not_fit__are_refused(
    world: World, changes: dict[str, Any], error: str, values: dict[str, Any]
) -> None:
    with refused(error, **values):
        world.post(**changes)
    assert world.held(world.requester) == 0


@pytest.mark.parametrize("kind", ["scheduler", "verifier"])
def test_post__plug_in_of_another_board__is_refused_though_listed(world: World, kind: str) -> None:
    """Boards that share Parameters share its lists: the plug-in itself says whose it is."""
    foreign = world.deploy_double("StubScheduler" if kind == "scheduler" else "StubVerifier", world.stranger)
    world.parameters.setScheduler(foreign, True, sender=world.deployer)
    world.parameters.setVerifier(foreign, True, sender=world.deployer)
    with refused("ForeignPlugin", plugin=foreign, board=world.stranger):
        world.post(**{kind: str(foreign.address)})


@pytest.mark.parametrize(("ahead", "good"), [(59, False), (60, True), (3600, True), (3601, False), (-5, False)])
def test_post__take_time__is_bounded(world: World, ahead: int, good: bool) -> None:
    at = world.now + 10
    world.at(at)
    terms = replace(world.terms(), take_by=at + ahead)
    if good:
        assert world.post(terms).state == JobState.POSTED
        return
    with refused("TimeOutOfRange", what="takeTime", have=max(ahead, 0), min=60, max=3600):
        world.post(terms)


def test_post__escrow_at_the_tokens_limit__is_the_most(world: World) -> None:
    below = world.terms(price=100 * 10**6, reserve=200 * 10**6)
    exact = replace(below, bounty=TOKEN_LIMIT - below.escrow + below.bounty)
    assert exact.escrow == TOKEN_LIMIT
    with refused("EscrowAboveLimit", amount=TOKEN_LIMIT + 1, limit=TOKEN_LIMIT):
        world.post(replace(exact, bounty=exact.bounty + 1))
    assert world.post(exact).state == JobState.POSTED


def test_post__least_clocks_and_least_bond__are_good(world: World) -> None:
    job = world.post(verifier_params=ReplicationClocks(60, 0, 60).pack(), no_show_bond=BOND, stake=STAKE)
    assert job.state == JobState.POSTED


def test_post__a_vote_after_posting__changes_nothing_posted(world: World) -> None:
    """G2: fee, lists and stake floor of the moment of posting hold to the end."""
    job = world.post()
    world.parameters.setValues((500, 200 * WEI, 50 * WEI, True), sender=world.deployer)
    world.parameters.setToken(world.coin, (0, 0), sender=world.deployer)
    world.parameters.setVerifier(world.replication, False, sender=world.deployer)
    world.parameters.setScheduler(world.lottery, False, sender=world.deployer)
    world.parameters.setHardwareClass(job.terms.hardware_class, False, sender=world.deployer)
    job.draw()
    job.take(0, 1, 2)
    for index in range(3):
        job.commit(index, "answer")
    job.reveal(0, 1, 2)
    job.settle()
    assert world.free(world.providers[0]) == PRICE
    spent = 3 * PRICE + model.fee_on(100, 3 * PRICE)
    assert world.free(world.requester) == FUNDS - spent

"""Posting: the money is locked, the draw is named, and terms that do not fit are refused one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from eth_abi import encode
from tests import model
from tests.contracts.signing import TERMS
from tests.contracts.world import (
    BOND,
    BOUNTY,
    EXTRA_TAKE,
    FUNDS,
    GRACE,
    LEAST_PRICE,
    PRICE,
    REVEAL,
    SCORE_RATE,
    SETTLE,
    STAKE,
    TERMS_ABI,
    WEI,
    WINDOW,
    ZERO,
    World,
    of_a_pair,
    refused,
)

from tensorgrid.domain.jobs import JobState, ReplicationClocks, hardware_class

TOKEN_LIMIT = 1000 * 10**6


def pair_params(rate: int) -> bytes:
    return ReplicationClocks(REVEAL, GRACE, EXTRA_TAKE, rate).pack()


MOST = {bits: 2**bits - 1 for bits in (8, 16, 32, 40, 128, 256)}


def test_post__good_terms__locks_the_escrow_and_names_a_future_round(world: World) -> None:
    job = world.post()
    expected = model.escrow(PRICE, 3, 2 * PRICE, 100, BOUNTY)
    assert job.terms.escrow == world.board.escrowFor(job.terms.as_tuple()) == expected
    assert (world.free(world.requester), world.held(world.requester)) == (FUNDS - expected, expected)
    record = job.record
    assert (job.state, record.clock, record.sequence) == (JobState.POSTED, job.posted_at, job.terms.nonce & 0xFFFF)
    assert (record.taken, record.committed, record.contested, record.folded, record.silent) == (
        0,
        0,
        False,
        False,
        False,
    )
    assert record.round > world.chain.blocks.head.number
    assert world.board.seedOf(job.terms.as_tuple()) == bytes(32)


def test_post__event__carries_the_terms(world: World) -> None:
    terms = world.terms()
    receipt = world.board.post(terms.as_tuple(), sender=world.requester)
    [event] = list(receipt.decode_logs(world.board.JobPosted))
    assert event.id == terms.id(world.deployment.chain_id, str(world.board.address))
    assert (int(event.terms[0], 16), event.terms[1]) == (int(terms.requester, 16), terms.nonce)
    assert tuple(event.terms)[-2:] == (terms.work_time, terms.settle_time)


def test_post__same_terms_twice__is_refused(world: World) -> None:
    job = world.post()
    with refused("NonceUsed", requester=world.requester, nonce=job.terms.nonce):
        world.post(job.terms)


def test_post__for_somebody_else__is_refused(world: World) -> None:
    with refused("NotRequester", caller=world.stranger):
        world.board.post(world.terms().as_tuple(), sender=world.stranger)


def test_post__for_nobody__is_refused(world: World) -> None:
    terms = world.terms(requester=ZERO)
    with refused("NotRequester", caller=world.stranger):
        world.board.post(terms.as_tuple(), sender=world.stranger)


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
        ({"hardware_class": bytes(32)}, "ClassNotAllowed", {"hardwareClass": bytes(32)}),
        ({"hardware_class": hardware_class("h100")}, "ClassNotAllowed", {"hardwareClass": hardware_class("h100")}),
        ({"price": 0}, "PriceZero", {}),
        ({"fee_bps": 99}, "WrongFee", {"have": 99, "need": 100}),
        ({"fee_bps": 101}, "WrongFee", {"have": 101, "need": 100}),
        ({"fee_bps": 0}, "WrongFee", {"have": 0, "need": 100}),
        ({"stake": 100 * WEI - 1}, "StakeBelowMinimum", {"have": 100 * WEI - 1, "need": 100 * WEI}),
        ({"no_show_bond": 5 * WEI - 1}, "BondBelowMinimum", {"have": 5 * WEI - 1, "need": 5 * WEI}),
        ({"no_show_bond": STAKE + 1}, "BondAboveStake", {"bond": STAKE + 1, "stake": STAKE}),
        ({"reopens": 3}, "ReopensOutOfRange", {"have": 3, "max": 2}),
        ({"work_time": 9}, "TimeOutOfRange", {"what": "workTime", "have": 9, "min": 10}),
        ({"work_time": 7201, "settle_time": 15_000}, "TimeOutOfRange", {"what": "workTime", "have": 7201, "max": 7200}),
        ({"settle_time": SETTLE - 1}, "TimeOutOfRange", {"what": "settleTime", "have": SETTLE - 1, "min": SETTLE}),
        ({"settle_time": 20_001}, "TimeOutOfRange", {"what": "settleTime", "have": 20_001, "max": 20_000}),
        ({"reserve": 2 * PRICE - 1}, "ReserveTooSmall", {"have": 2 * PRICE - 1, "need": 2 * PRICE}),
        ({"workers": 2}, "ScoreRateTooLow", {"have": 0, "need": SCORE_RATE}),
        (of_a_pair(verifier_params=pair_params(SCORE_RATE - 1)), "ScoreRateTooLow", {"have": SCORE_RATE - 1}),
        (of_a_pair(reserve=3 * PRICE - 1), "ReserveTooSmall", {"have": 3 * PRICE - 1, "need": 3 * PRICE}),
        (of_a_pair(workers=1), "WorkersUnsupported", {"have": 1, "need": 3}),
        (of_a_pair(workers=3), "ParamsInvalid", {}),
        (of_a_pair(verifier_params=pair_params(1 << 112)), "ParamsInvalid", {}),
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


@pytest.mark.parametrize(
    ("changes", "error", "values"),
    [
        ({"price": MOST[128], "reserve": 0}, "EscrowAboveLimit", {"limit": TOKEN_LIMIT}),
        ({"price": PRICE, "reserve": MOST[128]}, "EscrowAboveLimit", {"limit": TOKEN_LIMIT}),
        ({"bounty": MOST[128]}, "EscrowAboveLimit", {"limit": TOKEN_LIMIT}),
        ({"fee_bps": MOST[16]}, "WrongFee", {"have": MOST[16], "need": 100}),
        ({"no_show_bond": MOST[128]}, "BondAboveStake", {"bond": MOST[128], "stake": STAKE}),
        ({"reopens": MOST[8]}, "ReopensOutOfRange", {"have": MOST[8], "max": 2}),
        ({"take_by": MOST[40]}, "TimeOutOfRange", {"what": "takeTime", "max": 3600}),
        ({"work_time": MOST[32]}, "TimeOutOfRange", {"what": "workTime", "max": 7200}),
        ({"settle_time": MOST[32]}, "TimeOutOfRange", {"what": "settleTime", "max": 20_000}),
        ({"verifier_params": b"\xff" * 32}, "ParamsInvalid", {"params": b"\xff" * 32}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) and value else None,
)
def test_post__greatest_numbers_there_are__are_refused_by_name(
    world: World, changes: dict[str, Any], error: str, values: dict[str, Any]
) -> None:
    with refused(error, **values):
        world.post(**changes)
    assert world.held(world.requester) == 0


def test_post__greatest_stake_there_is__is_posted_and_nobody_can_take_it(world: World) -> None:
    job = world.post(stake=MOST[128])
    job.draw()
    with refused("StakeTooSmall", worker=world.workers[0], need=MOST[128]):
        job.take(0)


@pytest.mark.parametrize("name", [name for kind, name in TERMS if kind not in {"bytes32", "uint256"}])
def test_post__bits_beyond_a_field__are_refused(world: World, name: str) -> None:
    """Terms are hashed as they lie in calldata: bits that mean nothing would make a second id of the same terms."""
    terms = world.terms()
    words = bytearray(encode([TERMS_ABI], [terms.as_tuple()]))
    at = 32 * [field for _, field in TERMS].index(name)
    words[at] ^= 0x80
    with pytest.raises(ContractLogicError):
        world.send_raw(world.board, f"post({TERMS_ABI})", bytes(words), world.requester)
    assert world.held(world.requester) == 0
    words[at] ^= 0x80
    world.send_raw(world.board, f"post({TERMS_ABI})", bytes(words), world.requester)
    assert world.held(world.requester) == terms.escrow


@pytest.mark.parametrize("workers", [0, 6, MOST[8]])
def test_post__more_seats_than_a_job_can_have_or_none__are_refused_whatever_the_verifier_says(
    world: World, workers: int
) -> None:
    stub = world.deploy_double("StubVerifier", world.board)
    world.parameters.setVerifier(stub, True, sender=world.deployer)
    with refused("SeatsOutOfRange", have=workers, max=5):
        world.post(workers=workers, verifier=str(stub.address))


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


# ---- what is admitted once, and remembered


def test_post__a_policy_that_was_admitted__is_compared_again_after_every_vote(world: World) -> None:
    """What the board remembers of a policy holds for one version of the parameters."""
    first = world.post()
    assert world.post().state == JobState.POSTED
    world.parameters.setVerifier(world.replication, False, sender=world.deployer)
    with refused("VerifierNotAllowed", verifier=world.replication):
        world.post()
    world.parameters.setVerifier(world.replication, True, sender=world.deployer)
    world.parameters.setToken(world.coin, (first.terms.escrow - 1, 0), sender=world.deployer)
    with refused("EscrowAboveLimit", amount=first.terms.escrow, limit=first.terms.escrow - 1):
        world.post()
    world.parameters.setToken(world.coin, (first.terms.escrow, 0), sender=world.deployer)
    assert world.post().state == JobState.POSTED


def test_post__what_is_the_jobs_own__is_compared_each_time(world: World) -> None:
    """An admitted policy lets nobody off what belongs to the single job: price, reserve, escrow, take time."""
    world.post()
    for changes, error in (
        ({"price": 0, "reserve": 2 * PRICE}, "PriceZero"),
        ({"reserve": 2 * PRICE - 1}, "ReserveTooSmall"),
        ({"bounty": TOKEN_LIMIT}, "EscrowAboveLimit"),
        ({"take_by": world.now + 10_000}, "TimeOutOfRange"),
    ):
        with refused(error):
            world.post(**changes)


# ---- with offers: the seat is given in the posting transaction


def test_post_with_offers__one_that_serves__seats_its_worker_at_his_price_and_starts_the_work(world: World) -> None:
    terms = world.accept_terms()
    job = world.post_with_offers(terms, [world.offer(2, terms)])
    [taken] = list(job.receipt.decode_logs(world.board.JobTaken))
    record = job.record
    assert (job.state, record.taken, record.folded, record.silent) == (JobState.ASSIGNED, 1, True, True)
    assert taken.workBy == record.clock == job.posted_at + terms.work_time
    [seat] = job.held
    assert (seat.worker, seat.provider, seat.price) == (world.workers[2], world.providers[2], LEAST_PRICE)
    assert (world.allocation(2).locked, world.allocation(2).locks) == (STAKE, 1)
    assert world.held(world.requester) == model.escrow(PRICE, 1, 0, 100, BOUNTY)


def test_post_with_offers__settled__the_surplus_is_the_requesters(world: World) -> None:
    job = world.accepted(2)
    world.at(job.committed_at + WINDOW + 1)
    job.settle()
    spent = LEAST_PRICE + model.fee_on(100, LEAST_PRICE)
    assert world.free(world.providers[2]) == LEAST_PRICE
    assert world.free(world.requester) == FUNDS - spent


def test_post_with_offers__the_first_is_taken_already__the_next_in_the_list_serves(world: World) -> None:
    world.registry.update(world.workers[0], world.profile(world.providers[0], capacity=1), sender=world.providers[0])
    world.accepted(0, answer=None)
    terms = world.accept_terms()
    job = world.post_with_offers(terms, [world.offer(0, terms), world.offer(1, terms, min_price=PRICE)])
    assert (job.held[0].worker, job.held[0].price) == (world.workers[1], PRICE)


def test_post_with_offers__none__is_refused(world: World) -> None:
    with refused("NoLiveOffer", offers=0):
        world.post_with_offers(world.accept_terms(), [])


def test_post_with_offers__more_than_one_seat__is_refused(world: World) -> None:
    stub = world.deploy_double("StubVerifier", world.board)
    world.parameters.setVerifier(stub, True, sender=world.deployer)
    terms = world.accept_terms(workers=2, verifier=str(stub.address))
    with refused("OneSeatOnly", workers=2):
        world.post_with_offers(terms, [world.offer(0, terms)])


def test_post_with_offers__more_than_the_least_bond__is_refused(world: World) -> None:
    """Who is seated by his offer has not seen the job: however impossible it is, it costs him no more than that."""
    terms = world.accept_terms(no_show_bond=BOND)
    with refused("BondAboveMinimum", have=BOND, most=5 * WEI):
        world.post_with_offers(terms, [world.offer(0, terms)])
    assert world.post(no_show_bond=BOND).state == JobState.POSTED  # who takes a seat himself has seen the terms


def test_post_with_offers__own_worker__is_refused(world: World) -> None:
    provider = world.providers[0]
    terms = world.accept_terms(requester=str(provider.address))
    world.fund(provider, terms.escrow)
    with refused("OwnJob", worker=world.workers[0]):
        world.board.postWithOffers(terms.as_tuple(), [world.offer(0, terms)], sender=provider)


def test_post__seats_by_offers_only__is_refused_without_offers_and_offers_to_a_lottery_too(world: World) -> None:
    """Nobody could ever take a seat of such a job: the requester would only pay the bounty."""
    with refused("WrongScheduler", draws=False):
        world.post(world.accept_terms())
    drawn = world.accept_terms(scheduler=str(world.lottery.address))
    with refused("WrongScheduler", draws=True):
        world.post_with_offers(drawn, [world.offer(0, drawn)])

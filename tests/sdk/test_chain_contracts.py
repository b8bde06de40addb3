"""Contracts in domain words: the same ids and sums as the contracts', and every reader of every contract."""

import inspect

import pytest
from eth_account import Account
from tests.sdk.chain_actors import Requester

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.records import Admission, Balance, Lane, LockCap, Needs, Standing, Values
from tensorgrid.domain import refusals
from tensorgrid.domain.errors import ChainError, Reverted
from tensorgrid.domain.jobs import (
    ExtraSeats,
    Job,
    JobState,
    ReplicationClocks,
    hardware_class,
    lane_and_sequence,
    nonce_of,
)
from tensorgrid.domain.orders import Order
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid.provider import register_worker, set_lock_cap, sign_consent, stake


@pytest.fixture(scope="module")
def requester(quiet_net):
    requester = Requester(quiet_net)
    requester.deposit()
    return requester


def test_ids_and_sums__ours__equal_the_contracts(requester) -> None:
    board = requester.contracts.board
    for terms in (requester.terms(), requester.terms(price=1, reserve=0, bounty=0), requester.terms(nonce=2**256 - 1)):
        assert board.id_of(terms) == requester.contracts.id_of(terms)
        assert board.escrow_for(terms) == terms.escrow
        order = Order(requester.address, 2**128 - 1, 2**40 - 1, (board.address, requester.address))
        for one in (order, Order()):
            ours = one.message(terms, requester.contracts.chain_id, board.address)
            assert board.order_digest(terms, one) == ours.digest


def test_nonces__lane_and_sequence__are_the_board_s(requester) -> None:
    board, me, lane = requester.contracts.board, requester.address, 900
    assert board.lane(me, lane) == Lane(JobState.NONE, 0)
    first, _, _ = requester.post(nonce=nonce_of(lane, 7))
    assert lane_and_sequence(first.nonce) == (first.lane, 7) == (lane, 7)
    assert board.lane(me, lane) == Lane(JobState.POSTED, 7)
    assert not board.lane(me, lane).free
    requester.sender.transact(board.cancel(first))
    assert board.lane(me, lane) == Lane(JobState.CANCELLED, 7)
    assert board.lane(me, lane).free
    second, _, _ = requester.post(nonce=nonce_of(lane, 8))
    assert board.job(me, first.nonce).state is JobState.SUPERSEDED
    assert board.job(me, first.nonce).state.ended
    requester.sender.transact(board.cancel(second))
    for sequence in (0, 2**16):
        with pytest.raises(ValueError, match="a sequence"):
            nonce_of(1, sequence)


def test_board__a_posted_job__reads_as_domain_objects(requester) -> None:
    terms, job, receipt = requester.post()
    contracts, connection = requester.contracts, requester.net.connection
    posted = connection.block(receipt.block)
    found = contracts.board.job(terms.requester, terms.nonce)
    assert found == Job(
        state=JobState.POSTED,
        taken=0,
        committed=0,
        contested=False,
        silent=False,
        folded=False,
        sequence=1,
        clock=posted.timestamp,
        round=receipt.block + 2,
        digest=job[:20],
    )
    assert found.deadline(terms) == terms.take_by
    assert contracts.board.look(terms, []) == found == Job.of_word(found.word)
    assert contracts.board.job(terms.requester, terms.nonce, block=receipt.block - 1).state is JobState.NONE
    assert contracts.board.seed(terms) == bytes(32)
    held = contracts.escrow.balance(contracts.board.address, requester.coin.address, requester.address).held
    assert held == terms.escrow
    requester.sender.transact(contracts.board.cancel(terms))
    assert contracts.board.job(terms.requester, terms.nonce).state is JobState.CANCELLED


def test_draw__of_a_round__is_known_once_due(requester) -> None:
    contracts, net = requester.contracts, requester.net
    terms, _, _ = requester.post()
    record = contracts.board.job(terms.requester, terms.nonce)
    assert contracts.first_draw(terms, record) is None
    assert not contracts.beacon.is_due(record.round)
    with pytest.raises(Reverted) as caught:
        contracts.simulate(contracts.beacon.store(record.round), requester.address)
    assert caught.value.name == "RoundNotDue"
    net.anvil.mine(3)
    assert contracts.beacon.is_due(record.round)
    draw = contracts.first_draw(terms, record)
    assert draw is not None
    assert contracts.beacon.value_of(record.round).hex() == net.connection.block(record.round).hash[2:]
    assert draw.seed == contracts.board.seed(terms)
    assert (draw.opens_at, draw.closes_at) == (record.clock, terms.take_by)
    late = contracts.lottery.quote(terms, draw, contracts.board.candidate(requester.address), terms.take_by)
    assert late.price <= terms.price


def test_verifier__before_anything__reads_as_domain_objects(requester) -> None:
    terms, job, _ = requester.post()
    replication = requester.contracts.replication
    needs = replication.needs(terms)
    assert isinstance(needs, Needs)
    assert (needs.reserve_bps, needs.reserve(terms.price), needs.silent) == (20_000, 2 * terms.price, False)
    assert replication.tally(terms.requester, terms.nonce).group == (0, 0, 0, 0, 0)
    assert replication.clocks(terms.verifier_params) == ReplicationClocks(8, 8, 10)
    assert replication.extra_seats(terms, job) == ExtraSeats(0, 0, 0, 0, 0)
    assert replication.extra_needed(terms, []) is False
    record = requester.contracts.board.job(terms.requester, terms.nonce)
    assert replication.verdict(terms, job, record, []).done is False
    with pytest.raises(Reverted) as caught:
        requester.contracts.board.judgement(terms, [])
    assert caught.value.name == "WrongState"
    with pytest.raises(Reverted) as caught:
        replication.needs(requester.terms(workers=4))
    assert caught.value.name == "WorkersUnsupported"


def test_workers__registered_and_staked__read_as_domain_objects(quiet_net) -> None:
    contracts = quiet_net.contracts
    provider, worker = Requester(quiet_net), Account.create()
    amount = 7 * 10**18
    quiet_net.give(provider.address, quiet_net.stake_token, amount)
    profile = WorkerProfile(payout=provider.address, hardware_class=hardware_class("cpu"), capacity=3, price=5)
    register_worker(provider.sender, contracts, worker, profile)
    stake(provider.sender, contracts, worker.address, amount)
    assert contracts.registry.profile_of(worker.address) == profile
    assert contracts.registry.provider_of(worker.address) == provider.address
    standing = contracts.registry.standing(worker.address)
    assert isinstance(standing, Standing)
    assert (standing.provider, standing.payee, standing.capacity) == (provider.address, provider.address, 3)
    assert standing.class_tag == hardware_class("cpu")[:5]
    assert standing.since == contracts.registry.registered_at(worker.address) > 0
    allocation = contracts.vault.allocation_of(provider.address, worker.address, contracts.board.address)
    assert (allocation.active, allocation.locked, allocation.locks, allocation.capped) == (amount, 0, 0, False)
    assert contracts.board.candidate(worker.address).stake == amount
    assert contracts.vault.lockable(provider.address, worker.address, contracts.board.address) == amount
    assert contracts.vault.free_of(provider.address, worker.address) == 0
    set_lock_cap(provider.sender, contracts, worker.address, 9)
    controller = contracts.board.address
    assert contracts.vault.cap_of(provider.address, worker.address, controller) == LockCap(9, 0, 0)
    assert contracts.vault.lockable(provider.address, worker.address, controller) == 9
    set_lock_cap(provider.sender, contracts, worker.address, None)
    assert contracts.vault.lockable(provider.address, worker.address, controller) == amount
    assert contracts.vault.exit_of(provider.address, worker.address, contracts.board.address).amount == 0
    assert contracts.vault.claimable_of(worker.address) == 0
    assert contracts.reputation.points_of(contracts.board.address, worker.address) == 0
    assert contracts.reputation.score_of(contracts.board.address, worker.address).wins == 0
    with pytest.raises(Reverted) as caught:
        contracts.simulate(
            contracts.registry.register(worker.address, profile, sign_consent(contracts, worker, worker.address)),
            provider.address,
        )
    assert caught.value.name == "AlreadyRegistered"


def test_parameters_and_tokens__read_as_deployed(quiet_net) -> None:
    contracts, token = quiet_net.contracts, quiet_net.deployment.token("USDC")
    values = contracts.parameters.values()
    assert values == Values(100, 100 * 10**18, 5 * 10**18, False)
    assert contracts.parameters.bounds().max_work_time == 600
    assert contracts.parameters.token_rule(token.address).max_escrow == 10_000 * 10**6
    assert contracts.parameters.class_allowed(hardware_class("cpu"))
    assert not contracts.parameters.class_allowed(hardware_class("abacus"))
    assert contracts.parameters.boards() == (contracts.board.address,)
    assert contracts.parameters.scheduler_allowed(contracts.lottery.address)
    assert contracts.parameters.scheduler_allowed(contracts.offers.address)
    assert contracts.parameters.verifier_allowed(contracts.acceptance.address)
    assert contracts.offers.max_offer_life() == 3600
    assert contracts.offers.epoch_of(token.address) == 0
    assert contracts.acceptance.least_window() == contracts.parameters.bounds().min_take_time
    assert quiet_net.connection.code(contracts.acceptance.jury())
    assert contracts.parameters.verifier_allowed(contracts.replication.address)
    assert contracts.vault.exit_delay() > contracts.parameters.max_life()
    assert contracts.vault.stake_token() == quiet_net.stake_token.address
    assert (contracts.token(token.address).symbol(), contracts.token(token.address).decimals()) == ("USDC", 6)
    assert contracts.reputation.half_life() == 30 * 24 * 3600
    assert contracts.escrow.balance(contracts.board.address, token.address, token.address) == Balance(0, 0)


def test_wrappers__every_function_they_name__is_in_the_abi(quiet_net) -> None:
    contracts = quiet_net.contracts
    wrappers = [value for value in vars(contracts).values() if isinstance(value, Contract)]
    wrappers.append(contracts.token(quiet_net.stake_token.address))
    assert len(wrappers) == 19
    for wrapper in wrappers:
        kinds = [kind for kind in type(wrapper).__mro__ if kind not in (Contract, object)]
        source = "".join(inspect.getsource(kind) for kind in kinds)
        for verb in ("read", "build"):
            for part in source.split(f"self.{verb}(")[1:]:
                name = part.split('"')[1]
                assert name in wrapper.interface.functions, f"{wrapper.name} has no {name}"


def test_parameters__admission__is_what_the_board_would_remember(requester) -> None:
    contracts, terms = requester.contracts, requester.terms()
    version, bounds = contracts.parameters.version(), contracts.parameters.bounds()
    assert contracts.parameters.admit(terms, contracts.board.address) == Admission(
        version=version,
        min_take_time=bounds.min_take_time,
        max_take_time=bounds.max_take_time,
        reserve_bps=20_000,
        silent=False,
        draws=True,
        max_escrow=contracts.parameters.token_rule(terms.pay_token).max_escrow,
    )
    with pytest.raises(refusals.ForeignPlugin):
        contracts.parameters.admit(terms, requester.address)


def test_calls__say_what_they_are_and_hold_the_whole_abi_call(requester) -> None:
    call = requester.contracts.board.take(requester.terms())
    assert isinstance(call, Call)
    assert (call.name, call.to, call.value) == ("JobBoard.take", requester.contracts.board.address, 0)
    assert len(call.data) == 4 + (19 + 1 + 1) * 32, "the terms, where the seats lie, and that there are none"


@pytest.mark.parametrize(
    "change",
    [{"price": 2**128}, {"price": -1}, {"requester": "0x12"}, {"spec_digest": b"\1" * 33}, {"take_by": 2**40}],
    ids=str,
)
def test_calls__values_that_do_not_fit__are_refused_before_sending(requester, change) -> None:
    with pytest.raises(ChainError, match="cannot hold"):
        requester.contracts.board.post(requester.terms(**change))


def test_read__from_an_account_without_code__is_a_chain_error(quiet_net) -> None:
    nowhere = quiet_net.contracts.token("0x000000000000000000000000000000000000bEEF")
    with pytest.raises(ChainError, match="is it the right contract"):
        nowhere.balance_of(nowhere.address)

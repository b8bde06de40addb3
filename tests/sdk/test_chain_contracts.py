"""Contracts in domain words: the same ids and sums as the contracts', and every reader of every contract."""

import inspect

import pytest
from eth_account import Account
from tests.sdk.chain_actors import Requester

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.records import Balance, Needs, Standing, Values
from tensorgrid.domain.errors import ChainError, Reverted
from tensorgrid.domain.jobs import ExtraSeats, Job, JobState, ReplicationClocks, Seat, SeatState, hardware_class
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid.provider import register_worker, sign_consent, stake


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


def test_board__a_posted_job__reads_as_domain_objects(requester) -> None:
    terms, job, receipt = requester.post()
    contracts, connection = requester.contracts, requester.net.connection
    posted = connection.block(receipt.block)
    found = contracts.board.job(job)
    assert isinstance(found, Job)
    assert found == Job(JobState.POSTED, 0, 0, 0, False, 0, posted.timestamp, receipt.block + 2, terms.take_by, 0)
    assert contracts.board.job(job, block=receipt.block - 1).state is JobState.NONE
    assert contracts.board.seat(job, requester.address) == Seat(SeatState.NONE, 0, bytes(30))
    assert contracts.board.seed(job) == bytes(32)
    held = contracts.escrow.balance(contracts.board.address, requester.coin.address, requester.address).held
    assert held == terms.escrow
    requester.sender.transact(contracts.board.cancel(terms))
    assert contracts.board.job(job).state is JobState.CANCELLED


def test_draw__of_a_round__is_known_once_stored(requester) -> None:
    contracts, net = requester.contracts, requester.net
    terms, job, _ = requester.post()
    record = contracts.board.job(job)
    assert contracts.first_draw(terms, job, record) is None
    assert not contracts.beacon.is_due(record.round)
    with pytest.raises(Reverted) as caught:
        contracts.simulate(contracts.beacon.store(record.round), requester.address)
    assert caught.value.name == "RoundNotDue"
    net.anvil.mine(3)
    assert contracts.beacon.is_due(record.round)
    requester.sender.transact(contracts.beacon.store(record.round))
    draw = contracts.first_draw(terms, job, record)
    assert draw is not None
    assert contracts.beacon.value_of(record.round).hex() == net.connection.block(record.round).hash[2:]
    assert draw.seed == contracts.board.seed(job)
    assert (draw.opens_at, draw.closes_at) == (record.posted_at, terms.take_by)
    late = contracts.lottery.quote(terms, draw, requester.address, terms.take_by)
    assert late.price <= terms.price


def test_verifier__before_anything__reads_as_domain_objects(requester) -> None:
    terms, job, _ = requester.post()
    replication = requester.contracts.replication
    needs = replication.needs(terms)
    assert isinstance(needs, Needs)
    assert needs.reserve == 2 * terms.price
    assert replication.tally(job).group == (0, 0, 0, 0, 0)
    assert replication.clocks(terms.verifier_params) == ReplicationClocks(8, 8, 10)
    assert replication.extra_seats(terms, job) == ExtraSeats(0, 0, 0, 0, 0)
    assert replication.extra_needed(terms) is False
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
    assert contracts.registry.payee_of(worker.address).payout == provider.address
    standing = contracts.registry.standing(worker.address)
    assert isinstance(standing, Standing)
    assert (standing.provider, standing.capacity) == (provider.address, 3)
    assert standing.since == contracts.registry.registered_at(worker.address) > 0
    allocation = contracts.vault.allocation_of(provider.address, worker.address, contracts.board.address)
    assert (allocation.allocated, allocation.locked, allocation.locks) == (amount, 0, 0)
    assert contracts.vault.lockable(provider.address, worker.address, contracts.board.address) == amount
    assert contracts.vault.free_of(provider.address, worker.address) == 0
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
    assert contracts.parameters.scheduler_allowed(contracts.lottery.address)
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
    assert len(wrappers) == 10
    for wrapper in wrappers:
        source = inspect.getsource(type(wrapper))
        for verb in ("read", "build"):
            for part in source.split(f"self.{verb}(")[1:]:
                name = part.split('"')[1]
                assert name in wrapper.interface.functions, f"{wrapper.name} has no {name}"


def test_calls__say_what_they_are_and_hold_the_whole_abi_call(requester) -> None:
    call = requester.contracts.board.take(requester.terms())
    assert isinstance(call, Call)
    assert (call.name, call.to, call.value) == ("JobBoard.take", requester.contracts.board.address, 0)
    assert len(call.data) == 4 + 19 * 32


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

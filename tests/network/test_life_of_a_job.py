"""One story end to end: a requester, five workers of which one lies, a slash, scores; it reads like the README.

Everything is real: a chain, contracts, five daemons in processes of their own, sandboxes, PyTorch, a store, sealing.
"""

import contextlib
import os

import pytest

from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.demo import digits
from tensorgrid.demo.ledger import ESCROW, Ledger
from tensorgrid.demo.transactions import transactions_between
from tensorgrid.domain.errors import ResultRejected, Reverted
from tensorgrid.domain.jobs import Fault, JobState, fee_on
from tensorgrid.privacy import Identity
from tensorgrid.provider import withdraw_pay

EPOCHS = 12
MOST_JOBS = 5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data():
    return digits.load_digits(seed=0)


def test_life_of_a_job(net, liar, requester, data):
    usdc, stake_token = requester.token("USDC"), net.stake_token
    ledger = Ledger(net.contracts, accounts(net, requester), (usdc, stake_token))
    collect(net, requester)  # what earlier tests left
    before, scores = ledger.look(), points_of(net)
    first_block = net.connection.latest().number + 1

    # the requester buys a run of a decorated function; arrays travel by CID, the held-out digits stay at home
    job = digits.train.options(client=requester, budget="5 USDC")
    for _ in range(MOST_JOBS):
        run = job.submit(images=data.images, labels=data.labels, epochs=EPOCHS, validation=digits.VALIDATION)
        points = list(run.metrics(timeout=240))
        story = run.story()
        if liar.address in story.seats:
            break
    else:
        pytest.fail(f"the liar has 20 times the stake of the others and was not drawn in {MOST_JOBS} jobs")

    # it could be followed while it ran, each point once although five replicas reported it
    assert [point["epoch"] for point in points] == list(range(1, EPOCHS + 1))
    assert points[-1]["loss"] < points[0]["loss"]

    # three workers did it, one answer differed, two more were asked, four of five agree
    assert story.state is JobState.SETTLED
    assert [seat.extra for seat in story.in_order] == [False, False, False, True, True]
    assert len({seat.root_hash for seat in story.in_order}) == 2
    assert {seat.worker for seat in story.agreed} == {w.address for w in net.workers if w is not liar}
    assert story.seats[liar.address].phase == "slashed"
    assert [seat.fault for seat in story.agreed] == [Fault.NONE] * 4

    # the result is fetched, held against the chain, opened by the requester, and good
    result = run.result()
    assert result.provenance.worker != liar.address
    assert set(result.provenance.transactions) == set(run.transactions())
    accuracy = digits.accuracy_of(result.as_torch(), data.held_out_images, data.held_out_labels)
    assert accuracy >= 0.95
    assert result["accuracy"] == points[-1]["accuracy"]

    # another process gets the same from the id alone; another reader gets nothing
    again = Client(net.network_file, account=requester.account, identity=requester.identity).run(run.hex).result()
    assert again.payload == result.payload
    stranger = Client(net.network_file, account=requester.account, identity=Identity.generate())
    with pytest.raises(ResultRejected, match="does not open"):
        stranger.run(run.id).result()

    # money: four prices and the fee on them are gone, all else is free again; one stake is burned
    terms = run.terms
    fee = fee_on(terms.fee_bps, 4 * terms.price)
    assert (story.paid, story.fee, story.returned) == (4 * terms.price, fee, terms.escrow - 4 * terms.price - fee)
    collect(net, requester)
    after = ledger.look()
    assert ledger.sums(before, after) == {usdc.symbol: 0, stake_token.symbol: 0}
    changes = {party: ledger.change(party, usdc, before, after).units for party in ledger.parties}
    jobs = [story for story in (found.story() for found in requester.runs()) if story.state is JobState.SETTLED]
    assert changes["requester"] == -sum(story.paid + story.fee for story in jobs)
    assert changes["burned (0x…dEaD)"] == sum(story.fee for story in jobs)
    assert changes[ESCROW] == 0
    for worker in net.workers:
        earned = sum(story.seats[worker.address].pay for story in jobs if worker.address in story.seats)
        assert changes[f"provider {worker.number}"] == earned
    assert ledger.change("burned (0x…dEaD)", stake_token, before, after).units == terms.stake
    assert ledger.change("stake vault", stake_token, before, after).units == -terms.stake

    # scores move: up for those who agreed, down for the liar
    now = points_of(net)
    assert all(now[seat.worker] > scores[seat.worker] for seat in story.agreed)
    assert now[liar.address] < scores[liar.address]

    # five processes, none of them ours, and every step is on chain under its name
    assert len({worker.pid for worker in net.workers} - {os.getpid()}) == 5
    sent = transactions_between(net.contracts, first_block, net.connection.latest().number)
    steps = {tx.name for tx in sent if tx.ok}
    assert steps >= {
        "JobBoard.post", "JobBoard.take", "JobBoard.progress", "JobBoard.commit", "JobBoard.commitExtra",
        "ReplicationVerifier.reveal", "Escrow.withdraw", "StakeVault.flushBurned",
    }  # fmt: skip


def accounts(net, requester):
    """Everybody who could hold a token, by name."""
    people = {"requester": requester.account.address, "deployer": net.deployer.address}
    for worker in net.workers:
        people[f"provider {worker.number}"] = worker.provider.address
        people[f"worker {worker.number}"] = worker.address
    return people


def points_of(net):
    board = net.contracts.board.address
    return {worker.address: net.contracts.reputation.points_of(board, worker.address) for worker in net.workers}


def collect(net, requester):
    """Pull payments: each takes what is his; burned money really goes to the burn address."""
    contracts, token = net.contracts, requester.token("USDC").address
    with net.paused():
        for worker in net.workers:
            withdraw_pay(Sender(net.connection, worker.provider), contracts, token, worker.provider.address)
        for holding in requester.holdings():
            if holding.free:
                requester.withdraw(holding.free)
        for call in (contracts.escrow.flush_burned(contracts.board.address, token), contracts.vault.flush_burned()):
            with contextlib.suppress(Reverted):  # nothing there to send
                requester.sender.transact(call)

"""A cheat who contests: the segment is narrowed down to the step where he left the truth, and a jury is asked."""

import pytest
from tests.network.audit_net import audit_net, train
from tests.network.test_audits import FAKER, wait_for

import tensorgrid as tg
from tensorgrid.chain.bisection import Stage
from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.domain.audits import ClaimState

pytestmark = pytest.mark.slow

SEGMENTS, EVERY = 20, 4
HOOKS = dict.fromkeys(range(3), FAKER)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with audit_net(tmp_path_factory.mktemp("disputes"), workers=3, hooks=HOOKS, auditors=1, steps=EVERY) as network:
        yield network


def pay_bond(net, run, worker):
    """From the requester's pocket: the Escrow takes it from anybody."""
    contracts, sender = net.contracts, Sender(net.connection, net.requester)
    token, bond = run.terms.pay_token, contracts.audit.bond_for(run.terms)
    sender.transact(contracts.token(token).approve(contracts.escrow.address, 2 * bond))
    sender.transact(contracts.escrow.deposit(contracts.audit.address, token, worker, 2 * bond))


def test_attack_faker_contests__step_where_it_left_the_truth_is_found(net):
    options = {"verify": "audit", "steps": SEGMENTS * EVERY, "checkpoint_every": EVERY, "budget": "50 USDC"}
    run = tg.job(**options)(train).options(client=Client(net.network_file)).submit(steps=SEGMENTS * EVERY)
    wait_for(lambda: run.story().first_seats)
    pay_bond(net, run, run.story().first_seats[0].worker)

    def narrowed():
        doubts = run.story().audit.doubts
        return doubts and all(doubt.dispute is not None and doubt.dispute.narrowed for doubt in doubts)

    wait_for(narrowed)
    for doubt in run.story().audit.doubts:
        assert doubt.state is ClaimState.CONTESTED
        assert doubt.dispute.stage is Stage.JUDGING
        # What it says of single steps is true: only the end is made up.
        assert (doubt.dispute.span.low, doubt.dispute.span.high) == (EVERY - 1, EVERY)
        assert "step 4 of 4" in doubt.said

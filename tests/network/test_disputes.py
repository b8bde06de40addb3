"""A cheat who contests: the segment is narrowed down to the step where he left the truth, and a jury is asked."""

from dataclasses import astuple

import pytest
from eth_account import Account
from tests.network.audit_net import audit_net, train
from tests.network.test_audits import FAKER, PATIENCE, wait_for
from tests.worker.jobs import JOB, SEED, make_record

import tensorgrid as tg
from tensorgrid.chain.bisection import Match, Stage, match_key
from tensorgrid.chain.jury import Decision, Phase
from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.domain.audits import ClaimState
from tensorgrid.domain.errors import AuditFailed
from tensorgrid.domain.jobs import Fault, hardware_class
from tensorgrid_worker.auditing.cases import CaseReader

pytestmark = [pytest.mark.slow, pytest.mark.cheats]

SEGMENTS, EVERY = 20, 4
HOOKS = dict.fromkeys(range(3), FAKER)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with audit_net(tmp_path_factory.mktemp("disputes"), workers=3, hooks=HOOKS, auditors=1, steps=EVERY) as network:
        yield network


def enrol(net, worker):
    """Its provider stakes it for the jury: that alone makes it a juror."""
    contracts, sender = net.contracts, Sender(net.connection, worker.provider)
    amount, token = contracts.jury.rules().juror_stake, net.stake_token
    net.give(sender.address, token, amount)
    sender.transact(contracts.token(token.address).approve(contracts.vault.address, amount))
    sender.transact(contracts.vault.deposit(worker.address, amount))
    sender.transact(contracts.vault.allocate(worker.address, contracts.jury.address, amount))


def pay_bond(net, run, worker):
    """From the requester's pocket: the Escrow takes it from anybody."""
    contracts, sender = net.contracts, Sender(net.connection, net.requester)
    token, bond = run.terms.pay_token, contracts.audit.bond_for(run.terms)
    sender.transact(contracts.token(token).approve(contracts.escrow.address, 2 * bond))
    sender.transact(contracts.escrow.deposit(contracts.audit.address, token, worker, 2 * bond))


def faked(net):
    """A job whose worker makes up his states, and has the money to contest what an auditor says of it."""
    options = {
        "verify": "audit",
        "steps": SEGMENTS * EVERY,
        "checkpoint_every": EVERY,
        "budget": "50 USDC",
        "wall": "60s",
    }
    run = tg.job(**options)(train).options(client=Client(net.network_file)).submit(steps=SEGMENTS * EVERY)
    wait_for(lambda: run.story().first_seats)
    pay_bond(net, run, run.story().first_seats[0].worker)
    return run


def test_attack_faker_contests__step_where_it_left_the_truth_is_found(net):
    run = faked(net)

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


def test_attack_match_opened_by_a_stranger__no_juror_looks_at_it(net):
    stranger = Sender(net.connection, Account.create())
    net.anvil.fund(stranger.address, 10**18)
    people = ("0x" + "1" * 40, "0x" + "2" * 40, hardware_class("cpu"))
    match = Match(JOB, 2, 0, *people, b"\1" * 32, b"\2" * 32, b"\3" * 32, 1, 60)
    bisection, jury = net.contracts.bisection, net.contracts.jury
    stranger.transact(bisection.build("open", astuple(match)))
    found, phase = jury.round_of(bisection.address, match.key(stranger.address))
    assert (found.size, phase) == (5, Phase.FILLING)  # whoever likes may ask a jury
    reader = CaseReader(net.contracts, net.workers[0].address, lambda *_: SEED, lambda _: "")
    assert reader.read({JOB: make_record()}, net.connection.latest()) == []


def test_attack_faker_contests__five_jurors_repeat_the_step__slashed(tmp_path):
    hooks, clocks = dict.fromkeys(range(7), FAKER), {"take_time": 40, "vote_time": 40, "appeal_time": 10}
    with audit_net(tmp_path, workers=7, hooks=hooks, jury=clocks, auditors=1, drawn=1, steps=EVERY) as net:
        with net.paused():
            for worker in net.workers:
                enrol(net, worker)
        run = faked(net)
        with pytest.raises(AuditFailed, match="found another state"):
            run.result(timeout=3 * PATIENCE)
        worker, auditor = run.story().in_order
        assert [seat.fault for seat in (worker, auditor)] == [Fault.SLASHED, Fault.NONE]
        audits, bisection, jury = net.contracts.audit, net.contracts.bisection, net.contracts.jury
        key = match_key(audits.address, run.id, 2, 0)
        assert jury.decision_of(bisection.address, key) is Decision.ACCUSED
        wait_for(lambda: jury.round_of(bisection.address, key)[0].released)

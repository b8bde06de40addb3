"""Audits end to end: a training, two auditors who do parts of it again, and what becomes of a cheat.

Everything is real but the contract that decides disputes: a chain, daemons in processes of their own, sandboxes,
PyTorch, a store, sealing.
"""

import pytest
from tests.network.audit_net import EVERY, SEGMENTS, audit_net, train

import tensorgrid as tg
from tensorgrid.client import Client
from tensorgrid.domain.jobs import Fault, JobState

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with audit_net(tmp_path_factory.mktemp("audits"), workers=3) as network:
        yield network


def submit(net):
    client = Client(net.network_file)
    options = {"verify": "audit", "steps": SEGMENTS * EVERY, "checkpoint_every": EVERY, "budget": "50 USDC"}
    job = tg.job(**options)(train).options(client=client)
    return job.submit(steps=SEGMENTS * EVERY)


def test_honest_worker__two_auditors_confirm__all_are_paid(net):
    run = submit(net)
    result = run.result(timeout=300)
    story = run.story()
    assert story.state is JobState.SETTLED
    assert [seat.fault for seat in story.in_order] == [Fault.NONE] * 3
    assert all(seat.pay for seat in story.in_order)
    assert result

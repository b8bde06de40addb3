"""Audits end to end: a training, two auditors who do parts of it again, and what becomes of a cheat.

Everything is real but the contract that decides disputes: a chain, daemons in processes of their own, sandboxes,
PyTorch, a store, sealing.
"""

import time

import pytest
from tests.network.audit_net import EVERY, SEGMENTS, audit_net, train

import tensorgrid as tg
from tensorgrid.client import Client
from tensorgrid.devnet import WorkerHook
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import AuditFailed
from tensorgrid.domain.jobs import Fault, JobState

pytestmark = pytest.mark.slow

PATIENCE = 240
FAKER = WorkerHook(module="tensorgrid.demo.faker")
FEW_STATES = "48KiB"
"""Room for a few of the states: most of those that are drawn have to be made again."""


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with audit_net(tmp_path_factory.mktemp("audits"), workers=3) as network:
        yield network


@pytest.fixture(scope="module")
def fakers(tmp_path_factory):
    hooks = dict.fromkeys(range(3), FAKER)
    with audit_net(tmp_path_factory.mktemp("fakers"), workers=3, hooks=hooks) as network:
        yield network


def submit(net, **more):
    shape = {"steps": SEGMENTS * EVERY, "checkpoint_every": EVERY}
    options = {"verify": "audit", "budget": "50 USDC", "wall": "40s", **shape, **more}
    return tg.job(**options)(train).options(client=Client(net.network_file)).submit(steps=SEGMENTS * EVERY)


def audit_of(net, run):
    return net.contracts.audit.audit(run.terms.requester, run.terms.nonce)


def wait_for(what):
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def again(worker):
    """As after a power cut."""
    worker.kill()
    worker.start()


def test_honest_worker__two_auditors_confirm__all_are_paid(net):
    run = submit(net)
    assert run.result(timeout=PATIENCE)
    story = run.story()
    assert story.state is JobState.SETTLED
    assert [seat.fault for seat in story.in_order] == [Fault.NONE] * 3
    plan, price = audit_plan(run), run.terms.price
    assert [seat.pay for seat in story.in_order] == [price] + [plan.fee(price, plan.drawn)] * 2


@pytest.mark.cheats
def test_worker_killed_before_serving__auditors_before_answering__confirmed_all_the_same(net):
    run = submit(net, keep_bytes=FEW_STATES)
    wait_for(lambda: audit_of(net, run).done)
    by_address = {worker.address: worker for worker in net.workers}
    first = by_address[run.story().in_order[0].worker]
    again(first)
    wait_for(lambda: audit_of(net, run).served)
    for worker in net.workers:
        if worker is not first:
            again(worker)
    assert run.result(timeout=PATIENCE)
    assert [seat.fault for seat in run.story().in_order] == [Fault.NONE] * 3


@pytest.mark.cheats
def test_attack_faked_states__accused_by_both__slashed(fakers):
    run = submit(fakers)
    with pytest.raises(AuditFailed, match="found another state"):
        run.result(timeout=PATIENCE)
    story = run.story()
    worker, *auditors = story.in_order
    assert worker.fault is Fault.SLASHED
    assert [seat.fault for seat in auditors] == [Fault.NONE] * 2
    assert all(seat.pay for seat in auditors)


@pytest.mark.cheats
def test_attack_one_segment_differs__further_ones_are_looked_at__slashed(tmp_path):
    hooks = dict.fromkeys(range(3), FAKER)
    with audit_net(tmp_path, workers=3, hooks=hooks, auditors=1, drawn=1) as net:
        run = submit(net)
        while ended_in_the_last_segment(run):
            run = submit(net)
        with pytest.raises(AuditFailed, match="found another state"):
            run.result(timeout=2 * PATIENCE)
        worker, first, further = run.story().in_order
        assert [seat.fault for seat in (worker, first, further)] == [Fault.SLASHED, Fault.NONE, Fault.NONE]
        plan, price = audit_plan(run), run.terms.price
        assert [seat.pay for seat in (first, further)] == [plan.fee(price, 1), plan.fee(price, plan.further)]


@pytest.mark.cheats
def test_clean_audit__drawn_for_a_second_look__all_segments_and_as_many_more_are_confirmed(tmp_path):
    with audit_net(tmp_path, workers=3, auditors=1, drawn=1, reaudit_bps=10_000) as net:
        run = submit(net)
        assert run.result(timeout=2 * PATIENCE)
        worker, first, second = run.story().in_order
        assert [seat.fault for seat in (worker, first, second)] == [Fault.NONE] * 3
        plan, price = audit_plan(run), run.terms.price
        assert [seat.pay for seat in (worker, first, second)] == [price, plan.fee(price, 1), plan.fee(price, 2)]


def ended_in_the_last_segment(run):
    """One of twenty jobs is drawn there, where what this faker's states come to is the truth again."""
    run.wait(timeout=2 * PATIENCE)
    return [doubt.about for doubt in run.story().audit.doubts] == [f"segment {SEGMENTS}"]


def audit_plan(run):
    return AuditTerms.unpack(run.terms.verifier_params)

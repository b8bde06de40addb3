"""Audits on a network that draws by drand's rounds: of a worker who delivers, and of one who replaced another.

Everything is real but drand's own servers, for which the devnet signs: a chain, daemons in processes of their own,
sandboxes, PyTorch, a store.
"""

import httpx
import pytest
from tests.network.audit_net import audit_net
from tests.network.test_audits import PATIENCE, audit_plan, submit, wait_for

from tensorgrid.chain.audit_history import SittingOpened
from tensorgrid.chain.events import decode
from tensorgrid.domain.jobs import Fault, JobState

pytestmark = [pytest.mark.slow, pytest.mark.cheats]


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """One to work, one to audit, and one who may vanish."""
    home = tmp_path_factory.mktemp("draws")
    with audit_net(home, workers=3, beacon="drand", auditors=1, reaudit_bps=0) as network:
        yield network


def sittings(net, run):
    """As the chain tells of them."""
    logs = net.connection.rpc("eth_getLogs", {"fromBlock": "0x0", "topics": [None, run.hex]})
    return [event for event in map(decode, logs) if isinstance(event, SittingOpened)]


def assert_clean_and_paid(run):
    story, report = run.story(), run.audit()
    assert story.state is JobState.SETTLED
    assert report.clean and report.done == report.segments
    assert [seat.fault for seat in story.in_order] == [Fault.NONE] * 2
    plan, price = audit_plan(run), run.terms.price
    assert [seat.pay for seat in story.in_order] == [price, plan.fee(price, plan.drawn)]


def test_audit__drawn_by_a_round_of_drand__settled(net):
    run = submit(net, wall="20s")
    assert run.result(timeout=PATIENCE)
    assert_clean_and_paid(run)
    [sitting] = sittings(net, run)
    for number in (run.story().round, sitting.round):
        told = httpx.get(f"{net.drand.url}/public/{number}").json()
        assert net.contracts.beacon.value_of(number).hex() == told["randomness"]
    assert sitting.round > run.story().round, "nobody knew what would be replayed when the job was taken"


def test_audit__of_who_replaced_a_worker_that_vanished__clean_and_paid(net):
    run = submit(net, wall="20s")
    assert run.terms.reopens == 1
    wait_for(lambda: run.story().state is JobState.ASSIGNED)
    story = run.story()
    victim = next(worker for worker in net.workers if worker.address == story.in_order[0].worker)
    victim.kill()
    net.advance(story.work_by - net.connection.now() + 1)
    wait_for(lambda: run.story().reopened)
    assert run.result(timeout=PATIENCE)
    assert [(seat.worker, seat.fault) for seat in run.story().lost] == [(victim.address, Fault.NO_SHOW)]
    assert_clean_and_paid(run)
    assert victim.address not in {seat.worker for seat in run.story().in_order}

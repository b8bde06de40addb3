"""A worker that stops answering, and one that has to leave: the seat is drawn anew, and another one delivers.

Everything is real: a chain, daemons in processes of their own, sandboxes. Chain time is moved past the work deadline.
"""

import subprocess
import sys
import time

import pytest

import tensorgrid as tg
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet
from tensorgrid.domain.jobs import Fault, JobState

pytestmark = pytest.mark.slow
PATIENCE = 150


def slow_double(x: int) -> dict:
    import time

    time.sleep(6)
    return {"twice": 2 * x}


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with Devnet(tmp_path_factory.mktemp("replaced"), workers=3) as network:
        yield network


def submit(net, x):
    job = tg.job(verify="accept", reject_within=8, wall=20, budget="5 USDC")(slow_double)
    return job.options(client=Client(net.network_file)).submit(x=x)


def wait_for(found):
    until = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.2)


def worker_of(net, run):
    wait_for(lambda: run.story().state is JobState.ASSIGNED)
    [seat] = run.story().in_order
    return next(worker for worker in net.workers if worker.address == seat.worker)


def test_silent_worker__killed_after_the_take__another_one_delivers(net):
    run = submit(net, 21)
    assert run.terms.reopens == 1
    seed = net.contracts.board.seed(run.terms)
    victim = worker_of(net, run)
    victim.kill()
    # Chain time runs by itself; past the deadline somebody who wants the seat opens it, and nobody has to ask him.
    net.advance(run.story().work_by - net.connection.now() + 1)
    wait_for(lambda: run.story().reopened)
    story = run.story()
    assert "did not deliver; seat re-opened (1 of 1)" in story.why_again
    assert [(seat.worker, seat.fault) for seat in story.lost] == [(victim.address, Fault.NO_SHOW)]
    assert run.result(timeout=PATIENCE)["twice"] == 42
    [seat] = run.story().in_order
    assert seat.worker != victim.address and seat.pay
    assert net.contracts.board.seed(run.terms) == seed or not any(seed)
    victim.start()
    victim.await_ready()


def test_leaving_worker__gives_the_seat_back__another_one_delivers(net):
    run = submit(net, 4)
    leaver = worker_of(net, run)
    words = ["abandon", run.hex[:12], "--config", str(leaver.config)]
    wait_for(lambda: _said(words).returncode == 0)  # its journal may lag behind by a look
    wait_for(lambda: run.story().reopened)
    story = run.story()
    assert [(seat.worker, seat.fault) for seat in story.lost] == [(leaver.address, Fault.ABANDONED)]
    assert story.lost[0].slashed == (run.terms.no_show_bond + 1) // 2
    assert run.result(timeout=PATIENCE)["twice"] == 8
    [seat] = run.story().in_order
    assert seat.worker != leaver.address


def _said(words):
    return subprocess.run(
        [sys.executable, "-P", "-m", "tensorgrid_worker", *words], check=False, capture_output=True, text=True
    )

"""A training whose worker stops in the middle: he is paid for what he did, another one goes on from there.

Everything is real but the contract that decides disputes: a chain, daemons in processes of their own, sandboxes,
PyTorch, a store, sealing. What comes out is held against both parts done by hand.
"""

import shutil
import subprocess
import sys
import time
from threading import Event

import pytest
import torch
from tests.network.audit_net import audit_net
from tests.network.test_audits import PATIENCE, again, audit_plan, wait_for

import tensorgrid as tg
from tensorgrid.client import Client
from tensorgrid.domain.errors import NotContinuable, PartlyDone
from tensorgrid.domain.jobs import ExitClass, Fault, job_seed
from tensorgrid.domain.specs import JobSpec
from tensorgrid.storage.cid import Cid
from tensorgrid_worker.jobs.executor import Executor, Task
from tensorgrid_worker.runtime.trace import ORIGIN
from tensorgrid_worker.sandbox.plain import Plain

pytestmark = [pytest.mark.slow, pytest.mark.cheats]

STEPS, EVERY = 80, 2


def train(steps: int) -> dict:
    """Slow enough to be stopped in the middle."""
    x = torch.randn(64, 8)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    state = tg.State(model=model, optimizer=optimizer, data=x)
    first = tg.resume(state)  # x too is then as the first part had it
    y = (x[:, 0] > 0).long()
    for step in range(first, steps):
        pick = tg.batch_indices(step, 16, 64)
        loss = torch.nn.functional.cross_entropy(model(x[pick]), y[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        time.sleep(0.1)
        tg.checkpoint(state, {"loss": loss})
    return {}


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with audit_net(tmp_path_factory.mktemp("continue"), workers=3) as network:
        yield network


def submit(net):
    options = {"verify": "audit", "steps": STEPS, "checkpoint_every": EVERY, "budget": "50 USDC", "lint": False}
    return tg.job(**options)(train).options(client=Client(net.network_file)).submit(steps=STEPS)


def worker_of(net, run):
    wait_for(lambda: run.story().in_order)
    address = run.story().in_order[0].worker
    return next(worker for worker in net.workers if worker.address == address)


def abandon(worker, run):
    words = ["abandon", run.hex[:12], "--config", str(worker.config)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tensorgrid_worker", *words], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "ends behind the segment" in done.stdout


def by_hand(net, run, folder, origin=b""):
    """The job as the chain names it, in a process of ours."""
    client = Client(net.network_file)
    spec_bytes = client.store.get(Cid.of_digest(run.terms.spec_digest), max_bytes=1 << 20)
    spec = JobSpec.from_bytes(spec_bytes)
    inside = folder / "in"
    inside.mkdir(parents=True)
    (inside / "spec.json").write_bytes(spec_bytes)
    (inside / "bundle.py").write_bytes(client.store.get(spec.bundle.cid, max_bytes=spec.bundle.bytes))
    if origin:
        (inside / ORIGIN).write_bytes(origin)
    seed = job_seed(run.id, net.contracts.beacon.value_of(run.story().round))
    executor = Executor(Plain(), tmp_bytes=1 << 28, processes=256)
    found = executor.run(Task(spec, seed, folder), on_point=lambda _: None, stop=Event())
    assert found.exit is ExitClass.OK, found.log.decode()
    return found


def test_worker_stops_in_the_middle__paid_for_that__another_goes_on_to_the_same_bits(net, tmp_path):
    run = submit(net)
    first = worker_of(net, run)
    wait_for(lambda: run.story().audit.snapshots)
    assert "snapshot at block" in run.status().phase
    abandon(first, run)
    with pytest.raises(PartlyDone, match=r"run\.resume"):
        run.result(timeout=PATIENCE)
    partial = run.partial()
    plan, done = audit_plan(run), partial.segment
    assert 0 < done < plan.segments and partial.audited
    assert partial.paid.units == plan.earned(run.terms.price, done)
    assert [seat.fault for seat in run.story().in_order] == [Fault.NONE] * 3
    report = run.audit()
    assert report.compared and report.snapshots and not report.mismatches
    state = partial.state
    assert (state.segment, state.step) == (done, done * EVERY)

    rest = run.resume()
    whole = rest.result(timeout=PATIENCE)
    assert rest.audit().continues == run.id
    assert rest.terms.price < run.terms.price

    alone = by_hand(net, run, tmp_path / "first")
    kept = alone.traced.kept.take(done, tmp_path / "state").read_bytes()
    assert kept == state.data
    assert by_hand(net, rest, tmp_path / "rest", origin=kept).payload == whole.payload
    with pytest.raises(NotContinuable):
        rest.resume()
    shutil.rmtree(tmp_path / "first")


def test_worker_killed_in_the_middle__goes_on_where_he_was__all_is_clean(net):
    run = submit(net)
    first = worker_of(net, run)
    wait_for(lambda: run.story().audit.snapshots)
    again(first)
    assert run.result(timeout=PATIENCE)
    report = run.audit()
    assert report.clean and report.done == report.segments and report.compared and not report.mismatches

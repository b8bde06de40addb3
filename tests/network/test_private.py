"""Private jobs end to end: no blob tells what is trained on what, and a requester who keeps the key pays for it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch
from tests.network.audit_net import EVERY, SEGMENTS, audit_net

import tensorgrid as tg
from tensorgrid.client import Client
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import KeyNotHanded, SpecInvalid
from tensorgrid.domain.jobs import Fault, JobState

pytestmark = pytest.mark.slow

PATIENCE = 180
SECRET = "the recipe that nobody else may read"


def weigh_like_grandmother(steps: int, recipe: str, points: Any) -> dict[str, Any]:
    """A training whose code, argument and data are worth hiding."""
    x = torch.from_numpy(points)
    y = (x[:, 0] > len(recipe) / 1000).long()
    model = torch.nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    state = tg.State(model=model, optimizer=optimizer)
    for step in range(tg.resume(state), steps):
        pick = tg.batch_indices(step, 16, 64)
        loss = torch.nn.functional.cross_entropy(model(x[pick]), y[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tg.checkpoint(state, {"loss": loss})
    return {}


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with audit_net(tmp_path_factory.mktemp("private"), workers=3) as network:
        yield network


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(7).normal(size=(64, 8)).astype(np.float32)


def submit(net, points, **more):
    shape = {"steps": SEGMENTS * EVERY, "checkpoint_every": EVERY}
    options = {"verify": "audit", "budget": "50 USDC", "wall": "40s", **shape, **more}
    job = tg.job(private=True, **options)(weigh_like_grandmother).options(client=Client(net.network_file))
    return job.submit(steps=SEGMENTS * EVERY, recipe=SECRET, points=points)


def blobs_of(net):
    return [path.read_bytes() for path in (net.folder / "store").rglob("*") if path.is_file()]


def plan_of(run):
    return AuditTerms.unpack(run.terms.verifier_params)


def test_private_training__audited_and_delivered__no_blob_shows_code_argument_data_or_weights(net, points):
    run = submit(net, points)
    weights = run.result(timeout=PATIENCE)
    story = run.story()
    assert story.state is JobState.SETTLED
    assert [seat.fault for seat in story.in_order] == [Fault.NONE] * 3
    plan, price = plan_of(run), run.terms.price
    assert [seat.pay for seat in story.in_order] == [price] + [plan.fee(price, plan.drawn)] * 2
    blobs = blobs_of(net)
    assert len(blobs) > 10
    weight = weights["weight"].numpy().tobytes()
    for hidden in (SECRET.encode(), b"cross_entropy", points.tobytes()[:64], weight[:32]):
        assert not any(hidden in blob for blob in blobs), hidden


def test_requester_never_hands_the_key__the_worker_gets_his_share_and_leaves(net, points):
    run = submit(net, points, wrap_within="10s", missed_share=20)
    end = time.monotonic() + PATIENCE
    while not run.story().state.ended:  # `wait` would hand the key
        assert time.monotonic() < end, "the worker did not leave"
        time.sleep(0.5)
    (seat,) = run.story().in_order
    assert (seat.fault, seat.agreed) == (Fault.NONE, False)
    assert seat.pay == plan_of(run).missed_pay(run.terms.price) == run.terms.price // 5
    with pytest.raises(KeyNotHanded, match="came back"):
        run.result()


def test_private__with_another_tier__says_which_one_knows_it(net, points):
    with pytest.raises(SpecInvalid, match="audit"):
        submit(net, points, verify="replicate", steps=None, checkpoint_every=None)

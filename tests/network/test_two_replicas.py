"""Two replicas on the running network: newcomers are not enough, three more are asked; with a past, two are."""

import pytest
from eth_account import Account

from tensorgrid.client import Client
from tensorgrid.devnet import Devnet
from tensorgrid.domain.jobs import JobState
from tensorgrid.privacy import Identity

pytestmark = pytest.mark.slow


def double(x: int) -> dict:
    return {"twice": 2 * x}


@pytest.fixture(scope="module")
def pair_net(tmp_path_factory):
    with Devnet(tmp_path_factory.mktemp("pairs"), workers=5) as network:
        yield network


def test_two_replicas__newcomers__then_workers_with_a_past(pair_net):
    account = Account.create()
    client = Client(pair_net.network_file, account=account, identity=Identity.generate())
    pair_net.give(account.address, client.token("USDC"), 3000 * 10**6)

    # a dear job: nobody has a past yet, so that two who agree are not enough
    first = client.submit(double, {"x": 2}, budget="2000 USDC", replicas=2, any_score=True, wall="20s")
    phases = {story.phase for story in first.watch(timeout=240)}
    assert any(phase.startswith("answers agree, scores too low for this value, asking three more") for phase in phases)
    story = first.story()
    assert (story.state, len(story.agreed)) == (JobState.SETTLED, 5)
    assert first.result()["twice"] == 4

    # its fees were their past: a job of a four-hundredth of that is done by two of them
    estimate = client.estimate(double, {"x": 3}, budget="5 USDC", replicas=2, wall="20s")
    assert estimate.covering == 5
    second = client.submit(double, {"x": 3}, budget="5 USDC", replicas=2, wall="20s")
    assert second.result(timeout=240)["twice"] == 6
    story = second.story()
    assert (len(story.agreed), story.extra, story.cost) == (2, None, estimate.likely.units)

"""A devnet that draws by drand's rounds: somebody fetches them, somebody stores them, and jobs are done as ever."""

import hashlib

import httpx
import pytest
from typer.testing import CliRunner

from tensorgrid.chain.relays import Relays, storing
from tensorgrid.cli import app
from tensorgrid.deploy import Web3Backend
from tensorgrid.devnet.signing import Signer
from tensorgrid.domain.errors import RoundNotPublished, SpecInvalid
from tensorgrid.domain.jobs import JobState
from tensorgrid.domain.refusals import SignatureForged

LEAST = 400_000  # units of USDC: what each worker asks


@pytest.fixture(scope="module")
def drand_net(tmp_path_factory):
    from tensorgrid.devnet import Devnet, WorkerHook

    choosy = {index: WorkerHook(settings={"min_price": LEAST}) for index in range(3)}
    with Devnet(tmp_path_factory.mktemp("drand"), workers=3, hooks=choosy, beacon="drand") as network:
        yield network


@pytest.fixture
def client(drand_net):
    from tensorgrid.client import Client

    return Client(drand_net.network_file)


def double(n: int) -> dict:
    return {"n": 2 * n}


def test_job__drawn_by_drand__posted_taken_and_settled(drand_net, client) -> None:
    run = client.submit(double, {"n": 21}, budget="3 USDC", wall="20s")
    assert run.result(90)["n"] == 42
    story, beacon = run.story(), drand_net.contracts.beacon
    assert (beacon.name, story.state) == ("DrandBeacon", JobState.SETTLED)
    told = httpx.get(f"{drand_net.drand.url}/public/{story.round}").json()
    assert beacon.value_of(story.round).hex() == told["randomness"]
    assert hashlib.sha256(bytes.fromhex(told["signature"])).hexdigest() == told["randomness"]


def test_job__by_price__a_worker_waits_for_his_own_price_and_the_rest_comes_back(drand_net, client) -> None:
    options = {"budget": "1 USDC", "wall": "20s", "verify": "accept", "strategy": "price"}
    estimate = client.estimate(double, {"n": 4}, **options)
    assert estimate.price_from.units == -(-estimate.price_per_worker.units * 3 // 10) < LEAST
    run = client.submit(double, {"n": 4}, **options, reject_within="60s")
    assert run.delivery(90)["n"] == 8
    [seat] = run.story().first_seats
    assert LEAST <= seat.seat.price < run.terms.price
    assert run.terms.scheduler == client.contracts.strategies["price"].address
    drand_net.advance(61)
    run.wait(60)
    story = run.story()
    assert story.paid == seat.seat.price
    assert story.returned == run.terms.escrow - story.paid - story.fee


def test_job__by_reputation__and_by_a_third_partys_scheduler__is_taken(client, drand_net) -> None:
    """A strategy by its address is a strategy: this one is ours, deployed once more as anybody could."""
    backend = Web3Backend(drand_net.connection, drand_net.deployer)
    contracts = drand_net.contracts
    foreign, _, _ = backend.deploy("ReputationScheduler", (contracts.board.address, 5))
    options = {"budget": "1 USDC", "wall": "20s", "verify": "accept"}
    with pytest.raises(SpecInvalid, match="not on this network's list"):
        client.estimate(double, {"n": 1}, strategy=foreign, **options)
    backend.send(contracts.parameters.address, "Parameters", "setScheduler", (foreign, True))
    for strategy in ("reputation", foreign):
        run = client.submit(double, {"n": 3}, strategy=strategy, **options)
        assert run.delivery(90)["n"] == 6


def test_round__by_hand__forged_or_not_published_is_refused_by_name(drand_net, client, monkeypatch) -> None:
    number = drand_net.contracts.beacon.next() + 100
    with Relays(client.contracts.deployment.relays) as relays:
        with pytest.raises(RoundNotPublished, match="425"):
            storing(client.contracts.beacon, relays, number)
        drand_net.advance(120)
        monkeypatch.setattr(drand_net.drand, "signature", lambda asked: Signer(7).sign(asked))
        with pytest.raises(SignatureForged, match=f"round={number}"):
            storing(client.contracts.beacon, relays, number)
        monkeypatch.undo()
        client.sender.transact(storing(client.contracts.beacon, relays, number))
        assert storing(client.contracts.beacon, relays, number) is None
    assert any(client.contracts.beacon.value_of(number))


def test_network_command__names_strategies_and_beacon(drand_net) -> None:
    found = CliRunner().invoke(app, ["network", "--network", str(drand_net.network_file)])
    assert found.exit_code == 0, found.output
    assert "lottery, reputation, price, offers" in found.output
    assert f"drand, a round every 1 s, from {drand_net.drand.url}" in " ".join(found.output.split())

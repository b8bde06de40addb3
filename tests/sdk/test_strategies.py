"""Who gives a job's seats, from the requester's side: chosen by name or address, estimated, or refused in words."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tensorgrid.cli import app, jobs
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobs import PAIR
from tensorgrid.ordering.strategies import lowest_price, scheduler_of, strategies_of

ONE = {"budget": "1 USDC", "wall": "30s", "verify": "accept"}
THREE = {"budget": "5 USDC", "wall": "30s"}


def double(x: int) -> dict:
    return {"twice": 2 * x}


@pytest.fixture
def client(bare_net):
    return bare_net.requester_with("100 USDC")


def test_strategies__a_devnet__has_all_four(client):
    assert strategies_of(client.contracts) == ["lottery", "reputation", "price", "offers"]


@pytest.mark.parametrize("strategy", ["lottery", "reputation", "price"])
def test_submit__by_name_or_address__the_terms_name_its_scheduler(client, strategy):
    address = client.contracts.strategies[strategy].address
    for named in (strategy, address, address.lower()):
        run = client.submit(double, {"x": 2}, strategy=named, **ONE)
        assert run.terms.scheduler == address
        run.cancel()


def test_submit__no_strategy__is_the_lottery(client):
    assert scheduler_of(client.contracts, None, workers=1, matched=False) == client.contracts.lottery.address
    assert scheduler_of(client.contracts, None, workers=1, matched=True) == client.contracts.offers.address
    assert scheduler_of(client.contracts, "offers", workers=1, matched=True) == client.contracts.offers.address


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (ONE | {"strategy": "cheapest"}, "no strategy='cheapest'; it has lottery, reputation, price, offers, or give"),
        (ONE | {"strategy": "0x" + "1" * 40}, "not on this network's list of schedulers"),
        (ONE | {"strategy": "0x" + "1" * 39}, "no strategy="),
        (ONE | {"strategy": "offers"}, "needs workers' offers; pass offers=…"),
        (THREE | {"strategy": "price"}, "3 seats that check one another are drawn by lot.*leave it out"),
        (THREE | {"strategy": "reputation"}, "3 seats .*or replicas=2"),
        (THREE | {"strategy": "price", "replicas": 2, "any_score": True}, "2 seats that check one another"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_estimate__strategy_that_does_not_fit__is_refused_with_what_to_do(client, options, says):
    with pytest.raises(SpecInvalid, match=says):
        client.estimate(double, {"x": 2}, **options)


def test_submit__strategy_beside_offers__is_refused(client):
    with pytest.raises(SpecInvalid, match="do not go together"):
        scheduler_of(client.contracts, "price", workers=1, matched=True)


def test_estimate__pair_by_reputation__is_sold(client):
    terms = scheduler_of(client.contracts, "reputation", workers=PAIR, matched=False)
    assert terms == client.contracts.strategies["reputation"].address


def test_estimate__by_price__says_where_the_price_begins_and_what_it_is_at_most(client):
    plain, rising = (client.estimate(double, {"x": 2}, strategy=name, **ONE) for name in ("lottery", "price"))
    assert (plain.price_from, rising.price_per_worker) == (None, plain.price_per_worker)
    assert rising.price_from.units == -(-plain.price_per_worker.units * 3000 // 10_000)
    assert str(rising).startswith(f"one worker at {rising.price_from} to {rising.price_per_worker} at most")
    auction = client.contracts.strategies["price"].address
    assert [lowest_price(client.contracts, auction, price) for price in (1, 10, 11)] == [1, 3, 4]  # rounded up


def test_estimate__network_without_the_strategy__says_what_it_has(client):
    gone = client.contracts.strategies.pop("price")
    try:
        with pytest.raises(SpecInvalid, match="no strategy='price'; it has lottery, reputation, offers"):
            client.estimate(double, {"x": 2}, strategy="price", **ONE)
    finally:
        client.contracts.strategies["price"] = gone


def test_command__dry_run__shows_the_price_that_rises(client, monkeypatch, tmp_path):
    file = tmp_path / "work.py"
    file.write_text("def double(x: int) -> dict:\n    return {'twice': 2 * x}\n")
    monkeypatch.setattr(jobs, "connect", lambda _network: client)
    command = ["submit", f"{file}:double", "--arg", "x=2", "--budget", "1 USDC", "--verify", "accept"]
    found = CliRunner().invoke(app, [*command, "--strategy", "price", "--dry-run", "--json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.output)
    assert int(told["price_from"]["units"]) < int(told["price_per_worker"]["units"])

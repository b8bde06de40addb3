"""Bad input gets a clear typed error, and nobody loses money by it: workers, sandboxes and node are all real."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.network.proxy import Proxy

import tensorgrid as tg
from tensorgrid.client import Client
from tensorgrid.domain.jobs import JobState, fee_on
from tensorgrid.domain.money import Amount
from tensorgrid.domain.specs import MAX_SPEC_BYTES
from tensorgrid.ordering.lanes import own_lane
from tensorgrid.ordering.posting import draft_terms, take_deadline
from tensorgrid.runs import run as runs
from tensorgrid.storage.local import LocalStore

pytestmark = pytest.mark.slow


@tg.job(budget="2 USDC", wall="30s", take_within="12s")
def work(x: int) -> dict:
    return {"twice": 2 * x}


@tg.job(budget="2 USDC", wall="30s", take_within="12s")
def broken(x: int) -> dict:
    print("before \x1b[31mthe end\x1b[0m")
    raise ValueError(f"cannot work with {x}")


@tg.job(budget="2 USDC", wall="3s", take_within="12s")
def endless() -> dict:
    tg.report(alive=True)
    while True:
        pass


@tg.job(budget="2 USDC", wall="30s", take_within="12s", output="100KiB")
def large(n: int) -> dict:
    return {"zeros": np.zeros(n, dtype="uint8")}


def units(client):
    """wallet, free, held of USDC."""
    (found,) = [h for h in client.holdings() if h.wallet.token.symbol == "USDC"]
    return found.wallet.units, found.free.units, found.held.units


# --------------------------------------------------------------------------------------------- refused before anything


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"budget": "101 USDC"}, tg.InsufficientFunds),
        ({"budget": "2 DOGE"}, tg.UnknownToken),
        ({"wall": "100h"}, tg.SpecInvalid),
        ({"gpu": "no-such-gpu"}, tg.SpecInvalid),
        ({"recipients": ("age1notakey",)}, tg.SpecInvalid),
    ],
)
def test_submit__refused__nothing_sent_and_nothing_lost(requester, options, error):
    with pytest.raises(error):
        work.options(client=requester, **options).submit(x=1)
    assert units(requester) == (100_000_000, 0, 0)
    assert list(requester.runs()) == []


def test_submit__oversized_spec__refused(requester):
    with pytest.raises(tg.SpecInvalid, match="pass large values as arrays"):
        requester.submit(work, {"x": "a" * MAX_SPEC_BYTES})
    assert units(requester) == (100_000_000, 0, 0)


def test_client__node_down_at_start__unreachable(net, tmp_path):
    with Proxy(net.rpc_url) as proxy:
        network_file = through(proxy, net, tmp_path)
        proxy.cut()
        with pytest.raises(tg.Unreachable, match="check that the node runs"):
            Client(network_file)


def test_client__node_of_another_chain__wrong_chain(net, tmp_path):
    record = json.loads(net.network_file.read_text())
    deployment = json.loads(Path(record["deployment"]).read_text()) | {"chain_id": 10}
    (tmp_path / "deployment.json").write_text(json.dumps(deployment))
    network_file = tmp_path / "network.json"
    network_file.write_text(json.dumps(record | {"deployment": str(tmp_path / "deployment.json")}))
    with pytest.raises(tg.WrongChain):
        Client(network_file)


# ----------------------------------------------------------------------- accepted by the chain, refused by the workers


def test_jobs_that_no_worker_should_take__expire__and_all_money_is_back(net, requester):
    """A spec that is no spec, one that names a bundle nobody has, and an input whose bytes are not those of its CID."""
    packed = requester._planner.plan(work, {"x": np.arange(1000)}, {}).packed
    packed.store(requester.store)
    damage(requester.store, packed.spec.inputs["x"].cid)
    damaged = requester.submit(packed.spec, budget="2 USDC", take_within="8s")
    malformed = post_digest(requester, requester.store.put(b'{"version":1,"surprise":true}').digest)
    missing = post_digest(requester, bytes(32))
    for run in (damaged, malformed, missing):
        with pytest.raises(tg.JobNotTaken, match="0 of 3 seats"):
            run.result(timeout=120)
        assert run.status().state is JobState.EXPIRED
    wallet, free, held = units(requester)
    me = requester.account.address
    to_others = sum(run.terms.bounty for run in (damaged, malformed, missing) if run.story().closer != me)
    assert (wallet + free, held) == (100_000_000 - to_others, 0)


def damage(store, cid):
    """Overwrite the stored copy with as many other bytes."""
    assert isinstance(store, LocalStore)
    (path,) = [p for p in store.root.rglob(str(cid)) if p.is_file()]
    path.chmod(0o600)
    path.write_bytes(bytes(path.stat().st_size))


def post_digest(client, digest):
    """Post terms for whatever has this digest: what a careless or malicious client can always do."""
    spec = client._planner.plan(work, {"x": 1}, {}).packed.spec
    budget = Amount.parse("2 USDC", client.tokens)
    terms, _, _ = draft_terms(
        client.contracts, spec, budget, requester=client.account.address, class_name="cpu", take_seconds=8
    )
    client.deposit(Amount(terms.escrow, client.token(terms.pay_token)))
    terms = replace(terms, nonce=own_lane(), spec_digest=digest, take_by=take_deadline(client.contracts, 8))
    client.sender.transact(client.contracts.board.post(terms))
    return client.run(client.contracts.id_of(terms))


# ------------------------------------------------------------------------------ agreed: the user's own code is at fault


@pytest.mark.parametrize(
    ("job", "arguments", "exit_class", "logged"),
    [
        (broken, {"x": 7}, "raised", "ValueError: cannot work with 7"),
        (endless, {}, "wall_limit", "wall"),
        (large, {"n": 200_000}, "output_too_large", "bytes"),
    ],
)
def test_function_at_fault__agreed_by_all__paid_and_told_with_its_log(
    net, requester, job, arguments, exit_class, logged
):
    run = job.options(client=requester).submit(**arguments)
    with pytest.raises(tg.FunctionFailed) as caught:
        run.result(timeout=180)
    assert caught.value.exit_class == exit_class
    assert logged in caught.value.log
    assert "\x1b" not in caught.value.log
    story = run.story()
    assert [seat.phase for seat in story.in_order] == ["paid"] * 3, "even the liar: there was no result to swap"
    terms = run.terms
    paid = 3 * terms.price
    assert (story.paid, story.fee) == (paid, fee_on(terms.fee_bps, paid))
    assert units(requester)[1:] == (terms.escrow - paid - story.fee, 0)
    assert set(run.logs()) == {seat.worker for seat in story.in_order}


# ------------------------------------------------------------------------------------------------ the node goes away


def test_node_down_in_the_middle__patient_client_gets_its_result__impatient_one_is_told_how(
    net, requester, tmp_path, monkeypatch
):
    with Proxy(net.rpc_url) as proxy:
        client = Client(
            through(proxy, net, tmp_path), account=requester.account, identity=requester.identity, timeout=2
        )
        run = work.options(client=client).submit(x=21)
        proxy.cut()
        with monkeypatch.context() as patch:
            patch.setattr(runs, "PATIENCE_SECONDS", 0.5)
            with pytest.raises(tg.Unreachable, match=r"goes on without us: client\.run"):
                run.result()
        outage = threading.Timer(4, proxy.restore)
        outage.start()
        started = time.monotonic()
        result = run.result(timeout=180)
        assert time.monotonic() - started > 3
        assert result["twice"] == 42
        outage.join()


def test_submit__node_down_before_posting__unreachable_and_money_still_there(net, requester, tmp_path):
    with Proxy(net.rpc_url) as proxy:
        client = Client(
            through(proxy, net, tmp_path), account=requester.account, identity=requester.identity, timeout=2
        )
        proxy.cut()
        with pytest.raises(tg.Unreachable):
            work.options(client=client).submit(x=1)
    assert units(requester) == (100_000_000, 0, 0)


def through(proxy, net, folder):
    """A network file whose node is behind the proxy."""
    record = json.loads(net.network_file.read_text()) | {"rpc_url": proxy.url}
    file = folder / "through-proxy.json"
    file.write_text(json.dumps(record))
    return file

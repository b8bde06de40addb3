"""The client on a real chain without workers: what it refuses, what it locks, what comes back."""

import json
from pathlib import Path

import numpy as np
import pytest
from eth_account import Account

import tensorgrid as tg
from tensorgrid.client import Client, default_client
from tensorgrid.domain.jobs import JobState
from tensorgrid.domain.money import Amount
from tensorgrid.domain.specs import JobSpec, Resources
from tensorgrid.storage.cid import cid_of_bytes


@tg.job(gpu="any", budget="5 USDC", wall="30s")
def add(a, b: int) -> dict:
    return {"sum": a + b}


@pytest.fixture
def client(bare_net):
    """A fresh requester with 100 USDC and gas, and nothing in the escrow."""
    return bare_net.requester_with("100 USDC")


@pytest.fixture
def usdc(client):
    return client.token("USDC")


def money(client):
    """wallet, free, held in units."""
    (held,) = [h for h in client.holdings() if h.wallet.token.symbol == "USDC"]
    return held.wallet.units, held.free.units, held.held.units


def test_submit__locks_exactly_the_estimate__and_stores_what_the_spec_names(client):
    estimate = add.options(client=client).estimate(a=np.arange(3), b=2)
    run = add.options(client=client).submit(a=np.arange(3), b=2)
    ceiling = estimate.ceiling.units
    assert money(client) == (100_000_000 - ceiling, 0, ceiling)
    assert 4_999_990 <= ceiling <= 5_000_000
    assert run.terms.escrow == ceiling
    assert run.id == client.contracts.board.id_of(run.terms)
    assert run.status().state is JobState.POSTED
    spec = run.spec
    assert (dict(spec.arguments), list(spec.inputs), spec.bundle.entry) == ({"b": 2}, ["a"], "add")
    assert spec.recipients == (client.identity.recipient,)
    for cid in (spec.bundle.cid, spec.inputs["a"].cid):
        assert client.store.has(cid)


def test_cancel__before_the_draw__everything_is_back_and_next_posting_uses_it(client):
    run = add.options(client=client).submit(a=1, b=2)
    held = run.terms.escrow
    assert run.cancel() == Amount(held, client.token("USDC"))
    assert money(client) == (100_000_000 - held, held, 0)
    with pytest.raises(tg.JobCancelled, match="came back"):
        run.result()
    add.options(client=client).submit(a=1, b=2)
    assert money(client) == (100_000_000 - held, 0, held), "the free money was used, nothing more deposited"


def test_not_taken__result__closes_the_job_itself_and_says_so(client, bare_net):
    run = add.options(client=client).submit(a=1, b=2)
    bare_net.advance(60)
    with pytest.raises(tg.JobNotTaken, match="0 of 3 seats"):
        run.result(timeout=60)
    # the requester closed it, so even the bounty is his
    assert money(client)[1:] == (run.terms.escrow, 0)
    assert run.refund.units == run.terms.escrow - run.terms.bounty
    client.withdraw(Amount(run.terms.escrow, client.token("USDC")))
    assert money(client) == (100_000_000, 0, 0)


def test_run__from_another_process__knows_everything_from_the_id(client, bare_net):
    run = add.options(client=client).submit(a=1, b=2)
    other = Client(bare_net.network_file, account=client.account, identity=client.identity)
    again = other.run(run.hex)
    assert (again.terms, again.spec) == (run.terms, run.spec)
    assert other.run(run.hex[:18]).id == run.id
    assert [r.id for r in other.runs()] == [run.id]
    assert len(again.transactions()) == 1


def test_submit__shortest_and_longest_take_time__survive_the_blocks_that_funding_takes(client):
    shortest = client.contracts.parameters.bounds().min_take_time
    run = add.options(client=client, take_within=shortest).submit(a=1, b=2)
    job = client.contracts.board.job(run.terms.requester, run.terms.nonce)
    assert shortest <= run.terms.take_by - job.clock <= shortest + 3
    longest = client.contracts.parameters.bounds().max_take_time
    add.options(client=client, take_within=longest).submit(a=1, b=2)


def test_wait__timeout__says_that_it_goes_on(client):
    run = add.options(client=client).submit(a=1, b=2)
    with pytest.raises(tg.StillRunning, match="0 of 3 seats taken"):
        run.wait(timeout=0.5)


@pytest.mark.parametrize("text", ["0x12", "", "zz", "0x" + "1" * 65, "latest"])
def test_run__no_id__refused(client, text):
    with pytest.raises(tg.SpecInvalid, match="is not a job id"):
        client.run(text)


@pytest.mark.parametrize("text", ["0x" + "00" * 32, "0xabcdef01"])
def test_run__unknown_job__fails_at_once(client, text):
    with pytest.raises(tg.JobUnknown):
        client.run(text).result()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"budget": "500 USDC"}, tg.InsufficientFunds, "or add 399.999996 USDC to"),
        ({"budget": "5 DOGE"}, tg.UnknownToken, "no token DOGE on this network; it has USDC"),
        ({"budget": "five"}, tg.SpecInvalid, "not an amount"),
        ({"budget": None}, tg.SpecInvalid, "no budget"),
        ({"budget": "0.000004 USDC"}, tg.InsufficientFunds, "name a higher budget"),
        ({"budget": "1000000 USDC"}, tg.SpecInvalid, "above this network's limit"),
        ({"gpu": "H100"}, tg.SpecInvalid, "sells no 'H100'"),
        ({"wall": "3h"}, tg.SpecInvalid, "too long for this network"),
        ({"take_within": 1}, tg.SpecInvalid, "take_within"),
        ({"verify": "trust-me"}, tg.SpecInvalid, "tier"),
        ({"memory": "1KiB"}, tg.SpecInvalid, "memory_bytes"),
        ({"recipients": ("age1nonsense",)}, tg.SpecInvalid, "age"),
    ],
)
def test_submit__bad_options__typed_error_and_nothing_lost(client, options, error, says):
    with pytest.raises(error, match=says):
        add.options(client=client, **options).submit(a=1, b=2)
    assert money(client) == (100_000_000, 0, 0)
    assert list(client.runs()) == []


@pytest.mark.parametrize(
    "value", [object(), {1: 2}, float("nan"), [np.zeros(2)], "x" * 200_000, b"bytes", np.array(["text"]), {1, 2}]
)
def test_submit__argument_that_cannot_travel__refused_and_nothing_lost(client, value):
    with pytest.raises(tg.SpecInvalid):
        add.options(client=client).submit(a=value, b=2)
    assert money(client) == (100_000_000, 0, 0)


def test_submit__function_that_cannot_travel__refused(client):
    with pytest.raises(tg.FunctionNotPortable):
        client.submit(lambda x: {"x": x}, {"x": 1}, budget="5 USDC")


def test_submit__budget_of_a_token_that_is_not_accepted__says_so(client, bare_net):
    token = bare_net.new_token("SHADY")
    with pytest.raises(tg.UnknownToken, match="not accepted"):
        client.submit(add, {"a": 1, "b": 1}, budget=Amount(10**6, token))


def test_submit__spec__whose_blobs_are_missing__refused(client):
    from tensorgrid.domain.specs import BundleRef

    spec = JobSpec(
        bundle=BundleRef(cid_of_bytes(b"nowhere"), "f", 7),
        resources=Resources(1 << 30, 10, 1 << 20),
        recipients=(client.identity.recipient,),
    )
    with pytest.raises(tg.BlobNotFound, match="store it first"):
        client.submit(spec, budget="5 USDC")
    client.store.put(b"nowhere")
    run = client.submit(spec, budget="5 USDC")
    assert run.spec == spec
    with pytest.raises(tg.SpecInvalid, match="its own arguments"):
        client.submit(spec, {"x": 1}, budget="5 USDC")


def test_submit__paused_network__refused_by_name_and_money_stays_free(client, bare_net):
    with bare_net.paused(), pytest.raises(tg.Reverted) as caught:
        add.options(client=client).submit(a=1, b=2)
    assert caught.value.name == "Paused"
    wallet, free, held = money(client)
    assert (wallet + free, held) == (100_000_000, 0)


def test_submit__two_jobs_alike__have_two_ids(client):
    job = add.options(client=client, budget="2 USDC")
    assert job.submit(a=1, b=2).id != job.submit(a=1, b=2).id


def test_deposit__more_than_the_wallet_has__refused(client):
    with pytest.raises(tg.InsufficientFunds, match=r"the wallet has 100\.00 USDC"):
        client.deposit("100.01 USDC")
    client.deposit("1 USDC")
    client.withdraw("0.4 USDC")
    assert money(client) == (99_400_000, 600_000, 0)
    with pytest.raises(tg.Reverted) as caught:
        client.withdraw("0.7 USDC")
    assert caught.value.name == "FreeTooSmall"


# ---------------------------------------------------------------------------------------------------------- connecting


def test_client__nobody_listens__unreachable(bare_net, tmp_path):
    record = json.loads(bare_net.network_file.read_text()) | {"rpc_url": "http://127.0.0.1:1"}
    (tmp_path / "devnet.json").write_text(json.dumps(record))
    with pytest.raises(tg.Unreachable, match="does not answer"):
        Client(home=tmp_path)


def test_client__node_of_another_chain__wrong_chain(bare_net, tmp_path):
    record = json.loads(bare_net.network_file.read_text())
    deployment = json.loads(Path(record["deployment"]).read_text()) | {"chain_id": 1}
    (tmp_path / "one.json").write_text(json.dumps(deployment))
    (tmp_path / "devnet.json").write_text(json.dumps(record | {"deployment": str(tmp_path / "one.json")}))
    with pytest.raises(tg.WrongChain, match="chain 1 is wanted"):
        Client(home=tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "not json", '{"rpc_url": 1}', '{"rpc_url":"http://x","store":"y"}']
)
def test_client__broken_network_file__says_what_writes_one(tmp_path, content):
    (tmp_path / "devnet.json").write_text(content)
    with pytest.raises(tg.UnknownDeployment):
        Client(home=tmp_path)


def test_client__without_key__reads_and_does_not_sign(bare_net, tmp_path):
    record = json.loads(bare_net.network_file.read_text()) | {"requester": None}
    (tmp_path / "devnet.json").write_text(json.dumps(record))
    client = Client(home=tmp_path)
    assert client.holdings(Account.create().address)
    with pytest.raises(tg.KeyMissing, match="pass Client"):
        add.options(client=client).submit(a=1, b=2)


def test_client__keystore_with_wrong_password__key_missing_without_the_reason_text(bare_net, tmp_path):
    record = json.loads(bare_net.network_file.read_text())
    (tmp_path / "password").write_text("wrong\n")
    client = Client(bare_net.network_file, account=record["requester"]["keystore"], password_file=tmp_path / "password")
    with pytest.raises(tg.KeyMissing, match="does not open"):
        client.account  # noqa: B018


def test_client__default__is_the_running_devnet(bare_net, monkeypatch):
    monkeypatch.setenv("TENSORGRID_HOME", str(bare_net.home))
    client = Client()
    assert client.account.address == bare_net.requester_address
    assert client.identity.recipient == Client().identity.recipient
    assert "31337" in repr(client)


def test_default_client__one_for_all_functions__until_the_network_changes(bare_net, tmp_path, monkeypatch):
    monkeypatch.setenv("TENSORGRID_HOME", str(bare_net.home))
    first = default_client()
    assert default_client() is first
    assert add._connected() is add.options(budget="1 USDC")._connected() is first
    record = json.loads(bare_net.network_file.read_text()) | {"store": str(tmp_path)}
    (tmp_path / "devnet.json").write_text(json.dumps(record))
    monkeypatch.setenv("TENSORGRID_HOME", str(tmp_path))
    assert default_client() is not first

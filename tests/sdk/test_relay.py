"""Orders: signed by one who needs no gas, checked and posted by another, taken back, and misused in every way."""

import json
from dataclasses import replace

import pytest
from eth_account import Account
from tests.sdk.chain_actors import StakedWorker

import tensorgrid as tg
from tensorgrid.chain.send import Sender
from tensorgrid.chain.signing import sign
from tensorgrid.client import Client
from tensorgrid.domain import refusals
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ZERO_ADDRESS, JobState
from tensorgrid.domain.money import Amount
from tensorgrid.domain.orders import Order
from tensorgrid.ordering.relaying import check_order, sign_order

APPROVAL = "0x" + keccak256(b"Approval(address,address,uint256)").hex()


def double(x: int) -> dict:
    return {"twice": 2 * x}


@pytest.fixture(scope="module")
def worker(bare_net):
    return StakedWorker(bare_net.net, stakes=50, capacity=50)


@pytest.fixture(scope="module")
def relayer(bare_net):
    return bare_net.requester_with("0 USDC")


@pytest.fixture
def client(bare_net):
    """A requester with 20 USDC free in the escrow, and no coin for gas any more."""
    found = bare_net.requester_with("100 USDC")
    found.deposit("20 USDC")
    bare_net.net.connection.rpc("anvil_setBalance", found.account.address, "0x0")
    return found


def free(client, account=None):
    (held,) = client.holdings(account)
    return held.free.units


def ordered(client, **options):
    return client.order(double, {"x": 2}, **{"budget": "5 USDC", "relay_fee": "0.05 USDC"} | options)


def test_order__relayed__is_posted_without_gas_of_the_requester(client, relayer):
    signed = ordered(client)
    assert client.connection.balance(client.account.address) == 0
    before = free(relayer)
    run = relayer.relay(signed.to_json(), least_fee="0.05 USDC")
    assert run.id == signed.id
    story = client.run(signed.id).story()
    assert (story.state, story.terms, story.relay_fee) == (JobState.POSTED, signed.terms, 50_000)
    assert free(relayer) - before == 50_000
    assert free(client) == 20_000_000 - signed.terms.escrow - 50_000 == 20_000_000 - signed.escrow
    assert [found.id for found in client.runs()] == [signed.id]
    with pytest.raises(refusals.NonceUsed):
        relayer.relay(signed)
    assert client.run(signed.id).story().cost == 50_000


def test_order__accept_tier__is_matched_with_the_relayer_s_offers(client, relayer, worker):
    signed = ordered(client, verify="accept", budget="1 USDC", reject_within=20)
    assert signed.terms.scheduler == client.contracts.offers.address
    with pytest.raises(tg.OfferUnusable, match="there is none"):
        relayer.relay(signed)
    run = relayer.relay(signed, offers=[worker.offer(min_price=400_000)])
    story = run.story()
    assert (story.state, story.in_order[0].worker, story.in_order[0].price) == (
        JobState.ASSIGNED,
        worker.address,
        400_000,
    )
    assert story.terms.price > 900_000, "the surplus is the requester's once it settles"


def test_order__with_offers__allows_these_workers_alone_at_no_more_than_they_ask(client, relayer, worker, bare_net):
    signed = ordered(client, verify="accept", budget="1 USDC", offers=[worker.offer(min_price=400_000)])
    assert (signed.order.workers, signed.terms.price) == ((worker.address,), 400_000)
    stranger = StakedWorker(bare_net.net)
    alone = replace(signed, offers=())
    with pytest.raises(tg.OfferUnusable, match="does not allow this worker"):
        relayer.relay(alone, offers=[stranger.offer(min_price=1)])
    with pytest.raises(tg.OfferUnusable, match="the budget leaves 400000"):
        relayer.relay(alone, offers=[worker.offer(min_price=400_001)])
    call = relayer.contracts.board.post_for(
        signed.terms, signed.order, signed.signature, [stranger.offer(min_price=1).offer]
    )
    with pytest.raises(refusals.WorkerNotAllowed):
        relayer.sender.transact(call)
    assert relayer.relay(signed).story().in_order[0].worker == worker.address


def test_revoke__before_it_is_posted__kills_it(client, relayer, bare_net):
    signed, other = ordered(client), ordered(client)
    bare_net.net.connection.rpc("anvil_setBalance", client.account.address, hex(10**19))
    client.revoke(signed.to_json())
    with pytest.raises(refusals.NonceUsed):
        relayer.relay(signed)
    with pytest.raises(refusals.NonceUsed):
        client.revoke(signed)
    assert relayer.relay(other).id == other.id, "an order beside it is not touched"
    assert free(client) == 20_000_000 - other.escrow


def test_submit__while_an_order_waits__does_not_overtake_it(client, relayer, bare_net):
    signed = ordered(client)
    bare_net.net.connection.rpc("anvil_setBalance", client.account.address, hex(10**19))
    posted = client.submit(double, {"x": 1}, budget="2 USDC")
    assert posted.terms.lane == 0 != signed.terms.lane
    assert relayer.relay(signed).id == signed.id


def spoilt_orders():
    other = Account.from_key(b"\x07" * 32).address  # the same in every process: the tests are named after it
    return [
        (lambda s: replace(s, chain_id=1), "on chain 1, and this is"),
        (lambda s: replace(s, board=other), f"the order is for board {other}"),
        (lambda s: replace(s, order=replace(s.order, relay_fee=10**6)), "the signature is not that of"),
        (lambda s: replace(s, terms=replace(s.terms, price=1)), "the signature is not that of"),
        (lambda s: replace(s, terms=replace(s.terms, requester=other)), "the signature is not that of"),
        (lambda s: replace(s, signature=bytes(65)), "the signature is not that of"),
        (lambda s: replace(s, signature=b""), "the signature is not that of"),
        (lambda s: replace(s, signature=s.signature[:64] + b"\x1d"), "the signature is not that of"),
        (lambda s: replace(s, order=replace(s.order, relayer=other)), f"only {other} may post"),
        (lambda s: replace(s, order=replace(s.order, post_by=5)), "was good until 5"),
    ]


@pytest.mark.parametrize(("spoil", "says"), spoilt_orders())
def test_relay__order_that_was_tampered_with__is_refused_before_it_costs_anything(client, relayer, spoil, says):
    sent = relayer.sender.next_nonce()
    with pytest.raises(tg.OrderUnusable, match=says):
        relayer.relay(spoil(ordered(client)))
    assert relayer.sender.next_nonce() == sent


def test_relay__fee_too_low_or_money_gone__is_refused(client, relayer, bare_net):
    signed = ordered(client)
    with pytest.raises(tg.OrderUnusable, match="pays 50000 units for posting, 60000 are wanted"):
        relayer.relay(signed, least_fee="0.06 USDC")
    with pytest.raises(tg.UnknownToken):
        relayer.relay(signed, least_fee="1 DOGE")
    bare_net.net.connection.rpc("anvil_setBalance", client.account.address, hex(10**19))
    client.withdraw("16 USDC")
    with pytest.raises(tg.OrderUnusable, match="has 4000000 free in the escrow"):
        relayer.relay(signed)
    assert free(client) == 4_000_000


def test_relay__what_only_the_chain_knows__comes_back_by_its_name(client, relayer):
    """A relayer who does not check gets the same answers, and pays no gas for them either."""
    contracts, signed = client.contracts, ordered(client, relayer=relayer.account.address)
    stranger = Account.create()
    assert signed.order.relayer == relayer.account.address
    late = Order(post_by=5)
    forged = sign(stranger, signed.message()).to_bytes()
    for call, error in (
        (contracts.board.post_for(signed.terms, signed.order, forged), refusals.BadSignature),
        (contracts.board.post_for(signed.terms, late, signed.signature), refusals.OrderExpired),
        (contracts.board.post(signed.terms), refusals.NotRequester),
    ):
        with pytest.raises(error):
            contracts.simulate(call, relayer.account.address)
    with pytest.raises(refusals.NotRelayer):
        contracts.simulate(contracts.board.post_for(signed.terms, signed.order, signed.signature), stranger.address)


def test_order__not_enough_in_the_escrow__is_not_signed(client):
    with pytest.raises(tg.InsufficientFunds, match=r"20\.00 USDC are free in the escrow; deposit"):
        ordered(client, budget="25 USDC")


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"post_within": "59m", "take_within": "10m"}, tg.SpecInvalid, "together are longer than the 3600 s"),
        ({"post_within": "soon"}, tg.SpecInvalid, "not a duration"),
        ({"relay_fee": "5 DOGE"}, tg.UnknownToken, "DOGE"),
        ({"relayer": "bob"}, tg.SpecInvalid, "relayer must match"),
        ({"workers": ["bob"]}, tg.SpecInvalid, "workers must match"),
        ({"budget": None}, tg.SpecInvalid, "no budget"),
        ({"offers": ["x"]}, tg.OfferUnusable, "no offer"),
    ],
)
def test_order__bad_options__typed_error(client, options, error, says):
    with pytest.raises(error, match=says):
        ordered(client, **options)


def test_check_order__a_contract_s_signature__is_left_to_the_contract(client, relayer):
    """ERC-1271: only the wallet itself can say whether these bytes are its consent."""
    signed = ordered(client)
    wallet = replace(signed, terms=replace(signed.terms, requester=client.contracts.escrow.address), signature=b"any")
    with pytest.raises(tg.OrderUnusable, match="has 0 free in the escrow"):
        check_order(relayer.contracts, wallet, relayer.account.address)


def test_sign_order__by_hand__is_what_the_client_makes(client, relayer):
    signed = ordered(client)
    again = sign_order(client.account, client.contracts, signed.terms, signed.order)
    assert again == signed
    assert signed.order.relayer == ZERO_ADDRESS
    assert client.contracts.board.order_digest(signed.terms, signed.order) == signed.message().digest


# ------------------------------------------------------------------------------------------------------------- permits


def test_deposit__with_a_permit__is_one_transaction(bare_net):
    client = bare_net.requester_with("10 USDC")
    client.deposit("4 USDC", permit=True)
    assert client.sender.mined_nonce() == 1
    assert free(client) == 4_000_000
    token = client.contracts.token(client.tokens[0].address)
    assert token.allowance(client.account.address, client.contracts.escrow.address) == 0
    client.deposit("1 USDC", permit=True)
    assert (client.sender.mined_nonce(), free(client)) == (2, 5_000_000)


def test_deposit__allowance_left_over__is_taken_back_first(bare_net):
    """Some tokens refuse to change one allowance into another."""
    client = bare_net.requester_with("10 USDC")
    token, escrow = client.contracts.token(client.tokens[0].address), client.contracts.escrow.address
    client.sender.transact(token.approve(escrow, 1))
    client.deposit("4 USDC")
    approvals = [
        int(log["data"], 16)
        for log in client.connection.rpc("eth_getLogs", {"address": token.address, "fromBlock": "0x0"})
        if log["topics"][0] == APPROVAL and log["topics"][1].endswith(client.account.address[2:].lower())
    ]
    assert approvals[:3] == [1, 0, 4_000_000]
    assert free(client) == 4_000_000


def test_deposit__permit_somebody_else_used_first__is_no_failure(bare_net, monkeypatch):
    """The permit lies in the open once it is sent: who uses it first changes nothing."""
    client = bare_net.requester_with("10 USDC")
    contracts, me = client.contracts, client.account
    honest = contracts.escrow.deposit_with_permit

    def front_run(controller, token, account, amount, *, deadline, v, r, s):
        permit = contracts.token(token).build("permit", me.address, contracts.escrow.address, amount, deadline, v, r, s)
        bare_net.deployer.transact(permit)
        return honest(controller, token, account, amount, deadline=deadline, v=v, r=r, s=s)

    monkeypatch.setattr(contracts.escrow, "deposit_with_permit", front_run)
    client.deposit("4 USDC", permit=True)
    assert free(client) == 4_000_000


def test_deposit__token_without_permits_or_with_strange_ones__says_so(bare_net, monkeypatch):
    client = bare_net.requester_with("10 USDC")
    token = client.contracts.token(client.tokens[0].address)
    monkeypatch.setattr(token, "domain_separator", lambda: b"\1" * 32)
    with pytest.raises(tg.ChainError, match="of a form that this release does not sign"):
        client.deposit("1 USDC", permit=True)
    plain = client.contracts.token(client.contracts.board.address)  # a contract that has no such functions
    monkeypatch.setattr(token, "nonce_of", plain.nonce_of)
    with pytest.raises(tg.ChainError, match="knows no permits"):
        client.deposit("1 USDC", permit=True)
    assert client.sender.mined_nonce() == 0
    client.deposit("1 USDC")


# --------------------------------------------------------------------------------------------------- two of one account


def test_submit__two_processes_of_one_account__get_lanes_of_their_own(bare_net):
    client = bare_net.requester_with("50 USDC")
    other = Client(bare_net.network_file, account=client.account, identity=client.identity)
    first = client.submit(double, {"x": 1}, budget="2 USDC")
    second = other.submit(double, {"x": 1}, budget="2 USDC")
    assert second.cancel() == Amount(second.terms.escrow, client.token("USDC"))
    assert [run.terms.lane for run in (first, second)] == [0, 1]
    again = client.submit(double, {"x": 1}, budget="2 USDC")
    assert (again.terms.lane, again.terms.nonce & 0xFFFF) == (1, 2)


def test_submit__overtaken_between_looking_and_posting__takes_the_next_lane(bare_net, monkeypatch):
    client = bare_net.requester_with("50 USDC")
    board, honest, overtaken = client.contracts.board, client.contracts.board.post, []

    def overtake(terms):
        if not overtaken:
            overtaken.append(terms)
            Sender(client.connection, client.account).transact(honest(replace(terms, spec_digest=b"\5" * 32)))
        return honest(terms)

    client.deposit("20 USDC")
    monkeypatch.setattr(board, "post", overtake)
    run = client.submit(double, {"x": 1}, budget="2 USDC")
    assert (overtaken[0].lane, run.terms.lane) == (0, 1)


def test_orders__from_the_shell__go_from_hand_to_hand(bare_net, client, relayer, tmp_path, monkeypatch, capsys):
    from tensorgrid import cli
    from tensorgrid.cli import orders

    (tmp_path / "work.py").write_text("def double(x: int) -> dict:\n    return {'twice': 2 * x}\n")
    monkeypatch.chdir(tmp_path)

    def tensorgrid(who, *args):
        monkeypatch.setattr(orders, "connect", lambda network: who)
        cli.app(args, standalone_mode=False)
        return capsys.readouterr().out

    said = tensorgrid(
        client, "order", "work.py:double", "-a", "x=4", "--budget", "5 USDC", "--fee", "0.1 USDC", "-o", "order.json"
    )
    signed = tg.SignedOrder.from_json((tmp_path / "order.json").read_text())
    assert f"0x{signed.id.hex()}" in said
    assert signed.order.relay_fee == 100_000
    assert json.loads(tensorgrid(relayer, "relay", "order.json", "--json")) == {"id": f"0x{signed.id.hex()}"}
    with pytest.raises(tg.OrderUnusable):
        (tmp_path / "bad.json").write_text('{"version": 1}')
        tensorgrid(relayer, "relay", "bad.json")
    with pytest.raises(tg.SpecInvalid, match="cannot be read"):
        tensorgrid(relayer, "relay", "missing.json")

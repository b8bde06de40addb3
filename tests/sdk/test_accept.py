"""The accept tier from the requester's side: an offer matched, a delivery looked at, silence or a rejection."""

from dataclasses import replace

import numpy as np
import pytest
from eth_account import Account
from tests.sdk.chain_actors import StakedWorker

import tensorgrid as tg
from tensorgrid.chain.history import held_of
from tensorgrid.chain.records import Balance
from tensorgrid.domain import refusals
from tensorgrid.domain.jobs import AcceptanceClocks, ExitClass, JobState
from tensorgrid.domain.money import Amount
from tensorgrid.domain.payload import pack_payload
from tensorgrid.runs.trail import events_of

PAYLOAD = pack_payload({"w": ("F32", (2,), np.array([1, 2], "<f4").tobytes())}, {"accuracy": 0.5})
WINDOW = 20
ACCUSED, ACCUSER, HUNG = 1, 2, 3


def double(x: int) -> dict:
    return {"twice": 2 * x}


@pytest.fixture(scope="module")
def worker(bare_net):
    return StakedWorker(bare_net.net, stakes=50, capacity=50)


@pytest.fixture
def client(bare_net):
    return bare_net.requester_with("100 USDC")


def submitted(client, offers, **options):
    options = {"budget": "1 USDC", "verify": "accept", "reject_within": WINDOW, "wall": "30s"} | options
    return client.submit(double, {"x": 2}, offers=offers, **options)


def usdc(client, units):
    return Amount(units, client.token("USDC"))


def money(client):
    (held,) = client.holdings()
    return held.wallet.units, held.free.units, held.held.units


# ------------------------------------------------------------------------------------------------------------ matching


def test_submit__with_an_offer__seats_its_worker_at_its_price(client, worker):
    run = submitted(client, [worker.offer(min_price=400_000)])
    story = run.story()
    assert (story.state, story.silent, story.terms.price) == (JobState.ASSIGNED, True, 400_000)
    assert [(seat.worker, seat.price) for seat in story.in_order] == [(worker.address, 400_000)]
    assert len(run.transactions()) == 1
    # nothing beyond what the offer asks is locked: its price, the fee on it, the bounty
    assert money(client)[2] == story.terms.escrow == 404_000 + 10_000
    assert (story.terms.workers, story.terms.reserve) == (1, 0)
    assert AcceptanceClocks.unpack(story.terms.verifier_params).window == WINDOW
    assert run.spec.tier == "accept"
    assert run.status().phase == "running: 0 of 1 workers done"


def test_submit__several_offers__the_first_that_serves_and_the_surplus_comes_back(client, worker, bare_net):
    poor = StakedWorker(bare_net.net, stakes=0)
    dear, cheap = worker.offer(min_price=600_000), worker.offer(min_price=300_000)
    expired = worker.offer(min_price=1, expiry=bare_net.net.connection.now() - 1)
    run = submitted(client, [expired, poor.offer(min_price=200_000), cheap.to_json(), dear])
    story = run.story()
    assert (story.in_order[0].worker, story.in_order[0].price, story.terms.price) == (worker.address, 300_000, 600_000)
    worker.deliver(run, client.store, PAYLOAD)
    bare_net.advance(WINDOW + 10)
    assert run.result(timeout=60, kind="numpy")["accuracy"] == 0.5
    story = run.story()
    assert (story.paid, story.fee, story.cost) == (300_000, 3_000, 303_000)
    assert story.returned == story.terms.escrow - 303_000
    assert money(client)[1:] == (story.returned, 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"min_price": 2_000_000}, "it asks 2000000 units and the budget leaves"),
        ({"max_wall": 10}, "it works 10 s"),
        ({"max_stake": 5}, "it stakes 5 units"),
        ({"expiry": 5}, "it has expired"),
    ],
)
def test_submit__offer_that_does_not_fit__says_why_and_sends_nothing(client, worker, change, says):
    with pytest.raises(tg.OfferUnusable, match=says):
        submitted(client, [worker.offer(**change)])
    assert money(client) == (100_000_000, 0, 0)


def test_submit__offer_of_another_network_or_hand__is_refused(client, worker):
    offer = worker.offer()
    for forged, says in (
        (replace(offer, chain_id=1), "another network"),
        (replace(offer, scheduler=client.contracts.lottery.address), "another network"),
        (replace(offer, worker=Account.create().address), "signature"),
        (replace(offer, offer=replace(offer.offer, min_price=1)), "signature"),
        (replace(offer, hardware_class=bytes(32)), "signature"),
    ):
        with pytest.raises(tg.OfferUnusable, match=says):
            submitted(client, [forged])
    with pytest.raises(tg.OfferUnusable, match="this is no offer"):
        submitted(client, ["{}"])
    with pytest.raises(tg.OfferUnusable, match="at most 16"):
        submitted(client, [offer] * 17)


def test_submit__offer_called_back__is_refused_by_the_chain(client, bare_net):
    worker = StakedWorker(bare_net.net)
    offer = worker.offer()
    worker.sender.transact(worker.contracts.offers.raise_epoch())
    with pytest.raises(refusals.OfferCancelled):
        submitted(client, [offer])
    assert submitted(client, [worker.offer()]).story().state is JobState.ASSIGNED


def test_submit__without_offers__one_worker_is_drawn(client):
    run = submitted(client, [])
    assert (run.status().state, run.terms.scheduler) == (JobState.POSTED, client.contracts.lottery.address)
    assert run.status().phase == "waiting for workers: 0 of 1 seats taken"
    run.cancel()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"verify": "replicate"}, "belong to verify"),
        ({"reject_within": "4h"}, "WindowOutOfRange"),
        ({"reject_within": "195m"}, "lower wall=… or reject_within=…"),
        ({"reject_within": 1}, "WindowOutOfRange"),
    ],
)
def test_submit__tier_that_does_not_fit__is_refused(client, worker, options, says):
    with pytest.raises((tg.SpecInvalid, tg.Reverted), match=says):
        submitted(client, [worker.offer()], **options)
    assert money(client) == (100_000_000, 0, 0)


def test_submit__network_that_does_not_list_the_tier__says_what_it_sells(client, worker, bare_net):
    parameters, acceptance = client.contracts.parameters, client.contracts.acceptance.address
    bare_net.deployer.transact(parameters.build("setVerifier", acceptance, False))
    try:
        with pytest.raises(tg.SpecInvalid, match="it sells replicate"):
            submitted(client, [worker.offer()])
    finally:
        bare_net.deployer.transact(parameters.build("setVerifier", acceptance, True))


def test_submit__default_window__is_a_minute_to_look(client, worker):
    run = submitted(client, [worker.offer()], reject_within=None)
    assert AcceptanceClocks.unpack(run.terms.verifier_params).window == 60


def test_estimate__with_offers__is_of_one_worker(client, worker):
    estimate = client.estimate(
        double, {"x": 1}, offers=[worker.offer(min_price=400_000)], budget="1 USDC", verify="accept", wall=30
    )
    assert (estimate.workers, estimate.price_per_worker) == (1, usdc(client, 400_000))
    assert estimate.likely == usdc(client, 404_000)
    assert "one worker" in str(estimate)


# ---------------------------------------------------------------------------------------------------- what is delivered


def test_delivery__before_it_is_paid__can_be_looked_at(client, worker):
    run = submitted(client, [worker.offer()])
    receipt = worker.deliver(run, client.store, PAYLOAD)
    result = run.delivery(timeout=10, kind="numpy")
    assert (result["accuracy"], result["w"].tolist()) == (0.5, [1.0, 2.0])
    assert result.provenance.agreed_by == ()
    assert result.provenance.sealed_cid == receipt.sealed.cid
    status = run.status()
    assert (status.state, status.phase) == (JobState.COMMITTED, "delivered: paid unless you reject it in time")
    assert status.reject_by == run.story().committed_at + WINDOW
    events = events_of(client.connection, client.contracts, run.id, 0, client.connection.latest().number)
    assert held_of(events) == run.story().held
    assert run.story().held[0].commitment == receipt.digest


def test_result__silence__is_consent_and_we_settle_it_ourselves(client, worker, bare_net):
    run = submitted(client, [worker.offer(min_price=500_000)])
    worker.deliver(run, client.store, PAYLOAD)
    with pytest.raises(tg.StillRunning, match="delivered"):
        run.wait(timeout=0.3)
    bare_net.advance(WINDOW + 10)
    result = run.result(timeout=30, kind="numpy")
    assert result.provenance.paid == usdc(client, 500_000)
    assert result.provenance.cost == usdc(client, 505_000)
    assert (run.status().phase, run.status().reject_by) == ("settled: accepted", None)


def test_result__lane_holds_another_job_by_now__is_told_by_the_events(client, worker, bare_net):
    run = submitted(client, [worker.offer()])
    worker.deliver(run, client.store, PAYLOAD)
    bare_net.advance(WINDOW + 10)
    run.wait(timeout=30)
    later = submitted(client, [worker.offer()])
    assert later.terms.lane == run.terms.lane
    assert client.contracts.board.job(run.terms.requester, run.terms.nonce).state is JobState.SUPERSEDED
    assert run.status().phase == "settled: accepted"
    assert run.result(kind="numpy")["accuracy"] == 0.5


def test_result__worker_says_that_it_failed__is_told_and_can_be_rejected(client, worker):
    run = submitted(client, [worker.offer()])
    worker.deliver(run, client.store, None, ExitClass.RAISED)
    with pytest.raises(tg.FunctionFailed, match="the function raised"):
        run.delivery(timeout=10)
    assert run.reject().units


def test_delivery__worker_never_delivers__ends_as_silence(client, worker, bare_net):
    run = submitted(client, [worker.offer()])
    bare_net.advance(run.terms.work_time + 10)
    with pytest.raises(tg.WorkersSilent, match="came back"):
        run.delivery(timeout=30)
    assert run.story().in_order[0].phase == "no-show"
    bare_net.advance(run.terms.work_time + 1)  # he has lost a seat, and rests as long as he might have kept it


def test_delivery__bytes_that_are_not_the_worker_s_receipt__are_refused(client, worker):
    run = submitted(client, [worker.offer()])
    story = run.story()
    other = client.store.put(b"not a receipt").digest
    worker.sender.transact(worker.contracts.board.commit(story.terms.ref(), 1, story.held, other))
    with pytest.raises(tg.ResultRejected):
        run.delivery(timeout=10)


def test_progress__of_a_stranger__is_not_the_job_s(client, worker):
    run = submitted(client, [worker.offer()])
    digest = client.store.put(b"whatever").digest
    client.sender.transact(client.contracts.board.progress(run.id, digest))
    assert run.story().progress == []
    worker.sender.transact(client.contracts.board.progress(run.id, digest))
    assert run.story().progress == [(worker.address, digest)]


def test_submit__settling_an_earlier_run__does_both_in_one_transaction(client, worker, bare_net):
    earlier = submitted(client, [worker.offer(min_price=500_000)])
    worker.deliver(earlier, client.store, PAYLOAD)
    with pytest.raises(refusals.VerdictPending):
        submitted(client, [worker.offer()], settle=earlier)
    bare_net.advance(WINDOW + 10)
    run = submitted(client, [worker.offer()], settle=earlier)
    assert earlier.status().phase == "settled: accepted"
    assert run.transactions()[0] == earlier.transactions()[-1]
    assert run.terms.nonce == earlier.terms.nonce + 1, "its lane is used again"
    with pytest.raises(tg.SpecInvalid, match="pass some"):
        submitted(client, [], settle=run)


# ------------------------------------------------------------------------------------------------------------ rejecting


@pytest.mark.parametrize(
    ("decision", "phase", "paid", "bond_back"),
    [
        (ACCUSED, "settled: rejected", 0, True),
        (ACCUSER, "settled: rejected without cause", 500_001, False),
        (HUNG, "settled: undecided", 250_000, True),
    ],
)
def test_reject__jury_decides__money_and_bond_go_where_it_says(
    client, worker, bare_net, decision, phase, paid, bond_back
):
    run = submitted(client, [worker.offer(min_price=500_001)])
    worker.deliver(run, client.store, PAYLOAD)
    wallet = money(client)[0]
    bond = run.reject()
    assert bond == usdc(client, 100_000)
    assert money(client)[0] == wallet - bond.units
    assert (run.status().phase, run.status().reject_by) == ("rejected: a jury decides", None)
    with pytest.raises(refusals.CaseUndecided):
        run.claim()
    bare_net.jury_decides(client, run.id, decision)
    if paid:
        assert run.result(timeout=30, kind="numpy")["accuracy"] == 0.5
    else:
        with pytest.raises(tg.JobRejected, match="the jury agreed"):
            run.result(timeout=30)
        assert run.delivery(kind="numpy")["accuracy"] == 0.5, "what was rejected can still be looked at"
    assert (run.status().phase, run.story().paid) == (phase, paid)
    assert run.claim() == usdc(client, bond.units if bond_back else 0)
    assert money(client)[0] == wallet - (0 if bond_back else bond.units)
    assert run.claim() == usdc(client, 0), "nothing is left, and asking again is harmless"
    acceptance = client.contracts.acceptance.address
    assert client.contracts.escrow.balance(acceptance, run.terms.pay_token, client.account.address) == Balance(0, 0)


def test_reject__bond_from_before__is_used_again(client, worker, bare_net):
    wallets = []
    for _ in range(2):
        run = submitted(client, [worker.offer()])
        worker.deliver(run, client.store, PAYLOAD)
        wallets.append(money(client)[0])
        run.reject()
        wallets.append(money(client)[0])
        bare_net.jury_decides(client, run.id, HUNG)
        client.sender.transact(client.contracts.acceptance.release_bond(run.terms))
    assert wallets[1] == wallets[0] - 100_000
    assert wallets[3] == wallets[2], "the second bond was free there already"
    assert run.story().bond == 0


def test_reject__too_late_twice_or_nothing_there__says_so_and_moves_no_money(client, worker, bare_net):
    run = submitted(client, [worker.offer()])
    wallet = money(client)[0]
    with pytest.raises(refusals.NothingToReject):
        run.reject()
    worker.deliver(run, client.store, PAYLOAD)
    bare_net.advance(WINDOW + 1)
    with pytest.raises(refusals.WindowOver):
        run.reject()
    assert money(client)[0] == wallet
    other = submitted(client, [worker.offer()])
    worker.deliver(other, client.store, PAYLOAD)
    other.reject()
    wallet = money(client)[0]
    with pytest.raises(refusals.AlreadyRejected):
        other.reject()
    assert money(client)[0] == wallet


@pytest.mark.parametrize("verb", ["reject", "claim", "delivery"])
def test_accept_verbs__on_a_replicated_job__are_refused(client, verb):
    run = client.submit(double, {"x": 2}, budget="5 USDC")
    with pytest.raises(tg.SpecInvalid, match='only verify="accept"'):
        getattr(run, verb)()

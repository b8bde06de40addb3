"""Jobs that a worker gets without taking them: matched with its standing offer, or seated by its signed take."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import tensorgrid as tg
from tensorgrid.chain.events import JobSealed, JobSettled, Revealed, decode
from tensorgrid.chain.send import Sender
from tensorgrid.domain import refusals
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import JobState
from tensorgrid_worker.keys import sign_take

pytestmark = pytest.mark.slow
PROGRAM = Path(sys.executable).parent / "tensorgrid-worker"
PRICE = 500_000  # 0.5 USDC
WINDOW = 8  # the network's least
PATIENCE = 120


def double(x: int) -> dict:
    return {"twice": 2 * x}


def slow_double(x: int) -> dict:
    import time

    time.sleep(20)
    return {"twice": 2 * x}


@pytest.fixture
def worker(net):
    """Worker 1, registered for three jobs at once: one whose silence lasts still counts as one."""
    chosen = net.workers[0]
    sender, registry = Sender(net.connection, chosen.provider), net.contracts.registry
    profile = registry.profile_of(chosen.address)
    sender.transact(registry.update(chosen.address, replace(profile, capacity=3)))
    if not chosen.running:
        chosen.start()
    chosen.await_ready()
    yield chosen
    if not chosen.running:
        chosen.start()
        chosen.await_ready()
    sender.transact(registry.update(chosen.address, profile))


def shell(worker, *arguments):
    """What `tensorgrid-worker` prints, run beside the worker's daemon with its settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORGRID_WORKER_")}
    done = subprocess.run(
        [PROGRAM, arguments[0], "--config", worker.config, *arguments[1:]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def offer_of(worker, life="10m"):
    return shell(worker, "offer", "--price", "0.5 USDC", "--for", life, "--json")


def buy(requester, work, offer, x=21):
    options = {"budget": "2 USDC", "wall": "60s", "memory": "256MiB", "verify": "accept", "reject_within": f"{WINDOW}s"}
    return requester.submit(work, {"x": x}, offers=[offer], **options)


def wait_for(what, why):
    give_up = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < give_up, f"waited {PATIENCE} s for {why}"
        time.sleep(0.1)


def events_of(net, run, kind):
    logs = net.connection.rpc("eth_getLogs", {"fromBlock": "0x0", "topics": [None, run.hex]})
    return [event for event in (decode(raw) for raw in logs) if isinstance(event, kind)]


def said(worker, run):
    """Names of what the worker's log says about one job, in order."""
    lines = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    return [line["event"] for line in lines if line.get("job") == run.hex[:10]]


def state_of(net, run):
    return net.contracts.board.job(run.terms.requester, run.terms.nonce).state


# -------------------------------------------------------------------------------------------------------------- offers


def test_offer__from_the_shell__runs_at_once_and_is_paid_when_silence_is_over(net, requester, worker):
    run = buy(requester, double, offer_of(worker))
    assert state_of(net, run) in (JobState.ASSIGNED, JobState.COMMITTED), "no draw, no waiting"
    wait_for(lambda: state_of(net, run).ended, "the settlement")
    run.wait(timeout=PATIENCE)
    story = run.story()
    assert (story.state, [seat.worker for seat in story.in_order]) == (JobState.SETTLED, [worker.address])
    assert (story.paid, story.in_order[0].phase) == (PRICE, "paid")
    assert story.closer == worker.address
    assert run.result()["twice"] == 42
    (holding,) = [h for h in requester.holdings() if h.wallet.token.symbol == "USDC"]
    assert holding.held.units == 0, "what the offer cost less than the budget is the requester's"
    assert "job.ours" in said(worker, run) and "job.take" not in said(worker, run)


def test_offer__killed_in_the_middle__commits_once_and_is_paid(net, requester, worker):
    run = buy(requester, slow_double, offer_of(worker))
    wait_for(lambda: "run.started" in said(worker, run), "run.started")
    worker.kill()
    worker.start()
    wait_for(lambda: state_of(net, run) is JobState.COMMITTED, "its commitment")
    worker.kill()
    worker.start()
    wait_for(lambda: state_of(net, run) is JobState.SETTLED, "its settlement")
    assert len(events_of(net, run, JobSealed)) == 1
    assert run.result()["twice"] == 42


def test_two_jobs_by_one_offer__the_second_commit_settles_the_first(net, requester, worker):
    offer = offer_of(worker)
    first = buy(requester, double, offer)
    wait_for(lambda: state_of(net, first) is JobState.COMMITTED, "the first commitment")
    second = buy(requester, slow_double, offer)  # longer than the first one's silence
    wait_for(lambda: state_of(net, first) is JobState.SETTLED, "the first settlement")
    (settled,), (sealed,) = events_of(net, first, JobSettled), events_of(net, second, JobSealed)
    assert settled.log.tx == sealed.log.tx
    wait_for(lambda: state_of(net, second) is JobState.SETTLED, "the second settlement")


def test_cancel_offers__beside_the_daemon_and_without_it__old_offers_are_dead(net, requester, worker):
    epochs = []
    for running in (True, False):
        offer = offer_of(worker)
        if not running:
            worker.kill()  # asked to stop it would withdraw the offer itself
        epochs.append(json.loads(shell(worker, "cancel-offers", "--json"))["epoch"])
        with pytest.raises((tg.OfferUnusable, Reverted)):
            buy(requester, double, offer)
    assert epochs == [epochs[0], epochs[0] + 1]


def test_sigterm__an_offer_still_out__withdrawn_before_the_worker_leaves(net, requester, worker):
    offer = offer_of(worker)
    before = net.contracts.offers.epoch_of(worker.address)
    worker.signal(signal.SIGTERM)
    wait_for(lambda: not worker.running, "the worker to leave")
    assert net.contracts.offers.epoch_of(worker.address) == before + 1
    with pytest.raises((tg.OfferUnusable, Reverted)):
        buy(requester, double, offer)
    worker.start()
    worker.await_ready()
    assert '"job.ours"' not in worker.log.read_text().rpartition('"worker.stopped"')[2]


# -------------------------------------------------------------------------------------------------- takes by signature


def test_takes_posted_by_a_relayer__all_seats_at_once__each_commits_once_and_is_paid(net, requester):
    """The job is folded: the first commitment unfolds it while those of the others may be on their way.

    One of the workers believes a block only under two more, and shows the board the seats of the moment all the same.
    """
    chosen = net.workers[:3]
    for worker in net.workers:
        worker.stop()
    settings = chosen[1].config.read_text()
    chosen[1].config.write_text(settings + "confirmations = 2\n")
    contracts, board = net.contracts, net.contracts.board
    run = requester.submit(double, {"x": 4}, budget="5 USDC", wall="30s", memory="256MiB", take_within="12s")
    until = run.terms.take_by
    takes = [
        sign_take(worker.account, run.id, until, chain_id=contracts.chain_id, board=board.address) for worker in chosen
    ]
    relayer = Sender(net.connection, net.deployer)

    def seated():
        try:
            relayer.transact(board.take_many(run.terms, takes))
        except (refusals.NotDrawn, refusals.RoundNotDue):
            return False
        return True

    wait_for(seated, "all three to be drawn")
    job = board.job(run.terms.requester, run.terms.nonce)
    assert (job.state, job.folded, job.taken) == (JobState.ASSIGNED, True, 3)
    for worker in net.workers:
        worker.start()
    run.wait(timeout=PATIENCE)
    story = run.story()
    assert [seat.phase for seat in story.in_order] == ["paid"] * 3
    assert [seat.worker for seat in story.in_order] == [worker.address for worker in chosen]
    for kind in (JobSealed, Revealed):
        assert Counter(event.worker for event in events_of(net, run, kind)) == {w.address: 1 for w in chosen}
    assert run.result()["twice"] == 8
    chosen[1].stop()
    chosen[1].config.write_text(settings)
    chosen[1].start()

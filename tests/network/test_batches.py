"""Batches end to end: items over several workers, results in order, failures of their own, and a worker who skips some.

Everything is real: a chain, daemons in processes of their own, sandboxes, a store, sealing.
"""

import time
from dataclasses import replace

import pytest
from tests.network.audit_net import audit_net

import tensorgrid as tg
from tensorgrid.chain.audit_history import Declined
from tensorgrid.chain.events import decode
from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.domain.jobs import Fault, JobState

pytestmark = pytest.mark.slow

PATIENCE = 400
SKIPPER = WorkerHook(module="tensorgrid.demo.skipper", stake=20)
"""With so much stake that it is drawn for most slices."""


@tg.job(budget="10 USDC", wall="30s")
def digits_of(x: int, weights: list) -> dict:
    """What stands for a small model: some arithmetic, and an item it cannot do."""
    if x == 17:
        raise ValueError("17 is not for us")
    return {"digits": [int(digit) * weight for digit, weight in zip(str(x), weights, strict=False)]}


@pytest.fixture
def net(tmp_path):
    """Four who are all honest: a slice whose three seats do not agree has no result."""
    with Devnet(tmp_path, workers=4) as network:
        yield network


def expected(x, weights):
    return {"digits": [int(digit) * weight for digit, weight in zip(str(x), weights, strict=False)]}


def test_map__forty_items_over_four_jobs__one_raises__the_others_come_in_order(net, requester):
    weights = [3, 5]
    job = digits_of.options(client=requester, take_within="40s")  # twelve seats, four workers
    batch = job.map(range(40), workers=4, shared={"weights": weights}, return_failures=True, retries=4)
    found = list(batch)
    assert [item for index, item in enumerate(found) if index != 17] == [
        expected(x, weights) for x in range(40) if x != 17
    ]
    assert (found[17].index, found[17].kind) == (17, "ValueError")
    logs = "".join(text for run in batch.runs for text in run.logs().values())
    assert "17 is not for us" in logs, "its words are sealed to us alone"
    progress = batch.progress()
    assert (progress.done, progress.failed, progress.ended) == (39, 1, 4)
    assert sum(run.status().state is JobState.SETTLED for run in batch.runs) == 4

    # another process, which knows the ids alone, gets the same; in order it stops at the item that failed
    again = Client(net.network_file, account=requester.account, identity=requester.identity).batch(batch.ids)
    first = iter(again)
    assert [next(first) for _ in range(17)] == found[:17]
    with pytest.raises(tg.ItemFailed, match=r"item 17 .*ValueError"):
        next(first)


@pytest.mark.cheats
def test_attack_audited_batch__who_skips_items__is_caught__and_others_do_them(tmp_path):
    with audit_net(tmp_path, workers=4, hooks={0: SKIPPER}) as net:
        job = digits_of.options(client=Client(net.network_file), verify="audit", budget="50 USDC", wall="40s")
        batch = job.map(range(100, 180), workers=2, shared={"weights": [2, 3, 4]}, retries=6, return_failures=True)
        found = batch.results(timeout=4 * PATIENCE)
        assert found == [expected(x, [2, 3, 4]) for x in range(100, 180)]
        seats = [(seat, run.story()) for run in batch.runs for seat in run.story().first_seats]
        slashed = [seat for seat, _ in seats if seat.fault is Fault.SLASHED]
        assert slashed and {seat.worker for seat in slashed} == {net.workers[0].address}
        assert all(seat.fault is Fault.NONE for seat, _ in seats if seat.worker != net.workers[0].address)


OTHER_MACHINE = b"\x44" * 32


@tg.job(budget="50 USDC", wall="4m", verify="audit", tolerance=1e-3)
def scores_of(x: int) -> dict:
    """Slow enough for others to see who does it before it is done."""
    import time

    time.sleep(0.3)
    return {"score": x / 7, "label": x}


def wait_for(what):
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.3)


def declined(net, run):
    """What auditors who cannot answer have said of the worker: whether he is suspicious."""
    verifier = net.contracts.audit.address
    asked = {"address": verifier, "topics": [None, "0x" + run.id.hex()], "fromBlock": "0x0"}
    events = [decode(raw, {verifier: "AuditVerifier"}) for raw in net.connection.rpc("eth_getLogs", asked)]
    return [event.suspicion for event in events if isinstance(event, Declined)]


def seat_another_machine(net, run):
    """An auditor who computes on other things from now on, while those are away who could answer. Returns these."""
    wait_for(lambda: run.story().first_seats)
    worker = run.story().first_seats[0].worker
    other, *alike = [one for one in net.workers if one.address != worker]
    for one in alike:
        one.kill()
    profile = replace(net.contracts.registry.profile_of(other.address), fingerprint=OTHER_MACHINE)
    Sender(net.connection, other.provider).transact(net.contracts.registry.update(other.address, profile))
    hot_key = Sender(net.connection, other.account)

    def takes():
        """By hand: its daemon asks for no seat that is not paid."""
        try:
            return hot_key.transact(net.contracts.board.take(run.terms, run.story().held))
        except tg.Reverted:
            return None

    wait_for(takes)
    return alike


@pytest.mark.cheats
def test_auditor_of_another_machine__outputs_within_the_tolerance__no_suspicion__another_confirms_them(tmp_path):
    with audit_net(tmp_path, workers=4, auditors=1) as net:
        batch = scores_of.options(client=Client(net.network_file)).map(range(40), workers=1)
        run = batch.runs[0]
        alike = seat_another_machine(net, run)
        wait_for(lambda: declined(net, run))
        assert declined(net, run) == [False]
        for one in alike:
            one.start()
        assert batch.results(timeout=PATIENCE) == [{"score": x / 7, "label": x} for x in range(40)]
        assert [seat.fault for seat in run.story().in_order] == [Fault.NONE] * 3


@pytest.mark.cheats
def test_attack_skipper_before_an_auditor_of_another_machine__declined_with_a_suspicion(tmp_path):
    with audit_net(tmp_path, workers=4, hooks=dict.fromkeys(range(4), SKIPPER), auditors=1) as net:
        run = scores_of.options(client=Client(net.network_file)).map(range(40), workers=1).runs[0]
        seat_another_machine(net, run)
        wait_for(lambda: declined(net, run))
        assert declined(net, run) == [True]

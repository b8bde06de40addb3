"""The drand beacon: real published rounds, a signer of our own, and what must be refused."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from tests.contracts.drand_board import on_drand
from tests.contracts.ledgers import Ledgers
from tests.contracts.world import START, World, container, refused

from tensorgrid.devnet.signing import P, Signer, hash_to_field, map_to_g1
from tensorgrid.domain.encoding import keccak256
from tensorgrid.parameters.rounds import DrandRounds

EVMNET = DrandRounds.shipped("evmnet", lag=36)
# Rounds of drand's evmnet as published by GET /<chain_hash>/public/<round>, quoted in public repositories: 1000 in
# Robinhood-OSS/OpenVRF (tests of OpenVRF.sol), 20672105 in a test named ArcDrandVerifierTest, 513 in a test of
# storswiftlabs/drand-rs and its kin (signature only). Each names its round, and drand's key signs for it.
PUBLISHED = {
    1000: "06fd5996329504d3a56b482d9222bf7205857d0a9559ddd216ca31a286f6a8cc"
    "0a120f021aac2f13553fb164f62bc3a5ca32c76dea88a777b39bcf3cac5fdbd6",
    20672105: "206a992570d27766a64c2f3d43819bb9fd8d08538be8c2824c8aa6982500c1eb"
    "167fed3afc1a80a56598b688905d910794a1ec6cf192d7f36c82809da589fa08",
    513: "06ded8c05af23042a0caf9b404c6140f9ec64adbaf82f04d5c37153e8412ed58"
    "0f827c7d5ac7d02ca0bbd989d07594729bdcde7d6dc1001191c59dc9033d31b2",
}
RANDOMNESS = {
    1000: "0e6745667465a6f9dce5d5f994656955080be14c469ff17fc4fc588c925a8504",
    20672105: "8d080a855ef17ec84c53722095f460231e43e64ad3fff6b63b346e4dba30672a",
}
LAG = EVMNET.lag
SIGNER = Signer(secret=int.from_bytes(keccak256(b"a signer of tests"), "big"))
# The messages of these two meet each of the map's three candidates.
OWN_ROUNDS = (2, 5)
# On the curve over the extension, and outside the group that drand's keys are of: x = 1.
OUTSIDE = (
    0,
    1,
    5912654199736721486680175016176231956195085055698687135131307249486702594212,
    18278151005453108793778860132295291098363647455926340152056652516292830556603,
)


@pytest.fixture
def evmnet(ledgers: Ledgers) -> Any:
    ledgers.at(max(START, ledgers.now + 1))
    return ledgers.deploy("DrandBeacon", EVMNET.key, EVMNET.genesis, EVMNET.period, LAG)


@pytest.fixture
def own(ledgers: Ledgers) -> Any:
    """Of our own signer: the first round was published 100 seconds ago, one comes every 10 seconds."""
    now = max(START, ledgers.now + 1)
    ledgers.at(now)
    return ledgers.deploy("DrandBeacon", SIGNER.key, now - 100, 10, LAG)


# ---- values


@pytest.mark.parametrize("round_", PUBLISHED)
def test_store__published_round__is_drands_own_randomness_for_ever(ledgers: Ledgers, evmnet: Any, round_: int) -> None:
    proof = bytes.fromhex(PUBLISHED[round_])
    with refused("RoundNotStored", round=round_):
        evmnet.read(round_)
    assert evmnet.valueOf(round_) == bytes(32)
    receipt = evmnet.store(round_, proof, sender=ledgers.stranger)
    value = sha256(proof).digest()
    assert value.hex() == RANDOMNESS.get(round_, value.hex())
    [event] = list(receipt.decode_logs(evmnet.RoundStored))
    assert (event.round, event.value) == (round_, value)
    assert evmnet.read(round_) == evmnet.valueOf(round_) == value


def test_store__own_signer__every_way_of_hashing_to_the_curve(ledgers: Ledgers, own: Any) -> None:
    messages = [keccak256(number.to_bytes(8, "big")) for number in OWN_ROUNDS]
    ways = {map_to_g1(element)[0] for message in messages for element in hash_to_field(message)}
    assert ways == {0, 1, 2}
    for round_, message in zip(OWN_ROUNDS, messages, strict=True):
        assert own.messageOf(round_) == message
        own.store(round_, SIGNER.sign(round_), sender=ledgers.stranger)
        assert own.read(round_) == sha256(SIGNER.sign(round_)).digest()


def test_store__again__is_a_no_op_whatever_the_proof(ledgers: Ledgers, own: Any) -> None:
    own.store(1, SIGNER.sign(1), sender=ledgers.stranger)
    value = own.read(1)
    for proof in (b"", b"rubbish", SIGNER.sign(2)):
        receipt = own.store(1, proof, sender=ledgers.closer)
        assert not list(receipt.decode_logs(own.RoundStored))
        assert own.read(1) == value


def test_store__costs_a_pairing_once_and_next_to_nothing_afterwards(ledgers: Ledgers, own: Any) -> None:
    """All of the transaction, its 21,000 included. A count, hence the same on every machine."""
    first = own.store(1, SIGNER.sign(1), sender=ledgers.stranger).gas_used
    again = own.store(1, SIGNER.sign(1), sender=ledgers.stranger).gas_used
    print(f"DrandBeacon.store: {first} gas; stored already: {again}")
    assert first < 220_000
    assert again < 30_000


# ---- what is refused


def test_store__round_not_yet_published__is_refused(ledgers: Ledgers, own: Any) -> None:
    ahead = own.next()
    assert not own.isDue(ahead)
    with refused("RoundNotDue", round=ahead):
        own.store(ahead, SIGNER.sign(ahead), sender=ledgers.stranger)
    with refused("RoundNotDue", round=ahead):
        own.read(ahead)
    with refused("RoundNotDue", round=2**40 - 1):
        own.read(2**40 - 1)
    assert own.valueOf(ahead) == bytes(32)


def forgeries(round_: int) -> dict[str, bytes]:
    good = SIGNER.sign(round_)
    mirrored = good[:32] + (P - int.from_bytes(good[32:], "big")).to_bytes(32, "big")
    return {
        "another round's": SIGNER.sign(round_ + 1),
        "another network's": Signer(secret=7).sign(round_),
        "the point mirrored": mirrored,
        "the generator": (1).to_bytes(32, "big") + (2).to_bytes(32, "big"),
    }


@pytest.mark.parametrize("name", forgeries(1))
def test_attack_forged_signature(ledgers: Ledgers, own: Any, name: str) -> None:
    with refused("SignatureForged", round=1):
        own.store(1, forgeries(1)[name], sender=ledgers.stranger)
    assert own.valueOf(1) == bytes(32)


def malformed() -> dict[str, bytes]:
    good = SIGNER.sign(1)
    x, y = good[:32], good[32:]
    return {
        "nothing": b"",
        "a byte short": good[:-1],
        "a byte long": good + b"\0",
        "infinity": bytes(64),
        "not on the curve": x + (int.from_bytes(y, "big") ^ 1).to_bytes(32, "big"),
        # The same point in a second writing would be a second value of the round.
        "x above the field": (int.from_bytes(x, "big") + P).to_bytes(32, "big") + y,
        "y above the field": x + (int.from_bytes(y, "big") + P).to_bytes(32, "big"),
        "all ones": b"\xff" * 64,
    }


@pytest.mark.parametrize("name", malformed())
def test_attack_malformed_point(ledgers: Ledgers, own: Any, name: str) -> None:
    with refused("SignatureMalformed", round=1):
        own.store(1, malformed()[name], sender=ledgers.stranger)


def keys() -> dict[str, tuple[int, ...]]:
    xi, xr, yi, yr = SIGNER.key
    return {
        "infinity": (0, 0, 0, 0),
        "not on the curve": (xi, xr, yi, yr ^ 1),
        "parts swapped": (xr, xi, yr, yi),
        "above the field": (xi + P, xr, yi, yr),
        "outside the group": OUTSIDE,
    }


@pytest.mark.parametrize("name", keys())
def test_constructor__bad_key__is_refused(ledgers: Ledgers, name: str) -> None:
    with refused("KeyMalformed"):
        ledgers.deploy("DrandBeacon", keys()[name], EVMNET.genesis, EVMNET.period, LAG)


def test_constructor__bad_clock__is_refused(ledgers: Ledgers) -> None:
    ledgers.at(max(START, ledgers.now + 1))
    ahead = ledgers.now + 10_000
    for genesis, period, lag in ((EVMNET.genesis, 0, 0), (ahead, 3, 0), (5, 3, 3), (5, 2**40 - 1, 2**40 - 1)):
        with refused("ClockMalformed", genesis=genesis, period=period, lag=lag):
            ledgers.deploy("DrandBeacon", SIGNER.key, genesis, period, lag)


# ---- time


def test_next__is_never_due_and_published_more_than_the_lag_ahead(ledgers: Ledgers, own: Any) -> None:
    """Whatever the block's second: nobody knows the value while a block of this time can still be written."""
    start = ledgers.now + 1
    origin, period, ahead = own.schedule()
    for second in range(start, start + 11):
        ledgers.at(second)
        ledgers.mine(1)
        named = own.next()
        assert named == (ledgers.now - origin) // period + ahead  # as the board computes it
        assert not own.isDue(named)
        assert own.isDue(named - 1)
        assert LAG < own.publishedAt(named) - ledgers.now <= LAG + period


def test_published_at__round_1_is_genesis(evmnet: Any) -> None:
    assert evmnet.publishedAt(1) == EVMNET.genesis
    assert evmnet.publishedAt(20672105) == EVMNET.genesis + 20672104 * EVMNET.period


def test_is_due__by_the_lag_before_it_is_published(ledgers: Ledgers, own: Any) -> None:
    named = own.next()
    due = own.publishedAt(named) - LAG
    ledgers.at(due - 1)
    ledgers.mine(1)
    assert not own.isDue(named)
    ledgers.at(due)
    ledgers.mine(1)
    assert own.isDue(named)
    assert not own.isLost(named)  # nobody has stored it, and anybody still can


# ---- a board that draws by it


def test_job__drawn_by_drand__waits_for_the_round_and_takes_once_it_is_stored(world: World) -> None:
    beacon = world.deployer.deploy(container("DrandBeacon"), SIGNER.key, world.now - 100, 10, LAG)
    other = on_drand(world, beacon)
    named = beacon.next()
    job = other.post()
    assert job.record.round in {named, named + 1}
    round_ = job.record.round
    assert not beacon.isDue(round_)

    other.at(job.everybody_by)
    with refused("DrawFixed", round=round_):
        job.cancel()
    with refused("RoundNotStored", round=round_):
        job.take(0)
    assert other.board.seedOf(job.terms.as_tuple()) == bytes(32)

    beacon.store(round_, SIGNER.sign(round_), sender=world.stranger)
    job.take(0, 1, 2)
    assert other.board.seedOf(job.terms.as_tuple()) == keccak256(job.id + sha256(SIGNER.sign(round_)).digest())
    assert [seat.worker for seat in job.held] == [str(worker.address) for worker in world.workers[:3]]

"""A dispute over a segment of a hundred steps, from the first move to the jurors' pay. Can be held again by the same
parties."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount

from tensorgrid.domain.encoding import keccak256

from .chain import Receipt
from .network import COIN, CPU, STAKE_COIN, STAKED, Network

Steps = Iterator[tuple[str, Receipt]]
_STEPS, _CLOCK = 100, 600
_ACCUSED = 1
_ZERO32 = bytes(32)
SPLIT, _PICK = "Bisection.split", "Bisection.pick"
MOVES = (SPLIT, _PICK)


def dispute(network: Network) -> Steps:
    """Every round of it, five jurors of one mind, no appeal; the loser's fee is shared."""
    _stake_jurors(network)
    match = _Match(network)
    yield "Bisection.open", match.open()
    while match.high - match.low > 1:
        last = match.high - match.low == 2
        yield SPLIT, match.split()
        yield f"{_PICK} (last, asks the jury)" if last else _PICK, match.pick()
    yield from _judged(network, match)


def given_up(network: Network) -> Steps:
    """The defender never moves."""
    match = _Match(network)
    match.open()
    network.chain.at(network.chain.now + _CLOCK + 1)
    yield "Bisection.timeout", network.transact(network.closer, "Bisection", "timeout", match.key)


def _judged(network: Network, match: _Match) -> Steps:
    case = (network.address("Bisection"), match.key)
    jury, opened_at = "Jury", network.chain.now
    jurors = [network.workers[index] for index in STAKED]
    network.chain.mine(3)
    network.chain.at(opened_at + 50)
    for number, juror in enumerate(jurors, 1):
        name = "first, stores the round" if number == 1 else "next"
        yield f"Jury.take ({name})", network.transact(juror, jury, "take", *case)
    for number, juror in enumerate(jurors, 1):
        values = [*case, False, juror.address, _ACCUSED, _salt(number)]
        sealed = keccak256(encode(["address", "bytes32", "bool", "address", "uint8", "bytes32"], values))
        yield "Jury.vote", network.transact(juror, jury, "vote", *case, number, sealed)
    for number, juror in enumerate(jurors, 1):
        yield "Jury.show", network.transact(juror, jury, "show", *case, number, _ACCUSED, _salt(number))
    yield "Jury.release (5)", network.transact(network.closer, jury, "release", *case, False)
    network.chain.at(network.chain.now + 61)
    _endow(network, case)
    shared = (*case, network.deployer.address, network.address("TestToken.USDC"))
    yield "Jury.share (5)", network.transact(network.closer, jury, "share", *shared)


class _Match:
    """Between two who are no workers; the deployer's account stands for a verifier. The challenger always agrees."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._defender, self._challenger = network.guest, network.newcomer
        job_id = keccak256(b"dispute %d" % network.chain.now)
        parties = (self._defender.address, self._challenger.address)
        self.low, self.high = 0, _STEPS
        self._agreed, self._defended, self._middle = _root(0), _root(_STEPS), _ZERO32
        ends = (self._agreed, self._defended, keccak256(b"challenged"))
        self._match = (job_id, 1, 0, *parties, CPU, *ends, _STEPS, _CLOCK)
        kinds = ["address", "bytes32", "uint8", "uint8"]
        self.key = keccak256(encode(kinds, [network.deployer.address, job_id, 1, 0]))

    def open(self) -> Receipt:
        return self._network.transact(self._network.deployer, "Bisection", "open", self._match)

    def split(self) -> Receipt:
        middle = _root((self.low + self.high) // 2)
        made = self._move(self._defender, "split", middle)
        self._middle = middle
        return made

    def pick(self) -> Receipt:
        made = self._move(self._challenger, "pick", True)
        self.low, self._agreed, self._middle = (self.low + self.high) // 2, self._middle, _ZERO32
        return made

    def _move(self, party: LocalAccount, function: str, said: Any) -> Receipt:
        span = (self.low, self.high, self._agreed, self._defended, self._middle)
        return self._network.transact(party, "Bisection", function, self.key, self._match, span, said)


def _root(step: int) -> bytes:
    return keccak256(b"state %d" % step)


def _salt(number: int) -> bytes:
    return keccak256(b"salt %d" % number)


def _stake_jurors(network: Network) -> None:
    for index in STAKED:
        worker, jury = network.workers[index].address, network.address("Jury")
        owner = network.owner_of(index)
        if network.ask("StakeVault", "allocationOf", owner.address, worker, jury)[0] == 0:
            network.transact(owner, "StakeVault", "allocate", worker, jury, 1000 * STAKE_COIN)


def _endow(network: Network, case: tuple[str, bytes]) -> None:
    """What the verifier does with the loser's bond."""
    purse, token = network.ask("Jury", "purseOf", *case), network.address("TestToken.USDC")
    controller = network.deployer.address
    network.transact(network.requester, "Escrow", "deposit", controller, token, purse, COIN // 10)

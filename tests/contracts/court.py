"""A jury with jurors, bisection, and an accept tier that asks it: on the small network of tests/contracts/world.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import ape
from eth_abi import encode
from tests.contracts.job import Job
from tests.contracts.world import ALLOCATED, CPU, WEI, World, container

from tensorgrid.domain.encoding import keccak256

TAKE, VOTE, SHOW, APPEAL = 200, 300, 100, 150
JUROR_STAKE, NO_SHOW, REWARD = 90 * WEI + 1, 7 * WEI + 1, 3 * WEI + 1
PER_SEAT = 14_003
RULES = (TAKE, VOTE, SHOW, APPEAL, JUROR_STAKE, NO_SHOW, REWARD)
ROUND = TAKE + VOTE + SHOW
DECISION = 2 * ROUND + APPEAL + 1
PENDING, ACCUSED, ACCUSER, HUNG = range(4)
FILLING, VOTING, SHOWING, OVER = range(4)
EVIDENCE = b"\7" * 32


@dataclass(frozen=True)
class Juror:
    provider: Any
    worker: Any


class Court:
    """Worker and provider 0 are accused, the requester accuses; the other five workers have staked for the jury."""

    def __init__(self, world: World) -> None:
        self.world = world
        deploy = world.deployer.deploy
        self.jury = deploy(container("Jury"), world.board, RULES, [(world.coin, PER_SEAT)])
        self.bisection = deploy(container("Bisection"), self.jury)
        self.acceptance = deploy(container("AcceptanceVerifier"), world.board, self.jury)
        world.parameters.setVerifier(self.acceptance, True, sender=world.deployer)
        pairs = list(zip(world.providers, world.workers, strict=True))
        self.jurors = [Juror(provider, worker) for provider, worker in pairs[1:]]
        for juror in self.jurors:
            self.stake(juror)
        self.accused, self.accuser = world.workers[0], world.requester
        self.bench: list[Juror] = []
        self.bouts: list[object] = []  # bisections, so that each has an id of its own
        self._cases = 0

    def fill_bench(self) -> None:
        """Twenty-one more, each its own provider: enough for an appeal."""
        self.bench = [self.enrol() for _ in range(21)]

    def enrol(self, provider: Any = None, **changes: Any) -> Juror:
        """A new worker, of a new provider unless one is named, staked for the jury."""
        world = self.world
        worker = ape.accounts.test_accounts.generate_test_account()
        world.deployer.transfer(worker, WEI)
        if provider is None:
            provider = worker
            world.registry.register(worker, world.profile(worker, **changes), b"", sender=worker)
        else:
            world.register(provider, worker, **changes)
        juror = Juror(provider, worker)
        self.stake(juror)
        return juror

    def stake(self, juror: Juror, amount: int = ALLOCATED, controller: Any = None) -> None:
        world, provider = self.world, juror.provider
        world.stake_token.mint(provider, amount, sender=provider)
        world.stake_token.approve(world.vault, amount, sender=provider)
        world.vault.deposit(juror.worker, amount, sender=provider)
        world.vault.allocate(juror.worker, controller or self.jury, amount, sender=provider)

    def stake_of(self, juror: Juror) -> Any:
        return self.world.vault.allocationOf(juror.provider, juror.worker, self.jury)

    def open(self, *, accuser: Any = None, accused: Any = None, hardware: bytes = CPU) -> Case:
        """By a verifier that is nobody's contract."""
        self._cases += 1
        verifier, case_id = self.world.closer, self._cases.to_bytes(32, "big")
        arguments = (accuser or self.accuser, accused or self.accused, hardware, EVIDENCE)
        receipt = self.jury.open(case_id, *arguments, sender=verifier)
        return Case(self, verifier, case_id, int(receipt.timestamp))

    def rejected(self) -> tuple[Job, Case]:
        """A job of the accept tier whose requester has rejected the result."""
        world = self.world
        bond = self.jury.fee(world.coin)
        world.fund(world.requester, bond, controller=self.acceptance)
        settle = 300 + DECISION + 100
        job = world.accepted(verifier=str(self.acceptance.address), settle_time=settle)
        receipt = self.acceptance.reject(job.terms.as_tuple(), job.held, sender=world.requester)
        return job, Case(self, self.acceptance, job.id, int(receipt.timestamp))


@dataclass
class Case:
    """One case; its methods are what people do in it. Jurors are numbered from 1, as they sat down."""

    court: Court
    verifier: Any
    id: bytes
    opened_at: int
    appeal: bool = False

    @property
    def ref(self) -> tuple[Any, bytes]:
        return self.verifier, self.id

    @property
    def phase(self) -> int:
        return int(self.court.jury.roundOf(*self.ref, self.appeal)[1])

    @property
    def decision(self) -> int:
        return int(self.court.jury.decisionOf(*self.ref))

    @property
    def purse(self) -> str:
        return str(self.court.jury.purseOf(*self.ref))

    def after(self, seconds: int) -> None:
        """So long after the round was opened, or now if that is past; a block is mined, so that views see it."""
        self.court.world.at(max(self.opened_at + seconds, self.court.world.now + 1))
        self.court.world.mine(1)

    def draw(self) -> None:
        """The round is out, and everybody's ticket has won."""
        self.court.world.mine(3)
        self.after(TAKE * 3 // 4)

    def take(self, juror: Juror) -> Any:
        return self.court.jury.take(*self.ref, sender=juror.worker)

    def fill(self, jurors: Iterable[Juror]) -> None:
        self.draw()
        for juror in jurors:
            self.take(juror)

    def vote(self, number: int, juror: Juror, decision: int) -> Any:
        sealed = self.sealed(juror.worker, decision, salt(number))
        return self.court.jury.vote(*self.ref, number, sealed, sender=juror.worker)

    def show(self, number: int, decision: int) -> Any:
        return self.court.jury.show(*self.ref, number, decision, salt(number), sender=self.court.world.stranger)

    def sealed(self, juror: Any, decision: int, secret: bytes) -> bytes:
        kinds = ["address", "bytes32", "bool", "address", "uint8", "bytes32"]
        values = [str(getattr(a, "address", a)) for a in (self.verifier, juror)]
        return keccak256(encode(kinds, [values[0], self.id, self.appeal, values[1], decision, secret]))

    def judge(self, jurors: Sequence[Juror], votes: Sequence[int | None]) -> None:
        """A whole round; None takes a seat and keeps silent."""
        self.fill(jurors)
        cast = [(n, juror, v) for n, (juror, v) in enumerate(zip(jurors, votes, strict=True), 1) if v is not None]
        for number, juror, decision in cast:
            self.vote(number, juror, decision)
        if None in votes:
            self.after(TAKE + VOTE + 1)
        for number, _, decision in cast:
            self.show(number, decision)
        if None in votes:
            self.after(ROUND + 1)

    def appealed(self, by: Any) -> Case:
        """The second round."""
        world, jury = self.court.world, self.court.jury
        world.fund(by, 21 * PER_SEAT, controller=jury)
        receipt = jury.appeal(*self.ref, world.coin, sender=by)
        return Case(self.court, self.verifier, self.id, int(receipt.timestamp), appeal=True)

    def no_appeal(self) -> None:
        """Nobody appeals in time."""
        self.court.world.at(self.court.world.now + APPEAL + 1)
        self.court.world.mine(1)

    def release(self) -> Any:
        return self.court.jury.release(*self.ref, self.appeal, sender=self.court.world.stranger)


def salt(number: int) -> bytes:
    return number.to_bytes(32, "big")
